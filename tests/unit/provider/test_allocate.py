"""Which rack the next machine goes into."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.provider.local.allocate import Rack, choose_rack


def _rack(name: str, block: str = "a") -> Rack:
    """A rack of the only zone."""
    return Rack(zone="z", block=block, name=name)


def _place(free: dict[Rack, int], size: int) -> list[Rack]:
    """The racks a gang of ``size`` gets, one call after the other; takes them from ``free``."""
    members: list[Rack] = []
    for _ in range(size):
        rack = choose_rack(free, size, members)
        assert rack is not None
        free[rack] -= 1
        members.append(rack)
    return members


def test_nothing_free_is_none() -> None:
    """Full racks are no choice."""
    assert choose_rack({_rack("r1"): 0}, 1, []) is None


def test_a_machine_of_its_own_fills_the_fullest_rack() -> None:
    """Whole racks stay whole for gangs."""
    assert choose_rack({_rack("r1"): 4, _rack("r2"): 1}, 1, []) == _rack("r2")


def test_a_gang_that_fits_into_a_rack_gets_one() -> None:
    """The smallest rack that holds the whole gang takes it."""
    free = {_rack("r1"): 2, _rack("r2"): 8, _rack("r3"): 4}

    assert _place(free, 3) == [_rack("r3")] * 3


def test_a_large_gang_takes_the_largest_racks_first() -> None:
    """A gang larger than any rack takes as few racks as there can be."""
    free = {_rack("r1"): 2, _rack("r2"): 4, _rack("r3"): 3}

    assert set(_place(free, 6)) == {_rack("r2"), _rack("r1")}


def test_a_gang_stays_in_one_block_where_it_can() -> None:
    """A block that holds the gang is taken before a larger rack of another block."""
    free = {_rack("r1", "a"): 3, _rack("r1", "b"): 2, _rack("r2", "b"): 2}

    assert {rack.block for rack in _place(free, 4)} == {"b"}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(1, 20))
def test_a_gang_uses_the_fewest_racks_of_its_block(counts: list[int], size: int) -> None:
    """In one block, no other choice of racks holds the gang with fewer of them."""
    free = {_rack(f"r{i}"): count for i, count in enumerate(counts)}
    if sum(counts) < size:
        return
    used = set(_place(dict(free), size))
    largest = sorted(counts, reverse=True)
    fewest = next(n for n in range(1, len(counts) + 1) if sum(largest[:n]) >= size)

    assert len(used) == fewest
