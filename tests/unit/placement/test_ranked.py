"""Racks by rank: neighbours in rings and pipelines share racks, and never less than before."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.perf.types import Between
from dcplan.placement import Assignment, Choice, MachineSlot, Pool, Problem, ReplicaSlot
from dcplan.placement.gangs.types import Gang
from dcplan.placement.gangs.verify import sent
from dcplan.placement.rank_types import Part
from dcplan.placement.ranked import by_turns, parts_of, rank_maps, sent_bytes
from dcplan.placement.seats import Hall, Seats, seat

RING, HOP = 100.0, 1.0


def job(stages: int, members: int, ring: float = RING, hop: float = HOP) -> Between:
    """What a job of so many stages exchanges."""
    return Between(
        stages=stages, members=members, group=1, ring_bytes=ring, boundary_bytes=hop, group_bytes=0.0
    )


def asked(*jobs: Between) -> tuple[Problem, Assignment]:
    """Jobs in one pool whose gangs may lie in any racks, with names for their machines."""
    pool = Pool(
        id="p", provider="dc", region="r", zone="z", machine="m", accelerator="A", devices=8, machines=None,
        usd_per_h=1.0,
    )  # fmt: skip
    choices = tuple(
        Choice(
            id=f"c{i}", workload=f"w{i}", pools=("p",), replicas=1, devices=8 * one.machines,
            machines=one.machines, hours=1.0, between=one, sent_bytes_per_s=1.0,
        )
        for i, one in enumerate(jobs)
    )  # fmt: skip
    names = [tuple(f"w{i}-{k}" for k in range(one.machines)) for i, one in enumerate(jobs)]
    return Problem(workloads=(), pools=(pool,), choices=choices), Assignment(
        machines=tuple(
            MachineSlot(name=n, pool="p", exclusive_to=f"w{i}") for i, own in enumerate(names) for n in own
        ),
        replicas=tuple(
            ReplicaSlot(name=f"w{i}", workload=f"w{i}", choice=f"c{i}", machines=own, devices=tuple(range(8)))
            for i, own in enumerate(names)
        ),
    )


def racks_of(seats: Seats, job_: int, machines: int) -> tuple[str, ...]:
    """Racks of a job, in rank order."""
    return tuple(seats.racks[f"w{job_}-{k}"] for k in range(machines))


def crossing(between: Between, racks: tuple[str, ...]) -> float:
    """Bytes that leave racks, counted ring by ring and pipeline by pipeline."""
    gang = Gang(
        name="g",
        stages=between.stages,
        data=between.members,
        ring_bytes=between.ring_bytes,
        boundary_bytes=between.boundary_bytes,
    )
    nodes = [str(i) for i in range(len(racks))]
    return sum(sent(gang, nodes, dict(zip(nodes, racks, strict=True))).values())


def without_ranks(problem: Problem) -> Problem:
    """The same question from somebody who does not know what machines exchange."""
    return Problem(
        workloads=(),
        pools=problem.pools,
        choices=tuple(
            Choice(
                id=c.id, workload=c.workload, pools=c.pools, replicas=1, devices=c.devices,
                machines=c.machines, hours=1.0,
            )
            for c in problem.choices
        ),
    )  # fmt: skip


def test_stages_are_not_cut_where_they_need_not_be() -> None:
    """Two stages of four, and racks with five, three and four free: 5 + 3 would cut both stages' rings."""
    problem, assignment = asked(job(2, 4))
    free = {"p": {"a": 5, "b": 3, "c": 4}}
    seats = seat(problem, assignment, free, {})
    before = seat(without_ranks(problem), assignment, free, {})

    assert crossing(job(2, 4), racks_of(before, 0, 8)) >= 2 * RING
    assert crossing(job(2, 4), racks_of(seats, 0, 8)) == 4 * 2 * HOP
    assert sorted(Counter(racks_of(seats, 0, 8)).values()) == [4, 4]


def test_what_runs_keeps_its_order() -> None:
    """A gang that stands is not seated again, however badly it stands."""
    problem, assignment = asked(job(2, 2))
    today = {"w0-0": "a", "w0-1": "b", "w0-2": "a", "w0-3": "b"}
    seats = seat(problem, assignment, {"p": {"a": 9, "b": 9}}, today)

    assert racks_of(seats, 0, 4) == ("a", "b", "a", "b")


def test_uplinks_that_carry_less_are_respected() -> None:
    """Seats by rank that would overload an uplink are not taken."""
    problem, assignment = asked(job(1, 3), job(1, 3))
    free = {"p": {"a": 2, "b": 2, "c": 2}}
    hall = Hall(uplinks={"p": dict.fromkeys("abc", 2.0)})
    seats = seat(problem, assignment, free, {}, hall)

    assert not seats.crowded


def test_runs_of_ranks_are_told_with_what_leaves_racks() -> None:
    """Machines count from 0; racks that take turns cut every ring."""
    problem, assignment = asked(job(2, 2))
    where = {"w0-0": "a", "w0-1": "a", "w0-2": "b", "w0-3": "b"}
    (found,) = rank_maps(problem, assignment, where)

    assert found.parts == (Part(rack="a", first=0, last=1), Part(rack="b", first=2, last=3))
    assert found.sent_bytes == pytest.approx(4 * HOP)
    assert found.by_turns_bytes == pytest.approx(4 * RING)


def test_nothing_is_told_without_racks() -> None:
    """One machine whose rack nobody tells is enough."""
    problem, assignment = asked(job(2, 1))

    assert rank_maps(problem, assignment, {"w0-0": "a"}) == ()


def test_racks_take_turns_until_they_are_used_up() -> None:
    """Two of a and three of b."""
    assert by_turns(("a", "a", "b", "b", "b")) == ("a", "b", "a", "b", "b")
    assert len(parts_of("abab")) == 4


@settings(max_examples=40, deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), min_size=1, max_size=3),
    room=st.lists(st.integers(0, 6), min_size=2, max_size=5),
    ring=st.sampled_from([0.0, 1.0, 50.0]),
    hop=st.sampled_from([0.0, 1.0, 10.0]),
)
def test_ranks_never_send_more_than_seats_that_do_not_know_them(
    shapes: list[tuple[int, int]], room: list[int], ring: float, hop: float
) -> None:
    """Whatever the racks: who had seats has seats, racks hold them, and no more bytes than before leave."""
    jobs = [job(stages, members, ring, hop) for stages, members in shapes if stages * members > 1]
    problem, assignment = asked(*jobs)
    free = {"p": {f"r{i}": count for i, count in enumerate(room)}}
    before = seat(without_ranks(problem), assignment, free, {})
    after = seat(problem, assignment, free, {})
    used = Counter(after.racks.values())

    assert set(after.racks) == set(before.racks)
    assert all(used[rack] <= count for rack, count in free["p"].items())
    if all(f"w{i}-{one.machines - 1}" in before.racks for i, one in enumerate(jobs)):
        sums = [
            sum(crossing(one, racks_of(seats, i, one.machines)) for i, one in enumerate(jobs))
            for seats in (before, after)
        ]

        assert sums[1] <= sums[0] + 1e-9
        assert sums[1] == pytest.approx(
            sum(sent_bytes(one, racks_of(after, i, one.machines)) for i, one in enumerate(jobs))
        )
