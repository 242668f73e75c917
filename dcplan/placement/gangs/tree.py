"""A fabric as arrays: which domain of each level a machine lies in, and what lies below a domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.gangs.types import LevelTraffic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dcplan.placement.gangs.types import Fabric, Gang

    Indices = NDArray[np.int64]
    Mask = NDArray[np.bool_]
    Bytes = NDArray[np.float64]

ROOT = -1
"""Level of the whole fabric; its only index is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A checked fabric; domains of a level and machines count from 0, in the order of the fabric."""

    levels: tuple[str, ...]
    names: tuple[str, ...]
    """Of machines."""
    index: dict[str, int]
    """Of machines, by name."""
    at: Indices
    """(levels, machines): the domain around a machine."""
    uplink_bytes_per_s: tuple[Bytes, ...]
    """Of each level, by domain."""
    children: tuple[tuple[Indices, ...], ...]
    """[level + 1][domain]: domains of the next level; starts with the root's."""
    members: tuple[Indices, ...]
    """Machines of each domain of the lowest level."""

    def level(self, name: str) -> int:
        """Its number, 0 the widest."""
        return self.levels.index(name)

    def free_in(self, level: int, free: Mask) -> Indices:
        """Free machines of every domain of a level."""
        return np.bincount(self.at[level][free], minlength=len(self.uplink_bytes_per_s[level]))


def plant(fabric: Fabric) -> Tree:
    """The tree of a fabric that ``check`` found nothing wrong with."""
    number = {level: i for i, level in enumerate(fabric.levels)}
    by_level: list[list[int]] = [[] for _ in fabric.levels]
    place: dict[str, int] = {}
    for i, domain in enumerate(fabric.domains):
        place[domain.name] = len(by_level[number[domain.level]])
        by_level[number[domain.level]].append(i)
    parent = [
        np.array([_place(place, fabric.domains[i].parent) for i in level], dtype=np.int64)
        for level in by_level
    ]
    at = np.zeros((len(fabric.levels), len(fabric.nodes)), dtype=np.int64)
    at[-1] = [place[node.domain] for node in fabric.nodes]
    for level in range(len(fabric.levels) - 2, -1, -1):
        at[level] = parent[level + 1][at[level + 1]]
    uppers = [1, *(len(level) for level in by_level[:-1])]
    return Tree(
        levels=fabric.levels,
        names=tuple(node.name for node in fabric.nodes),
        index={node.name: i for i, node in enumerate(fabric.nodes)},
        at=at,
        uplink_bytes_per_s=tuple(
            np.array([fabric.domains[i].uplink_bytes_per_s for i in level]) for level in by_level
        ),
        children=tuple(_grouped(p, count) for p, count in zip(parent, uppers, strict=True)),
        members=_grouped(at[-1], len(by_level[-1])),
    )


def _place(place: dict[str, int], parent: str | None) -> int:
    return 0 if parent is None else place[parent]


def _grouped(keys: Indices, count: int) -> tuple[Indices, ...]:
    """Positions of each key 0..count-1, in order."""
    order = np.argsort(keys, kind="stable")
    return tuple(np.split(order, np.searchsorted(keys[order], np.arange(1, count))))


def level_bytes(tree: Tree, gang: Gang, nodes: Indices) -> list[Bytes]:
    """Bytes a step that a gang on these nodes, in rank order, sends out of each domain, for each level."""
    out = []
    for level, uplinks in enumerate(tree.uplink_bytes_per_s):
        where = tree.at[level][nodes].reshape(gang.stages, gang.data)
        bytes_out = np.zeros(len(uplinks))
        _rings(gang, where, bytes_out)
        _borders(gang, where, bytes_out)
        _experts(gang, where, bytes_out)
        out.append(bytes_out)
    return out


def traffic_of(tree: Tree, gangs: Sequence[Gang], nodes: Mapping[str, Indices]) -> tuple[LevelTraffic, ...]:
    """What gangs on these nodes, by name and in rank order, send out of the domains of each level."""
    sums = [np.zeros(len(uplinks)) for uplinks in tree.uplink_bytes_per_s]
    for gang in gangs:
        for level, own in enumerate(level_bytes(tree, gang, nodes[gang.name])):
            sums[level] += own
    links = zip(tree.levels, sums, tree.uplink_bytes_per_s, strict=True)
    return tuple(
        LevelTraffic(level=level, bytes=float(own.sum()), slowest_s=float((own / uplink).max()))
        for level, own, uplink in links
    )


def _rings(gang: Gang, where: Indices, bytes_out: Bytes) -> None:
    """S out of each domain that holds a part, but not all, of a stage."""
    for stage in where:
        domains = np.unique(stage)
        if len(domains) > 1:
            bytes_out[domains] += gang.ring_bytes


def _borders(gang: Gang, where: Indices, bytes_out: Bytes) -> None:
    """A in each direction for each pipeline whose next stage is in another domain."""
    before, after = where[:-1], where[1:]
    crosses = before != after
    np.add.at(bytes_out, before[crosses], gang.boundary_bytes)
    np.add.at(bytes_out, after[crosses], gang.boundary_bytes)


def _experts(gang: Gang, where: Indices, bytes_out: Bytes) -> None:
    """B * (E - a) / (E - 1) of each node whose domain holds a of the E nodes of its expert group."""
    if gang.expert <= 1 or gang.expert_bytes <= 0:
        return
    groups = where.reshape(-1, gang.expert)
    for group in groups[(groups != groups[:, :1]).any(axis=1)]:
        domains, held = np.unique(group, return_counts=True)
        bytes_out[domains] += gang.expert_bytes * held * (gang.expert - held) / (gang.expert - 1)
