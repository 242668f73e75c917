"""Racks for the machines of gangs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement import Assignment, Choice, MachineSlot, Pool, Problem, ReplicaSlot
from dcplan.placement.seats import Seats, seat, seated

FREE = {"p": {"z/b/r1": 4, "z/b/r2": 4}}


def problem(*, one_rack: bool = True) -> Problem:
    """One pool whose gangs need one rack, or any."""
    pool = Pool(
        id="p", provider="dc", region="r", zone="z", machine="m", accelerator="A", devices=8, machines=None,
        usd_per_h=1.0,
    )  # fmt: skip
    gang = Choice(
        id="gang", workload="w", pools=("p",), replicas=1, devices=8, machines=1, hours=1.0, one_rack=one_rack
    )
    return Problem(workloads=(), pools=(pool,), choices=(gang,))


def assigned(*sizes: int, others: int = 0) -> Assignment:
    """Gangs of so many machines, and machines that others share."""
    names = [[f"g{i}-{j}" for j in range(size)] for i, size in enumerate(sizes)]
    slots = [
        MachineSlot(name=name, pool="p", exclusive_to=f"w-{i}")
        for i, gang in enumerate(names)
        for name in gang
    ]
    return Assignment(
        machines=(*slots, *(MachineSlot(name=f"o-{i}", pool="p") for i in range(others))),
        replicas=tuple(
            ReplicaSlot(name=f"w-{i}", workload="w", choice="gang", machines=tuple(gang), devices=(0,))
            for i, gang in enumerate(names)
        ),
    )


def racks_of(seats: Seats, gang: int) -> set[str]:
    """Where the machines of a gang stand."""
    return {rack for name, rack in seats.racks.items() if name.startswith(f"g{gang}-")}


def test_a_gang_that_needs_one_rack_gets_the_tightest_that_holds_it() -> None:
    """Of racks with room for all of its machines the one with least room."""
    free = {"p": {"z/b/r1": 4, "z/b/r2": 3}}

    assert racks_of(seat(problem(), assigned(3), free, {}), 0) == {"z/b/r2"}


def test_what_stands_stays() -> None:
    """Machines of today keep their rack, and the rest of their gang comes to them."""
    seats = seat(problem(), assigned(3), FREE, {"g0-1": "z/b/r2"})

    assert seats.unseated == ()
    assert racks_of(seats, 0) == {"z/b/r2"}


def test_gangs_that_the_tightest_fit_would_leave_out_are_seated_together() -> None:
    """3+3+2 and 4+4 into two racks of eight: the largest first takes 4+3, 4+3 and leaves the 2 alone."""
    free = {"p": {"a": 8, "b": 8}}
    seats = seat(problem(), assigned(4, 4, 3, 3, 2), free, {})

    assert seats.unseated == ()
    assert all(len(racks_of(seats, i)) == 1 for i in range(5))


def test_gangs_that_no_racks_hold_are_named_and_learned() -> None:
    """Two gangs of three do not fit into racks of four and two; one of them is named."""
    seats = seat(problem(), assigned(3, 3), {"p": {"a": 4, "b": 2}}, {})
    (rule,) = seats.crowded

    assert len(seats.unseated) == 1
    assert (rule.pool, rule.choices, rule.at_most) == ("p", ("gang",), 1)


def test_a_gang_whose_machines_stand_apart_is_not_behind_one_switch() -> None:
    """Machines of today in two racks are no gang of one rack."""
    seats = seat(problem(), assigned(2), FREE, {"g0-0": "z/b/r1", "g0-1": "z/b/r2"})

    assert seats.unseated == ("w-0",)


def test_other_gangs_take_few_racks_and_other_machines_the_fullest() -> None:
    """Six machines take a whole rack and half of the next; a machine of others goes where least is left."""
    seats = seat(problem(one_rack=False), assigned(6, others=1), FREE, {})

    assert racks_of(seats, 0) == {"z/b/r1", "z/b/r2"}
    assert seats.racks["o-0"] == "z/b/r2"


def test_nothing_is_said_where_racks_are_not_known() -> None:
    """A pool without racks leaves the seats to its provider."""
    seats = seat(problem(one_rack=False), assigned(4), {}, {})

    assert not seats.racks
    assert not seats.unseated


def test_a_machine_of_today_keeps_what_it_was_asked() -> None:
    """A machine that was never asked to stand anywhere is not asked now, so that it does not change."""
    assignment = assigned(2)
    seats = seat(problem(), assignment, FREE, {"g0-0": "z/b/r1"})
    named = {m.name: m.rack for m in seated(assignment, seats, {"g0-0": None}).machines}

    assert named == {"g0-0": None, "g0-1": "z/b/r1"}


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(2, 6), max_size=6),
    room=st.lists(st.integers(0, 9), min_size=1, max_size=5),
    others=st.integers(0, 4),
)
def test_no_rack_is_overfilled_and_no_gang_is_split(sizes: list[int], room: list[int], others: int) -> None:
    """Whatever there is: racks hold what they can, gangs are whole, and the unseated are those without."""
    free = {f"r{i}": count for i, count in enumerate(room)}
    seats = seat(problem(), assigned(*sizes, others=others), {"p": free}, {})
    used = [list(seats.racks.values()).count(rack) for rack in free]

    assert all(count <= free[rack] for rack, count in zip(free, used, strict=True))
    for i, size in enumerate(sizes):
        seated_machines = [name for name in seats.racks if name.startswith(f"g{i}-")]
        assert len(racks_of(seats, i)) <= 1
        assert len(seated_machines) == (0 if f"w-{i}" in seats.unseated else size)
