"""The minimum cut between two groups of machines in a tree, in one pass over the tree."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dcplan.basis import Basis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.topology.types import Place, Stand

MOST_LEVELS = 8
"""More than a region, a zone, a block and a rack."""


def tree_cut(
    one: Iterable[str],
    other: Iterable[str],
    places: Mapping[str, Place],
    standing: Mapping[str, Stand],
) -> tuple[float, Basis]:
    """Bytes/s per direction that fit between two groups of machines, and how well that is known.

    In a tree each place lies on one side of the cut, so for both of its sides

        f(place, side) = sum over parts p of  min(f(p, side), f(p, other side) + up(p))

    where machines are parts whose side is given: those of the other side cost
    their own links.  That is the minimum cut (and so, by max-flow min-cut, the
    most that fits through), in time that grows with machines and places.
    """
    costs: dict[str, list[_Cost]] = {}
    for side, nodes in enumerate((one, other)):
        counts = Counter((standing[n].upper, standing[n].up.bytes_per_s) for n in nodes)
        for (around, bytes_per_s), count in counts.items():
            sides = costs.setdefault(around, [_ZERO, _ZERO])
            sides[1 - side] = _add(sides[1 - side], (count * bytes_per_s, Basis.ROOFLINE))
    levels: list[set[str]] = [set() for _ in range(MOST_LEVELS)]
    for name in costs:
        levels[_depth(name, places)].add(name)
    while len(costs) > 1:
        # The lowest places hand what they cost to those around them, until one is around all.
        lowest = next(level for level in reversed(levels) if level).pop()
        upper, up = places[lowest].upper, places[lowest].up
        if upper is None or up is None:
            return 0.0, Basis.ROOFLINE  # two regions, of which nobody says how they are joined
        link = (up.bytes_per_s, up.basis)
        low = costs.pop(lowest)
        above = costs.setdefault(upper, [_ZERO, _ZERO])
        costs[upper] = [
            _add(above[side], min(low[side], _add(low[1 - side], link), key=_bytes)) for side in (0, 1)
        ]
        levels[_depth(upper, places)].add(upper)
    (last,) = costs.values()
    return min(last, key=_bytes)


_Cost = tuple[float, Basis]
"""Bytes/s of the links that are cut, and the weakest of what they are known by."""

_ZERO: _Cost = (0.0, Basis.MEASURED)


def _add(one: _Cost, other: _Cost) -> _Cost:
    basis = one[1] if one[1] is other[1] else Basis.weakest([one[1], other[1]])
    return one[0] + other[0], basis


def _bytes(cost: _Cost) -> float:
    return cost[0]


def _depth(name: str, places: Mapping[str, Place]) -> int:
    """How many places are around it."""
    depth, upper = 0, places[name].upper
    while upper is not None:
        depth, upper = depth + 1, places[upper].upper
    return depth
