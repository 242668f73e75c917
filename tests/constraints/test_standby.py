"""Machines that stand by for a job are in its pool, and paid for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement import Allotment, Assignment, Beside, Problem, Workload, solve
from dcplan.placement.assign import assign
from dcplan.placement.verify import violations
from placement_problems import choice, pool


def problem(machines: int, standby: int = 2) -> Problem:
    """A job over four machines in one of two pools of a zone, ten dollars an hour and nine."""
    pools = (pool("dear", machines=8, usd_per_h=10.0), pool("cheap", machines=machines, usd_per_h=9.0))
    ids = tuple(p.id for p in pools)
    waiting = Beside(pools=ids, devices=0, machines=standby, same_pool=True)
    way = choice("job", ids, 1, machines=4, devices=32, one_pool=True, hours=1.0, time_s=3600.0)
    way = replace(way, beside=waiting)
    return Problem(workloads=(Workload(name="job", origin=("job",)),), pools=pools, choices=(way,))


@pytest.mark.parametrize(("machines", "where", "cost"), [(6, "cheap", 54.0), (5, "dear", 60.0)])
def test_they_are_in_the_pool_of_the_job(machines: int, where: str, cost: float) -> None:
    """A pool with room for the job but not for what stands by is no use."""
    found = solve(problem(machines)).unwrap()

    assert [a.pool for a in (*found.allotments, *found.beside)] == [where, where]
    assert found.usd_per_h == cost


def test_no_room_for_them_is_told() -> None:
    """The error names the rule and the pools."""
    short = problem(4)
    short = replace(short, pools=(replace(short.pools[0], machines=5), short.pools[1]))
    [told] = solve(short).diagnostics

    assert told.code == "no-placement"
    assert "pool dear has 5 machines" in told.detail


def test_another_pool_of_the_zone_is_caught() -> None:
    """The verifier wants them in the very pool."""
    asked = problem(6)
    good = solve(asked).unwrap()
    away = replace(good, beside=(Allotment(workload="job", choice="job-way", pool="dear", replicas=1),))

    assert violations(asked, good) == ()
    assert any("parts beside in dear" in one for one in violations(asked, away))


def test_they_have_names_and_keep_them() -> None:
    """The job runs on four machines, two others wait; the next assignment is the same."""
    asked = problem(6)
    found = solve(asked).unwrap()
    first = assign(found, asked, Assignment())
    [job] = first.replicas

    assert len(job.machines) == 4
    assert len(job.beside_machines) == 2
    assert not set(job.machines) & set(job.beside_machines)
    assert assign(found, asked, first) == first
