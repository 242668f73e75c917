"""Fragmentation gradient descent: the machine on which a part spoils least room for typical parts.

Weng et al., "Beware of fragmentation: scheduling GPU-sharing workloads with
Fragmentation Gradient Descent", USENIX ATC 2023.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dcplan.catalog.fleet import Fleet
from dcplan.demand.jobs import WHOLE_DEVICE_MILLI
from dcplan.placement.lp import Bools, Floats, Ints
from dcplan.placement.pack.heuristics.online import Scorer
from dcplan.placement.pack.rooms import Rooms
from dcplan.placement.pack.types import Shape

TYPICAL_SHARE = 0.95
"""The most frequent shapes that make up so much of the parts are the typical ones (as published)."""


def fgd(fleet: Fleet, shapes: Sequence[Shape], parts: Sequence[int]) -> Scorer:
    """Score = 100 / (1 + exp(-d)), cut to whole; d: accelerators by which expected fragmentation falls.

    A part with a share tries every accelerator of the machine.  Typical shapes
    are those of the whole list, which flatters this rule: in practice they
    are known from the past.
    """
    typical = _Typical(Rooms(fleet.nodes), shapes, parts)

    def score(rooms: Rooms, shape: int, machines: Ints) -> tuple[Ints, Ints]:
        part = shapes[shape]
        cpu, free = rooms.cpu[machines], rooms.free[machines]
        now = typical.fragmentation(cpu, free, machines)
        cpu_after = cpu - part.cpu_milli
        if not part.share_milli:
            after = _without_whole(free, part.devices)
            return _score(now - typical.fragmentation(cpu_after, after, machines)), np.full(len(machines), -1)
        best, chosen = np.full(len(machines), -1), np.full(len(machines), -1)
        for device in range(free.shape[1]):
            could = np.flatnonzero(free[:, device] >= part.share_milli)
            if not len(could):
                continue
            after = free[could]
            after[:, device] -= part.share_milli
            fall = now[could] - typical.fragmentation(cpu_after[could], after, machines[could])
            scores = _score(fall)
            better = scores > best[could]
            best[could[better]], chosen[could[better]] = scores[better], device
        return best, chosen

    return score


class _Typical:
    """The parts that a machine should have room for, and how likely each is the next."""

    def __init__(self, rooms: Rooms, shapes: Sequence[Shape], parts: Sequence[int]) -> None:
        order = np.argsort(-np.array(parts), kind="stable")
        reached = np.cumsum(np.array(parts)[order])
        kept = order[: int(np.searchsorted(reached, TYPICAL_SHARE * reached[-1])) + 1]
        self.shapes = [shapes[i] for i in kept]
        self.weight: Floats = np.array([parts[i] for i in kept], float)
        self.weight /= self.weight.sum()
        self.allowed: list[Bools] = [rooms.allowed(s) for s in self.shapes]

    def fragmentation(self, cpu: Ints, free: Ints, machines: Ints) -> Floats:
        """Expected thousandths of accelerators that are free and of no use to a typical part.

        All that is free, where the part does not fit; else what lies on
        accelerators with too little for it.
        """
        there = np.maximum(free, 0)
        total = there.sum(axis=1)
        spoilt = np.zeros(len(cpu))
        for shape, weight, allowed in zip(self.shapes, self.weight, self.allowed, strict=True):
            if not shape.accelerators:
                spoilt += weight * total
                continue
            enough = there >= (shape.share_milli or WHOLE_DEVICE_MILLI)
            fits = (
                allowed[machines] & (cpu >= shape.cpu_milli) & (enough.sum(axis=1) >= max(shape.devices, 1))
            )
            small = np.where(enough, 0, there).sum(axis=1)
            spoilt += weight * np.where(fits, small, total)
        return spoilt


def _without_whole(free: Ints, devices: int) -> Ints:
    """What is free once the first so many idle accelerators are given out."""
    idle = free == WHOLE_DEVICE_MILLI
    given = idle & (np.cumsum(idle, axis=1) <= devices)
    return np.where(given, 0, free)


def _score(fall_milli: Floats) -> Ints:
    """The published sigmoid."""
    scores: Ints = (100 / (1 + np.exp(-fall_milli / WHOLE_DEVICE_MILLI))).astype(np.int64)
    return scores
