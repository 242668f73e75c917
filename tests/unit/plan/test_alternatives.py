"""Alternatives of a plan: ranked by cost, right by every rule, and as the provider would have them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement.aims import PinRule
from dcplan.placement.types import AffinityRule, Beside, BudgetRule, Problem, SpotRule, SpreadRule, Workload
from dcplan.plan.alternatives import MOST
from dcplan.plan.fallbacks import Fallback, rewritten
from grounds import elsewhere, fallbacks_on, ground_of, machines_of
from placement_problems import choice, pool

AT = ("workloads", "w")


def problem_of(
    *pools: object, replicas: int = 2, workload: Workload | None = None, **more: object
) -> Problem:
    """One workload whose replicas take a whole machine each, in any of the pools."""
    names = tuple(p.id for p in pools)  # type: ignore[attr-defined]
    plain = Problem(
        workloads=(workload or Workload(name="w", origin=AT),),
        pools=pools,  # type: ignore[arg-type]
        choices=(choice("w", names, replicas),),
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def told(fallbacks: tuple[Fallback, ...]) -> dict[str, list[tuple[str, float]]]:
    """Alternatives by pool: name, and dollars per hour more for a machine."""
    return {f.pool: [(a.pool, a.usd_per_h) for a in f.alternatives] for f in fallbacks}


def test_alternatives_come_by_cost_then_zone_then_name() -> None:
    """The cheapest first; of equal prices the planned zone, then the region, then the name."""
    pools = (
        pool("home", zone="r-a"),
        pool("far", zone="s-a", usd_per_h=2.0),
        pool("near", zone="r-b", usd_per_h=2.0),
        pool("same", zone="r-a", usd_per_h=2.0),
        pool("cheap", zone="s-b", usd_per_h=1.5),
    )
    found = fallbacks_on(ground_of(problem_of(*pools)))

    assert told(found) == {"home": [("cheap", 0.5), ("same", 1.0), ("near", 1.0), ("far", 1.0)]}


def test_there_are_few_alternatives() -> None:
    """Twenty pools would do; the best are kept."""
    pools = [pool("home"), *(pool(f"p{i:02}", usd_per_h=2.0 + i) for i in range(20))]
    (found,) = fallbacks_on(ground_of(problem_of(*pools)))

    assert [a.pool for a in found.alternatives] == [f"p{i:02}" for i in range(MOST)]


def test_what_stands_is_not_moved() -> None:
    """Only machines that the plan buys have alternatives."""
    ground = ground_of(problem_of(pool("home"), pool("x", usd_per_h=2.0)))
    first, second = sorted(m.name for m in ground.assignment.machines)
    (found,) = fallbacks_on(ground, standing=[first])

    assert [[m.name for m in unit.machines] for unit in found.units] == [[second]]
    assert fallbacks_on(ground, standing=[first, second]) == ()


@pytest.mark.parametrize(
    ("workload", "more"),
    [
        (
            Workload(
                name="w", origin=AT, pins=(PinRule(kind="pool", place="home", replicas=None, origin=AT),)
            ),
            {},
        ),
        (Workload(name="w", origin=AT), {"budget": BudgetRule(usd_per_h=2.5, origin=AT)}),
        (Workload(name="w", origin=AT, spot=SpotRule(share=0.0, origin=AT)), {}),
    ],
    ids=["pin", "budget", "spot"],
)
def test_a_pool_that_breaks_a_rule_is_none(workload: Workload, more: dict[str, object]) -> None:
    """Pinned elsewhere, too dear, or on spot where that is not wanted: it is not offered."""
    pools = (pool("home"), pool("x", usd_per_h=2.0, spot=True))

    assert fallbacks_on(ground_of(problem_of(*pools, workload=workload, **more))) == ()


def test_a_spread_over_zones_holds_elsewhere_too() -> None:
    """A zone that has its share already is no alternative; a third one is."""
    pools = (
        pool("a", zone="r-a"),
        pool("b", zone="r-b"),
        pool("b2", zone="r-b", usd_per_h=2.0),
        pool("c", zone="r-c", usd_per_h=3.0),
    )
    spread = Workload(name="w", origin=AT, spread=(SpreadRule(over="zone", at_least=2, origin=AT),))
    found = told(fallbacks_on(ground_of(problem_of(*pools, workload=spread))))

    assert found == {"a": [("c", 2.0)], "b": [("b2", 1.0), ("c", 2.0)]}


def test_both_pools_move_only_where_that_is_right() -> None:
    """Each half of a spread may go to the third zone, but not both."""
    pools = (pool("a", zone="r-a"), pool("b", zone="r-b"), pool("c", zone="r-c", usd_per_h=3.0))
    spread = Workload(name="w", origin=AT, spread=(SpreadRule(over="zone", at_least=2, origin=AT),))
    found = fallbacks_on(ground_of(problem_of(*pools, workload=spread)))

    assert [a.together for f in found for a in f.alternatives] == [(), ()]


def test_two_workloads_that_are_apart_stay_apart() -> None:
    """One alternative of each is right, both in one zone are not."""
    pools = (
        pool("a", zone="r-a", machines=1),
        pool("b", zone="r-b", machines=1),
        pool("c", zone="r-c", usd_per_h=3.0),
        pool("d", zone="r-d", usd_per_h=4.0),
    )
    names = tuple(p.id for p in pools)
    apart = AffinityRule(other="v", at="zone", apart=True, origin=AT)
    problem = Problem(
        workloads=(Workload(name="w", origin=AT, affinity=(apart,)), Workload(name="v", origin=AT)),
        pools=pools,
        choices=(choice("w", names, 1), choice("v", names, 1)),
    )
    found = fallbacks_on(ground_of(problem))

    assert [[a.pool for a in f.alternatives] for f in found] == [["c", "d"], ["c", "d"]]
    assert [a.together for a in found[0].alternatives] == [((1, "d"),), ((1, "c"),)]


def test_a_pool_with_room_for_some_takes_these() -> None:
    """Of three machines it takes two, and says so."""
    pools = (pool("home"), pool("x", usd_per_h=2.0, machines=2))
    (found,) = fallbacks_on(ground_of(problem_of(*pools, replicas=3)))

    assert [(a.pool, a.room) for a in found.alternatives] == [("x", 2)]


def test_the_machines_of_a_gang_are_one_unit() -> None:
    """Machines of one job, and those that stand by for it, are had together."""
    names = ("home", "x")
    job = choice(
        "w",
        names,
        1,
        machines=2,
        one_pool=True,
        beside=Beside(pools=names, devices=8, machines=1, same_pool=True),
    )
    problem = problem_of(pool("home"), pool("x", usd_per_h=2.0), choices=(job,))
    (found,) = fallbacks_on(ground_of(problem))
    (unit,) = found.units

    assert len(unit.machines) == 3
    assert {(s.beside, s.replicas) for s in unit.shares} == {(False, 1), (True, 1)}
    assert sum(s.of_price for s in unit.shares) == pytest.approx(1.0)
    assert [(a.pool, a.usd_per_h) for a in found.alternatives] == [("x", 1.0)]


def test_a_gang_too_large_for_a_pool_does_not_go_there() -> None:
    """All or nothing."""
    job = choice("w", ("home", "x"), 1, machines=2, one_pool=True)
    problem = problem_of(pool("home"), pool("x", usd_per_h=2.0, machines=1), choices=(job,))

    assert fallbacks_on(ground_of(problem)) == ()


def test_another_cloud_is_no_alternative() -> None:
    """An address names its provider, so a machine cannot move to another one."""
    pools = (pool("home"), pool("x", usd_per_h=2.0, provider="y"))

    assert fallbacks_on(ground_of(problem_of(*pools))) == ()


def test_the_machine_elsewhere_is_what_the_next_plan_wants_there() -> None:
    """Attributes are those that the provider gives a machine planned in that pool."""
    pools = (pool("home"), pool("x", zone="s-b", usd_per_h=2.0, spot=True))
    lax = Workload(name="w", origin=AT, spot=SpotRule(share=1.0, origin=AT))
    ground = ground_of(problem_of(*pools, workload=lax))
    (found,) = fallbacks_on(ground)
    planned = machines_of(ground, ground.assignment.machines)
    moved = elsewhere(ground, {m.name: "x" for m in ground.assignment.machines})
    wanted = machines_of(ground, moved.machines)

    assert {a: rewritten(r, found.alternatives[0]) for a, r in planned.items()} == wanted
    assert found.alternatives[0].attributes["purchase"] == "spot"


def test_equal_questions_have_equal_answers() -> None:
    """Found twice, they are the same."""
    problem = problem_of(pool("home"), pool("x", usd_per_h=2.0), pool("y", usd_per_h=2.0))

    assert fallbacks_on(ground_of(problem)) == fallbacks_on(ground_of(problem))
