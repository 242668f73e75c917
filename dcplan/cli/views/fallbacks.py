"""How a plan tells where else its new machines may be had, and what was sold out."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dcplan.cli.views.width import wrapped
from dcplan.diag import agreeing, listed, plural
from dcplan.units import format_usd_per_h

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.plan.fallbacks import Alternative, Fallback, SoldOut
    from dcplan.plan.landed import Moved
    from dcplan.plan.types import Plan

WIDTH = 100
SHOWN = 2
"""Alternatives of one pool that people are told; programs get all."""
_NEAR_USD = 0.005
"""Prices that print alike."""


def fallback_lines(plan: Plan) -> list[str]:
    """One line for each pool that machines are bought in, and one for what was sold out at the same time."""
    lines = _sold_out(plan.sold_out)
    by_pool: defaultdict[str, list[Fallback]] = defaultdict(list)
    for fallback in plan.fallbacks:
        by_pool[fallback.pool].append(fallback)
    lines += [_line(pool, fallbacks) for pool, fallbacks in by_pool.items()]
    return [wrapped(line, WIDTH, indent="  ") for line in lines]


def _line(pool: str, fallbacks: Sequence[Fallback]) -> str:
    machines = plural(sum(f.machines for f in fallbacks), "new machine")
    ways = [_ways(f) for f in fallbacks]
    if len(set(ways)) == 1:
        return f"If {pool} is sold out ({machines}): {ways[0]}."
    told = "; ".join(
        f"{plural(f.machines, 'machine')} to {way}" for f, way in zip(fallbacks, ways, strict=True)
    )
    return f"If {pool} is sold out ({machines}): {told}."


def _ways(fallback: Fallback) -> str:
    shown = ", else ".join(_way(a, fallback.machines) for a in fallback.alternatives[:SHOWN])
    more = len(fallback.alternatives) - SHOWN
    return f"{shown}, and {more} more" if more > 0 else shown


def _way(alternative: Alternative, machines: int) -> str:
    taken = min(machines, alternative.room)
    few = f" for {taken}" if taken < machines else ""
    return f"{alternative.pool}{few} {price_difference(alternative.usd_per_h * taken)}"


def price_difference(usd_per_h: float) -> str:
    """``at the same price``, ``for $2.00/h more``."""
    if abs(usd_per_h) < _NEAR_USD:
        return "at the same price"
    return f"for {format_usd_per_h(abs(usd_per_h))} {'more' if usd_per_h > 0 else 'less'}"


def moved_lines(moves: Sequence[Moved]) -> list[str]:
    """One line for each pool in which machines are that were planned elsewhere."""
    return [
        wrapped(
            f"{plural(m.machines, 'machine')} of {m.from_pool}, which was sold out, "
            f"{agreeing(m.machines, 'are')} in {m.pool} {price_difference(m.usd_per_h)}.",
            WIDTH,
            indent="  ",
        )
        for m in moves
    ]


def _sold_out(told: Sequence[SoldOut]) -> list[str]:
    """Pools that were sold out at one time are told together: a sold-out day has many."""
    together: defaultdict[str, list[str]] = defaultdict(list)
    for one in told:
        then = (
            f"sold out at {one.at}: nothing more is bought there until {one.until}."
            if one.left_out
            else f"sold out at {one.at}; this plan buys there again."
        )
        together[then].append(one.pool)
    return [f"{listed(pools)} {agreeing(len(pools), 'were')} {then}" for then, pools in together.items()]
