"""Seat replicas on shared machines: whoever sits stays, as far as the number of machines allows."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dcplan.placement.naming import by_number

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Guest:
    """One replica (or its part beside) that needs some devices of one machine."""

    name: str
    size: int
    beside: bool = False

    @property
    def turn(self) -> tuple[int, tuple[str, int], bool]:
        """Larger guests first, then by name."""
        return -self.size, by_number(self.name), self.beside


@dataclass(slots=True)
class Table:
    """One machine, and which of its devices each guest has."""

    name: str
    free: set[int]
    guests: dict[Guest, tuple[int, ...]] = field(default_factory=dict)

    def seat(self, guest: Guest, devices: tuple[int, ...] | None = None) -> None:
        """Give the guest these devices, or good free ones: an aligned block where there is one."""
        devices = devices or self._block(guest.size)
        self.guests[guest] = devices
        self.free.difference_update(devices)

    def leave(self, guest: Guest) -> None:
        """Take the guest's devices back."""
        self.free.update(self.guests.pop(guest))

    def _block(self, size: int) -> tuple[int, ...]:
        """An aligned block, because neighbours tend to have faster links; else the lowest that are free."""
        for start in range(0, max(self.free) + 1, size):
            block = range(start, start + size)
            if self.free.issuperset(block):
                return tuple(block)
        return tuple(sorted(self.free)[:size])

    def smaller(self, size: int) -> list[Guest]:
        """Guests below ``size``, the largest first."""
        return sorted((g for g in self.guests if g.size < size), key=lambda g: g.turn)


def fullest_first(tables: Iterable[Table]) -> list[Table]:
    """The tables in the order in which to keep them: most guests first, then by name."""
    return sorted(tables, key=lambda t: (-len(t.guests), by_number(t.name)))


def seat_all(tables: list[Table], guests: Iterable[Guest]) -> None:
    """Seat every guest, the largest first, where least room is left over.

    The sizes must divide one another and the devices of a machine (or all be
    equal), and all must fit by volume.  Where those already seated leave no
    room that is large enough, smaller ones make place and are seated again:
    with such sizes there always is a table where that suffices, because the
    larger ones leave room in multiples of the size.
    """
    queue = [(guest.turn, guest) for guest in guests]
    heapq.heapify(queue)
    rooms: defaultdict[int, list[int]] = defaultdict(list)
    for i, table in enumerate(tables):
        heapq.heappush(rooms[len(table.free)], i)
    most = max((len(t.free) + sum(g.size for g in t.guests) for t in tables), default=0)
    while queue:
        _, guest = heapq.heappop(queue)
        found = _tightest(tables, rooms, guest.size, most)
        i, movers = (found, []) if found is not None else _make_room(tables, guest.size)
        for mover in movers:
            tables[i].leave(mover)
            heapq.heappush(queue, (mover.turn, mover))
        tables[i].seat(guest)
        heapq.heappush(rooms[len(tables[i].free)], i)


def _tightest(tables: list[Table], rooms: dict[int, list[int]], size: int, most: int) -> int | None:
    """The table with least room for ``size``, the first of equals.  Entries out of date are dropped."""
    for room in range(size, most + 1):
        waiting = rooms[room]
        while waiting and len(tables[waiting[0]].free) != room:
            heapq.heappop(waiting)
        if waiting:
            return waiting[0]
    return None


def _make_room(tables: list[Table], size: int) -> tuple[int, list[Guest]]:
    """The table where fewest guests must move for one of ``size``, and these guests."""
    best: tuple[int, int, list[Guest]] | None = None
    for i, table in enumerate(tables):
        room, movers = len(table.free), []
        for guest in table.smaller(size):
            if room >= size:
                break
            movers.append(guest)
            room += guest.size
        if room >= size and (best is None or len(movers) < best[0]):
            best = (len(movers), i, movers)
    if best is None:
        msg = "Replicas do not fit on the machines that the solution counts. This is a bug in dcplan."
        raise RuntimeError(msg)
    return best[1], best[2]
