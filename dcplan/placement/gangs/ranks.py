"""From the nodes of each stage to ranks: neighbours in a pipeline share the narrowest domain they can.

Pipelines are matched stage by stage, first inside the lowest domains, then
inside wider ones.  Of counts x[s,c] this lets max(0, x[s,c] - x[s-1,c]) of the
pipelines enter child c, the least there can be, at every level at once.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.gangs.tree import level_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.placement.gangs.tree import Indices, Tree
    from dcplan.placement.gangs.types import Gang


def rank_order(tree: Tree, gang: Gang, stages: Sequence[Indices]) -> Indices:
    """All nodes in rank order, from the nodes of each stage."""
    paths = tuple(tree.at[::-1])
    in_order = [stage[np.lexsort((stage, *(path[stage] for path in paths)))] for stage in stages]
    matched = [in_order[0]]
    for stage in in_order[1:]:
        matched.append(_matched(tree, matched[-1], stage))
    ways = [np.concatenate(matched)]
    if gang.expert > 1:
        # Matching may tear expert groups that the plain order keeps together.
        ways.append(np.concatenate(in_order))
    return min(ways, key=lambda nodes: [float(b.sum()) for b in level_bytes(tree, gang, nodes)])


def _matched(tree: Tree, before: Indices, stage: Indices) -> Indices:
    """The nodes of a stage, each beside the node of the stage before that shares most with it."""
    out = np.full(len(before), -1, dtype=np.int64)
    left = stage.tolist()
    for level in range(len(tree.levels) - 1, -1, -1):
        there: defaultdict[int, list[int]] = defaultdict(list)
        for node in reversed(left):
            there[int(tree.at[level][node])].append(node)
        for place in np.flatnonzero(out < 0):
            nodes = there[int(tree.at[level][before[place]])]
            if nodes:
                out[place] = nodes.pop()
        left = sorted(node for nodes in there.values() for node in nodes)
    out[out < 0] = left
    return out
