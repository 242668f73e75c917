"""Goals: how they are reported, what has no subject, and limits of time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement import Allotment, Problem, Workload, solve
from dcplan.placement.aims import Goal, Measure, Proof, only
from dcplan.placement.minimise import all_goals
from dcplan.placement.types import SolverReport
from dcplan.placement.verify import violations
from placement_problems import choice, pool

LINE = ("objective", "minimise")
WEIGHTS = ((Measure.COST, 1.0), (Measure.CARBON, 0.6))


def problem(*goals: Goal, clean_kg: float | None = 1.0) -> Problem:
    """Four replicas for ten hours, cheap and dirty or dear and clean."""
    return Problem(
        workloads=(Workload(name="chat", origin=("workloads", "chat")),),
        pools=(pool("dirty", kgco2_per_h=5.0), pool("clean", usd_per_h=3.0, kgco2_per_h=clean_kg)),
        choices=(choice("chat", ("dirty", "clean"), 4, sla_share=0.5),),
        goals=goals or (only(Measure.COST, LINE),),
    )


def report(*goals: Goal) -> SolverReport:
    """Of the solution."""
    return solve(problem(*goals)).unwrap().report


def test_cost_comes_last_where_nobody_names_it() -> None:
    """What the named goals leave open is decided by cost, which is always reported."""
    assert [g.name for g in all_goals(problem())] == ["cost"]
    assert [g.name for g in all_goals(problem(only(Measure.CARBON)))] == ["carbon", "cost"]
    assert [p.goal for p in report(only(Measure.CARBON), only(Measure.COST)).proofs] == ["carbon", "cost"]
    assert report(only(Measure.CARBON)).objective_usd == 120.0


def test_each_goal_has_its_proof() -> None:
    """Value, unit, bound and status of each; a goal that is met exactly has no gap."""
    carbon, cost = report(only(Measure.CARBON)).proofs

    assert carbon == Proof(goal="carbon", unit="kgCO2e", value=40.0, bound=40.0, status="optimal")
    assert cost == Proof(goal="cost", unit="USD", value=120.0, bound=120.0, status="optimal")
    assert (carbon.gap, replace(carbon, bound=30.0).gap, replace(carbon, bound=None).gap) == (0, 0.25, None)


def test_weights_are_dollars() -> None:
    """A kilogram is worth what is written: at $0.60 being clean pays, at $0.40 it does not."""
    pays = report(Goal(weights=WEIGHTS, weighted=True))
    not_so = report(Goal(weights=((Measure.COST, 1.0), (Measure.CARBON, 0.4)), weighted=True))

    assert (pays.proofs[0].goal, pays.proofs[0].unit) == ("weighted sum of cost and carbon", "USD")
    assert pays.proofs[0].value == pytest.approx(120 + 0.6 * 40)
    assert not_so.proofs[0].value == pytest.approx(40 + 0.4 * 200)


def test_unknown_carbon_is_kept_out_and_told() -> None:
    """A pool of unknown carbon is not used where carbon counts; the warning stands at the goal's line."""
    found = solve(problem(only(Measure.CARBON, LINE), clean_kg=None))
    [said] = found.diagnostics

    assert [a.pool for a in found.unwrap().allotments] == ["dirty"]
    assert (said.code, said.path, said.severity.value) == ("carbon-unknown", LINE, "warning")
    assert "clean" in said.detail


def test_carbon_of_nothing_known_cannot_be_minimised() -> None:
    """Where no pool's carbon is known, the goal is an error."""
    base = problem(only(Measure.CARBON, LINE), clean_kg=None)
    dark = replace(base, pools=tuple(replace(p, kgco2_per_h=None) for p in base.pools))
    [said] = solve(dark).diagnostics

    assert (said.code, said.path) == ("carbon-unknown", LINE)


def test_a_goal_without_a_subject_is_told() -> None:
    """Time without a job changes nothing, and says so."""
    found = solve(problem(only(Measure.TIME, LINE)))

    assert found.value is not None
    assert [(d.code, d.path) for d in found.diagnostics] == [("goal-without-subject", LINE)]


def test_a_time_limit_still_gives_a_verified_placement() -> None:
    """With wall time in place of work, the small problem is solved all the same."""
    found = solve(replace(problem(), time_limit_s=5.0, seed=7)).unwrap()

    assert (found.report.status, found.report.seed) == ("optimal", 7)


def test_false_reports_are_caught() -> None:
    """A value that is not so, and a bound above it, are violations."""
    good = solve(problem(only(Measure.CARBON))).unwrap()
    carbon, cost = good.report.proofs

    def said(proof: Proof) -> str:
        return "; ".join(
            violations(
                problem(only(Measure.CARBON)),
                replace(good, report=replace(good.report, proofs=(proof, cost))),
            )
        )

    assert said(carbon) == ""
    assert "the goal carbon comes to 40, not 39" in said(replace(carbon, value=39.0, bound=39.0))
    assert "the bound of carbon lies above its value" in said(replace(carbon, bound=41.0))


def test_moves_are_a_goal() -> None:
    """Asked for first, fewer moves are worth any money."""
    today = (Allotment(workload="chat", choice="chat-way", pool="clean", replicas=3),)
    base = replace(problem(only(Measure.MOVES)), current=today)
    moved, cost = solve(base).unwrap().report.proofs

    assert (moved.value, moved.unit, cost.value) == (0.0, "replicas", 100.0)
