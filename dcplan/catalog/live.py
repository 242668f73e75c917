"""What a cloud says today, laid over what ships with dcplan.

Whoever opens providers says which live catalogues hold meanwhile (``laid_over``), because a provider's
factory is given settings and a folder and nothing else; ``load_offerings`` asks here.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from dcplan.catalog.dates import day_of
from dcplan.catalog.live_types import Part
from dcplan.catalog.types import Offering, Purchase, Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from dcplan.catalog.live_types import LiveCatalog, LivePrice, LiveRegion

_HOLDING: ContextVar[Mapping[str, LiveCatalog]] = ContextVar("live catalogues", default=MappingProxyType({}))


@contextmanager
def laid_over(live: Mapping[str, LiveCatalog]) -> Iterator[None]:
    """These hold, by provider, for ``load_offerings`` within the block."""
    token = _HOLDING.set(live)
    try:
        yield
    finally:
        _HOLDING.reset(token)


def holding(provider: str) -> LiveCatalog | None:
    """The live catalogue that holds for a provider now; None where only what ships does."""
    return _HOLDING.get().get(provider)


def merged(shipped: Sequence[Offering], live: LiveCatalog, machines: Collection[str]) -> tuple[Offering, ...]:
    """The offerings with all that ``live`` knows better; ``machines`` are those that can be planned on.

    In a region that was asked about, zones are those that the cloud lists; what it does not list any more
    is there with ``available=False``.  A price that it was asked for and has not is unknown.  What it was
    not asked for stays as it shipped, with its own source and date.
    """
    asked = {region.name for region in live.regions}
    kept = [offering for offering in shipped if offering.region not in asked]
    for region in live.regions:
        known = [offering for offering in shipped if offering.region == region.name]
        kept += _region(region, known, live.provider, machines)
    return tuple(kept)


def _region(
    region: LiveRegion, shipped: Sequence[Offering], provider: str, machines: Collection[str]
) -> Iterator[Offering]:
    """All offerings of one region."""
    if Part.ZONES in region.told:
        zones = {name: found for name, found in sorted(region.zones.items()) if name in machines}
    else:
        zones = {}
        for offering in shipped:
            zones[offering.machine] = tuple(dict.fromkeys((*zones.get(offering.machine, ()), offering.zone)))
    old = {(o.machine, o.zone, o.purchase): o for o in shipped}
    prices = {(p.machine, p.zone, p.purchase): p for p in region.prices}
    shown: set[tuple[str, str]] = set()
    for machine, found in zones.items():
        like = {o.purchase: o for o in reversed(shipped) if o.machine == machine}
        for zone in found:
            shown.add((machine, zone))
            for purchase in (Purchase.ON_DEMAND, Purchase.SPOT):
                before = old.get((machine, zone, purchase)) or _from_region(like.get(purchase), region, zone)
                blank = _blank(provider, region, zone, machine, purchase)
                yield _one(region, before or blank, prices, shipped_here=before is not None)
    for offering in shipped:
        # A region that stood for its zones has found them; a zone that is not listed any more is gone.
        if (offering.machine, offering.zone) not in shown and offering.zone != region.name:
            told = _source("the cloud's list of zones", region)
            yield replace(offering, available=False, source=told)


def _one(
    region: LiveRegion,
    before: Offering,
    prices: Mapping[tuple[str, str | None, Purchase], LivePrice],
    *,
    shipped_here: bool,
) -> Offering:
    """One offering: its price and whether it is sold, by whoever knows."""
    machine, zone, purchase = before.machine, before.zone, before.purchase
    spot = purchase is Purchase.SPOT
    if (Part.SPOT if spot else Part.ON_DEMAND) not in region.told:
        return before
    found = prices.get((machine, zone, purchase))
    if found is None and zone not in region.apart:
        found = prices.get((machine, None, purchase))
    if found is None:
        told = _source("the cloud's price list, which has none", region)
        sold = (machine, zone) not in region.no_spot if spot else before.available or not shipped_here
        return replace(before, usd_per_h=None, available=sold, source=told)
    sold = not spot or (machine, zone) not in region.no_spot
    return replace(before, usd_per_h=found.usd_per_h, available=sold, source=found.source)


def _from_region(like: Offering | None, region: LiveRegion, zone: str) -> Offering | None:
    """What is known of a machine type elsewhere in the region, as it is in a zone that is new.

    A list price is the region's; a spot price is the zone's, unless the region stood for its zones.
    """
    if like is None or zone in region.apart:
        return None
    regional = like.purchase is Purchase.ON_DEMAND or like.zone == region.name
    return replace(like, zone=zone) if regional else replace(like, zone=zone, usd_per_h=None, available=True)


def _blank(provider: str, region: LiveRegion, zone: str, machine: str, purchase: Purchase) -> Offering:
    """A machine type in a zone, of which nothing else is known."""
    return Offering(
        provider=provider,
        region=region.name,
        zone=zone,
        machine=machine,
        purchase=purchase,
        usd_per_h=None,
        machines=None,
        available=True,
        source=_source("the cloud's list of zones", region),
    )


def _source(name: str, region: LiveRegion) -> Source:
    return Source(name=name, date=day_of(region.read_at_s))
