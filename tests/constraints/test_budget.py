"""All machines together cost no more than the budget."""

from __future__ import annotations

from dcplan.placement import BudgetRule, Problem, Workload, solve
from placement_problems import choice, origins, pool

RULE = ("constraints", "budget")


def problem(usd_per_h: float) -> Problem:
    """Three machines at $10.10/h for an hour, or five at $6.00/h for ten."""
    ways = (
        choice("train", ("dear",), 3, id="fast", hours=1.0),
        choice("train", ("cheap",), 5, id="slow", hours=10.0),
    )
    return Problem(
        workloads=(Workload(name="train", origin=("workloads", "train")),),
        pools=(pool("dear", usd_per_h=10.1), pool("cheap", usd_per_h=6.0)),
        choices=ways,
        budget=BudgetRule(usd_per_h=usd_per_h, origin=RULE),
    )


def test_the_budget_decides_what_may_run_at_once() -> None:
    """The way that is cheaper in the end is taken only if each hour of it can be paid."""
    assert solve(problem(30.3)).unwrap().allotments[0].choice == "fast"
    assert solve(problem(30.29)).unwrap().allotments[0].choice == "slow"
    assert solve(problem(30.0)).unwrap().usd_per_h == 30.0


def test_over_the_budget() -> None:
    """The budget's own line comes first, and the least that is missing is told."""
    [diagnostic] = solve(problem(17.6)).diagnostics

    assert origins(problem(17.6)) == (RULE, ("workloads", "train"))
    assert "all machines together cost at most $17.60/h" in diagnostic.detail
    assert "$12.40/h over the budget of $17.60/h" in diagnostic.detail
