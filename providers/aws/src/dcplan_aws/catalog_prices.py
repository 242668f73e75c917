"""AWS's price list: of the many prices of one machine type, the one of a plain hour of Linux.

Sources: AWS Price List API Reference, "GetProducts"; AWS Billing User Guide, "Reading the service price
list file" (products, terms, price dimensions).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from dcplan.catalog.live_types import Doubt, LivePrice
from dcplan.catalog.types import Purchase, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PLAIN: Mapping[str, str] = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
"""What an hour on demand has; the list holds reservations, dedicated hosts, licences and blocks as well."""

SERVER_SIDE: Mapping[str, str] = {name: PLAIN[name] for name in PLAIN if name != "marketoption"}
"""Asked of the service.  ``marketoption`` is judged here only: older products do not carry it."""

PLAIN_OPERATION = "RunInstances"
"""Linux without a licence; ``RunInstances:0002`` is Windows, and so on."""

USAGE = re.compile(r"([A-Z0-9]+-)?BoxUsage:.+")
"""An hour that runs, with the region's prefix; others are UnusedBox, DedicatedUsage, HostBoxUsage."""

REGION_TYPE = "AWS Region"
"""Other types are Local Zones and Wavelength Zones, which have prices of their own."""

SOURCE = "AWS price list"


def filters(machine: str) -> list[dict[str, str]]:
    """What ``GetProducts`` is asked for: one machine type, everywhere."""
    wanted = {"instanceType": machine, **SERVER_SIDE}
    return [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]


def on_demand_prices(
    machine: str, products: Iterable[str], day: str
) -> tuple[dict[str, LivePrice], tuple[Doubt, ...]]:
    """The list price in each region, and doubts; ``products`` are the JSON texts of ``PriceList``.

    A product that is not plain is left out without a word; a region with two different plain prices has
    none, because nobody can tell which one is meant.
    """
    found: dict[str, set[float]] = defaultdict(set)
    for text in products:
        product = json.loads(text)
        attributes = product.get("product", {}).get("attributes", {})
        if _is_plain(machine, attributes):
            found[attributes["regionCode"]].update(_hourly_usd(product.get("terms", {})))
    prices: dict[str, LivePrice] = {}
    doubts = []
    for region, amounts in sorted(found.items()):
        paid = sorted(usd for usd in amounts if usd > 0)
        if len(paid) == 1:
            source = Source(name=SOURCE, date=day)
            prices[region] = LivePrice(
                machine=machine, purchase=Purchase.ON_DEMAND, usd_per_h=paid[0], source=source
            )
        elif paid:
            told = " and ".join(f"${usd:g}/h" for usd in paid)
            detail = f"the price list has {told} for the same hour on demand; the price stays unknown."
            doubts.append(Doubt(code="sku", machine=machine, region=region, place=region, detail=detail))
    return prices, tuple(doubts)


def _is_plain(machine: str, attributes: Mapping[str, str]) -> bool:
    """Whether a product is the plain hour of this machine type in a region."""
    asked = {name: attributes.get(name, value) for name, value in PLAIN.items()}
    return (
        attributes.get("instanceType") == machine
        and asked == PLAIN
        and attributes.get("operation") == PLAIN_OPERATION
        and attributes.get("locationType") == REGION_TYPE
        and USAGE.fullmatch(attributes.get("usagetype", "")) is not None
        and bool(attributes.get("regionCode"))
    )


def _hourly_usd(terms: Mapping[str, Any]) -> Iterator[float]:
    """Dollars an hour in the on-demand terms of a product; 0 where one is given away, as in no real offer."""
    for term in terms.get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            usd = dimension.get("pricePerUnit", {}).get("USD")
            if dimension.get("unit") == "Hrs" and usd is not None:
                yield float(usd)
