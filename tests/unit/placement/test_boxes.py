"""Slices as boxes of hosts in pods that are partly used."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.catalog.slice_hosts import HostGrid, host_grid
from dcplan.placement.boxes import Packed, pack_boxes, spots_around


def grid_of(accelerator: str, hosts: int, chips: int) -> HostGrid:
    """A grid that there is."""
    found = host_grid(accelerator, hosts, chips)

    assert found is not None
    return found


V5E = grid_of("TPU-v5e", 64, 4)
CUBE = grid_of("TPU-v4", 16, 4)


def whole(racks: int, grid: HostGrid) -> dict[str, frozenset[int]]:
    """So many empty grids."""
    return {f"r{i}": frozenset(range(grid.hosts)) for i in range(racks)}


def is_box(cells: tuple[int, ...], grid: HostGrid) -> bool:
    """Whether places are all of those between their corners, and as long as some slice of so many hosts."""
    at = [
        [cell // _below(grid, side) % grid.sides[side] for side in range(len(grid.sides))] for cell in cells
    ]
    lengths = tuple(max(column) - min(column) + 1 for column in zip(*at, strict=True))
    volume = 1
    for length in lengths:
        volume *= length
    return volume == len(set(cells)) == len(cells) and lengths in grid.boxes[len(cells)]


def _below(grid: HostGrid, side: int) -> int:
    product = 1
    for length in grid.sides[side + 1 :]:
        product *= length
    return product


def check(
    packed: Packed, slices: Mapping[str, int], free: Mapping[str, frozenset[int]], grid: HostGrid
) -> None:
    """Each seated slice is boxes of free places that no other has."""
    taken: set[tuple[str, int]] = set()
    for name, spots in packed.spots.items():
        assert sum(len(cells) for _, cells in spots) == slices[name]
        for rack, cells in spots:
            assert is_box(cells, grid)
            assert free[rack].issuperset(cells)
            assert taken.isdisjoint((rack, cell) for cell in cells)
            taken |= {(rack, cell) for cell in cells}


def test_hosts_of_four_chips_are_squares_of_a_pod() -> None:
    """16x16 chips of v5e are 8x8 hosts, and a slice of 4x8 is two by four of them, either way round."""
    assert V5E.sides == (8, 8)
    assert V5E.boxes[8] == ((2, 4), (4, 2))
    assert not V5E.joins


def test_hosts_of_a_cube_lie_in_three_dimensions() -> None:
    """4x4x4 chips are 2x2x4 hosts of 2x2x1; whole cubes join to larger slices."""
    assert CUBE.sides == (2, 2, 4)
    assert CUBE.boxes[2] == ((1, 1, 2),)
    assert CUBE.joins


@pytest.mark.parametrize(
    ("accelerator", "hosts", "chips"), [("H100", 8, 8), ("TPU-v5e", 9, 4), ("TPU-v4", 16, 3)]
)
def test_what_is_no_grid_is_none(accelerator: str, hosts: int, chips: int) -> None:
    """Other accelerators, a number of hosts that is no slice, hosts that do not exist."""
    assert host_grid(accelerator, hosts, chips) is None


def test_enough_free_hosts_are_not_enough() -> None:
    """A checkerboard has 32 free hosts and no two of them side by side."""
    free = {"r": frozenset(8 * row + column for row in range(8) for column in range(8) if (row + column) % 2)}
    packed = pack_boxes({"a": 2, "b": 1}, free, V5E)

    assert packed.proven
    assert list(packed.spots) == ["b"]


def test_what_first_fit_leaves_out_is_found() -> None:
    """Two rows of four and a column: the long slice must not lie where only two short ones fit."""
    free = {"r": frozenset({0, 1, 2, 3, 8, 9, 10, 11, 4, 12})}
    slices = {"a": 4, "b": 4, "c": 2}
    packed = pack_boxes(slices, free, V5E)

    check(packed, slices, free, V5E)
    assert set(packed.spots) == set(slices)


def test_large_slices_take_whole_cubes_wherever_they_are() -> None:
    """Two cubes of three, while parts share the third."""
    slices = {"big": 32, "part": 8, "other": 8}
    packed = pack_boxes(slices, whole(3, CUBE), CUBE)

    check(packed, slices, whole(3, CUBE), CUBE)
    assert set(packed.spots) == set(slices)


def test_three_hosts_are_no_slice() -> None:
    """They find no place in an empty pod, and nothing larger than a pod without cubes does."""
    packed = pack_boxes({"a": 3, "b": 128}, whole(2, V5E), V5E)

    assert (packed.spots, packed.proven) == ({}, True)


def test_what_stands_of_a_slice_says_where_its_rest_goes() -> None:
    """The third and fourth of four hosts stand; the first two come above them, if these places are free."""
    free = {"r": frozenset(range(64)) - {8, 9}}
    standing = {2: ("r", 8), 3: ("r", 9)}

    assert spots_around(4, standing, free, V5E) == ("r", (0, 1, 8, 9))
    assert spots_around(4, standing, {"r": free["r"] - {0}}, V5E) is None


def test_hundreds_of_slices_are_one_question() -> None:
    """Four pods, exactly full: none is left out, and that is known."""
    slices = {f"s{i}": size for i, size in enumerate([16] * 4 + [8] * 8 + [4] * 16 + [2] * 16 + [1] * 32)}
    packed = pack_boxes(slices, whole(4, V5E), V5E)

    check(packed, slices, whole(4, V5E), V5E)
    assert len(packed.spots) == len(slices) == 76
    assert sum(slices.values()) == 256


def best(slices: list[int], free: frozenset[int], grid: HostGrid) -> int:
    """Most hosts that can be seated, by trying everything cell by cell."""
    if not slices:
        return 0
    size, rest = slices[0], slices[1:]
    most = best(rest, free, grid)
    for cells in _all_boxes(size, grid):
        if free.issuperset(cells):
            most = max(most, size + best(rest, free - set(cells), grid))
    return most


def _all_boxes(size: int, grid: HostGrid) -> list[tuple[int, ...]]:
    wide = grid.sides[1]
    return [
        tuple(wide * (top + row) + left + column for row in range(height) for column in range(width))
        for height, width in grid.boxes[size]
        for top in range(grid.sides[0] - height + 1)
        for left in range(wide - width + 1)
    ]


SMALL = grid_of("TPU-v5e", 8, 4)


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([1, 2, 4, 8]), max_size=4),
    free=st.frozensets(st.integers(0, 7), min_size=1),
)
def test_packing_equals_brute_force(sizes: list[int], free: frozenset[int]) -> None:
    """As many hosts are seated as can be."""
    slices = {f"s{i}": size for i, size in enumerate(sizes)}
    packed = pack_boxes(slices, {"r": free}, SMALL)

    check(packed, slices, {"r": free}, SMALL)
    assert packed.proven
    assert sum(slices[name] for name in packed.spots) == best(sorted(sizes), free, SMALL)
