"""A sweep minimises one measure under ceilings of another."""

from __future__ import annotations

from dcplan.placement import Problem, Workload, solve
from dcplan.placement.aims import Ceiling, Measure, only
from placement_problems import choice, pool


def problem(at_most: float) -> Problem:
    """Four replicas for ten hours, cheap and dirty or dear and clean."""
    return Problem(
        workloads=(Workload(name="chat", origin=("workloads", "chat")),),
        pools=(pool("dirty", kgco2_per_h=5.0), pool("clean", usd_per_h=3.0, kgco2_per_h=1.0)),
        choices=(choice("chat", ("dirty", "clean"), 4),),
        goals=(only(Measure.COST), only(Measure.CARBON)),
        ceilings=(Ceiling(measure=Measure.CARBON, at_most=at_most),),
    )


def test_the_ceiling_holds() -> None:
    """As many replicas are clean as the ceiling asks for, and no more are paid for."""
    found = {at_most: solve(problem(at_most)).unwrap() for at_most in (200.0, 199.9, 80.0, 40.0)}

    assert [s.report.objective_usd for s in found.values()] == [40.0, 60.0, 100.0, 120.0]
    assert [s.report.proofs[1].value for s in found.values()] == [200.0, 160.0, 80.0, 40.0]


def test_a_ceiling_that_is_too_low() -> None:
    """No placement is so clean: the ceiling is named."""
    [diagnostic] = solve(problem(39.9)).diagnostics

    assert diagnostic.code == "no-placement"
    assert "carbon is at most 39.9 kgCO2e" in diagnostic.detail
