"""Machines under one quota or commitment use no more than there is; what is paid anyway uses up budgets."""

from __future__ import annotations

from dataclasses import replace

from dcplan.placement import BudgetRule, Problem, Workload, solve
from dcplan.placement.purchase_types import PaidAnyway, QuotaRule
from dcplan.placement.verify import violations
from placement_problems import choice, origins, pool, solution_of

RULE = ("providers", "aws", "quotas", 0)
BUDGET = ("constraints", "budget")


def problem(at_most: int, *, law: str = "quota", replicas: int = 5) -> Problem:
    """Two cheap zones under one quota, and dear machines without one."""
    names = ("east-a", "east-b", "reserved")
    rule = QuotaRule(
        law=law,
        name="aws/east/p5/vCPUs",
        unit="vCPUs",
        at_most=at_most,
        each=(("east-a", 192), ("east-b", 96)),
        origin=RULE,
    )
    return Problem(
        workloads=(Workload(name="chat", origin=("workloads", "chat")),),
        pools=(pool("east-a", machines=3), pool("east-b", machines=2), pool("reserved", usd_per_h=9.0)),
        choices=(choice("chat", names, replicas),),
        quotas=(rule,),
    )


def places(asked: Problem) -> dict[str, int]:
    """Machines by pool."""
    return {use.pool: use.machines for use in solve(asked).unwrap().pools}


def test_pools_share_a_quota_by_what_their_machines_use() -> None:
    """All that fits under the quota is used, the rest goes where no quota counts."""
    assert places(problem(768)) == {"east-a": 3, "east-b": 2}
    assert places(problem(767))["reserved"] == 1
    assert places(problem(575))["reserved"] == 2
    assert places(problem(0)) == {"reserved": 5}


def test_a_cheaper_pool_does_not_stand_in_for_one_without_a_quota() -> None:
    """Pruning keeps dearer machines that count against nothing."""
    asked = problem(192)
    asked = replace(asked, pools=tuple(replace(p, machines=None) for p in asked.pools))

    assert places(asked) == {"east-b": 2, "reserved": 3}


def test_too_small_a_quota() -> None:
    """The quota's line is named, and how many vCPUs are short."""
    asked = problem(600)
    asked = replace(asked, choices=(replace(asked.choices[0], pools=("east-a", "east-b")),))
    [diagnostic] = solve(asked).diagnostics

    assert origins(asked)[0] == RULE
    assert "the quota of aws/east/p5/vCPUs is 600 vCPUs" in diagnostic.detail
    assert "168 vCPUs over the quota of aws/east/p5/vCPUs" in diagnostic.detail


def test_a_commitment_is_named_as_such() -> None:
    """Its label and words are its own."""
    asked = problem(600, law="commitment")
    asked = replace(asked, choices=(replace(asked.choices[0], pools=("east-a", "east-b")),))
    [diagnostic] = solve(asked).diagnostics

    assert "the commitment aws/east/p5/vCPUs is 600 vCPUs" in diagnostic.detail


def test_the_verifier_adds_up_quotas() -> None:
    """Machines above a quota are told of, without the model."""
    asked = problem(600)
    solution = solution_of(asked, {("chat-way", "east-a"): 3, ("chat-way", "east-b"): 2})

    assert "768 vCPUs are above the quota of aws/east/p5/vCPUs" in violations(asked, solution)


def test_what_is_paid_anyway_uses_up_the_budget() -> None:
    """Reservations count whether they are used or not, blocks that have not begun do not."""
    asked = replace(problem(9999), budget=BudgetRule(usd_per_h=6.0, origin=BUDGET))
    paid = PaidAnyway(name="r", purchase="reservation", pools=("reserved",), machines=1, usd_per_h=2.0)
    broken = replace(asked, paid=(paid,))

    assert places(replace(asked, paid=(replace(paid, starts_in_s=60.0),))) == {"east-a": 3, "east-b": 2}
    assert places(replace(asked, paid=(replace(paid, usd_per_h=1.0),))) == {"east-a": 3, "east-b": 2}
    [diagnostic] = solve(broken).diagnostics
    assert origins(broken)[0] == BUDGET
    assert "at most $6/h, $2/h of which is paid anyway" in diagnostic.detail
    assert "$1/h over the budget of $6/h" in diagnostic.detail
