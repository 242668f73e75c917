"""Join machines that nearly are alike, so that a cluster in use has few classes, too.

What jobs leave of equal machines differs from one to the next, and every
class costs time.  A joined class has what the poorest of its machines has of
anything, so each of its patterns fits each of its machines; what the others
have beyond is used machine by machine afterwards (``refit``).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from dcplan.placement.lp import Floats
from dcplan.placement.pack.types import NodeClass

MOST_CLASSES = 48
"""Machines with so many different rooms are classes of their own."""
PARTIAL_STEPS = (1, 100, 250, 1000)
"""Thousandths to which what is free of shared accelerators is cut, until there are few enough kinds."""

Members = Mapping[NodeClass, Sequence[int]]


def joined(classes: Members, most: int = MOST_CLASSES) -> list[tuple[NodeClass, tuple[NodeClass, ...]]]:
    """At most ``most`` joined classes, each with the classes that it is made of.

    Only classes of one model and equally many idle accelerators are joined, so
    where these differ more there are more.
    Cut is where most is lost: CPU and memory beyond those of the poorest
    machine, as shares of what the fleet's machines have on average.
    """
    if len(classes) <= most:
        return [(one, (one,)) for one in classes]
    kinds: dict[tuple[object, ...], list[NodeClass]] = {}
    for step in PARTIAL_STEPS:
        kinds = defaultdict(list)
        for one in classes:
            kinds[one.model, one.devices, _cut(one.partial, step)].append(one)
        if len(kinds) <= most // 2:
            break
    times = {one: len(members) for one, members in classes.items()}
    scale = np.maximum(np.mean([[c.cpu_milli, c.memory_mib] for c in classes], axis=0), 1.0)
    heap = [(-_loss(kind, times, scale), at, kind) for at, kind in enumerate(kinds.values())]
    heapq.heapify(heap)
    next_at = len(heap)
    while len(heap) < most and heap[0][0] < 0:
        _, _, kind = heapq.heappop(heap)
        for half in _halves(kind, times, scale):
            heapq.heappush(heap, (-_loss(half, times, scale), next_at, half))
            next_at += 1
    return [(poorest(kind), tuple(kind)) for _, _, kind in sorted(heap, key=lambda entry: entry[1])]


def poorest(kind: Sequence[NodeClass]) -> NodeClass:
    """What each of these has at least; they have one model."""
    return _extreme(kind, richest=False)


def richest(kind: Sequence[NodeClass]) -> NodeClass:
    """What each of these has at most; they have one model."""
    return _extreme(kind, richest=True)


def _extreme(kind: Sequence[NodeClass], *, richest: bool) -> NodeClass:
    pick = max if richest else min
    longest = max(len(c.partial) for c in kind)
    padded = [(*c.partial, *(0,) * (longest - len(c.partial))) for c in kind]
    partial = tuple(free for free in (pick(column) for column in zip(*padded, strict=True)) if free)
    return NodeClass(
        cpu_milli=pick(c.cpu_milli for c in kind),
        memory_mib=pick(c.memory_mib for c in kind),
        devices=pick(c.devices for c in kind),
        model=kind[0].model,
        partial=partial,
    )


def _cut(partial: Sequence[int], step: int) -> tuple[int, ...]:
    """Free thousandths cut to steps."""
    return tuple(free // step * step for free in partial if free >= step)


def _loss(kind: Sequence[NodeClass], times: Mapping[NodeClass, int], scale: Floats) -> float:
    """CPU and memory beyond those of the poorest, over all machines."""
    room = np.array([[c.cpu_milli, c.memory_mib] for c in kind]) / scale
    weight = np.array([times[c] for c in kind], float)
    return float(((room - room.min(axis=0)).sum(axis=1) * weight).sum())


def _halves(
    kind: Sequence[NodeClass], times: Mapping[NodeClass, int], scale: Floats
) -> tuple[list[NodeClass], list[NodeClass]]:
    """Cut in two by CPU or memory, there where least is lost afterwards."""
    room = np.array([[c.cpu_milli, c.memory_mib] for c in kind]) / scale
    weight = np.array([times[c] for c in kind], float)
    best: tuple[float, int, int] | None = None
    for resource in (0, 1):
        order = np.argsort(room[:, resource], kind="stable")
        ranked, machines = room[order, resource], np.cumsum(weight[order])
        # What a cut spares: the richer machines no longer lose what lies between the two poorest.
        spared = (machines[-1] - machines[:-1]) * (ranked[1:] - ranked[0])
        at = int(spared.argmax())
        if best is None or spared[at] > best[0]:
            best = (float(spared[at]), resource, at)
    if best is None or best[0] <= 0:
        msg = "Classes without a difference were to be cut. This is a bug in dcplan."
        raise RuntimeError(msg)
    order = np.argsort(room[:, best[1]], kind="stable").tolist()
    return [kind[i] for i in order[: best[2] + 1]], [kind[i] for i in order[best[2] + 1 :]]
