"""Put jobs into what is left, one by one, each part where least is left over."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dcplan.placement.pack.rooms import Rooms
from dcplan.placement.pack.types import Instance, Seat


def fill(instance: Instance, rooms: Rooms, waiting: Iterable[int]) -> list[Seat]:
    """Seats for those of the ``waiting`` jobs that find room; changes ``rooms``.

    Jobs worth most a part go first.  A gang whose last part finds no room
    gives back the room of the others.
    """
    group_of = {job: index for index, group in enumerate(instance.groups) for job in group.jobs}
    queue = sorted(
        waiting,
        key=lambda j: (
            -instance.groups[group_of[j]].worth / instance.groups[group_of[j]].parts,
            -instance.shapes[instance.groups[group_of[j]].shape].cpu_milli,
            j,
        ),
    )
    seats: list[Seat] = []
    full: set[int] = set()
    for job in queue:
        index = group_of[job]
        if index in full:
            continue
        found = _place(instance, rooms, job, instance.groups[index].shape, instance.groups[index].parts)
        if found is None:
            # Room only shrinks, so no later job of this group finds any.
            full.add(index)
        else:
            seats += found
    return seats


def _place(instance: Instance, rooms: Rooms, job: int, shape_index: int, parts: int) -> list[Seat] | None:
    """Seats of all parts, or none and nothing changed."""
    shape = instance.shapes[shape_index]
    allowed = rooms.allowed(shape)
    seats: list[Seat] = []
    for part in range(parts):
        fits = np.flatnonzero(allowed & rooms.fitting(shape))
        if not len(fits):
            for seat in seats:
                rooms.take(shape, seat.node, seat.devices, sign=-1)
            return None
        node = int(fits[rooms.free_devices()[fits].argmin()])
        devices = rooms.devices_for(shape, node)
        rooms.take(shape, node, devices)
        seats.append(Seat(job, part, node, devices))
    return seats
