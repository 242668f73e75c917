"""Which replicas share machines, and how many machines that takes."""

from __future__ import annotations

from dcplan.placement.packing import Shelf, shelves_of


def test_sizes_that_nest_share_one_shelf() -> None:
    """Tensor-parallel degrees are a chain: 8, 4, 2, 1."""
    assert shelves_of([1, 2, 4, 8], 8) == (Shelf((8, 4, 2, 1), 8),)


def test_other_sizes_stand_alone_and_waste_what_is_left() -> None:
    """Seven of eight devices: one to a machine.  Three: two to a machine, six devices."""
    assert shelves_of([1, 3, 7], 8) == (Shelf((1,), 8), Shelf((7,), 7), Shelf((3,), 6))


def test_a_chain_must_divide_the_machine() -> None:
    """Four and two nest, but not in a machine of six."""
    assert shelves_of([4, 2], 6) == (Shelf((2,), 6), Shelf((4,), 4))


def test_what_is_larger_than_a_machine_has_no_shelf() -> None:
    """Sixteen devices do not fit into eight."""
    assert shelves_of([16], 8) == ()


def test_machines_round_up() -> None:
    """Nine devices on machines of eight are two machines, none are none."""
    shelf = Shelf((8, 4, 2, 1), 8)

    assert shelf.machines(9) == 2
    assert shelf.machines(8) == 1
    assert shelf.machines(0) == 0
