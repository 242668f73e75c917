"""What prices say of problems with other goals, and with workloads that need not run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement import BudgetRule, Problem, SpotRule, solve
from dcplan.placement.aims import Goal, Measure, PinRule, only
from dcplan.placement.purchase_types import QuotaRule
from dcplan.placement.types import Solution
from large_problems import unstructured

NEARLY = 1e-6
CARBON, COST = only(Measure.CARBON), only(Measure.COST)
GOALS = (
    (CARBON,),
    (CARBON, COST),
    (COST, CARBON),
    (Goal(weights=((Measure.COST, 1.0), (Measure.CARBON, 0.75)), weighted=True),),
)


def crowded(draw: st.DrawFn) -> Problem:
    """A few workloads on pools with little room, whose machines emit unlike much."""
    problem = unstructured(
        draw(st.integers(2, 4)),
        draw(st.integers(2, 3)),
        draw(st.integers(6, 15)),
        seed=draw(st.integers(0, 10_000)),
        fill=draw(st.sampled_from((0.3, 0.6, 1.2))),
    )
    rates = st.sampled_from([0.0, 0.4, 1.5, 3.25])
    pools = tuple(
        replace(p, kgco2_per_h=draw(rates), spot=draw(st.sampled_from([False, False, False, True])))
        for p in problem.pools
    )
    share = draw(st.sampled_from([0.0, 0.0, 0.5]))
    workloads = tuple(replace(w, spot=SpotRule(share=share, origin=("spot",))) for w in problem.workloads)
    return replace(problem, pools=pools, workloads=workloads)


@st.composite
def with_goals(draw: st.DrawFn) -> Problem:
    """Something beside cost is minimised, with a quota now and then."""
    problem = replace(crowded(draw), goals=draw(st.sampled_from(GOALS)))
    quota = QuotaRule(
        law="quota", name="q", unit="machines", at_most=draw(st.integers(2, 12)), origin=("q",),
        each=tuple((p.id, 1) for p in problem.pools[:6]),
    )  # fmt: skip
    return replace(problem, quotas=(quota,) if draw(st.booleans()) else ())


@st.composite
def with_optional(draw: st.DrawFn) -> Problem:
    """Some workloads need not run, and not everything fits, or not into a budget."""
    problem = crowded(draw)
    workloads = tuple(
        replace(w, required=draw(st.sampled_from([True, False, False])), priority=draw(st.integers(0, 1)))
        for w in problem.workloads
    )
    budget = draw(st.sampled_from([None, 40.0, 150.0]))
    return replace(
        problem,
        workloads=workloads,
        budget=None if budget is None else BudgetRule(usd_per_h=budget, origin=("budget",)),
    )


def both(problem: Problem) -> tuple[Solution | None, Solution | None]:
    """Solved by one model, and as if it were large."""
    exact = solve(problem).value
    with patch("dcplan.placement.large.MANY_PAIRS", 0):
        return exact, solve(problem).value


@settings(max_examples=12, deadline=None)
@given(with_goals())
def test_the_bounds_of_other_goals_hold(problem: Problem) -> None:
    """No goal is better than the best, and none that comes as early is said to be proven better."""
    exact, large = both(problem)

    assert (exact is None) == (large is None)
    if exact is not None and large is not None:
        for known, found in zip(exact.report.proofs, large.report.proofs, strict=True):
            assert found.goal == known.goal
            assert found.bound is not None
            assert known.bound is not None
            assert found.bound <= known.value * (1 + NEARLY) + NEARLY
            assert found.bound <= found.value
        first, best = large.report.proofs[0], exact.report.proofs[0]
        assert first.value >= (best.bound or 0.0) * (1 - NEARLY) - NEARLY


@settings(max_examples=12, deadline=None)
@given(with_optional())
def test_the_bound_holds_where_workloads_are_left_out(problem: Problem) -> None:
    """As many are left out of each priority as need be, and with as many the bound is below the best cost."""
    exact, large = both(problem)

    assert (exact is None) == (large is None)
    if exact is not None and large is not None:
        mine, best = _left_out(problem, large), _left_out(problem, exact)
        assert mine >= best
        if mine == best:
            assert large.report.bound_usd <= exact.report.objective_usd * (1 + NEARLY)
            assert large.report.objective_usd >= exact.report.bound_usd * (1 - NEARLY)


def _left_out(problem: Problem, solution: Solution) -> tuple[int, int]:
    """How many workloads of the higher and of the lower priority do not run."""
    running = {a.workload for a in solution.allotments}
    out = Counter(w.priority for w in problem.workloads if w.name not in running)
    return out[1], out[0]


@pytest.mark.parametrize("many", [0, 1_000_000])
def test_a_time_that_is_too_short_still_gives_a_placement(many: int) -> None:
    """Where something simple fits, no limit of time ends without a placement and a bound, large or not."""
    problem = replace(unstructured(60, 10, 60, seed=3, fill=0.5), time_limit_s=1e-3)
    with patch("dcplan.placement.large.MANY_PAIRS", many):
        report = solve(problem).unwrap().report

    assert 0 < report.bound_usd <= report.objective_usd
    assert report.gap < 0.5


def test_a_first_placement_keeps_pins_quotas_and_spot_shares() -> None:
    """With no time for a search, what is found workload by workload keeps the rules of each."""
    problem = unstructured(12, 4, 24, seed=5, fill=0.1)
    pools = tuple(
        replace(p, spot=i % 4 == 0, usd_per_h=p.usd_per_h / (4 if i % 4 == 0 else 1))
        for i, p in enumerate(problem.pools)
    )
    first, *others = problem.workloads
    zone = next(p.zone for c in problem.choices if c.workload == first.name for p in pools if p.id in c.pools)
    pin = PinRule(kind="zone", place=zone, replicas=1, origin=("pin",))
    never = SpotRule(share=0.0, origin=None)
    cheap = QuotaRule(
        law="quota", name="q", unit="machines", at_most=3, origin=("q",), each=((pools[1].id, 1),)
    )
    asked = replace(
        problem,
        pools=pools,
        workloads=(
            replace(first, pins=(pin,), spread=(), spot=never),
            *(replace(w, spot=never) for w in others),
        ),
        quotas=(cheap,),
        time_limit_s=1e-3,
    )
    with patch("dcplan.placement.large.MANY_PAIRS", 0):
        found = solve(asked).unwrap()
    spot = {p.id for p in pools if p.spot}

    assert not spot & {a.pool for a in found.allotments}
    assert zone in {
        p.zone for a in found.allotments for p in pools if (a.workload, a.pool) == (first.name, p.id)
    }
    assert sum(use.machines for use in found.pools if use.pool == pools[1].id) <= 3
