"""Slices as boxes of hosts: machines hold a tile of chips each, and a slice is whole tiles side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import TYPE_CHECKING

from dcplan.catalog.slices import load_slices

if TYPE_CHECKING:
    from dcplan.catalog.slices import Shape, Slices

TILES: Mapping[tuple[int, int], Shape] = {
    (2, 1): (1, 1),
    (2, 4): (2, 2),
    (2, 8): (2, 4),
    (3, 4): (2, 2, 1),
}
"""(sides of the pod, chips of a host) to the chips of a host along each side.  Source: Cloud TPU docs, system
architectures of v4 to v6e: four chips of a host are a square, the eight of a v5e host two of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostGrid:
    """Hosts of one cube, or of one pod that has no cubes, numbered along the last side first."""

    sides: Shape
    """Hosts along each side."""
    boxes: Mapping[int, tuple[Shape, ...]]
    """Number of hosts to the boxes that are a slice of so many, however they are turned."""
    joins: bool
    """Whether several whole ones are a slice, wherever they are."""

    @property
    def hosts(self) -> int:
        """All of them."""
        return math.prod(self.sides)


@cache
def host_grid(accelerator: str, hosts: int, chips: int) -> HostGrid | None:
    """The grid of so many hosts of so many chips each; None where they are no slice, or no TPUs."""
    slices = load_slices().get(accelerator)
    shape = None if slices is None else _whole(slices, hosts * chips)
    tile = None if shape is None else TILES.get((len(shape), chips))
    if slices is None or shape is None or tile is None:
        return None
    # The longer side of a host lies along the last side of the grid.
    grids = [
        box for turned in sorted(set(permutations(shape))) if (box := _divided(turned, tile)) is not None
    ]
    if not grids:
        return None
    sides = grids[0]
    known = slices.shapes if slices.cube is None else (*slices.shapes, slices.cube)
    boxes: dict[int, set[Shape]] = {1: {(1,) * len(sides)}}
    for part in known:
        for turned in set(permutations(part)):
            box = _divided(turned, tile)
            if box is not None and all(a <= b for a, b in zip(box, sides, strict=True)):
                boxes.setdefault(math.prod(box), set()).add(box)
    return HostGrid(
        sides=sides,
        boxes={size: tuple(sorted(turned)) for size, turned in sorted(boxes.items())},
        joins=shape == slices.cube,
    )


def _whole(slices: Slices, chips: int) -> Shape | None:
    """The shape of so many chips: a cube, a pod without cubes, or a part of either."""
    return slices.cube if chips == slices.cube_chips else slices.shape_of(chips)


def _divided(shape: Shape, tile: Shape) -> Shape | None:
    """Tiles along each side; None where they do not divide it."""
    if any(side % part for side, part in zip(shape, tile, strict=True)):
        return None
    return tuple(side // part for side, part in zip(shape, tile, strict=True))
