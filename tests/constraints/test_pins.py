"""Replicas are where they are pinned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement import Allotment, Problem, Workload, solve
from dcplan.placement.aims import PinRule
from placement_problems import choice, origins, pool

LINE = ("workloads", "chat", "constraints", "pin")


def pin(kind: str, place: str, replicas: int | None = None, *, i: int = 0) -> PinRule:
    """A pin on a line of its own."""
    return PinRule(kind=kind, place=place, replicas=replicas, origin=(*LINE, i))


def problem(*pins: PinRule, dear: int | None = None) -> Problem:
    """Four replicas that would all be in the cheap pool."""
    chat = Workload(name="chat", origin=("workloads", "chat"), pins=pins)
    return Problem(
        workloads=(chat,),
        pools=(
            pool("cheap", zone="r0-a"),
            pool("dear", zone="r1-a", usd_per_h=3.0, machines=dear),
            pool("away", zone="r2-a", usd_per_h=9.0),
        ),
        choices=(choice("chat", ("cheap", "dear"), 4),),
    )


def where(problem: Problem) -> dict[str, int]:
    """Replicas by pool."""
    return {a.pool: a.replicas for a in solve(problem).unwrap().allotments}


@pytest.mark.parametrize(("kind", "place"), [("pool", "dear"), ("zone", "r1-a"), ("region", "r1")])
def test_pinned_replicas_are_there(kind: str, place: str) -> None:
    """At least so many stand in the place, without a number all."""
    assert where(problem()) == {"cheap": 4}
    assert where(problem(pin(kind, place, 3))) == {"cheap": 1, "dear": 3}
    assert where(problem(pin(kind, place))) == {"dear": 4}


def test_a_pin_against_a_pool_that_is_too_small() -> None:
    """The pin's line comes first, and what is short is told."""
    tight = problem(pin("zone", "r1-a", 3), dear=2)
    [diagnostic] = solve(tight).diagnostics

    assert origins(tight)[0] == (*LINE, 0)
    assert '3 replicas of "chat" are pinned to zone r1-a' in diagnostic.detail
    assert "1 machine short in pool dear" in diagnostic.detail


@pytest.mark.parametrize(
    ("pins", "code"),
    [
        ((pin("zone", "r9-z"),), "pin-unknown"),
        ((pin("pool", "away", 1),), "pin-excluded"),
        ((pin("zone", "r1-a", 5),), "pin-too-many"),
        ((pin("pool", "dear", 2), pin("pool", "cheap", 3, i=1)), "pin-too-many"),
        ((pin("pool", "dear"), pin("pool", "cheap", 1, i=1)), "pin-too-many"),
    ],
)
def test_pins_that_cannot_be_are_told(pins: tuple[PinRule, ...], code: str) -> None:
    """A place that is not there, that may not be used, or too many replicas: a diagnostic at the pin."""
    [diagnostic] = solve(problem(*pins)).diagnostics

    assert diagnostic.code == code
    assert diagnostic.path == pins[-1].origin


def test_what_runs_stays() -> None:
    """Pinned to where it runs, a workload neither moves nor changes its choice."""
    today = (Allotment(workload="chat", choice="chat-way", pool="dear", replicas=4),)
    base = replace(problem(), current=today)
    kept = replace(base, workloads=(replace(base.workloads[0], stay=LINE),))
    grown = replace(kept, choices=(replace(kept.choices[0], replicas=5),))

    assert where(base) == {"cheap": 4}
    assert where(kept) == {"dear": 4}
    assert where(grown) == {"cheap": 1, "dear": 4}


def test_what_cannot_stay_is_told() -> None:
    """A layout of today that is none of its layouts any more, or a pool that has shrunk: told at the pin."""
    today = (Allotment(workload="chat", choice="gone", pool="dear", replicas=4),)
    base = problem(dear=2)
    stay = (replace(base.workloads[0], stay=LINE),)
    shrunk = replace(base, workloads=stay, current=(replace(today[0], choice="chat-way"),))
    [gone] = solve(replace(base, workloads=stay, current=today)).diagnostics

    assert (gone.code, gone.path) == ("pin-gone", LINE)
    assert origins(shrunk)[0] == LINE
