"""What is not believed of what a cloud says: rules against mistakes that price lists are known to hold.

Each takes what was told and gives what may be used, with a ``Doubt`` for each row that fell.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dcplan.catalog.live_types import Doubt, LiveCatalog, LivePrice, LiveRegion
from dcplan.catalog.types import AcceleratorKind, Purchase
from dcplan.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dcplan.catalog.live_types import LiveMachine
    from dcplan.catalog.types import Accelerator, Machine, Offering

SENTINELS_USD = frozenset({700.0, 999.0, 9999.0, 99999.0, 999999.0})
"""Prices that stand for "unknown" in lists (SkyPilot's catalogue has 700.0)."""

LEAST_USD, MOST_USD = 0.01, 200.0
"""Of one accelerator and hour: below and above, a price is no price.  Known ones are 0.2 to 35."""

JUMP = 0.30
"""A list price that moved by more than this share is not taken unseen: in the past it was another SKU."""

MEMORY_OFF = 0.10
"""By how much the label of an accelerator's memory may differ from what can be used (192 GB: 179 GiB)."""


def judged(
    live: LiveCatalog,
    machines: Mapping[str, Machine],
    before: Sequence[Offering],
    *,
    accept_jumps: bool = False,
) -> LiveCatalog:
    """What can be believed, with doubts about the rest.

    ``before``: what was known until now, whose list prices are the second source.  ``accept_jumps`` takes
    list prices that moved by more than ``JUMP``.
    """
    listed = {
        (o.machine, o.region): o
        for o in before
        if o.purchase is Purchase.ON_DEMAND and o.usd_per_h is not None
    }
    regions, doubts = [], list(live.doubts)
    for region in live.regions:
        judge = _Judge(region, machines, listed, accept_jumps=accept_jumps)
        regions.append(judge.believed())
        doubts += judge.doubts
    return replace(live, regions=tuple(regions), doubts=tuple(doubts))


@dataclass(slots=True)
class _Judge:
    """One region's prices, rule by rule."""

    region: LiveRegion
    machines: Mapping[str, Machine]
    listed: Mapping[tuple[str, str], Offering]
    accept_jumps: bool = field(kw_only=True)
    doubts: list[Doubt] = field(default_factory=list)

    def believed(self) -> LiveRegion:
        """The region with what stands after all rules."""
        known = [price for price in self.region.prices if price.machine in self.machines]
        real = [price for price in known if not self._is_sentinel(price)]
        steady = [self._steady(price) for price in real]
        kept, no_spot = self._below_list(steady)
        return replace(self.region, prices=tuple(kept), no_spot=frozenset({*self.region.no_spot, *no_spot}))

    def _doubt(self, code: str, price: LivePrice, detail: str) -> None:
        place = price.zone or self.region.name
        region = self.region.name
        self.doubts.append(Doubt(code=code, machine=price.machine, region=region, place=place, detail=detail))

    def _is_sentinel(self, price: LivePrice) -> bool:
        """Whether a price is a number that stands for none."""
        each_usd = price.usd_per_h / self.machines[price.machine].devices
        if price.usd_per_h not in SENTINELS_USD and LEAST_USD <= each_usd <= MOST_USD:
            return False
        detail = f"{price.purchase.value} at ${price.usd_per_h:g}/h is no price; it stays unknown."
        self._doubt("sentinel", price, detail)
        return True

    def _steady(self, price: LivePrice) -> LivePrice:
        """The price, or for a list price that jumped the one that was known."""
        old = self.listed.get((price.machine, self.region.name))
        if price.purchase is not Purchase.ON_DEMAND or old is None or old.usd_per_h is None:
            return price
        change = price.usd_per_h / old.usd_per_h - 1
        if abs(change) <= JUMP or self.accept_jumps or price.zone in self.region.apart:
            return price
        detail = (
            f"the list price went from ${old.usd_per_h:g}/h ({old.source.date}) to ${price.usd_per_h:g}/h "
            f"({change:+.0%}), as if it were of another SKU. The old one is kept; -accept-jumps takes it."
        )
        self._doubt("jump", price, detail)
        return replace(price, usd_per_h=old.usd_per_h, source=old.source)

    def _below_list(self, prices: list[LivePrice]) -> tuple[list[LivePrice], set[tuple[str, str]]]:
        """Without spot prices above the list price; where both are equal there is no spot market."""
        at_list = {(p.machine, p.zone): p for p in prices if p.purchase is Purchase.ON_DEMAND}
        kept: list[LivePrice] = []
        no_spot: set[tuple[str, str]] = set()
        for price in prices:
            top = at_list.get((price.machine, price.zone))
            if top is None and price.zone not in self.region.apart:
                top = at_list.get((price.machine, None))
            if price.purchase is not Purchase.SPOT or top is None or price.usd_per_h < top.usd_per_h:
                kept.append(price)
            elif price.usd_per_h == top.usd_per_h:
                no_spot |= {(price.machine, zone) for zone in self._zones(price)}
            else:
                detail = (
                    f"spot at ${price.usd_per_h:g}/h is above the list price, ${top.usd_per_h:g}/h: one of "
                    "them is of another SKU. The spot price stays unknown."
                )
                self._doubt("spot-above-list", price, detail)
        return kept, no_spot

    def _zones(self, price: LivePrice) -> tuple[str, ...]:
        return self.region.zones.get(price.machine, ()) if price.zone is None else (price.zone,)


def fact_doubts(
    live: LiveCatalog, machines: Mapping[str, Machine], accelerators: Mapping[str, Accelerator]
) -> tuple[Doubt, ...]:
    """Where the cloud's facts do not agree with the catalogue's, which plans go by all the same.

    Clouds tell labels, and some tell nonsense: EC2 says 512 GiB of a Trainium2 that has 96.
    """
    return tuple(
        Doubt(code="facts", machine=told.name, region="", place="", detail=detail)
        for told in live.machines
        if (known := machines.get(told.name)) is not None
        if (chip := accelerators[known.accelerator]).kind is not AcceleratorKind.CPU
        for detail in _differences(told, known, chip)
    )


def _differences(told: LiveMachine, known: Machine, chip: Accelerator) -> Iterator[str]:
    for what, said, held in (
        ("vCPUs", told.vcpus, known.vcpus),
        ("accelerators", told.devices, known.devices),
    ):
        if said != held:
            yield f"the cloud says {said} {what}, the catalogue {held} ({known.source.name})."
    pairs = [("memory", told.memory_bytes, known.memory_bytes, known.source.name)]
    if told.device_memory_bytes is not None:
        pairs.append(
            ("memory of an accelerator", told.device_memory_bytes, chip.memory_bytes, chip.source.name)
        )
    for what, size_bytes, held_bytes, source in pairs:
        if abs(size_bytes / held_bytes - 1) > MEMORY_OFF:
            yield (
                f"the cloud says {format_bytes(size_bytes)} of {what}, the catalogue "
                f"{format_bytes(held_bytes)} ({source}). Plans go by the catalogue."
            )
