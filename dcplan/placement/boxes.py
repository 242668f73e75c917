"""Pack slices into partly used TPU pods: boxes of hosts into the free places of grids, exactly.

First fit, largest first, is tried before the solver is asked.  Alike boxes are
counted, not told apart, so that hundreds of them are one question.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from itertools import chain, product
from typing import TYPE_CHECKING

from dcplan.placement.cpsat import Effort, Model, Status, run
from dcplan.placement.naming import by_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dcplan.catalog.slice_hosts import HostGrid

Cells = tuple[int, ...]
"""Places of hosts in a grid, in the order of the slice's own hosts."""

Spot = tuple[str, Cells]
"""A rack (a cube, or a grid) and places in it."""

EFFORT = Effort(seed=0, limit=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Where slices are."""

    spots: Mapping[str, tuple[Spot, ...]]
    """Of each slice that is seated; several whole cubes have several."""
    proven: bool
    """Whether it is known that no more hosts could be seated where some slices are not."""


def pack_boxes(slices: Mapping[str, int], free: Mapping[str, frozenset[int]], grid: HostGrid) -> Packed:
    """Places for slices of so many hosts each in grids of which these places are free.

    ``free`` is by rack.  A slice of more hosts than a grid has takes whole ones,
    wherever they are, if the grids are cubes.
    """
    parts = {name: size for name, count in slices.items() if (size := _parts(count, grid)) is not None}
    order = sorted(parts, key=lambda name: (-slices[name], by_number(name)))
    found = _first_fit(order, parts, free, grid)
    if len(found) == len(order):
        return Packed(spots=found, proven=True)
    exact, proven = _exactly(order, parts, free, grid)
    seated = sum(slices[name] for name in found)
    if sum(slices[name] for name in exact) > seated:
        found = exact
    return Packed(spots=found, proven=proven)


def _parts(hosts: int, grid: HostGrid) -> tuple[int, int] | None:
    """(how many boxes, hosts of each); None where so many hosts are no slice."""
    if hosts in grid.boxes:
        return 1, hosts
    if grid.joins and hosts % grid.hosts == 0:
        return hosts // grid.hosts, grid.hosts
    return None


@cache
def _placements(sides: Cells, boxes: tuple[Cells, ...]) -> tuple[Cells, ...]:
    """Every way to lay one of these boxes into a grid."""
    return tuple(
        tuple(
            _number(tuple(c + o for c, o in zip(corner, offset, strict=True)), sides)
            for offset in product(*(range(side) for side in box))
        )
        for box in boxes
        for corner in product(*(range(whole - side + 1) for whole, side in zip(sides, box, strict=True)))
    )


def _number(at: Cells, sides: Cells) -> int:
    """The place of a host, counted along the last side first."""
    number = 0
    for one, side in zip(at, sides, strict=True):
        number = number * side + one
    return number


def _ways(size: int, grid: HostGrid) -> tuple[Cells, ...]:
    return _placements(grid.sides, grid.boxes[size])


def spots_around(
    hosts: int, standing: Mapping[int, tuple[str, int]], free: Mapping[str, frozenset[int]], grid: HostGrid
) -> Spot | None:
    """Places for a slice of which some hosts stand, by their place in the slice; None where it has none."""
    racks = {rack for rack, _ in standing.values()}
    if len(racks) != 1 or hosts not in grid.boxes:
        return None
    (rack,) = racks
    held = {index: cell for index, (_, cell) in standing.items()}
    for cells in _ways(hosts, grid):
        if all(
            held.get(i, cell) == cell and (i in held or cell in free[rack]) for i, cell in enumerate(cells)
        ):
            return rack, cells
    return None


def _first_fit(
    order: Sequence[str],
    parts: Mapping[str, tuple[int, int]],
    free: Mapping[str, frozenset[int]],
    grid: HostGrid,
) -> dict[str, tuple[Spot, ...]]:
    """Largest first, each into the fullest rack that has a place for it."""
    left = {rack: set(cells) for rack, cells in free.items()}
    found: dict[str, tuple[Spot, ...]] = {}
    for name in order:
        count, size = parts[name]
        spots: list[Spot] = []
        for spot in _spots(size, left, grid):
            spots.append(spot)
            left[spot[0]] -= set(spot[1])
            if len(spots) == count:
                found[name] = tuple(spots)
                break
        else:
            for rack, cells in spots:
                left[rack] |= set(cells)
    return found


def _spots(size: int, left: Mapping[str, set[int]], grid: HostGrid) -> Iterator[Spot]:
    """Free places of a box, one after the other, as ``left`` has them when each is asked for."""
    for rack in sorted((r for r in left if len(left[r]) >= size), key=lambda r: (len(left[r]), r)):
        for cells in _ways(size, grid):
            if left[rack].issuperset(cells):
                yield rack, cells


def _exactly(
    order: Sequence[str],
    parts: Mapping[str, tuple[int, int]],
    free: Mapping[str, frozenset[int]],
    grid: HostGrid,
) -> tuple[dict[str, tuple[Spot, ...]], bool]:
    r"""The most hosts of slices that have places together, and whether that is proven.

    maximise  sum over names of  hosts[name] * seated[name]
    sum over racks r, ways w of a size of  x[r, w]
        =  sum over names of that size of  boxes[name] * seated[name]
    sum over w that cover a place of  x[r, w]  <=  1
    """
    model = Model()
    x: dict[int, list[tuple[int, Spot]]] = {
        size: [
            (model.boolean(), (rack, cells))
            for rack in sorted(free)
            for cells in _ways(size, grid)
            if free[rack].issuperset(cells)
        ]
        for size in sorted({size for _, size in parts.values()})
    }
    over: defaultdict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for var, (rack, cells) in chain.from_iterable(x.values()):
        for cell in cells:
            over[rack, cell].append((1, var))
    for terms in over.values():
        model.add(terms, high=1)
    alike = Counter(parts[name] for name in order)
    kinds = {kind: model.integer(0, count) for kind, count in alike.items()}
    for size, ways in x.items():
        seated = [(-count, var) for (count, one), var in kinds.items() if one == size]
        model.add([*((1, var) for var, _ in ways), *seated], low=0, high=0)
    gain = [(-math.prod(kind), var) for kind, var in kinds.items()]
    answer = run(model, EFFORT, minimise=gain, fixed={})
    if not answer.found:
        return {}, answer.status is Status.INFEASIBLE
    spots = {size: [spot for var, spot in ways if answer.values[var]] for size, ways in x.items()}
    left = {kind: answer.values[var] for kind, var in kinds.items()}
    return _named(order, parts, spots, left), answer.status is Status.OPTIMAL


def _named(
    order: Sequence[str],
    parts: Mapping[str, tuple[int, int]],
    spots: Mapping[int, list[Spot]],
    left: dict[tuple[int, int], int],
) -> dict[str, tuple[Spot, ...]]:
    """Names for counted boxes; ``left`` is how many of each kind have places."""
    found: dict[str, tuple[Spot, ...]] = {}
    for name in order:
        count, size = parts[name]
        if left[count, size] > 0:
            left[count, size] -= 1
            found[name] = tuple(spots[size].pop(0) for _ in range(count))
    return found
