"""Where carbon is minimised, nothing is where it is not known."""

from __future__ import annotations

from dataclasses import replace

from dcplan.placement import Problem, Workload, solve
from dcplan.placement.aims import Ceiling, Goal, Measure
from placement_problems import choice, origins, pool

GOAL = Goal(weights=((Measure.CARBON, 1.0),), weighted=False, origin=("minimise",))


def problem(*, known: int, goals: tuple[Goal, ...] = (GOAL,)) -> Problem:
    """Two replicas; a cheap pool of unknown carbon, and a dear one of so many machines with known carbon."""
    return Problem(
        workloads=(Workload(name="chat", origin=("workloads", "chat")),),
        pools=(pool("cheap"), pool("dear", usd_per_h=5.0, machines=known, kgco2_per_h=2.0)),
        choices=(choice("chat", ("cheap", "dear"), 2),),
        goals=goals,
    )


def test_what_is_not_known_is_not_used() -> None:
    """The dear pool has known carbon; without the goal the cheap one is taken."""
    told = solve(problem(known=2)).unwrap()
    free = solve(replace(problem(known=2), goals=Problem.__dataclass_fields__["goals"].default)).unwrap()

    assert [a.pool for a in told.allotments] == ["dear"]
    assert [a.pool for a in free.allotments] == ["cheap"]


def test_a_ceiling_asks_for_it_too() -> None:
    """A sweep with a ceiling on carbon counts only what is known."""
    asked = replace(problem(known=2, goals=()), ceilings=(Ceiling(measure=Measure.CARBON, at_most=1_000.0),))

    assert [a.pool for a in solve(asked).unwrap().allotments] == ["dear"]


def test_too_few_machines_of_known_carbon_are_told() -> None:
    """With one machine of known carbon, the goal's line is named."""
    [diagnostic] = solve(problem(known=1)).diagnostics

    assert ("minimise",) in origins(problem(known=1))
    assert "carbon is minimised" in diagnostic.detail
