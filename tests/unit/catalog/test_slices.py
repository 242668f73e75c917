"""Which TPU slices there are."""

from __future__ import annotations

import math

import pytest

from dcplan.catalog.load import load_accelerators
from dcplan.catalog.slices import load_slices, shape_of_text, text_of_shape


@pytest.mark.parametrize(
    ("accelerator", "shape", "there"),
    [
        ("TPU-v5p", "4x4x4", True),
        ("TPU-v5p", "8x4x4", True),
        ("TPU-v5p", "2x2x1", True),
        ("TPU-v5p", "4x4x6", False),
        ("TPU-v5p", "16x16x28", False),
        ("TPU-v5p", "4x4", False),
        ("TPU-v6e", "16x8", True),
        ("TPU-v6e", "3x4", False),
        ("TPU-v6e", "32x32", False),
    ],
)
def test_a_slice_is_a_part_of_a_cube_or_whole_cubes(accelerator: str, shape: str, there: bool) -> None:
    """Only the shapes of the docs exist, with their sides in any order."""
    sides = shape_of_text(shape)
    assert sides is not None

    assert load_slices()[accelerator].has(sides) is there


@pytest.mark.parametrize(
    ("accelerator", "chips", "fit", "shape"),
    [
        ("TPU-v5p", 3, 4, "2x2x1"),
        ("TPU-v5p", 33, 64, "4x4x4"),
        ("TPU-v5p", 65, 128, "4x4x8"),
        ("TPU-v5p", 500, 512, "8x8x8"),
        ("TPU-v5e", 17, 32, "4x8"),
        ("TPU-v5e", 256, 256, "16x16"),
    ],
)
def test_the_smallest_slice_with_so_many_chips(accelerator: str, chips: int, fit: int, shape: str) -> None:
    """What is in between does not exist, so the next larger one is taken, as near to a cube as can be."""
    slices = load_slices()[accelerator]
    found = slices.shape_of(fit)

    assert slices.fit(chips) == fit
    assert found is not None
    assert text_of_shape(found) == shape


def test_nothing_is_larger_than_the_largest_slice() -> None:
    """A v5p pod has more chips than any of its slices."""
    slices = load_slices()["TPU-v5p"]

    assert slices.fit(slices.largest_chips) == slices.largest_chips
    assert slices.fit(slices.largest_chips + 1) is None
    assert slices.pod_chips == 8960
    assert [slices.joins(n) for n in (96, 128, 6144, 6208, 12288)] == [False, True, True, False, True]


def test_rings_close_where_optical_switches_or_whole_sides_close_them() -> None:
    """A part of a cube is a mesh, whole cubes are a torus; v6e wraps where a side is the pod's."""
    v5p, v6e = load_slices()["TPU-v5p"], load_slices()["TPU-v6e"]

    assert v5p.wraps((2, 4, 4)) == (False, False, False)
    assert v5p.wraps((4, 4, 8)) == (True, True, True)
    assert v6e.wraps((8, 16)) == (False, True)


def test_every_tpu_has_slices_and_a_pod_is_its_scale_up_domain() -> None:
    """The two files agree."""
    accelerators = load_accelerators()
    slices = load_slices()

    assert set(slices) == {name for name, one in accelerators.items() if one.kind == "tpu"}
    assert {n: s.pod_chips for n, s in slices.items()} == {n: accelerators[n].scale_up_domain for n in slices}
    assert all(math.prod(shape) <= one.largest_chips for one in slices.values() for shape in one.shapes)
