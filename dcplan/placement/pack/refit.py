"""Plan machines anew one by one, each with exactly what it has, after joined classes have given a start."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dcplan.placement.pack.classes import class_of, fits_shapes, room_of
from dcplan.placement.pack.columns import Wanted
from dcplan.placement.pack.pricing import best_patterns
from dcplan.placement.pack.rooms import Rooms
from dcplan.placement.pack.types import Instance, Seat
from dcplan.placement.pack.unroll import Waiting, on_machine

WIDTH = 60
"""Half-filled machines that are kept: with all that stands there a start is known."""
GAIN = 1e-6


def refit(instance: Instance, rooms: Rooms, seats: Sequence[Seat], random: np.random.Generator) -> list[Seat]:
    """The seats, with refused jobs in place of others wherever that is worth more; changes ``rooms``.

    Gangs and what runs already stay.  Machines with most left over go first,
    each once, so the time grows with the machines.
    """
    work = _Refit(instance, rooms, random)
    placed = {seat.job for seat in seats}
    for job, shape in work.shape.items():
        if job not in placed and instance.may_fit[shape].any():
            work.pool[shape].append(job)
    kept = [seat for seat in seats if seat.job not in work.shape]
    standing: dict[int, list[Seat]] = defaultdict(list)
    for seat in seats:
        if seat.job in work.shape:
            standing[seat.node].append(seat)
    left = rooms.free_devices()
    for node in np.argsort(-left, kind="stable").tolist():
        if left[node] <= 0 or not work.pool:
            break
        standing[node] = work.refitted(node, standing[node])
    return [*kept, *(seat for node in sorted(standing) for seat in standing[node])]


class _Refit:
    """Jobs of one part that can be placed, and those of them that wait."""

    def __init__(self, instance: Instance, rooms: Rooms, random: np.random.Generator) -> None:
        self.instance, self.rooms, self.random = instance, rooms, random
        single = [group for group in instance.groups if group.parts == 1]
        self.shape = {job: group.shape for group in single for job in group.jobs}
        self.worth = {job: group.worth for group in single for job in group.jobs}
        self.pool: dict[int, list[int]] = defaultdict(list)
        """Of each shape, those that have no seat."""

    def refitted(self, node: int, own: list[Seat]) -> list[Seat]:
        """Seats on one machine, the old ones or better; keeps the pool and the rooms."""
        self._take(own, -1)
        found = self._found(node, own)
        if self._total(found) <= self._total(own) + GAIN:
            self._take(own, 1)
            return own
        self._take(found, 1)
        stay, stood = {seat.job for seat in found}, {seat.job for seat in own}
        for job in sorted(stay - stood):
            self.pool[self.shape[job]].remove(job)
        for job in sorted(stood - stay):
            self.pool[self.shape[job]].append(job)
        for shape in [shape for shape, waiting in self.pool.items() if not waiting]:
            del self.pool[shape]
        return found

    def _take(self, seats: Sequence[Seat], sign: int) -> None:
        for seat in seats:
            self.rooms.take(self.instance.shapes[self.shape[seat.job]], seat.node, seat.devices, sign)

    def _total(self, seats: Sequence[Seat]) -> float:
        return sum(self.worth[seat.job] for seat in seats)

    def _found(self, node: int, own: Sequence[Seat]) -> list[Seat]:
        """The best filling of one machine with those who stand there and those who wait."""
        instance, shapes = self.instance, len(self.instance.shapes)
        here = class_of(instance.nodes[node], self.rooms, node)
        alone = replace(
            instance, classes=(here,), room=room_of((here,)), fits=fits_shapes(instance.shapes, (here,))
        )
        worth, left = np.zeros(shapes), np.zeros(shapes, np.int64)
        queues: list[Waiting] = [deque() for _ in range(shapes)]
        for shape, those in self._available(own).items():
            worth[shape] = sum(self.worth[job] for job in those) / len(those)
            left[shape] = len(those)
            queues[shape].extend((job, 0) for job in those)
        wanted = Wanted(instance=alone, node_class=0, worth=worth, left=left, width=WIDTH, random=self.random)
        patterns = best_patterns(wanted, keep=1)
        return on_machine(patterns[0][1], node, queues, self.rooms) if patterns else []

    def _available(self, own: Sequence[Seat]) -> dict[int, list[int]]:
        """By shape, worth most first, and of equal ones those first that stand there."""
        available: dict[int, list[int]] = defaultdict(list)
        for seat in own:
            available[self.shape[seat.job]].append(seat.job)
        for shape, waiting in self.pool.items():
            available[shape] += waiting
        for those in available.values():
            those.sort(key=lambda job: -self.worth[job])
        return available
