"""At most a share of a workload's replicas runs on spot machines."""

from __future__ import annotations

from dcplan.placement import Problem, SpotRule, Workload, solve
from placement_problems import choice, origins, pool

RULE = ("workloads", "chat", "constraints", "spot_share")


def problem(share: float, *, replicas: int = 10, dear: int | None = None, written: bool = True) -> Problem:
    """Cheap spot machines, dear ones on demand."""
    rule = SpotRule(share=share, origin=RULE if written else None)
    chat = Workload(name="chat", origin=("workloads", "chat"), spot=rule)
    pools = (pool("spot", spot=True), pool("dear", machines=dear, usd_per_h=3.0))
    return Problem(workloads=(chat,), pools=pools, choices=(choice("chat", ("spot", "dear"), replicas),))


def on_spot(problem: Problem) -> int:
    """Replicas on spot machines."""
    return sum(a.replicas for a in solve(problem).unwrap().allotments if a.pool == "spot")


def test_the_share_rounds_down() -> None:
    """29 % of 100 replicas are 29 (not 28, as binary fractions have it); a third of ten is three."""
    assert on_spot(problem(0.29, replicas=100)) == 29
    assert on_spot(problem(0.333)) == 3
    assert on_spot(problem(0.0)) == 0
    assert on_spot(problem(1.0)) == 10


def test_too_few_machines_on_demand() -> None:
    """The share's own line comes first, and what is short names replicas or machines."""
    tight = problem(0.5, dear=4)
    [diagnostic] = solve(tight).diagnostics

    assert origins(tight) == (RULE, ("workloads", "chat"))
    assert 'at most 50 % of the replicas of "chat"' in diagnostic.detail
    assert "1 replica of" in diagnostic.detail or "1 machine short in pool dear" in diagnostic.detail


def test_a_rule_that_nobody_wrote_has_no_line() -> None:
    """Without a word on spot, the explanation says so but points at the workload."""
    tight = problem(0.0, dear=4, written=False)
    [diagnostic] = solve(tight).diagnostics

    assert origins(tight) == (("workloads", "chat"),)
    assert 'none of the replicas of "chat" runs on spot machines' in diagnostic.detail
