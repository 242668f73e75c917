"""The independent check catches solutions broken by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement import (
    AffinityRule,
    Allotment,
    Beside,
    BudgetRule,
    PoolUse,
    Problem,
    Solution,
    SpotRule,
    SpreadRule,
    Workload,
    solve,
    verify,
)
from dcplan.placement.verify import violations
from placement_problems import choice, pool

ANYWHERE = ("p", "q", "s")
PROBLEM = Problem(
    workloads=(
        Workload(
            name="chat",
            origin=("chat",),
            spread=(SpreadRule(over="zone", at_least=2, origin=("spread",)),),
            spot=SpotRule(share=0.0, origin=None),
        ),
        Workload(
            name="embed",
            origin=("embed",),
            affinity=(AffinityRule(other="chat", at="zone", apart=False, origin=("affinity",)),),
        ),
        Workload(
            name="train",
            origin=("train",),
            affinity=(AffinityRule(other="embed", at="zone", apart=True, origin=("affinity",)),),
        ),
    ),
    pools=(
        pool("p", zone="z0", machines=4),
        pool("q", zone="z1", machines=4),
        pool("s", zone="z2", machines=4, spot=True),
    ),
    choices=(
        choice("chat", ANYWHERE, 4, devices=4, machines=0),
        choice("embed", ANYWHERE, 2, devices=4, machines=0),
        choice("train", ANYWHERE, 2, devices=4, one_pool=True),
    ),
    budget=BudgetRule(usd_per_h=6.0, origin=("budget",)),
)


def test_a_solution_passes() -> None:
    """What the solver finds stands the check."""
    solution = solve(PROBLEM).unwrap()

    assert violations(PROBLEM, solution) == ()
    verify(PROBLEM, solution)


def moved(workload: str, *sites: tuple[str, int]) -> Solution:
    """The solution with one workload put elsewhere, and machines enough everywhere."""
    solution = solve(PROBLEM).unwrap()
    others = tuple(a for a in solution.allotments if a.workload != workload)
    here = tuple(
        Allotment(workload=workload, choice=f"{workload}-way", pool=pool_, replicas=count)
        for pool_, count in sites
    )
    return replace(solution, allotments=others + here)


@pytest.mark.parametrize(
    ("workload", "sites", "words"),
    [
        ("chat", (("p", 1), ("q", 2)), "has not the 4 replicas"),
        ("chat", (), "takes 0 choices"),
        ("chat", (("p", 4),), "sits in 1 zones instead of 2"),
        ("chat", (("p", 3), ("q", 1)), "more than 2 replicas in one zone"),
        ("chat", (("p", 2), ("s", 2)), "2 of 4 replicas on spot"),
        ("embed", (("s", 2),), "sits in a zone without chat"),
        ("train", (("p", 1), ("q", 1)), "train must be in one pool"),
        ("train", (("p", 1), ("q", 1)), "shares a zone with embed"),
        ("train", (("s", 3), ("s", -1)), "an allotment without replicas"),
        ("train", (("elsewhere", 2),), "unknown choice or pool"),
    ],
)
def test_misplaced_replicas_are_caught(workload: str, sites: tuple[tuple[str, int], ...], words: str) -> None:
    """Each law is looked at on its own."""
    assert words in "; ".join(violations(PROBLEM, moved(workload, *sites)))


def test_miscounted_machines_and_money_are_caught() -> None:
    """Too few machines, too many, too dear, and a bound that cannot be."""
    solution = solve(PROBLEM).unwrap()
    few = tuple(PoolUse(pool=use.pool, machines=use.machines - 1) for use in solution.pools)
    many = tuple(PoolUse(pool=use.pool, machines=9) for use in solution.pools)
    cost = replace(solution.report, objective_usd=1.0, bound_usd=1.0)
    bound = replace(solution.report, bound_usd=1e6)

    assert "do not fit on" in "; ".join(violations(PROBLEM, replace(solution, pools=few)))
    assert "has 4 machines, not 9" in "; ".join(violations(PROBLEM, replace(solution, pools=many)))
    assert "over the budget" in "; ".join(violations(PROBLEM, replace(solution, pools=many)))
    assert "the machines cost" in "; ".join(violations(PROBLEM, replace(solution, usd_per_h=1.0)))
    assert "the placement costs" in "; ".join(violations(PROBLEM, replace(solution, report=cost)))
    assert "the bound lies above the cost" in violations(PROBLEM, replace(solution, report=bound))


PAIR = Problem(
    workloads=(Workload(name="chat", origin=("chat",), spot=SpotRule(share=0.5, origin=None)),),
    pools=(
        pool("d", zone="z0"),
        pool("d-far", zone="z1"),
        pool("p", zone="z0"),
        pool("p-spot", zone="z0", spot=True, usd_per_h=5.0),
        pool("p-far", zone="z1"),
    ),
    choices=(
        choice(
            "chat", ("d", "d-far"), 4, beside=Beside(pools=("p", "p-far", "p-spot"), devices=4, machines=0)
        ),
    ),
)


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ((("p", 4),), ""),
        ((("p", 2), ("p-spot", 2)), ""),
        ((("p", 3),), "has 1 replicas more than parts beside in z0"),
        ((("p", 3), ("p-far", 1)), "has -1 replicas more than parts beside in z1"),
        ((("p", 1), ("p-spot", 3)), "3 of 4 replicas on spot"),
        ((("p", 5), ("p", -1)), "an allotment beside without parts"),
        ((("d", 4),), "unknown choice or pool beside chat"),
    ],
)
def test_misplaced_parts_beside_are_caught(beside: tuple[tuple[str, int], ...], words: str) -> None:
    """As many as replicas, in their zones, on spot machines no more than allowed."""
    parts = tuple(Allotment(workload="chat", choice="chat-way", pool=p, replicas=n) for p, n in beside)
    solution = replace(
        solve(PAIR).unwrap(),
        allotments=(Allotment(workload="chat", choice="chat-way", pool="d", replicas=4),),
        beside=parts,
        pools=tuple(PoolUse(pool=p.id, machines=9) for p in PAIR.pools),
    )
    found = [one for one in violations(PAIR, solution) if " cost" not in one]

    assert (words in "; ".join(found)) if words else not found


def test_machines_of_parts_beside_are_counted() -> None:
    """What the solver finds passes; without the machines of the parts beside it does not."""
    solution = solve(PAIR).unwrap()
    own = tuple(use for use in solution.pools if use.pool.startswith("d"))

    assert violations(PAIR, solution) == ()
    assert "do not fit on 0 machines" in "; ".join(violations(PAIR, replace(solution, pools=own)))


def test_a_broken_solution_is_our_bug() -> None:
    """The error says so."""
    with pytest.raises(RuntimeError, match="This is a bug in dcplan"):
        verify(PROBLEM, replace(solve(PROBLEM).unwrap(), allotments=()))
