"""Machines and jobs by kind: a cluster has few kinds of either, whatever its size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import WHOLE_DEVICE_MILLI, Job
from dcplan.placement.lp import Bools, Floats
from dcplan.placement.pack.joined import MOST_CLASSES, joined, richest
from dcplan.placement.pack.rooms import Rooms
from dcplan.placement.pack.types import CPU_ONLY_WORTH, Group, Instance, NodeClass, Seat, Shape

PRIORITY_RATIO = 100.0
"""How many times as much a job counts as one of the next lower priority, where there are up to three."""
PRIORITY_RANGE = 10_000.0
"""Between the highest and the lowest where there are more: beyond it a solver cannot tell its own
rounding from the worth of the lowest."""


def aggregate(
    fleet: Fleet, jobs: Sequence[Job], running: Sequence[Seat] = (), most_classes: int = MOST_CLASSES
) -> Instance:
    """The packing problem of these jobs on this fleet around what is ``running``, by kind.

    Jobs that run are no part of what is to be placed.  A job with a whole
    accelerator and a share of one counts as whole ones: the readers refuse it
    before.  Beyond ``most_classes`` classes are joined.
    """
    rooms = occupied(fleet, jobs, running)
    exact: dict[NodeClass, list[int]] = {}
    for index, node in enumerate(fleet.nodes):
        exact.setdefault(class_of(node, rooms, index), []).append(index)
    kinds = joined(exact, most_classes)
    members = tuple(tuple(sorted(m for one in parts for m in exact[one])) for _, parts in kinds)
    stays = {seat.job for seat in running}
    shapes, groups = _groups(jobs, [j for j in range(len(jobs)) if j not in stays])
    need = np.array([[s.cpu_milli, s.memory_mib, s.accelerators] for s in shapes], float).reshape(-1, 3).T
    demand = np.zeros(len(shapes), np.int64)
    for group in groups:
        demand[group.shape] += group.parts * len(group.jobs)
    classes, most = tuple(one for one, _ in kinds), tuple(richest(parts) for _, parts in kinds)
    return Instance(
        nodes=fleet.nodes,
        jobs=tuple(jobs),
        classes=classes,
        members=members,
        shapes=shapes,
        groups=groups,
        count=np.array([len(m) for m in members], np.int64),
        demand=demand,
        need=need,
        room=room_of(classes),
        whole=np.array([s.devices for s in shapes], np.int64),
        share=np.array([s.share_milli for s in shapes], np.int64),
        fits=fits_shapes(shapes, classes),
        most=most,
        may_fit=fits_shapes(shapes, most),
        total=np.stack([room_of(parts) @ [len(exact[one]) for one in parts] for _, parts in kinds], axis=1),
        partial=Counter(free for one, machines in exact.items() for free in one.partial * len(machines)),
        running=tuple(running),
    )


def occupied(fleet: Fleet, jobs: Sequence[Job], running: Sequence[Seat]) -> Rooms:
    """What is free on each machine beside what runs."""
    rooms = Rooms(fleet.nodes)
    for seat in running:
        rooms.take(shape_of(jobs[seat.job]), seat.node, seat.devices)
    return rooms


def class_of(node: FleetNode, rooms: Rooms, index: int) -> NodeClass:
    """What packing sees of a machine with what is free of it."""
    free = [int(one) for one in rooms.free[index] if one > 0]
    idle = free.count(WHOLE_DEVICE_MILLI)
    partial = tuple(sorted((one for one in free if one < WHOLE_DEVICE_MILLI), reverse=True))
    model = node.model if free else ""
    return NodeClass(int(rooms.cpu[index]), int(rooms.memory[index]), idle, model, partial)


def shape_of(job: Job) -> Shape:
    """What a machine sees of a part of a job; a whole share is a whole accelerator."""
    devices, share = job.devices, job.share_milli
    if share >= WHOLE_DEVICE_MILLI:
        devices, share = max(devices, 1), 0
    models = tuple(sorted(set(job.models))) if devices or share else ()
    return Shape(job.cpu_milli, job.memory_mib, devices, share, models)


def fits_empty(shape: Shape, node: NodeClass) -> bool:
    """Whether a part of this shape fits a machine of this class."""
    if shape.cpu_milli > node.cpu_milli or shape.memory_mib > node.memory_mib:
        return False
    if not shape.devices and not shape.share_milli:
        return True
    if shape.models and node.model not in shape.models:
        return False
    if shape.devices:
        return shape.devices <= node.devices
    return node.devices > 0 or shape.share_milli <= max(node.partial, default=0)


def fits_shapes(shapes: Sequence[Shape], classes: Sequence[NodeClass]) -> Bools:
    """(T, K) whether a part fits a machine."""
    fits = [[fits_empty(s, c) for c in classes] for s in shapes]
    return np.array(fits, bool).reshape(len(shapes), len(classes))


def room_of(classes: Sequence[NodeClass]) -> Floats:
    """(3, K) CPU, memory and idle accelerators."""
    return np.array([[c.cpu_milli, c.memory_mib, c.devices] for c in classes], float).reshape(-1, 3).T


def priority_weights(priorities: Sequence[int]) -> Mapping[int, float]:
    """What each priority counts: 1 for the lowest, so many times as much for each next one."""
    ranked = sorted(set(priorities))
    steps = max(len(ranked) - 1, 1)
    ratio = min(PRIORITY_RATIO, PRIORITY_RANGE ** (1 / steps))
    return {priority: ratio**rank for rank, priority in enumerate(ranked)}


def _groups(jobs: Sequence[Job], waiting: Sequence[int]) -> tuple[tuple[Shape, ...], tuple[Group, ...]]:
    """Shapes and groups in the order in which the list first has them."""
    weights = priority_weights([jobs[index].priority for index in waiting])
    shapes: dict[Shape, int] = {}
    members: dict[tuple[int, int, int], list[int]] = {}
    for index in waiting:
        job = jobs[index]
        shape = shapes.setdefault(shape_of(job), len(shapes))
        members.setdefault((shape, job.parts, job.priority), []).append(index)
    kinds = tuple(shapes)
    groups = tuple(
        Group(
            shape=shape,
            parts=parts,
            jobs=tuple(indices),
            worth=parts * weights[priority] * (kinds[shape].accelerators or CPU_ONLY_WORTH),
        )
        for (shape, parts, priority), indices in members.items()
    )
    return kinds, groups
