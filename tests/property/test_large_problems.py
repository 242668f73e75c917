"""What prices say of problems so small that their best placement is known."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement import BudgetRule, Problem, solve
from dcplan.placement.large_search import WORTH_MOVING
from dcplan.placement.moving import moved
from dcplan.placement.prices import ascend, columns_of, excess, limits_of, relaxed
from dcplan.placement.prune import useful
from large_problems import grown, unstructured

NEARLY = 1e-6


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Some workloads on some pools, with little room, and now and then a budget."""
    problem = unstructured(
        draw(st.integers(2, 6)),
        draw(st.integers(2, 5)),
        draw(st.integers(6, 24)),
        seed=draw(st.integers(0, 10_000)),
        fill=draw(st.sampled_from((0.3, 0.5, 0.8))),
    )
    best = solve(problem).value
    if best is not None and draw(st.booleans()):
        budget = BudgetRule(usd_per_h=round(best.usd_per_h * 1.01, 2), origin=("budget",))
        problem = replace(problem, budget=budget)
    return problem


@settings(max_examples=30, deadline=None)
@given(problems())
def test_the_bound_of_large_problems_holds(problem: Problem) -> None:
    """Solved as if it were large, a problem costs no less than its best, and its bound is no more."""
    exact = solve(problem).value
    with patch("dcplan.placement.large.MANY_PAIRS", 0):
        large = solve(problem).value

    assert (exact is None) == (large is None)
    if exact is not None and large is not None:
        assert large.report.bound_usd <= exact.report.objective_usd * (1 + NEARLY)
        assert large.report.objective_usd >= exact.report.bound_usd * (1 - NEARLY)


@settings(max_examples=30, deadline=None)
@given(problems(), st.floats(0, 50))
def test_any_charges_give_a_bound(problem: Problem, charge: float) -> None:
    """Whatever is charged for a limit, the bound stays below what the best placement costs."""
    exact = solve(problem).value
    cols = columns_of(problem, useful(problem))
    if exact is None or not len(cols.groups):
        return
    limits = limits_of(problem, cols.groups[0].pools)
    charges = limits.at_most * 0 + charge * 1e6

    assert relaxed(cols, limits, charges)[0].bound <= exact.report.objective_usd * 1e6 * (1 + NEARLY)


@settings(max_examples=30, deadline=None)
@given(problems())
def test_excess_is_never_more_than_what_a_pair_costs(problem: Problem) -> None:
    """A placement that uses a pair costs at least the bound and the excess of that pair."""
    exact = solve(problem).value
    if exact is None:
        return
    cols = columns_of(problem, useful(problem))
    limits = limits_of(problem, cols.groups[0].pools)
    best, charges = ascend(cols, limits, steps=30)
    beyond = excess(cols, limits, charges, best)
    used = {(a.choice, a.pool) for a in exact.allotments}
    worst = max(
        float(over[row, column])
        for group, over in zip(cols.groups, beyond, strict=True)
        for row, part in enumerate(group.parts.tolist())
        for column, pool in enumerate(group.pools.tolist())
        if (cols.choices[cols.parts[part].choice].id, cols.pools[pool].id) in used
    )

    assert best.bound + worst <= exact.report.objective_usd * 1e6 * (1 + NEARLY)


@pytest.mark.parametrize("number", [2, 3])
def test_a_large_plan_moves_only_what_changed(number: int) -> None:
    """After one workload grew, no replica of another moves, and the placement is proven to be good."""
    problem = unstructured(60, 8, 60, seed=1, fill=0.4)
    name = problem.workloads[number].name
    with patch("dcplan.placement.large.MANY_PAIRS", 0):
        first = solve(problem).unwrap()
        after = replace(grown(problem, name, 1), current=first.allotments)
        again = solve(after).unwrap()
    moves = moved(after, again.allotments)

    assert again.report.gap <= WORTH_MOVING
    assert sum(count for workload, count in moves.items() if workload != name) == 0


def test_a_large_plan_that_nothing_changed_in_stays() -> None:
    """Planned again, everything is where it was."""
    problem = unstructured(30, 8, 60, seed=2, fill=0.4)
    with patch("dcplan.placement.large.MANY_PAIRS", 0):
        first = solve(problem).unwrap()
        again = solve(replace(problem, current=first.allotments)).unwrap()

    assert again.allotments == first.allotments
