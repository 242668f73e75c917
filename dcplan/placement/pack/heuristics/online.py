"""Place jobs in the order of their list, as a scheduler does that does not know what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dcplan.catalog.fleet import Fleet
from dcplan.demand.jobs import Job
from dcplan.placement.lp import Bools, Ints
from dcplan.placement.pack.classes import shape_of
from dcplan.placement.pack.rooms import Rooms
from dcplan.placement.pack.types import Seat, Shape

Scorer = Callable[[Rooms, int, Ints], tuple[Ints, Ints]]
"""Of a shape (its index) on some machines: whole scores, highest best, and which accelerator it would
share (-1: the fullest that has room)."""
Rule = Callable[[Fleet, Sequence[Shape], Sequence[int]], Scorer]
"""Makes a scorer for a fleet, its shapes and the number of parts of each."""


def one_by_one(fleet: Fleet, jobs: Sequence[Job], rule: Rule) -> list[Seat]:
    """Seats of the jobs that find room, in list order; a gang that does not fit whole is left out.

    Of machines with equal scores the first in the fleet is taken, as the
    schedulers do that these rules were published for.
    """
    shapes: dict[Shape, int] = {}
    of_job = [shapes.setdefault(shape_of(job), len(shapes)) for job in jobs]
    parts = np.zeros(len(shapes), np.int64)
    np.add.at(parts, of_job, [job.parts for job in jobs])
    rooms = Rooms(fleet.nodes)
    table = _Scores(rooms, tuple(shapes), rule(fleet, tuple(shapes), parts.tolist()))
    seats: list[Seat] = []
    for index, job in enumerate(jobs):
        placed: list[Seat] = []
        for part in range(job.parts):
            seat = table.place(of_job[index], index, part)
            if seat is None:
                break
            placed.append(seat)
        if len(placed) == job.parts:
            seats += placed
        else:
            for seat in placed:
                table.take_off(of_job[index], seat)
    return seats


class _Scores:
    """Scores of every shape on every machine, worked out again only where a machine has changed since."""

    def __init__(self, rooms: Rooms, shapes: Sequence[Shape], scorer: Scorer) -> None:
        self.rooms, self.shapes, self.scorer = rooms, shapes, scorer
        machines = len(rooms.cpu)
        self.score: Ints = np.full((len(shapes), machines), -1, np.int64)
        self.device: Ints = np.full((len(shapes), machines), -1, np.int8)
        self.allowed: list[Bools] = [rooms.allowed(shape) for shape in shapes]
        self.changed: list[int] = []
        self.seen = [-1] * len(shapes)

    def place(self, shape: int, job: int, part: int) -> Seat | None:
        """Put one part on the machine that scores highest; None where it fits on none."""
        self._refresh(shape)
        node = int(self.score[shape].argmax())
        if self.score[shape, node] < 0:
            return None
        chosen = int(self.device[shape, node])
        devices = (chosen,) if chosen >= 0 else self.rooms.devices_for(self.shapes[shape], node)
        self.rooms.take(self.shapes[shape], node, devices)
        self.changed.append(node)
        return Seat(job, part, node, devices)

    def take_off(self, shape: int, seat: Seat) -> None:
        """Undo a placement."""
        self.rooms.take(self.shapes[shape], seat.node, seat.devices, sign=-1)
        self.changed.append(seat.node)

    def _refresh(self, shape: int) -> None:
        """Score the shape again on machines that have changed since it was last asked for."""
        if self.seen[shape] < 0:
            stale = np.arange(len(self.rooms.cpu))
        else:
            stale = np.array(sorted(set(self.changed[self.seen[shape] :])), np.int64)
        self.seen[shape] = len(self.changed)
        if not len(stale):
            return
        self.score[shape, stale] = -1
        fits = stale[self.allowed[shape][stale] & self.rooms.fitting(self.shapes[shape], stale)]
        if len(fits):
            self.score[shape, fits], self.device[shape, fits] = self.scorer(self.rooms, shape, fits)
