"""Traffic that leaves a workload's machines is paid for."""

from __future__ import annotations

from dcplan.placement import BudgetRule, Problem, Workload, solve
from placement_problems import choice, pool

RULE = ("constraints", "budget")


def problem(egress: dict[str, float], budget: float | None = None) -> Problem:
    """Two replicas for ten hours: cheap machines, or dear ones near to where the traffic goes."""
    return Problem(
        workloads=(Workload(name="chat", origin=("workloads", "chat"), egress_usd_per_h=egress),),
        pools=(pool("far", usd_per_h=1.0), pool("near", usd_per_h=1.5)),
        choices=(choice("chat", ("far", "near"), 2),),
        budget=None if budget is None else BudgetRule(usd_per_h=budget, origin=RULE),
    )


def test_traffic_outweighs_cheap_machines() -> None:
    """Machines near to where the traffic goes are chosen when what they save is more than what they cost."""
    dear = solve(problem({"far": 1.2})).unwrap()
    cheap = solve(problem({"far": 0.8})).unwrap()

    assert [a.pool for a in dear.allotments] == ["near"]
    assert (dear.usd_per_h, dear.egress_usd_per_h) == (3.0, 0.0)
    assert [a.pool for a in cheap.allotments] == ["far"]
    assert (cheap.usd_per_h, cheap.egress_usd_per_h) == (2.0, 0.8)
    assert cheap.report.objective_usd == 28.0


def test_traffic_counts_for_the_budget() -> None:
    """A budget that pays the machines alone is not enough."""
    [diagnostic] = solve(problem({"far": 2.0, "near": 2.0}, budget=3.5)).diagnostics

    assert "$0.50/h over the budget of $3.50/h" in diagnostic.detail
    assert solve(problem({"far": 2.0, "near": 2.0}, budget=4.0)).unwrap().egress_usd_per_h == 2.0
