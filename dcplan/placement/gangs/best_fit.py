"""BestFit, one gang after the other, as Kueue's topology-aware scheduling does it (KEP-2724).

Where a single domain holds the gang, the tightest one.  Else the domains with most free nodes, the last one
as tight as possible; the same again inside each.  Ranks follow the domains, stage
after stage.  It is the peer that the search must never lose against, its start,
and what seats gangs whose rules reach below the widest level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.gangs.fill import chosen_children, stage_after_stage
from dcplan.placement.gangs.pieces import Deal, Piece
from dcplan.placement.gangs.rules import broken, usable
from dcplan.placement.gangs.tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.placement.gangs.tree import Indices, Mask, Tree
    from dcplan.placement.gangs.types import Gang


def best_fit(tree: Tree, gang: Gang, usable: Mask) -> list[Indices] | None:
    """Nodes of each stage, in order, among the usable ones; None when there is no room.

    A single domain of the required level, or, without one, of the widest level, then all of them.
    """
    level = 0 if gang.required is None else tree.level(gang.required)
    totals = (gang.data,) * gang.stages
    free = tree.free_in(level, usable)
    holding = np.flatnonzero(free >= gang.nodes)
    if len(holding):
        return descend(tree, gang, totals, (level, int(holding[np.argmin(free[holding])])), usable)
    if gang.required is not None or int(usable.sum()) < gang.nodes:
        return None
    return descend(tree, gang, totals, (ROOT, 0), usable)


def place_one(
    tree: Tree, gang: Gang, free: Mask, seated: Mapping[str, Indices], named: Mapping[str, Gang]
) -> Indices | None:
    """Nodes for one gang in rank order that keep its rules beside those seated, or None."""
    stages = best_fit(tree, gang, usable(tree, gang, free, seated, named))
    if stages is None:
        return None
    nodes = np.concatenate(stages)
    return nodes if broken(tree, gang, nodes, seated, named) is None else None


def one_by_one(
    tree: Tree,
    gangs: Sequence[Gang],
    free: Mask,
    seated: Mapping[str, Indices],
    named: Mapping[str, Gang],
) -> dict[str, Indices]:
    """What BestFit makes of all of them in their order; those without room are left out."""
    left, around = free.copy(), dict(seated)
    out: dict[str, Indices] = {}
    for gang in gangs:
        nodes = place_one(tree, gang, left, around, named)
        if nodes is not None:
            out[gang.name] = around[gang.name] = nodes
            left[nodes] = False
    return out


def descend(
    tree: Tree, gang: Gang, totals: Sequence[int], inside: tuple[int, int], usable: Mask
) -> list[Indices]:
    """Nodes for so many of each stage inside a domain (level, index) that has room for them."""
    level, domain = inside
    if level == len(tree.levels) - 1:
        members = tree.members[domain]
        chosen = members[usable[members]][: sum(totals)]
        return np.split(chosen, np.cumsum(totals)[:-1])
    children = tree.children[level + 1][domain]
    free = tree.free_in(level + 1, usable)[children]
    piece = Piece(gang=gang, totals=tuple(totals))
    takes = chosen_children(Deal(pieces=(piece,), free=tuple(free.tolist())), piece)
    if takes is None:
        msg = f"A domain of {gang.name} has less room than was counted. This is a bug in dcplan."
        raise RuntimeError(msg)
    counts = stage_after_stage(totals, takes, len(children))
    out: list[list[Indices]] = [[] for _ in totals]
    for child, _ in takes:
        below = descend(tree, gang, counts[:, child].tolist(), (level + 1, int(children[child])), usable)
        for stage, nodes in zip(out, below, strict=True):
            stage.append(nodes)
    return [np.concatenate(stage) for stage in out]
