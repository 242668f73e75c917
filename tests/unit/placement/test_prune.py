"""What is left out of the model, and what must stay."""

from __future__ import annotations

from dataclasses import replace

from dcplan.placement import Allotment, Beside, BudgetRule, Pool, Problem, SpreadRule, Workload
from dcplan.placement.pairs import possible
from dcplan.placement.place_types import SiteRule
from dcplan.placement.prune import useful
from dcplan.placement.types import RackRule
from placement_problems import choice, pool

CHAT = Workload(name="chat", origin=("chat",))


def problem(*pools: Pool, replicas: int = 3) -> Problem:
    """One workload on whole machines that may use all pools."""
    way = choice("chat", tuple(p.id for p in pools), replicas, id="c", hours=1.0)
    return Problem(workloads=(CHAT,), pools=pools, choices=(way,))


def left(problem: Problem) -> list[str]:
    """Names of the pools that the one choice may still use."""
    return [p.id for p in useful(problem).own.get("c", ())]


def test_a_dearer_pool_is_dominated() -> None:
    """With machines for everything elsewhere at less, the dear pool is not modelled."""
    assert left(problem(pool("a"), pool("b", usd_per_h=2.0))) == ["a"]


def test_a_small_cheap_pool_dominates_nothing() -> None:
    """Two machines are not enough for three."""
    assert left(problem(pool("a", machines=2), pool("b", usd_per_h=2.0))) == ["a", "b"]


def test_a_pool_whose_racks_are_crowded_dominates_nothing() -> None:
    """What its racks do not hold must be able to go to the dear one."""
    rule = RackRule(pool="a", choices=("c",), at_most=0)

    assert left(replace(problem(pool("a"), pool("b", usd_per_h=2.0)), racks=(rule,))) == ["a", "b"]


def test_places_matter_when_a_rule_asks_for_them() -> None:
    """With a spread, the dear pool in another zone stays."""
    plain = problem(pool("a"), pool("b", zone="z1", usd_per_h=2.0))
    rule = SpreadRule(over="zone", at_least=2, origin=("spread",))

    assert left(plain) == ["a"]
    assert left(replace(plain, workloads=(replace(CHAT, spread=(rule,)),))) == ["a", "b"]


def test_a_thrifty_pool_stays_where_a_site_is_capped() -> None:
    """Of two pools of one hall at one price, the one that draws less is not left out."""
    hall = SiteRule(site="hall", pools=frozenset({"a", "b"}), watts=300.0)
    plain = problem(pool("a", power_w=250.0), pool("b", power_w=100.0))

    assert left(plain) == ["a"]
    assert left(replace(plain, sites=(hall,))) == ["a", "b"]


def test_pools_in_use_stay() -> None:
    """Else nobody could weigh what a move away from them means."""
    today = (Allotment(workload="chat", choice="c", pool="b", replicas=3),)

    assert left(replace(problem(pool("a"), pool("b")), current=today)) == ["a", "b"]


def test_hopeless_pairs_go_but_stay_possible() -> None:
    """Empty pools and those above the budget cannot be used; explanations still see them."""
    asked = replace(
        problem(pool("a", machines=0), pool("b", usd_per_h=20.0), pool("c", machines=3)),
        budget=BudgetRule(usd_per_h=10.0, origin=("budget",)),
    )

    assert left(asked) == ["c"]
    assert [p.id for p in possible(asked).own["c"]] == ["a", "b", "c"]


def test_a_choice_without_room_goes_altogether() -> None:
    """Two pools of one machine do not hold three."""
    assert left(problem(pool("a", machines=1), pool("b", machines=1))) == []


def test_both_parts_of_a_replica_must_find_a_zone() -> None:
    """Pools in zones without a pool for the other part go, and so does a choice that is left with none."""
    pools = (pool("own-a"), pool("own-b", zone="z1"), pool("other-b", zone="z1"), pool("other-c", zone="z2"))
    way = choice(
        "chat",
        ("own-a", "own-b"),
        2,
        id="c",
        beside=Beside(pools=("other-b", "other-c"), devices=8, machines=1),
    )
    asked = Problem(workloads=(CHAT,), pools=pools, choices=(way,))
    apart = replace(asked, pools=tuple(p for p in pools if p.id != "own-b"))

    assert left(asked) == ["own-b"]
    assert [p.id for p in useful(asked).beside["c"]] == ["other-b"]
    assert possible(apart).own == possible(apart).beside == {}


def test_a_cheaper_pool_in_another_zone_does_not_replace_one_that_a_part_needs() -> None:
    """Where replicas have parts beside, a pool is only as good as its zone."""
    pools = (pool("own-a"), pool("own-b", zone="z1", usd_per_h=9.0), pool("other-b", zone="z1", machines=2))
    way = choice(
        "chat", ("own-a", "own-b"), 2, id="c", beside=Beside(pools=("other-b",), devices=8, machines=1)
    )

    assert left(Problem(workloads=(CHAT,), pools=pools, choices=(way,))) == ["own-b"]
