"""Replicas are only where another workload has some, or, apart, only where it has none."""

from __future__ import annotations

from dcplan.placement import AffinityRule, Problem, Workload, solve
from placement_problems import choice, origins, pool

RULE = ("workloads", "embed", "constraints", "affinity", 0)


def problem(*, apart: bool, embed_in: tuple[str, ...], at: str = "zone") -> Problem:
    """``chat`` is bound to pool p; ``embed`` may use ``embed_in`` and looks at where chat is."""
    rule = AffinityRule(other="chat", at=at, apart=apart, origin=RULE)
    return Problem(
        workloads=(
            Workload(name="chat", origin=("workloads", "chat")),
            Workload(name="embed", origin=("workloads", "embed"), affinity=(rule,)),
        ),
        pools=(
            pool("p", zone="r0-a", usd_per_h=5.0),
            pool("q", zone="r0-b"),
            pool("s", zone="r1-a", usd_per_h=9.0),
        ),
        choices=(choice("chat", ("p",), 1), choice("embed", embed_in, 2)),
    )


def where(problem: Problem, workload: str) -> set[str]:
    """The pools in which a workload runs."""
    return {a.pool for a in solve(problem).unwrap().allotments if a.workload == workload}


def test_together_costs_what_it_costs() -> None:
    """Embed goes where chat is, although another zone is cheaper."""
    assert where(problem(apart=False, embed_in=("p", "q")), "embed") == {"p"}


def test_apart_keeps_away() -> None:
    """Embed avoids chat's zone, and with regions also its neighbour."""
    assert where(problem(apart=True, embed_in=("p", "q", "s")), "embed") == {"q"}
    assert where(problem(apart=True, embed_in=("p", "q", "s"), at="region"), "embed") == {"s"}


def test_together_is_impossible() -> None:
    """Embed cannot come where chat is: the rule's own line comes first."""
    assert origins(problem(apart=False, embed_in=("q", "s")))[0] == RULE


def test_apart_is_impossible() -> None:
    """Embed has no other zone than chat's: rule, and both workloads."""
    assert origins(problem(apart=True, embed_in=("p",))) == (
        RULE,
        ("workloads", "chat"),
        ("workloads", "embed"),
    )
