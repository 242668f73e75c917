"""Which rack each rank of a gang stands in: neighbours in its rings and pipelines beside each other.

Machines of a gang are in rank order everywhere.  Here their racks are chosen
so that few bytes leave racks, by ``placement.gangs``.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.gangs.tree import level_bytes, plant
from dcplan.placement.gangs.types import Domain, Fabric, Gang, GangEffort, Node
from dcplan.placement.rank_types import Part, RankMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dcplan.perf.types import Between
    from dcplan.placement.gangs.tree import Tree
    from dcplan.placement.types import Assignment, Problem

LEVEL = "rack"
UNTOLD_BYTES_PER_S = 1.0
"""Stands for an uplink of unknown width: bytes are counted, not seconds."""

EFFORT = GangEffort(seed=0, limit=1.0)
"""For all gangs of a pool together."""

Racks = tuple[str, ...]
"""Of each machine of a gang, in rank order."""


def parts_of(racks: Iterable[str]) -> tuple[Part, ...]:
    """Runs of machines in one rack."""
    parts: list[Part] = []
    for rack, run in groupby(racks):
        first = parts[-1].last + 1 if parts else 0
        parts.append(Part(rack=rack, first=first, last=first + len(list(run)) - 1))
    return tuple(parts)


def sent_bytes(between: Between, racks: Racks) -> float:
    """Bytes that a gang sends out of all racks together in one step, with its machines in these racks."""
    return _sent([(_gang("", between), racks)])


def by_turns(racks: Racks) -> Racks:
    """The same racks, taking turns until each is used up."""
    left = Counter(racks)
    out: list[str] = []
    while left:
        out += left
        left = Counter({rack: count - 1 for rack, count in left.items() if count > 1})
    return tuple(out)


def better_ranked(
    before: Mapping[str, Racks], between: Mapping[str, Between], room: Mapping[str, int]
) -> Mapping[str, Racks] | None:
    """Seats of all these gangs that send fewer bytes out of racks than ``before``; None: none were found.

    ``room`` is free to them, with the places that they have before.  Gangs take no more
    racks together than before, for what a gang gets through shrinks with their number.
    """
    known = tuple((name, between[name], racks) for name, racks in before.items())
    found = _better(known, tuple(sorted(room.items())))
    return None if found is None else dict(found)


@lru_cache(maxsize=64)
def _better(
    known: tuple[tuple[str, Between, Racks], ...], room: tuple[tuple[str, int], ...]
) -> tuple[tuple[str, Racks], ...] | None:
    """As ``better_ranked``; kept, because placing asks the same again in each of its rounds."""
    gangs = [_gang(name, one) for name, one, _ in known]
    sent = _sent([(gang, racks) for gang, (_, _, racks) in zip(gangs, known, strict=True)])
    if sent <= 0:
        return None
    from dcplan.placement.gangs.seat import seat_gangs  # noqa: PLC0415 - only for gangs in several racks

    fabric = _fabric(dict(room))
    seated = seat_gangs(fabric, gangs, effort=EFFORT).value
    if seated is None or seated.refused:
        return None
    rack = {node.name: node.domain for node in fabric.nodes}
    found = {seat.gang: tuple(rack[node] for node in seat.nodes) for seat in seated.seats}
    if _sent([(gang, found[gang.name]) for gang in gangs]) >= sent:
        return None
    if _racks_used(found.values()) > _racks_used(racks for _, _, racks in known):
        return None
    return tuple(found.items())


def _racks_used(seats: Iterable[Racks]) -> int:
    return sum(len(set(racks)) for racks in seats)


def _sent(gangs: Sequence[tuple[Gang, Racks]]) -> float:
    """Bytes that these gangs send out of racks in one step."""
    room: Counter[str] = Counter(rack for _, racks in gangs for rack in racks)
    tree = plant(_fabric(room))
    return sum(float(level_bytes(tree, gang, _nodes(tree, racks))[0].sum()) for gang, racks in gangs)


def _nodes(tree: Tree, racks: Racks) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A machine of its own in each of these racks."""
    seen: Counter[str] = Counter()
    nodes = []
    for rack in racks:
        nodes.append(tree.index[f"{rack}#{seen[rack]}"])
        seen[rack] += 1
    return np.array(nodes, dtype=np.int64)


def _gang(name: str, between: Between) -> Gang:
    """A gang whose machines exchange this."""
    return Gang(
        name=name,
        stages=between.stages,
        data=between.members,
        expert=between.group,
        ring_bytes=between.ring_bytes,
        boundary_bytes=between.boundary_bytes,
        expert_bytes=between.group_bytes,
    )


def _fabric(room: Mapping[str, int]) -> Fabric:
    """Racks with so many machines, which carry their name and a number."""
    racks = [rack for rack in sorted(room) if room[rack] > 0]
    return Fabric(
        levels=(LEVEL,),
        domains=tuple(
            Domain(name=rack, level=LEVEL, parent=None, uplink_bytes_per_s=UNTOLD_BYTES_PER_S)
            for rack in racks
        ),
        nodes=tuple(Node(name=f"{rack}#{i}", domain=rack) for rack in racks for i in range(room[rack])),
    )


def rank_maps(problem: Problem, assignment: Assignment, racks: Mapping[str, str]) -> tuple[RankMap, ...]:
    """Where the ranks of each job are whose machines all have a rack in ``racks``."""
    between = {choice.id: choice.between for choice in problem.choices}
    maps = []
    for replica in assignment.replicas:
        exchange = between.get(replica.choice)
        if exchange is None or not all(m in racks for m in replica.machines):
            continue
        where = tuple(racks[m] for m in replica.machines)
        known = exchange if exchange.machines == len(where) else None
        maps.append(
            RankMap(
                workload=replica.workload,
                replica=replica.name,
                parts=parts_of(where),
                sent_bytes=None if known is None else sent_bytes(known, where),
                by_turns_bytes=None if known is None else sent_bytes(known, by_turns(where)),
            )
        )
    return tuple(maps)
