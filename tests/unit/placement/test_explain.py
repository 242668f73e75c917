"""Explanations name the rules that clash, and only those."""

from __future__ import annotations

from dataclasses import replace

from dcplan.diag import Diagnostic
from dcplan.placement import BudgetRule, Choice, Pool, Problem, SpreadRule, Workload, solve
from dcplan.placement.explain import find_conflict
from placement_problems import choice, pool


def ten_dollars(name: str, machines: int | None, *, zone: str = "z0") -> Pool:
    """A pool of so many machines at $10/h."""
    return pool(name, zone=zone, machines=machines, usd_per_h=10.0)


def a_month(workload: str, replicas: int, pools: tuple[str, ...]) -> Choice:
    """Whole machines for a month."""
    return choice(workload, pools, replicas, id=f"{workload}-{replicas}", hours=720.0)


def workload(name: str, *, at_least: int = 0) -> Workload:
    """A workload, spread over zones if so asked."""
    path = ("workloads", name)
    rule = SpreadRule(over="zone", at_least=at_least, origin=(*path, "spread"))
    return Workload(name=name, origin=path, spread=(rule,) if at_least else ())


POOLS = ("p0", "p1", "p2")
PROBLEM = Problem(
    workloads=(workload("chat", at_least=2), workload("embed", at_least=2), workload("train")),
    pools=tuple(ten_dollars(name, 4, zone=f"z{i}") for i, name in enumerate(POOLS)),
    choices=(a_month("chat", 4, POOLS), a_month("embed", 2, POOLS), a_month("train", 3, POOLS)),
    budget=BudgetRule(usd_per_h=90.0, origin=("constraints", "budget")),
)


def labels(problem: Problem) -> set[str]:
    """Labels of the rules in the conflict."""
    return {rule.label for rule in find_conflict(problem)}


def explained(problem: Problem) -> Diagnostic:
    """The one error that says why nothing fits."""
    result = solve(problem)
    [diagnostic] = result.diagnostics

    assert result.value is None
    assert (diagnostic.code, diagnostic.summary) == ("no-placement", "No placement satisfies every rule")
    return diagnostic


def test_the_example_is_feasible() -> None:
    """Nine machines at $10/h fit the budget of $90/h exactly."""
    assert solve(PROBLEM).ok


def test_a_tight_budget_clashes_with_all_demand() -> None:
    """A dollar less: the budget and the three workloads, no spread and no pool."""
    tight = replace(PROBLEM, budget=BudgetRule(usd_per_h=89.0, origin=("constraints", "budget")))
    diagnostic = explained(tight)

    assert labels(tight) == {"budget", "demand[chat]", "demand[embed]", "demand[train]"}
    assert diagnostic.path == ("constraints", "budget")
    assert [note.path for note in diagnostic.related] == [
        ("workloads", "chat"),
        ("workloads", "embed"),
        ("workloads", "train"),
    ]
    assert "The nearest placement is $1/h over the budget of $89/h." in diagnostic.detail


def test_innocent_workloads_are_not_named() -> None:
    """A spread over more zones than there are is chat's own affair."""
    wide = replace(PROBLEM, workloads=(workload("chat", at_least=4), *PROBLEM.workloads[1:]))
    diagnostic = explained(wide)

    assert labels(wide) == {"spread[chat, zone]", "demand[chat]"}
    assert diagnostic.path == ("workloads", "chat", "spread")
    assert "embed" not in diagnostic.detail
    assert 'Without "chat", everything else fits.' in diagnostic.detail


def test_a_conflict_is_minimal() -> None:
    """Without any one of its rules, the others can hold: here, a budget and one of two demands."""
    two = replace(
        PROBLEM,
        choices=(a_month("chat", 10, POOLS), a_month("embed", 2, POOLS), a_month("train", 11, POOLS)),
        pools=tuple(ten_dollars(name, None, zone=f"z{i}") for i, name in enumerate(POOLS)),
    )

    assert labels(two) in ({"budget", "demand[chat]"}, {"budget", "demand[train]"})


def test_many_pools_are_counted_not_listed() -> None:
    """Of twelve empty pools, three are named."""
    names = tuple(f"p{i:02}" for i in range(12))
    many = Problem(
        workloads=(workload("chat"),),
        pools=tuple(ten_dollars(name, 1) for name in names),
        choices=(a_month("chat", 20, names),),
    )
    diagnostic = explained(many)

    assert "pool p02 has 1 machine" in diagnostic.detail
    assert "pool p03 has" not in diagnostic.detail
    assert "9 more pools have what they have" in diagnostic.detail


def test_shortage_is_the_least_there_is() -> None:
    """Twenty machines asked, twelve there: eight short, in whichever pools."""
    large = replace(
        PROBLEM, workloads=(workload("train"),), choices=(a_month("train", 20, POOLS),), budget=None
    )

    assert "8 machines short in pool" in explained(large).detail


def test_a_limit_before_any_placement_is_no_proof() -> None:
    """Out of time is told apart from impossible."""
    [diagnostic] = solve(replace(PROBLEM, deterministic_limit=1e-9)).diagnostics

    assert diagnostic.code == "placement-limit"
    assert "without a proof" in diagnostic.detail
