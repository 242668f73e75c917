"""Price lists as clouds send them, made by hand from the documented shapes; no account's data."""

from __future__ import annotations

import http.client
import json
from typing import Any

PRICING = "../clouds/aws/pricing.py"
BILLING = "../clouds/gcp/billing.py"
"""Programs of ``programs.served``."""


def tell(port: int, **book: Any) -> dict[str, Any]:
    """Set what a price server answers from now on."""
    return _ask(port, "POST", json.dumps(book))


def seen(port: int) -> dict[str, Any]:
    """What Google's server was asked, and which of it broke a description."""
    return _ask(port, "GET", "")


def _ask(port: int, verb: str, body: str) -> dict[str, Any]:
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    wire.request(verb, "/-/prices", body)
    answer = wire.getresponse()
    content = answer.read()
    wire.close()
    assert answer.status == 200, content
    return dict(json.loads(content))


def product(machine: str, usd: float, region: str = "us-east-1", **other: str) -> dict[str, Any]:
    """An entry of AWS's ``PriceList``: a plain hour on demand, but for ``other`` attributes."""
    attributes = {
        "instanceType": machine,
        "regionCode": region,
        "locationType": "AWS Region",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
        "operation": "RunInstances",
        "usagetype": f"BoxUsage:{machine}" if region == "us-east-1" else f"USW2-BoxUsage:{machine}",
        **other,
    }
    dimension = {"unit": "Hrs", "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": f"{usd:.10f}"}}
    term = {"priceDimensions": {"SKU.T.D": dimension}, "sku": "SKU", "effectiveDate": "2026-11-01T00:00:00Z"}
    return {
        "product": {"sku": "SKU", "productFamily": "Compute Instance", "attributes": attributes},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {"SKU.T": term}},
    }


def spot(machine: str, zone: str, usd: float, since: str) -> dict[str, Any]:
    """A row of the spot price history; ``zone`` is a name."""
    return {"instance_type": machine, "zone": zone, "usd": usd, "since": since}


def sku(  # noqa: PLR0917 - the fields of a SKU
    description: str,
    usd: float,
    usage: str = "OnDemand",
    group: str = "GPU",
    unit: str = "h",
    regions: tuple[str, ...] = ("us-central1",),
) -> dict[str, Any]:
    """A SKU of Google's billing catalogue."""
    units = int(usd)
    price = {"currencyCode": "USD", "units": str(units), "nanos": round((usd - units) * 1e9)}
    rate = {"startUsageAmount": 0.0, "unitPrice": price}
    expression = {"usageUnit": unit, "displayQuantity": 1.0, "tieredRates": [rate]}
    return {
        "name": "services/6F81-5844-456A/skus/X",
        "skuId": "X",
        "description": description,
        "category": {
            "serviceDisplayName": "Compute Engine",
            "resourceFamily": "Compute",
            "resourceGroup": group,
            "usageType": usage,
        },
        "serviceRegions": list(regions),
        "pricingInfo": [{"pricingExpression": expression, "currencyConversionRate": 1.0}],
        "serviceProviderName": "Google",
    }


def machine_type(name: str, vcpus: int, memory_gib: int, chip: str, devices: int) -> dict[str, Any]:
    """A machine type of Compute Engine."""
    return {
        "kind": "compute#machineType",
        "id": "1",
        "name": name,
        "guestCpus": vcpus,
        "memoryMb": memory_gib * 1024,
        "accelerators": [{"guestAcceleratorType": chip, "guestAcceleratorCount": devices}],
    }


A3_PARTS = (("A3 Instance Core", "CPU", "h", 0.029), ("A3 Instance Ram", "RAM", "GiBy.h", 0.0022))


def a3_skus(gpu_usd: float = 9.8, spot_usd: float = 2.5) -> list[dict[str, Any]]:
    """All SKUs of A3 High in us-central1, on demand and spot."""
    skus = [
        sku("Nvidia H100 80GB GPU running in Americas", gpu_usd),
        sku(
            "Nvidia H100 80GB GPU attached to Spot Preemptible VMs running in Americas",
            spot_usd,
            "Preemptible",
        ),
    ]
    for name, group, unit, usd in A3_PARTS:
        skus += [
            sku(f"{name} running in Americas", usd, group=group, unit=unit),
            sku(f"Spot Preemptible {name} running in Americas", usd / 3, "Preemptible", group, unit),
        ]
    return skus
