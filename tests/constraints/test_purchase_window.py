"""Machines are there for as long as they are needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement import Allotment, Choice, Problem, Workload, solve
from dcplan.placement.verify import violations
from placement_problems import choice, origins, pool, solution_of

BLOCK = ("providers", "aws", "capacity_blocks", 0)
H = 3600.0


def job(hours: float, *, deadline_h: float | None = None) -> Choice:
    """A training job of one machine."""
    way = choice("chat", ("free", "dear"), 1, hours=hours, time_s=hours * H, one_pool=True)
    return way if deadline_h is None else replace(way, must_end_s=deadline_h * H)


def problem(way: Choice, **window: float | None) -> Problem:
    """A block that costs nothing more, and machines on demand."""
    free = pool("free", usd_per_h=0.0, origin=BLOCK, purchase="capacity-block", **window)
    chat = Workload(name="chat", origin=("workloads", "chat"))
    return Problem(workloads=(chat,), pools=(free, pool("dear", usd_per_h=9.0)), choices=(way,))


def where(asked: Problem) -> str:
    """The pool that is used."""
    [allotment] = solve(asked).unwrap().allotments
    return allotment.pool


@pytest.mark.parametrize(
    ("hours", "deadline_h", "window", "expected"),
    [
        (10, None, {"ends_in_s": 10 * H}, "free"),
        (10, None, {"ends_in_s": 9 * H}, "dear"),
        (10, None, {"starts_in_s": 5 * H, "ends_in_s": 15 * H}, "free"),
        (10, None, {"starts_in_s": 6 * H, "ends_in_s": 15 * H}, "dear"),
        (10, 16, {"starts_in_s": 6 * H}, "free"),
        (10, 15, {"starts_in_s": 6 * H}, "dear"),
        (10, None, {"starts_in_s": None}, "free"),
        (10, 99, {"starts_in_s": None}, "dear"),
        (10, None, {"longest_s": 9 * H}, "dear"),
        (10, 10, {"longest_s": 10 * H}, "free"),
    ],
)
def test_a_job_fits_its_window(
    hours: float, deadline_h: float | None, window: dict[str, float | None], expected: str
) -> None:
    """A job is done before its window, its loan and its deadline end, after it has waited."""
    assert where(problem(job(hours, deadline_h=deadline_h), **window)) == expected


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({"ends_in_s": 10 * H}, "free"),
        ({"ends_in_s": 9.9 * H}, "dear"),
        ({"starts_in_s": 1.0}, "dear"),
        ({"starts_in_s": None}, "dear"),
    ],
)
def test_serving_takes_the_whole_horizon_from_now_on(window: dict[str, float | None], expected: str) -> None:
    """What answers requests neither waits nor leaves before the horizon."""
    assert where(problem(choice("chat", ("free", "dear"), 1, hours=10.0), **window)) == expected


def test_a_job_that_runs_has_begun_in_time() -> None:
    """Planning again while it runs does not move it, although its whole time no longer fits."""
    asked = problem(job(10), ends_in_s=4 * H)
    there = Allotment(workload="chat", choice="chat-way", pool="free", replicas=1)

    assert where(asked) == "dear"
    assert where(replace(asked, current=(there,))) == "free"


def test_a_window_that_is_too_short() -> None:
    """The line of the block is named, with how long it is there and how long it is needed."""
    alone = replace(job(10), pools=("free",))
    asked = problem(alone, starts_in_s=2 * H, ends_in_s=8 * H)
    [diagnostic] = solve(asked).diagnostics

    assert BLOCK in origins(asked)
    assert "free is there for 6h, not the 10h that are needed" in diagnostic.detail


def test_the_verifier_looks_at_the_clock_too() -> None:
    """A job beyond its window is told of, without the model."""
    asked = problem(job(10), ends_in_s=9 * H)

    assert "chat is not done in free in time" in violations(
        asked, solution_of(asked, {("chat-way", "free"): 1})
    )
