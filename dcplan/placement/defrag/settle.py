"""Find a new place for every group that must leave: the largest first, each in the tightest place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from dcplan.placement.defrag.room import Room
from dcplan.placement.defrag.types import Ending, Group, Standing


def settle(
    standing: Standing,
    room: Room,
    slices: Iterable[tuple[int, ...]],
    leaving: Iterable[int],
    advice: Mapping[int, int] | None = None,
) -> tuple[Ending | None, tuple[int, ...]]:
    """Where the leaving groups go so that the slices stay free; without a place for all, which have none.

    ``room`` is that of today and is not changed.  ``advice``: the domain to try
    first, of some groups.  Whoever comes back to where it was has not moved.
    """
    chosen = tuple(slices)
    usable = np.ones(len(standing.nodes), dtype=np.bool_)
    for one in chosen:
        usable[list(one)] = False
    now = room.copy()
    gone = sorted(set(leaving), key=lambda at: _largest_first(standing.groups[at]))
    for at in gone:
        now.take(standing.groups[at].needs, standing.groups[at].seats)
    seats: dict[int, tuple[int, ...]] = {}
    homeless = []
    for at in gone:
        group = standing.groups[at]
        found: tuple[int, ...] = ()
        if advice and at in advice:
            found = now.seat(group, usable, advice[at])
        found = found or now.seat(group, usable)
        if not found:
            homeless.append(at)
        elif sorted(found) != sorted(group.seats):
            seats[at] = aligned(group.seats, found)
    if homeless:
        return None, tuple(homeless)
    return Ending(seats=seats, slices=chosen), ()


def _largest_first(group: Group) -> tuple[int, int, int, int]:
    """Order in which places are sought."""
    return (-group.size_milli, -len(group.seats), -group.needs[2], -group.needs[3])


def aligned(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
    """``after`` in an order in which as many parts as can be stay where they were."""
    left = list(after)
    kept: list[int | None] = []
    for node in before:
        kept.append(node if node in left else None)
        if node in left:
            left.remove(node)
    return tuple(left.pop(0) if node is None else node for node in kept)
