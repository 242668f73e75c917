"""What stands where today, and what is wrong with the lists."""

from __future__ import annotations

from dataclasses import replace

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.defrag import Goal, standing

NODE = FleetNode(name="n0", model="A", devices=2, cpu_milli=10, memory_mib=10, rack="r0")
FLEET = Fleet(nodes=(NODE, replace(NODE, name="n1"), replace(NODE, name="loose", rack="")))
JOB = Job(name="j", cpu_milli=1, memory_mib=1, devices=1, on=("n0",))
GOAL = Goal(slices=1, nodes=1)


def codes(*jobs: Job) -> list[str]:
    """What is said about these jobs."""
    return [one.code for one in standing(FLEET, jobs, GOAL).diagnostics]


def test_an_unknown_machine_is_named_with_a_guess() -> None:
    """The job, its machine and the nearest name are told."""
    found = standing(FLEET, [replace(JOB, on=("n00",))], GOAL)

    assert found.value is None
    assert found.diagnostics[0].code == "job-on-unknown-machine"
    assert 'Did you mean "n0"?' in found.diagnostics[0].detail


def test_a_job_listed_twice_is_refused() -> None:
    """Names must tell jobs apart."""
    assert codes(JOB, JOB) == ["job-twice"]


def test_parts_need_a_machine_each() -> None:
    """A job of two parts on one named machine is refused."""
    assert codes(replace(JOB, parts=2)) == ["parts-and-machines"]


def test_an_overfull_machine_is_refused_for_each_want() -> None:
    """Devices, cores and memory are told apart, all at once."""
    found = standing(FLEET, [replace(JOB, devices=3, cpu_milli=11, memory_mib=11)], GOAL)

    assert found.value is None
    assert len(found.diagnostics) == 3
    assert {"machine-overfull"} == {one.code for one in found.diagnostics}


def test_shares_overfill_by_device() -> None:
    """Three shares of 0.6 do not fit on two devices."""
    jobs = [replace(JOB, name=f"j{at}", devices=0, share_milli=600) for at in range(3)]

    assert codes(*jobs) == ["machine-overfull"]


def test_jobs_that_do_not_run_are_left_out() -> None:
    """They are counted in a warning, and hold nothing."""
    found = standing(FLEET, [replace(JOB, on=()), replace(JOB, name="k")], GOAL)

    assert [one.code for one in found.diagnostics] == ["jobs-not-running"]
    assert len(found.unwrap().groups) == 1


def test_a_machine_without_a_rack_gives_no_slices() -> None:
    """It is a domain of its own, that can take jobs in."""
    now = standing(FLEET, [], GOAL).unwrap()

    assert [domain.most_slices for domain in now.domains] == [2, 0]


def test_many_problems_of_one_kind_are_cut_short() -> None:
    """After twenty the rest is counted."""
    found = standing(FLEET, [replace(JOB, name=f"j{at}", on=("x",)) for at in range(50)], GOAL)

    assert len(found.diagnostics) == 21
    assert "30 more" in found.diagnostics[-1].detail
