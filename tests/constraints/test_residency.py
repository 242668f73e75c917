"""A workload does not leave the countries that its document names."""

from __future__ import annotations

from dataclasses import replace

from dcplan.placement import Allotment, Problem, Workload, solve
from dcplan.placement.place_types import ResidencyRule
from dcplan.placement.verify import violations
from placement_problems import choice, origins, pool

RULE = ("workloads", "chat", "constraints", "residency")


def problem(*, machines: int | None = None) -> Problem:
    """Two replicas; cheap machines abroad, dear ones at home, and some of which nobody knows where."""
    stay = ResidencyRule(
        names=("eu", "switzerland"), pools=frozenset({"home"}), unknown=frozenset({"lost"}), origin=RULE
    )
    return Problem(
        workloads=(Workload(name="chat", origin=("workloads", "chat"), residency=stay),),
        pools=(
            pool("abroad", usd_per_h=1.0),
            pool("home", usd_per_h=3.0, machines=machines),
            pool("lost", usd_per_h=0.5),
        ),
        choices=(choice("chat", ("abroad", "home", "lost"), 2),),
    )


def test_cheaper_machines_abroad_or_nowhere_are_left_alone() -> None:
    """Only machines that are known to be in one of the countries count."""
    assert solve(problem()).unwrap().pools[0].pool == "home"


def test_too_few_machines_at_home() -> None:
    """The line of the residency comes first, with the pools that nobody knows the country of."""
    [diagnostic] = solve(problem(machines=1)).diagnostics

    assert origins(problem(machines=1)) == (RULE, ("workloads", "chat"))
    assert (
        '"chat" does not leave eu or switzerland (1 pool in an unknown country left out)' in diagnostic.detail
    )
    assert "1 machine short in pool home" in diagnostic.detail


def test_the_check_sees_a_workload_abroad() -> None:
    """A solution outside of the countries is noticed without the model."""
    solution = solve(problem()).unwrap()
    abroad = replace(
        solution, allotments=(Allotment(workload="chat", choice="chat-way", pool="abroad", replicas=2),)
    )

    assert "chat is in abroad, outside of eu, switzerland" in violations(problem(), abroad)
