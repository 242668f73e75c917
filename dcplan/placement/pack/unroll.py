"""From patterns to names: which part of which job runs on which accelerators of which machine."""

from __future__ import annotations

from collections import deque

import numpy as np

from dcplan.demand.jobs import WHOLE_DEVICE_MILLI
from dcplan.placement.pack.rooms import Rooms
from dcplan.placement.pack.types import Instance, Pattern, Seat
from dcplan.placement.pack.whole import Choice, admitted, places

Waiting = deque[tuple[int, int]]
"""Jobs and parts of one shape."""


def unroll(instance: Instance, choice: Choice, rooms: Rooms) -> list[Seat]:
    """A seat for each part of each job that the patterns have places for; takes their room from ``rooms``.

    Jobs of a group are taken in the order of the list, machines of a class
    in that of the fleet.
    """
    waiting = _queues(instance, choice)
    machines = [deque(members) for members in instance.members]
    seats: list[Seat] = []
    for pattern, times in sorted(choice.items(), key=lambda item: item[0].key):
        for _ in range(times):
            node = machines[pattern.node_class].popleft()
            seats += on_machine(pattern, node, waiting, rooms)
    shape_of = {job: instance.shapes[g.shape] for g in instance.groups for job in g.jobs}
    for seat in seats:
        rooms.take(shape_of[seat.job], seat.node, seat.devices)
    return seats


def _queues(instance: Instance, choice: Choice) -> list[Waiting]:
    """Of each shape, the parts of the jobs taken that wait for a place."""
    taken = admitted(instance, places(instance, choice))
    queues: list[Waiting] = [deque() for _ in instance.shapes]
    for group, jobs in zip(instance.groups, taken, strict=True):
        for job in group.jobs[: int(jobs)]:
            queues[group.shape].extend((job, part) for part in range(group.parts))
    return queues


def on_machine(pattern: Pattern, node: int, waiting: list[Waiting], rooms: Rooms) -> list[Seat]:
    """The seats of one machine; places for which nobody waits stay empty."""
    seats: list[Seat] = []
    free = rooms.free[node]
    idle = np.flatnonzero(free == WHOLE_DEVICE_MILLI).tolist()
    # In the order of ``NodeClass.partial``: most free first.
    shared = sorted(np.flatnonzero((free > 0) & (free < WHOLE_DEVICE_MILLI)).tolist(), key=lambda d: -free[d])
    first = 0
    light = pattern.counts.copy()
    for unit in pattern.units:
        devices = (shared[unit.slot],) if unit.slot >= 0 else tuple(idle[first : first + unit.devices])
        first += unit.devices
        for shape, parts in unit.parts:
            light[shape] -= parts
            seats += _seated(waiting[shape], parts, node, devices)
    for shape in np.flatnonzero(light).tolist():
        seats += _seated(waiting[shape], int(light[shape]), node, ())
    return seats


def _seated(waiting: Waiting, parts: int, node: int, devices: tuple[int, ...]) -> list[Seat]:
    """Seats for up to so many of those who wait."""
    return [Seat(*waiting.popleft(), node, devices) for _ in range(min(parts, len(waiting)))]
