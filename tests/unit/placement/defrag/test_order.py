"""An order of moves in which no machine is ever overfull."""

from __future__ import annotations

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.defrag import Goal, Standing, standing
from dcplan.placement.defrag.order import ordered
from dcplan.placement.defrag.room import Room
from dcplan.placement.defrag.types import Ending


def now(machines: int, *on: int, devices: int = 2) -> Standing:
    """Machines in one rack, and a job that fills one of them on each of ``on``."""
    nodes = tuple(
        FleetNode(name=f"n{at}", model="A", devices=devices, cpu_milli=9, memory_mib=9, rack="r")
        for at in range(machines)
    )
    jobs = [
        Job(name=f"j{at}", cpu_milli=1, memory_mib=1, devices=devices, on=(f"n{one}",))
        for at, one in enumerate(on)
    ]
    return standing(Fleet(nodes=nodes), jobs, Goal(slices=1, nodes=1)).unwrap()


def test_who_makes_room_goes_first() -> None:
    """A chain is made from its free end."""
    today = now(3, 0, 1)

    moves, stuck = ordered(today, Room(today), Ending(seats={0: (1,), 1: (2,)}, slices=((0,),)))

    assert stuck == ()
    assert [move.job for move in moves] == ["j1", "j0"]
    assert [move.temporary for move in moves] == [False, False]


def test_a_circle_is_broken_by_a_temporary_seat() -> None:
    """Two jobs change places by way of a third machine: three moves, one of them temporary."""
    today = now(3, 0, 1)

    moves, stuck = ordered(today, Room(today), Ending(seats={0: (1,), 1: (0,)}, slices=()))

    assert stuck == ()
    assert [move.temporary for move in moves] == [True, False, False]
    assert [(m.source[0], m.target[0]) for m in moves] == [("n0", "n2"), ("n1", "n0"), ("n2", "n1")]


def test_a_circle_without_room_is_said_to_be_impossible() -> None:
    """With no third machine both jobs are named, and nothing is moved."""
    today = now(2, 0, 1)

    moves, stuck = ordered(today, Room(today), Ending(seats={0: (1,), 1: (0,)}, slices=()))

    assert stuck == ("j0", "j1")
    assert moves == ()


def test_slices_are_freed_one_after_another() -> None:
    """Who stands in the way of the first slice moves first, large or small."""
    today = now(4, 0, 1)

    moves, _ = ordered(today, Room(today), Ending(seats={0: (2,), 1: (3,)}, slices=((1,), (0,))))

    assert [move.job for move in moves] == ["j1", "j0"]
