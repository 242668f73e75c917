"""At most so many replicas of today do not stay where they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement import Allotment, Problem, Workload, solve
from dcplan.placement.aims import MovesRule
from dcplan.placement.moving import moved
from placement_problems import choice, origins, pool

RULE = ("constraints", "max_moves")


def problem(at_most: int, *, replicas: int = 4, today: int = 4, room: int | None = None) -> Problem:
    """All replicas run where it is dear today; ``room`` machines are left there."""
    return Problem(
        workloads=(Workload(name="chat", origin=("workloads", "chat")),),
        pools=(pool("dear", usd_per_h=3.0, machines=room), pool("cheap")),
        choices=(choice("chat", ("dear", "cheap"), replicas),),
        current=(Allotment(workload="chat", choice="chat-way", pool="dear", replicas=today),),
        max_moves=MovesRule(at_most=at_most, origin=RULE),
    )


def where(problem: Problem) -> dict[str, int]:
    """Replicas by pool."""
    return {a.pool: a.replicas for a in solve(problem).unwrap().allotments}


def test_as_many_move_as_may() -> None:
    """What is cheaper elsewhere moves as far as the limit goes, and no further."""
    assert where(problem(0)) == {"dear": 4}
    assert where(problem(1)) == {"cheap": 1, "dear": 3}
    assert where(problem(4)) == {"cheap": 4}


def test_what_is_not_needed_any_more_does_not_count() -> None:
    """Fewer replicas than today are no moves, and neither are new ones."""
    assert where(problem(0, replicas=2)) == {"dear": 2}
    assert where(problem(0, replicas=5)) == {"cheap": 1, "dear": 4}


def test_another_choice_moves_all() -> None:
    """When another choice is taken, none of today's replicas stays."""
    other = choice("chat", ("cheap",), 1, id="other")
    tempting = problem(3)
    tempting = replace(tempting, choices=(*tempting.choices, other))

    assert solve(tempting).unwrap().allotments[0].choice == "chat-way"
    found = solve(replace(tempting, max_moves=MovesRule(at_most=4, origin=RULE))).unwrap()
    assert found.allotments[0].choice == "other"
    assert moved(tempting, found.allotments) == {"chat": 4}


@pytest.mark.parametrize(
    ("at_most", "words"), [(0, "no replica of today"), (1, "at most 1 replica of today")]
)
def test_too_few_moves(at_most: int, words: str) -> None:
    """Where room is lost, the limit's line comes first and says how many moves are missing."""
    tight = problem(at_most, room=1)
    [diagnostic] = solve(tight).diagnostics

    assert origins(tight)[0] == RULE
    assert f"{words} may move" in diagnostic.detail
    assert f"{3 - at_most} move" in diagnostic.detail or "short in pool dear" in diagnostic.detail
