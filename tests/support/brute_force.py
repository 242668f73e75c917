"""What trying everything finds, beside what the solver finds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

from dcplan.placement import Problem, Solution, solve
from dcplan.placement.assign import assign
from dcplan.placement.seats import Hall, Seats, seat
from dcplan.placement.types import Assignment, RackRule

W = TypeVar("W")


def least(ways: Iterable[Iterable[W]], cost: Callable[[tuple[W, ...]], Fraction | None]) -> Fraction | None:
    """The least cost over all that takes one of each workload's ways; None when nothing has a cost."""
    costs = [found for taken in itertools.product(*ways) if (found := cost(taken)) is not None]
    return min(costs, default=None)


def assert_least(problem: Problem, expected: Fraction | None) -> None:
    """The solver finds a placement of this cost, with proof; or says that there is none, where it is None."""
    result = solve(problem)

    assert (expected is None) == (result.value is None), (expected, result)
    if result.value is not None and expected is not None:
        assert (result.value.report.status, result.value.report.gap) == ("optimal", 0)
        assert abs(result.value.report.objective_usd - float(expected)) < 1e-4, (expected, result.value)
    else:
        assert {d.code for d in result.diagnostics} == {"no-placement"}


def settled(
    problem: Problem, free: Mapping[str, Mapping[str, int]], hall: Hall | None = None
) -> tuple[Solution, Assignment, Seats]:
    """What comes of placing, seating and learning from crowded racks, until everything has a seat."""
    racks: tuple[RackRule, ...] = ()
    for _ in range(9):
        asked = replace(problem, racks=racks)
        solution = solve(asked).unwrap()
        assignment = assign(solution, asked, Assignment())
        seats = seat(asked, assignment, free, {}, hall)
        if not seats.crowded:
            return solution, assignment, seats
        racks += seats.crowded
    msg = "Placing and seating did not come to an end."
    raise AssertionError(msg)
