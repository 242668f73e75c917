"""Gangs whose rules reach below the widest level: one after the other, those that belong together at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.gangs.best_fit import place_one
from dcplan.placement.gangs.order import groups_in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.placement.gangs.tree import Indices, Mask, Tree
    from dcplan.placement.gangs.types import Gang


def seat_deep(
    tree: Tree,
    gangs: Sequence[Gang],
    free: Mask,
    seated: Mapping[str, Indices],
    named: Mapping[str, Gang],
) -> dict[str, Indices]:
    """Nodes in rank order of those that find room, higher priorities and larger gangs first."""
    left, around = free.copy(), dict(seated)
    out: dict[str, Indices] = {}
    groups = groups_in_order(gangs, (), 1)
    for group in sorted(groups, key=lambda g: (-max(m.priority for m in g), all(not m.required for m in g))):
        found = _together(tree, group, left, around, named) if len(group) > 1 else {}
        for gang in group:
            nodes = found.get(gang.name)
            if nodes is None:
                nodes = place_one(tree, gang, left, around, named)
            if nodes is not None:
                out[gang.name] = around[gang.name] = nodes
                left[nodes] = False
    return out


def _together(
    tree: Tree, group: Sequence[Gang], free: Mask, seated: Mapping[str, Indices], named: Mapping[str, Gang]
) -> dict[str, Indices]:
    """All of a group in the tightest domain that holds it, or nothing."""
    names = {gang.name for gang in group}
    level = max(tree.level(t.level) for g in group for t in g.ties if not t.apart and t.other in names)
    room = tree.free_in(level, free)
    holding = np.flatnonzero(room >= sum(gang.nodes for gang in group))
    for domain in sorted(holding.tolist(), key=lambda d: int(room[d])):
        left, around = free & (tree.at[level] == domain), dict(seated)
        found: dict[str, Indices] = {}
        for gang in group:
            nodes = place_one(tree, gang, left, around, named)
            if nodes is None:
                break
            found[gang.name] = around[gang.name] = nodes
            left[nodes] = False
        if len(found) == len(group):
            return found
    return {}
