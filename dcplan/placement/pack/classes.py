"""Machines and jobs by kind: a cluster has few kinds of either, whatever its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import WHOLE_DEVICE_MILLI, Job
from dcplan.placement.pack.types import CPU_ONLY_WORTH, Group, Instance, NodeClass, Shape

PRIORITY_RATIO = 100.0
"""How many times as much a job counts as one of the next lower priority, where there are up to three."""
PRIORITY_RANGE = 10_000.0
"""Between the highest and the lowest where there are more: beyond it a solver cannot tell its own
rounding from the worth of the lowest."""


def aggregate(fleet: Fleet, jobs: Sequence[Job]) -> Instance:
    """The packing problem of these jobs on this fleet, by kind.

    A job with a whole accelerator and a share of one counts as whole ones: the
    readers refuse it before.
    """
    classes: dict[NodeClass, list[int]] = {}
    for index, node in enumerate(fleet.nodes):
        classes.setdefault(class_of(node), []).append(index)
    shapes, groups = _groups(jobs)
    need = np.array([[s.cpu_milli, s.memory_mib, s.accelerators] for s in shapes], float).reshape(-1, 3).T
    room = np.array([[c.cpu_milli, c.memory_mib, c.devices] for c in classes], float).reshape(-1, 3).T
    demand = np.zeros(len(shapes), np.int64)
    for group in groups:
        demand[group.shape] += group.parts * len(group.jobs)
    return Instance(
        nodes=fleet.nodes,
        jobs=tuple(jobs),
        classes=tuple(classes),
        members=tuple(tuple(m) for m in classes.values()),
        shapes=shapes,
        groups=groups,
        count=np.array([len(m) for m in classes.values()], np.int64),
        demand=demand,
        need=need,
        room=room,
        whole=np.array([s.devices for s in shapes], np.int64),
        share=np.array([s.share_milli for s in shapes], np.int64),
        fits=np.array([[fits_empty(s, c) for c in classes] for s in shapes], bool).reshape(
            len(shapes), len(classes)
        ),
    )


def class_of(node: FleetNode) -> NodeClass:
    """What packing sees of a machine."""
    return NodeClass(node.cpu_milli, node.memory_mib, node.devices, node.model if node.devices else "")


def shape_of(job: Job) -> Shape:
    """What a machine sees of a part of a job; a whole share is a whole accelerator."""
    devices, share = job.devices, job.share_milli
    if share >= WHOLE_DEVICE_MILLI:
        devices, share = max(devices, 1), 0
    models = tuple(sorted(set(job.models))) if devices or share else ()
    return Shape(job.cpu_milli, job.memory_mib, devices, share, models)


def fits_empty(shape: Shape, node: NodeClass) -> bool:
    """Whether a part of this shape fits an empty machine of this class."""
    if shape.cpu_milli > node.cpu_milli or shape.memory_mib > node.memory_mib:
        return False
    if not shape.devices and not shape.share_milli:
        return True
    if shape.models and node.model not in shape.models:
        return False
    return max(shape.devices, 1) <= node.devices


def priority_weights(priorities: Sequence[int]) -> Mapping[int, float]:
    """What each priority counts: 1 for the lowest, so many times as much for each next one."""
    ranked = sorted(set(priorities))
    steps = max(len(ranked) - 1, 1)
    ratio = min(PRIORITY_RATIO, PRIORITY_RANGE ** (1 / steps))
    return {priority: ratio**rank for rank, priority in enumerate(ranked)}


def _groups(jobs: Sequence[Job]) -> tuple[tuple[Shape, ...], tuple[Group, ...]]:
    """Shapes and groups in the order in which the list first has them."""
    weights = priority_weights([job.priority for job in jobs])
    shapes: dict[Shape, int] = {}
    members: dict[tuple[int, int, int], list[int]] = {}
    for index, job in enumerate(jobs):
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
