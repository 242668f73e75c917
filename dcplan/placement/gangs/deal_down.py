"""From counts in wide domains to nodes: the same deal again inside each domain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.gangs.best_fit import descend
from dcplan.placement.gangs.joint import deal_jointly
from dcplan.placement.gangs.pieces import Deal, Piece
from dcplan.placement.gangs.rules import share, usable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.placement.gangs.pieces import Counts
    from dcplan.placement.gangs.tree import Indices, Mask, Tree
    from dcplan.placement.gangs.types import Gang, GangEffort

JOINT_CHILDREN = 16
"""Inside a domain with more children than this, one piece after the other is good enough."""
DOWN_SHARE = 0.1
"""Of the effort, for the deal inside one domain."""


def pieces_of(
    tree: Tree,
    gangs: Sequence[Gang],
    free: Mask,
    seated: Mapping[str, Indices],
    named: Mapping[str, Gang],
) -> Deal:
    """Gangs as pieces to be dealt over the widest domains, with their rules there."""
    place = {gang.name: index for index, gang in enumerate(gangs)}
    room = tree.free_in(0, free)
    pieces = []
    for gang in gangs:
        # Machines below the widest level that ties bar are counted as free: the level below sees to them.
        left = tree.free_in(0, usable(tree, replace(gang, spread=None), free, seated, named))
        wide = gang.spread is not None and tree.level(gang.spread.level) == 0
        ties = [t for t in gang.ties if t.other in place and (t.apart <= (tree.level(t.level) == 0))]
        pieces.append(
            Piece(
                gang=gang,
                totals=(gang.data,) * gang.stages,
                whole=gang.required is not None,
                most=share(gang) if wide else None,
                barred=frozenset(np.flatnonzero((left == 0) & (room > 0)).tolist()),
                with_=tuple(place[t.other] for t in ties if not t.apart),
                apart=tuple(place[t.other] for t in ties if t.apart),
            )
        )
    return Deal(pieces=tuple(pieces), free=tuple(room.tolist()))


def deal_down(
    tree: Tree,
    dealt: Sequence[tuple[Piece, Counts]],
    inside: tuple[int, int],
    free: Mask,
    effort: GangEffort,
) -> list[list[Indices]]:
    """Nodes of each stage of each piece, from its counts over the children of a domain (level, index)."""
    left = free.copy()
    out: list[list[list[Indices]]] = [[[] for _ in piece.totals] for piece, _ in dealt]
    level, domain = inside
    for position, child in enumerate(tree.children[level + 1][domain]):
        here = [i for i, (_, c) in enumerate(dealt) if c[:, position].any()]
        parts = [Piece(gang=dealt[i][0].gang, totals=tuple(dealt[i][1][:, position].tolist())) for i in here]
        found = _inside(tree, parts, (level + 1, int(child)), left, effort)
        for index, stages in zip(here, found, strict=True):
            for stage, nodes in zip(out[index], stages, strict=True):
                stage.append(nodes)
                left[nodes] = False
    return [[np.concatenate(stage) for stage in stages] for stages in out]


def _inside(
    tree: Tree, parts: Sequence[Piece], at: tuple[int, int], free: Mask, effort: GangEffort
) -> list[list[Indices]]:
    """Nodes for parts that all lie in one domain and have room there."""
    level, domain = at
    last = level == len(tree.levels) - 1
    children = () if last else tree.children[level + 1][domain]
    if not last and 1 < len(children) <= JOINT_CHILDREN and len(parts) > 0:
        room = tree.free_in(level + 1, free)[list(children)]
        deal = Deal(pieces=tuple(parts), free=tuple(room.tolist()))
        dealt = deal_jointly(deal, replace(effort, limit=effort.limit * DOWN_SHARE))
        if dealt is not None:
            return deal_down(tree, list(zip(parts, dealt.counts, strict=True)), at, free, effort)
    left = free.copy()
    out: dict[int, list[Indices]] = {}
    for index in sorted(range(len(parts)), key=lambda i: -parts[i].nodes):
        part = parts[index]
        out[index] = descend(tree, part.gang, part.totals, at, left)
        for nodes in out[index]:
            left[nodes] = False
    return [out[index] for index in range(len(parts))]
