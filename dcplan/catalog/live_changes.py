"""What a refresh changes: offerings before and after, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.catalog.types import Offering, Purchase

SAME = 0.0005
"""Prices that differ by less than this share are equal: lists round to five digits."""


class How(StrEnum):
    """What became of an offering."""

    PRICE = "price"
    PRICED = "priced"
    """Its price was unknown."""
    UNPRICED = "unpriced"
    """Its price is unknown now."""
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferingChange:
    """One offering, or all zones of a region for which the same is so."""

    how: How
    machine: str
    region: str
    zones: tuple[str, ...]
    purchase: Purchase
    before_usd_per_h: float | None
    """Per machine; None is unknown, or that there was none."""
    after_usd_per_h: float | None

    @property
    def share(self) -> float | None:
        """By how much the price moved, 0.1 for a tenth more; None where either is unknown."""
        if self.before_usd_per_h is None or self.after_usd_per_h is None:
            return None
        return self.after_usd_per_h / self.before_usd_per_h - 1


def offering_changes(before: Iterable[Offering], after: Iterable[Offering]) -> tuple[OfferingChange, ...]:
    """What is not as it was, zones with the same change together; the largest moves first.

    A region that stood for its zones is compared with each of them, and is not gone itself.
    """
    old = {(o.machine, o.region, o.zone, o.purchase): o for o in before}
    new = {(o.machine, o.region, o.zone, o.purchase): o for o in after}
    placed = {(o.machine, o.region, o.region, o.purchase) for o in new.values()}
    together: dict[tuple[How, str, str, Purchase, float | None, float | None], list[str]] = {}
    for key in dict.fromkeys((*old, *new)):
        if key in placed and key not in new:
            continue
        machine, region, zone, purchase = key
        had, has = old.get(key) or old.get((machine, region, region, purchase)), new.get(key)
        how = _how(had, has)
        if how is None:
            continue
        was, now = _price(had), _price(has)
        together.setdefault((how, machine, region, purchase, was, now), []).append(zone)
    changes = (
        OfferingChange(
            how=how,
            machine=machine,
            region=region,
            zones=tuple(zones),
            purchase=purchase,
            before_usd_per_h=was,
            after_usd_per_h=now,
        )
        for (how, machine, region, purchase, was, now), zones in together.items()
    )
    order = list(How)
    return tuple(
        sorted(changes, key=lambda c: (order.index(c.how), -abs(c.share or 0.0), c.machine, c.region))
    )


def _price(offering: Offering | None) -> float | None:
    return None if offering is None or not offering.available else offering.usd_per_h


def _how(old: Offering | None, new: Offering | None) -> How | None:
    """What became of one offering; None where nothing did."""
    had, has = old is not None and old.available, new is not None and new.available
    if had != has:
        return How.NEW if has else How.GONE
    was, now = _price(old), _price(new)
    if not has or was == now:
        return None
    if was is None or now is None:
        return How.PRICED if was is None else How.UNPRICED
    return How.PRICE if abs(now / was - 1) > SAME else None
