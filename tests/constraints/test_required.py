"""Workloads that need not run are left out by priority when not everything fits."""

from __future__ import annotations

from dataclasses import replace

from dcplan.placement import Allotment, BudgetRule, Problem, Workload, solve
from dcplan.placement.left_out import left_out
from placement_problems import choice, pool


def problem(machines: int, **priorities: int) -> Problem:
    """A required workload of two machines, and others of so many machines as their names say."""
    others = tuple(
        Workload(name=name, origin=("workloads", name), required=False, priority=priority)
        for name, priority in priorities.items()
    )
    sizes = {"one": 1, "uno": 1, "two": 2, "three": 3}
    return Problem(
        workloads=(Workload(name="must", origin=("workloads", "must")), *others),
        pools=(pool("p", machines=machines),),
        choices=(choice("must", ("p",), 2), *(choice(w.name, ("p",), sizes[w.name]) for w in others)),
    )


def running(problem: Problem) -> set[str]:
    """Workloads that run."""
    return {a.workload for a in solve(problem).unwrap().allotments}


def test_all_run_when_all_fit() -> None:
    """Leaving out is no way to save money."""
    assert running(problem(5, three=0)) == {"must", "three"}


def test_higher_priorities_come_first() -> None:
    """One workload of a higher priority is worth more than any number of lower ones."""
    assert running(problem(5, three=2, one=1, uno=1)) == {"must", "three"}
    assert running(problem(5, three=1, one=2, uno=2)) == {"must", "one", "uno"}
    assert running(problem(5, three=1, one=1, uno=1)) == {"must", "one", "uno"}
    assert running(problem(6, three=1, one=2, uno=0)) == {"must", "one", "three"}


def test_quotas_of_money_leave_out_too() -> None:
    """A budget is a reason to leave something out."""
    tight = replace(problem(9, three=0), budget=BudgetRule(usd_per_h=4.0, origin=("constraints", "budget")))
    [out] = left_out(tight, solve(tight).unwrap())

    assert out.workload == "three"
    assert "all machines together cost at most $4/h" in out.why
    assert "$1/h over the budget" in out.why


def test_what_is_left_out_says_why() -> None:
    """Each has what clashes when it must run beside those that come before it, and how much is short."""
    tight = replace(
        problem(4, two=2, three=1, one=1),
        current=(Allotment(workload="three", choice="three-way", pool="p", replicas=3),),
    )
    three, one = left_out(tight, solve(tight).unwrap())

    assert (three.workload, three.priority, three.replicas_today) == ("three", 1, 3)
    assert "pool p has 4 machines" in three.why
    assert "3 machines short in pool p" in three.why
    assert (one.workload, one.replicas_today) == ("one", 0)
    assert "1 machine short in pool p" in one.why


def test_what_must_run_is_not_left_out() -> None:
    """When what is required does not fit, nothing is planned."""
    [diagnostic] = solve(problem(1, one=5)).diagnostics

    assert diagnostic.code == "no-placement"
    assert "one" not in diagnostic.detail.split("pool p has 1")[0]


def test_nothing_at_all_may_fit() -> None:
    """With nothing required, an empty plan is a plan."""
    empty = problem(0, one=1)
    nothing = solve(replace(empty, workloads=empty.workloads[1:], choices=empty.choices[1:])).unwrap()

    assert nothing.allotments == ()
    assert nothing.usd_per_h == 0
