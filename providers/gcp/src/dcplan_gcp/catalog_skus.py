"""Google's price list: SKUs of cores, memory and accelerators, and what a machine type is made of.

There is no link from a machine type to its SKUs; their descriptions are all there is.  A description must
fit word by word: of every part there are SKUs for commitments, calendar mode and flex start, which look
alike and cost half.

Sources: Cloud Billing API Reference, "Sku"; Compute Engine docs, "Accelerator-optimized pricing".
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dcplan.catalog.live_types import Doubt, LivePrice
from dcplan.catalog.types import Purchase, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COMPUTE_SERVICE = "6F81-5844-456A"
"""Compute Engine in the billing catalogue."""

TPU_SERVICE = "E000-3F24-B8AA"
"""Cloud TPU in the billing catalogue."""

SOURCE = "Google Cloud price list"

OTHER_TERMS = re.compile(
    r"commitment|committed use|reserved|calendar mode|dws|flex.?start|defined duration|sole tenancy|custom"
    r"|premium|suspended|extended|capacity optimized",
    re.IGNORECASE,
)
"""Words of SKUs that are no plain hour: they are filed as OnDemand all the same."""

SPOT_BEFORE, SPOT_BEHIND = "Spot Preemptible ", " attached to Spot Preemptible VMs"
"""How descriptions say spot.  The one of B200 is filed as OnDemand, so the words win over the field."""

PLACE = re.compile(r"\s+(running )?in [A-Z].*$")
"""The end of a description: where it is.  ``serviceRegions`` says it better."""

GB_IN_GIB = 2**30 / 1e9

UNITS: Mapping[str, float] = {"h": 1.0, "GiBy.h": 1.0, "GBy.h": GB_IN_GIB}
"""From a price's unit to an hour, or to a GiB and hour."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a machine type is billed by, as descriptions call it."""

    machines: str
    """How names of its machine types begin."""
    accelerator: tuple[str, ...]
    """Any of these is one accelerator."""
    host: str | None = None
    """Cores and memory are ``<host> Core`` and ``<host> Ram``; None: they are in the accelerator's price."""


BILLS = (
    Bill("a2-ultragpu-", ("Nvidia Tesla A100 80GB GPU",), "A2 Instance"),
    Bill("a2-", ("Nvidia Tesla A100 GPU",), "A2 Instance"),
    Bill(
        "a3-megagpu-",
        ("Nvidia H100 80GB Mega GPU", "Nvidia H100 Mega 80GB GPU", "Nvidia H100 80GB Plus GPU"),
        "A3Plus Instance",
    ),
    Bill("a3-ultragpu-", ("H200 141GB GPU", "Nvidia H200 141GB GPU"), "A3Ultra Instance"),
    Bill("a3-", ("Nvidia H100 80GB GPU",), "A3 Instance"),
    Bill("a4-", ("A4 Nvidia B200 (1 gpu slice)",)),
    Bill("g2-", ("Nvidia L4 GPU",), "G2 Instance"),
    Bill("g4-", ("RTX 6000 96GB", "Nvidia RTX 6000 96GB GPU", "Nvidia RTX Pro 6000 GPU"), "G4 Instance"),
    Bill("ct5lp-", ("TpuV5e", "Tpu-v5e", "TPU v5e")),
    Bill("ct5p-", ("TpuV5p", "Tpu-v5p", "TPU v5p")),
    Bill("ct6e-", ("TpuV6e", "Tpu-v6e", "TPU v6e")),
    Bill("tpu7x-", ("TPU7x", "Tpu7x")),
)
"""The first that fits is meant.  Descriptions of GPUs: Cloud Billing catalogue, 2026; of A4X, GB200 and GB300
no SKU was seen, so their prices stay unknown."""

Rates = dict[tuple[str, str, bool], set[float]]
"""By description without place and spot, region, and whether it is spot: dollars an hour of one unit."""


def rates_of(skus: Iterable[Mapping[str, Any]]) -> Rates:
    """All plain hours of the list; anything else is left out."""
    rates: Rates = defaultdict(set)
    for sku in skus:
        usage = sku.get("category", {}).get("usageType")
        text = str(sku.get("description", ""))
        if usage not in {"OnDemand", "Preemptible"} or OTHER_TERMS.search(text):
            continue
        name, spot = _plain(text)
        usd_per_h = _usd_per_h(sku)
        if usd_per_h is not None:
            for region in sku.get("serviceRegions", ()):
                rates[name, region, spot or usage == "Preemptible"].add(usd_per_h)
    return rates


def _plain(text: str) -> tuple[str, bool]:
    """A description without its place, and whether it says spot."""
    name = PLACE.sub("", text)
    spot = name.startswith(SPOT_BEFORE) or name.endswith(SPOT_BEHIND)
    return name.removeprefix(SPOT_BEFORE).removesuffix(SPOT_BEHIND).strip(), spot


def _usd_per_h(sku: Mapping[str, Any]) -> float | None:
    """The price of one unit and hour; None where it has tiers, another unit or currency, or is given away."""
    infos = sku.get("pricingInfo", ())
    expression = infos[-1].get("pricingExpression", {}) if infos else {}
    tiers = expression.get("tieredRates", ())
    factor = UNITS.get(expression.get("usageUnit", ""))
    if len(tiers) != 1 or factor is None:
        return None
    price = tiers[0].get("unitPrice", {})
    if price.get("currencyCode", "USD") != "USD":
        return None
    usd = int(price.get("units", 0) or 0) + int(price.get("nanos", 0) or 0) / 1e9
    return usd * factor if usd > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a machine type is made of, as Compute Engine tells it."""

    name: str
    vcpus: int
    memory_gib: float
    devices: int


def price_of(
    made: Made, region: str, purchase: Purchase, rates: Rates, day: str
) -> tuple[LivePrice | None, Doubt | None]:
    """A machine type's price in a region: cores, memory and accelerators, without its local SSD.

    None where a part is not in the list: a sum without it would be too low.
    """
    bill = next((bill for bill in BILLS if made.name.startswith(bill.machines)), None)
    if bill is None or not made.devices:
        return None, None
    parts: list[tuple[tuple[str, ...], float]] = [(bill.accelerator, made.devices)]
    if bill.host is not None:
        parts += [((f"{bill.host} Core",), made.vcpus), ((f"{bill.host} Ram",), made.memory_gib)]
    usd_per_h = 0.0
    for names, count in parts:
        told = {usd for name in names for usd in rates.get((name, region, purchase is Purchase.SPOT), ())}
        if not told:
            return None, None
        if len(told) > 1:
            amounts = " and ".join(f"${usd:g}" for usd in sorted(told))
            detail = f"the price list has {amounts} for an hour of {names[0]}; the price stays unknown."
            return None, Doubt(code="sku", machine=made.name, region=region, place=region, detail=detail)
        usd_per_h += count * told.pop()
    source = Source(name=SOURCE, date=day)
    rounded = round(usd_per_h, 5)
    return LivePrice(machine=made.name, purchase=purchase, usd_per_h=rounded, source=source), None
