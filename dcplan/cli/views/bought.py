"""How bought machines look: spares for a loss, and what is paid anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.cli.views.width import wrapped
from dcplan.diag import plural
from dcplan.plan.bought import paid_now_usd_per_h
from dcplan.units import format_usd_per_h

if TYPE_CHECKING:
    from dcplan.plan.bought import BoughtAhead
    from dcplan.plan.types import PlacedWorkload

WIDTH = 100
"""Longer texts go on in the next line."""

LOSSES = {
    "spot": "all spot machines of a type in a zone",
    "zone": "any one zone",
    "region": "any one region",
}


def spares_text(placed: PlacedWorkload) -> str:
    """`` (2 spares for availability)``, or `` (2 spares)`` where they are for a loss, too; empty without."""
    spares = placed.candidate.spares
    if not spares:
        return ""
    return f" ({plural(spares, 'spare')}{'' if placed.survives else ' for availability'})"


def survives_text(kinds: tuple[str, ...]) -> str:
    """``the loss of any one zone``: what leaves enough replicas."""
    return f"the loss of {' or of '.join(LOSSES[kind] for kind in kinds)}"


def paid_text(ahead: tuple[BoughtAhead, ...]) -> list[str]:
    """What is paid anyway, one line each, under their sum; nothing where there is none."""
    if not ahead:
        return []
    unknown = [one for one in ahead if one.usd_per_h is None]
    total = format_usd_per_h(paid_now_usd_per_h(ahead))
    more = f", and what {plural(len(unknown), 'more')} cost, which nobody told" if unknown else ""
    lines = [wrapped(_line(one), WIDTH, first="  ", indent="    ") for one in ahead]
    return [f"Paid anyway: {total}{more}.", *lines]


def _line(one: BoughtAhead) -> str:
    price = "price not known" if one.usd_per_h is None else format_usd_per_h(one.usd_per_h)
    begin = "" if one.starts_at is None else f", from {_plain(one.starts_at)}"
    end = "" if one.ends_at is None else f", until {_plain(one.ends_at)}"
    return f"{one.name}: {one.used:,} of {plural(one.machines, 'machine')} used, {price}{begin}{end}"


def _plain(moment: str) -> str:
    return moment.replace("T", " ").replace("+00:00", " UTC")
