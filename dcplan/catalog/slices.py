"""Slices: which groups of TPU chips there are, and what they are joined to."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache

from dcplan.catalog.load import Entry, read_data
from dcplan.catalog.types import Source

Shape = tuple[int, ...]
"""Chips along each side: two or three of them."""

_SHAPE = re.compile(r"[1-9][0-9]{0,3}(x[1-9][0-9]{0,3}){1,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """The slices of one generation of TPU."""

    accelerator: str
    shapes: tuple[Shape, ...]
    """Those within a cube; where there are no cubes, all of them."""
    cube: Shape | None
    """What optical switches join to larger slices; None: the chips of a pod are wired for good."""
    pod_chips: int
    largest_chips: int
    """Of the largest slice that is sold."""
    wraps_from: int
    """A side of so many chips or more is closed to a ring."""
    source: Source

    @property
    def cube_chips(self) -> int | None:
        """Chips of one cube; None where there are none."""
        return None if self.cube is None else math.prod(self.cube)

    def has(self, shape: Shape) -> bool:
        """Whether there is a slice of this shape, its sides in any order."""
        if math.prod(shape) > self.largest_chips:
            return False
        if any(sorted(shape) == sorted(known) for known in self.shapes):
            return True
        cube = self.cube
        if cube is None or len(shape) != len(cube):
            return False
        return all(side % unit == 0 for side, unit in zip(shape, cube, strict=True))

    def fit(self, chips: int) -> int | None:
        """Chips of the smallest slice that has so many; None where there is none so large."""
        within = [math.prod(shape) for shape in self.shapes if math.prod(shape) >= chips]
        if within:
            return min(within)
        cube = self.cube_chips
        whole = None if cube is None else -(-chips // cube) * cube
        return whole if whole is not None and whole <= self.largest_chips else None

    def joins(self, chips: int) -> bool:
        """Whether so many chips are one slice, or several of the largest, which the network joins."""
        return self.fit(chips) == chips or (chips > self.largest_chips and chips % self.largest_chips == 0)

    def shape_of(self, chips: int) -> Shape | None:
        """The shape of the slice of so many chips, the nearest to a cube; None where there is none."""
        if self.fit(chips) != chips:
            return None
        for shape in self.shapes:
            if math.prod(shape) == chips:
                return shape
        cubes = chips // (self.cube_chips or 1)
        return tuple(side * unit for side, unit in zip(_box(cubes), self.cube or (), strict=True))

    def wraps(self, shape: Shape) -> tuple[bool, ...]:
        """Which sides of a slice are closed to rings: within a cube none is, of whole cubes all are."""
        if self.cube_chips is not None:
            return (math.prod(shape) >= self.cube_chips,) * len(shape)
        return tuple(side >= self.wraps_from for side in shape)


def _box(cubes: int) -> Shape:
    """Three sides with this product, the longest as short as can be."""
    boxes = [
        (a, b, cubes // (a * b))
        for a in range(1, round(cubes ** (1 / 3)) + 2)
        if cubes % a == 0
        for b in range(a, math.isqrt(cubes // a) + 1)
        if cubes % (a * b) == 0
    ]
    return min(boxes or [(1, 1, cubes)], key=lambda box: (box[2], box))


def shape_of_text(text: str) -> Shape | None:
    """``4x4x8`` as (4, 4, 8); None for what is no shape."""
    if _SHAPE.fullmatch(text) is None:
        return None
    return tuple(int(side) for side in text.split("x"))


def text_of_shape(shape: Shape) -> str:
    """(4, 4, 8) as ``4x4x8``."""
    return "x".join(map(str, shape))


@cache
def load_slices() -> dict[str, Slices]:
    """The slices of every TPU of the catalogue, by accelerator."""
    return {
        name: _slices(Entry("slices.yaml", name, fields)) for name, fields in read_data("slices.yaml").items()
    }


def _slices(entry: Entry) -> Slices:
    cube = _shape(entry, str(entry.fields["cube"])) if "cube" in entry.fields else None
    pod = (
        math.prod(_shape(entry, entry.text("pod")))
        if cube is None
        else entry.count("pod_cubes") * math.prod(cube)
    )
    return Slices(
        accelerator=entry.name,
        shapes=tuple(_shape(entry, text) for text in entry.fields["shapes"]),
        cube=cube,
        pod_chips=pod,
        largest_chips=entry.count("largest"),
        wraps_from=entry.count("wraps_from"),
        source=entry.source(),
    )


def _shape(entry: Entry, text: str) -> Shape:
    shape = shape_of_text(text)
    if shape is None:
        raise entry.bug(f"{text!r} is no shape")
    return shape
