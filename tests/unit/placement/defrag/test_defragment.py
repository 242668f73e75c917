"""Free slices of small fleets that a person can check."""

from __future__ import annotations

import pytest

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.diag import Result
from dcplan.placement.defrag import Defragmentation, Goal, defragment, standing, violations


def fleet_of(racks: int, per_rack: int, devices: int = 4, **more: int) -> Fleet:
    """Racks r0, r1 ... of machines r0-n0, r0-n1 ..."""
    return Fleet(
        nodes=tuple(
            FleetNode(
                name=f"r{r}-n{n}",
                model="GB200",
                devices=devices,
                cpu_milli=more.get("cpu_milli", 1000),
                memory_mib=1000,
                rack=f"r{r}",
            )
            for r in range(racks)
            for n in range(per_rack)
        )
    )


def job(name: str, devices: int, *on: str, share: int = 0, cpu_milli: int = 1) -> Job:
    """A job with one part on each of these machines."""
    return Job(
        name=name,
        cpu_milli=cpu_milli,
        memory_mib=1,
        devices=devices,
        share_milli=share,
        parts=max(1, len(on)),
        on=on,
    )


def asked(
    fleet: Fleet, jobs: list[Job], slices: int, nodes: int | None, max_moves: int | None = None
) -> Result[Defragmentation]:
    """The answer, replayed by the independent check."""
    goal = Goal(slices=slices, nodes=nodes, max_moves=max_moves)
    found = defragment(standing(fleet, jobs, goal).unwrap(), goal)
    if found.value is not None:
        assert tuple(violations(fleet, jobs, found.value, nodes)) == ()
    return found


def test_the_rack_with_the_fewest_jobs_is_emptied() -> None:
    """One job leaves its rack for the gap that fits it tightest, and that is proven to be the least."""
    jobs = [job("a", 1, "r0-n0"), job("b", 2, "r1-n0"), job("c", 1, "r1-n1"), job("d", 3, "r2-n0")]
    jobs += [job("e", 1, "r2-n1")]

    plan = asked(fleet_of(3, 2), jobs, 1, 2).unwrap()

    assert [(m.job, m.source, m.target) for m in plan.moves] == [("a", ("r0-n0",), ("r2-n0",))]
    assert plan.slices[0].nodes == ("r0-n0", "r0-n1")
    assert plan.proven
    assert plan.bound == 1


def test_what_is_free_today_takes_no_moves() -> None:
    """Slices that could start already count."""
    plan = asked(fleet_of(3, 2), [job("a", 1, "r0-n0")], 2, 2).unwrap()

    assert plan.slices_before == 2
    assert plan.moves == ()
    assert plan.proven


def test_a_gang_moves_as_one_and_stays_in_one_rack() -> None:
    """Parts that ran in one rack go to one rack together, and count as one move."""
    jobs = [
        job("gang", 4, "r0-n0", "r0-n1"),
        job("x", 2, "r1-n0"),
        job("y", 2, "r1-n0"),
        job("z", 1, "r2-n0"),
    ]

    plan = asked(fleet_of(3, 4), jobs, 2, 4).unwrap()

    assert plan.proven
    assert len(plan.moves) == 2
    assert {"gang", "z"} == {move.job for move in plan.moves}
    gang = next(move for move in plan.moves if move.job == "gang")
    assert len({name.split("-")[0] for name in gang.target}) == 1


def test_a_gang_over_two_racks_moves_only_where_it_must() -> None:
    """The parts in the rack to be freed move; those in the other stay."""
    jobs = [job("wide", 4, "r0-n0", "r1-n0"), job("x", 4, "r1-n1")]

    plan = asked(fleet_of(2, 3), jobs, 1, 3).unwrap()

    assert [(m.job, m.parts, m.source, m.target) for m in plan.moves] == [
        ("wide", (0,), ("r0-n0",), ("r1-n2",))
    ]


def test_room_is_made_where_there_is_none() -> None:
    """A job for a whole machine finds none free, so the small one on another machine moves first."""
    jobs = [job("big", 4, "r0-n0"), job("s", 1, "r1-n0"), job("t", 2, "r1-n1")]
    jobs += [job("u", 4, "r2-n0"), job("v", 4, "r2-n1"), job("w", 1, "r0-n1"), job("x", 4, "r3-n0")]
    jobs += [job("y", 4, "r3-n1")]

    plan = asked(fleet_of(4, 2), jobs, 1, 2).unwrap()

    assert plan.proven
    assert len(plan.moves) == 2
    assert len(plan.slices) == 1


def test_shares_pack_on_devices_not_in_sum() -> None:
    """Three shares of 0.6 need three devices, whatever their sum."""
    fleet = fleet_of(2, 1, devices=2)
    jobs = [job("p", 0, "r0-n0", share=600), job("q", 0, "r1-n0", share=600), job("r", 0, "r1-n0", share=600)]

    found = asked(fleet, jobs, 1, 1)

    assert found.value is None
    assert [one.code for one in found.diagnostics] == ["not-enough-room"]
    assert "proven to be impossible" in found.diagnostics[0].detail


def test_cores_and_memory_count_as_well() -> None:
    """A machine with free devices and no free cores takes nobody."""
    fleet = fleet_of(3, 1, cpu_milli=10)
    jobs = [job("a", 1, "r0-n0", cpu_milli=6), job("b", 1, "r1-n0", cpu_milli=6)]
    jobs += [job("c", 1, "r2-n0", cpu_milli=5)]

    found = asked(fleet, jobs, 1, 1)

    assert found.value is None


def test_max_moves_frees_as_many_as_it_can() -> None:
    """With one move allowed where two slices need two, one slice is freed, and a warning says so."""
    jobs = [job(f"j{r}", 1, f"r{r}-n0") for r in range(4)]

    found = asked(fleet_of(4, 2), jobs, 2, 2, max_moves=1)

    assert found.value is not None
    assert len(found.value.moves) == 1
    assert len(found.value.slices) == 1
    assert found.value.asked == 2
    assert [one.code for one in found.diagnostics] == ["fewer-slices"]


def test_racks_of_two_slices_give_two() -> None:
    """A rack may give several slices, where that is cheaper than another rack."""
    jobs = [job("a", 1, "r0-n0"), *(job(f"b{n}", 4, f"r1-n{n}") for n in range(3))]

    plan = asked(fleet_of(2, 4), jobs, 2, 2).unwrap()

    assert [one.domain for one in plan.slices] == ["r0", "r0"]
    assert len(plan.moves) == 1


def test_whole_racks_are_freed_without_a_size() -> None:
    """Without a number of machines a slice is all of a rack."""
    plan = asked(
        fleet_of(3, 3), [job("a", 1, "r0-n2"), job("b", 1, "r1-n0"), job("c", 1, "r2-n1")], 2, None
    ).unwrap()

    assert [len(one.nodes) for one in plan.slices] == [3, 3]
    assert len(plan.moves) == 2


@pytest.mark.parametrize(("slices", "nodes"), [(3, 2), (1, 3)])
def test_more_than_the_machines_give_is_refused(slices: int, nodes: int) -> None:
    """More or larger slices than there could be without any job are refused, with what there could be."""
    found = asked(fleet_of(2, 2), [], slices, nodes)

    assert found.value is None
    assert [one.code for one in found.diagnostics] == ["no-such-slices"]
    assert f"{slices} {'is' if slices == 1 else 'are'} asked for" in found.diagnostics[0].detail
