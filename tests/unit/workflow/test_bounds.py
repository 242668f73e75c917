"""Bounds that hold although rules were learned while gangs were seated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement.aims import Proof
from dcplan.placement.types import SolverReport
from dcplan.workflow.placing import loosened


def report(carbon: float, cost: float) -> SolverReport:
    """Of a placement that is proven best in both."""
    proofs = tuple(
        Proof(goal=goal, unit="x", value=value, bound=value, status="optimal")
        for goal, value in (("carbon", carbon), ("cost", cost))
    )
    return SolverReport(
        solver="s",
        status="optimal",
        objective_usd=cost,
        bound_usd=cost,
        gap=0,
        proofs=proofs,
        seed=0,
        wall_s=0,
    )


def test_a_first_goal_that_is_better_without_the_rules_leaves_the_next_unbounded() -> None:
    """The bound of cost held among placements that are as good in carbon, which these are not."""
    told = loosened(report(10, 100), report(8, 120))
    carbon, cost = told.proofs

    assert (carbon.bound, carbon.status) == (8, "feasible")
    assert (cost.bound, cost.gap, cost.status) == (None, None, "feasible")
    assert (told.bound_usd, told.gap) == (0.0, 1.0)


def test_goals_that_are_as_good_keep_their_bounds() -> None:
    """Where the rules cost nothing in the first goal, the second is bounded by the problem without them."""
    told = loosened(report(10, 100), report(10, 90))

    assert [p.bound for p in told.proofs] == [10, 90]
    assert (told.bound_usd, told.gap, told.status) == (90, pytest.approx(0.1), "feasible")
    assert loosened(report(10, 100), report(10, 100)) == replace(report(10, 100), wall_s=0)
