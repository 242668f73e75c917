"""A price list, quotas and advice for whoever tries dcplan without an account: made up, from the catalogue.

On-demand prices are close to those of the catalogue, so that a refresh shows small changes; spot costs a
third; quotas and odds are the same everywhere.
"""

from __future__ import annotations

from typing import Any

from clouds.gcp.rules import CHIPS, machine_types

HOST_USD, GIB_USD = 0.03, 0.004
"""Of a core and of a GiB of memory an hour, in every family that bills them apart."""
QUOTAS = {"NVIDIA_A100_GPUS": 64.0, "NVIDIA_A100_80GB_GPUS": 32.0, "NVIDIA_L4_GPUS": 128.0, "A2_CPUS": 960.0}
ALL_GPUS = 256.0


def sold() -> dict[str, Any]:
    """What ``Billing.book`` holds."""
    from dcplan.catalog import load_machines, load_offerings  # noqa: PLC0415 - it reads files
    from dcplan_gcp.catalog_skus import BILLS, COMPUTE_SERVICE, TPU_SERVICE  # noqa: PLC0415 - as above

    machines = load_machines("gcp")
    skus: dict[str, list[Any]] = {COMPUTE_SERVICE: [], TPU_SERVICE: []}
    regions, done = set(), set()
    for offering in load_offerings("gcp"):
        regions.add(offering.region)
        machine = machines[offering.machine]
        bill = next((b for b in BILLS if machine.name.startswith(b.machines)), None)
        listed = offering.purchase.value == "on-demand" and offering.usd_per_h
        if bill is None or not listed or (bill, offering.region) in done:
            continue
        done.add((bill, offering.region))
        gib, host_usd = machine.memory_bytes / 2**30, 0.0
        parts = []
        if bill.host is not None:
            host_usd = machine.vcpus * HOST_USD + gib * GIB_USD
            parts = [(f"{bill.host} Core", HOST_USD, "h"), (f"{bill.host} Ram", GIB_USD, "GiBy.h")]
        each = max((offering.usd_per_h or 0.0) - host_usd, 0.01) / machine.devices
        service = TPU_SERVICE if machine.name.startswith(("ct", "tpu")) else COMPUTE_SERVICE
        for name, usd, unit in ((bill.accelerator[0], each, "h"), *parts):
            skus[service] += [
                _sku(f"{name} running in Somewhere", usd, "OnDemand", unit, offering.region),
                _sku(f"Spot Preemptible {name} in Somewhere", usd / 3, "Preemptible", unit, offering.region),
            ]
    rows = [{"metric": metric, "limit": limit, "usage": 0.0} for metric, limit in QUOTAS.items()]
    everywhere = [{"metric": "GPUS_ALL_REGIONS", "limit": ALL_GPUS, "usage": 0.0}]
    chips: dict[str, set[str]] = {}
    for (_, zone), machine in machine_types().items():
        chips.setdefault(zone, set()).add(CHIPS[machine.accelerator])
    return {
        "skus": skus,
        "quotas": {"": everywhere, **dict.fromkeys(sorted(regions), rows)},
        "accelerators": {zone: sorted(names) for zone, names in sorted(chips.items())},
        **_advice(),
    }


def _advice() -> dict[str, Any]:
    """The same for every machine type and region."""
    odds = {"recommendations": [{"scores": {"obtainability": 0.7, "estimatedUptime": "32400s"}}]}
    taken = {
        "interval": {"startTime": "2026-10-01T00:00:00Z", "endTime": "2026-11-01T00:00:00Z"},
        "preemptionRate": 0.12,
    }
    return {"odds": {"*": odds}, "history": {"*": {"preemptionHistory": [taken]}}}


def _sku(description: str, usd: float, usage: str, unit: str, region: str) -> dict[str, Any]:
    units = int(usd)
    price = {"currencyCode": "USD", "units": str(units), "nanos": round((usd - units) * 1e9)}
    rate = {"startUsageAmount": 0.0, "unitPrice": price}
    return {
        "skuId": "X",
        "description": description,
        "category": {"resourceFamily": "Compute", "usageType": usage},
        "serviceRegions": [region],
        "pricingInfo": [{"pricingExpression": {"usageUnit": unit, "tieredRates": [rate]}}],
    }
