"""In which order the moves can be made, so that no machine is ever overfull.

A move takes its new place while it still holds the old one.  Moves into room
that is free come first; those into room that others leave come after them.
Where moves wait for each other in a circle, one of them goes to a temporary
seat, which is one move more.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dcplan.placement.defrag.room import Room
from dcplan.placement.defrag.settle import aligned
from dcplan.placement.defrag.types import Ending, Group, Move, Standing


def ordered(standing: Standing, room: Room, ending: Ending) -> tuple[tuple[Move, ...], tuple[str, ...]]:
    """Moves from today to ``ending``, and the jobs that cannot be moved: with any, there is no order.

    ``room`` is that of today and is not changed.  Slices are freed one after
    another where that is possible.
    """
    ordering = _Order(standing, room, ending)
    while ordering.waiting:
        if not (ordering.direct() or ordering.aside()):
            return tuple(ordering.moves), tuple(standing.groups[at].job for at in ordering.waiting)
    return tuple(ordering.moves), ()


class _Order:
    """Where everything is now, and what still waits."""

    def __init__(self, standing: Standing, room: Room, ending: Ending) -> None:
        self.standing = standing
        self.room = room.copy()
        self.target = ending.seats
        self.now = {at: standing.groups[at].seats for at in ending.seats}
        self.waiting = _by_slice(standing, ending)
        self.moves: list[Move] = []
        self.set_aside: set[int] = set()

    def direct(self) -> bool:
        """Make every move that can be made, in passes; whether there was one."""
        before = len(self.waiting)
        self.waiting = [at for at in self.waiting if not self._go(at, self.target[at])]
        return len(self.waiting) < before

    def _go(self, at: int, seats: tuple[int, ...], *, temporary: bool = False) -> bool:
        """Move one group there, if there is room while it still holds its old place."""
        group, here = self.standing.groups[at], self.now[at]
        changed = [place for place, (old, new) in enumerate(zip(here, seats, strict=True)) if old != new]
        if not self.room.put_all(group.needs, [seats[place] for place in changed]):
            return False
        self.room.take(group.needs, [here[place] for place in changed])
        self.now[at] = seats
        names = self.standing.nodes
        self.moves.append(
            Move(
                job=group.job,
                parts=tuple(group.parts[place] for place in changed),
                source=tuple(names[here[place]].name for place in changed),
                target=tuple(names[seats[place]].name for place in changed),
                temporary=temporary,
            )
        )
        return True

    def aside(self) -> bool:
        """Put one group on a temporary seat, each at most once; whether there was one that could go.

        Only who stands where another one wants to go helps by going, and the
        smallest is the easiest to move twice.
        """
        wanted = {node for at in self.waiting for node in self.target[at]}
        for at in sorted(self.waiting, key=lambda one: _burden(self.standing.groups[one])):
            if at in self.set_aside or not wanted.intersection(self.now[at]):
                continue
            seats = self._elsewhere(at, wanted)
            if seats and self._go(at, seats, temporary=True):
                self.set_aside.add(at)
                return True
        return False

    def _elsewhere(self, at: int, wanted: Iterable[int]) -> tuple[int, ...]:
        """Room for a group where nobody wants to go."""
        usable = np.ones(len(self.standing.nodes), dtype=np.bool_)
        usable[list(wanted)] = False
        usable[list(self.now[at])] = False
        group = self.standing.groups[at]
        trial = self.room.copy()
        seats = trial.seat(group, usable)
        return aligned(self.now[at], seats) if seats else ()


def _by_slice(standing: Standing, ending: Ending) -> list[int]:
    """The groups that move, those that stand in the way of the first slice first."""
    slice_of = {node: count for count, one in enumerate(ending.slices) for node in one}
    last = len(ending.slices)

    def key(at: int) -> tuple[int, int, int]:
        group = standing.groups[at]
        first = min((slice_of.get(node, last) for node in group.seats), default=last)
        return (first, *_burden(group))

    return sorted(ending.seats, key=key)


def _burden(group: Group) -> tuple[int, int]:
    """How much a move carries."""
    return (len(group.seats) * group.size_milli, group.needs[3])
