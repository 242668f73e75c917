"""Replicas of several choices carry one load together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from dcplan.placement import Allotment, Choice, Pool, Problem, SpreadRule, Workload, solve
from dcplan.placement.fleet_types import WHOLE_LOAD, Fleet
from dcplan.placement.purchase_types import SurviveRule
from dcplan.placement.verify import violations
from placement_problems import choice, pool

ORIGIN = ("workloads", "chat")


def kind(where: Pool, needed: int, spares: int = 0, **more: object) -> Choice:
    """A choice of which so many replicas carry the whole load."""
    weight = -(-WHOLE_LOAD // needed)
    more = {"weight": weight, "answers": "llama", **more}
    return replace(choice("chat", (where.id,), needed + spares, spares=spares, **more), id=f"chat/{where.id}")


def problem(choices: list[Choice], pools: list[Pool], availability: float | None = None) -> Problem:
    """One workload that may have a mixed fleet."""
    chat = Workload(name="chat", origin=ORIGIN, fleet=Fleet(availability=availability))
    return Problem(workloads=(chat,), pools=tuple(pools), choices=tuple(choices))


def taken(asked: Problem) -> Counter[str]:
    """How many replicas there are in each pool."""
    return Counter({a.pool: a.replicas for a in solve(asked).unwrap().allotments})


def test_the_rest_of_a_load_goes_to_what_is_cheap() -> None:
    """Of 10 units, two replicas of 4 and one of 2 cost less than three large or five small ones."""
    large, small = pool("large", usd_per_h=4.0), pool("small", usd_per_h=2.5)
    kinds = [
        kind(large, 3, weight=WHOLE_LOAD * 4 // 10),
        kind(small, 5, weight=WHOLE_LOAD * 2 // 10),
    ]

    assert taken(problem(kinds, [large, small])) == {"large": 2, "small": 1}


def test_equal_cost_keeps_one_kind() -> None:
    """A fleet of one kind is taken where a mixed one costs the same."""
    first, second = pool("a", usd_per_h=4.0), pool("b", usd_per_h=2.0)
    kinds = [kind(first, 3), kind(second, 6)]

    assert len(taken(problem(kinds, [first, second]))) == 1


def test_too_few_machines_of_either_kind_are_enough_together() -> None:
    """Neither pool carries the load alone."""
    first, second = pool("a", machines=2), pool("b", machines=3)
    kinds = [kind(first, 4), kind(second, 6)]

    assert taken(problem(kinds, [first, second])) == {"a": 2, "b": 3}


def test_the_largest_replica_may_be_lost() -> None:
    """With a spare, what is left without the largest replica still carries the load."""
    large, small = pool("large", machines=1, usd_per_h=1.0), pool("small", usd_per_h=1.0)
    kinds = [kind(large, 2, 1), kind(small, 4, 1)]

    assert taken(problem(kinds, [large, small], availability=0.999)) == {"small": 5}
    assert taken(problem(kinds, [large, small])) == {"large": 1, "small": 2}


def test_a_fleet_answers_with_one_model() -> None:
    """Replicas that serve another model are no part of it."""
    first, second = pool("a", machines=2), pool("b", machines=3)
    kinds = [kind(first, 4), kind(second, 6, answers="distilled")]

    assert solve(problem(kinds, [first, second])).value is None


def test_spread_counts_all_kinds() -> None:
    """Replicas of both kinds are spread over two zones together."""
    first, second = pool("a", zone="r-z0", usd_per_h=1.0), pool("b", zone="r-z1", usd_per_h=1.0)
    asked = problem([kind(first, 4), kind(second, 4)], [first, second])
    rule = SpreadRule(over="zone", at_least=2, origin=ORIGIN)
    asked = replace(asked, workloads=(replace(asked.workloads[0], spread=(rule,)),))

    assert taken(asked) == {"a": 2, "b": 2}


def test_a_lost_zone_is_weighed() -> None:
    """What is left without a zone is counted by what it carries, not by replicas."""
    first, second = pool("a", zone="r-z0", usd_per_h=1.0), pool("b", zone="r-z1", usd_per_h=1.0)
    asked = problem([kind(first, 2), kind(second, 4)], [first, second])
    rule = SurviveRule(units=("zone",), origin=ORIGIN)
    asked = replace(asked, workloads=(replace(asked.workloads[0], survive=rule),))

    assert taken(asked) == {"a": 2, "b": 4}


def test_too_few_machines_altogether_are_told() -> None:
    """Neither pool nor both together: the error names both pools, and how many machines are short."""
    first, second = pool("a", machines=1), pool("b", machines=2)
    [told] = solve(problem([kind(first, 4), kind(second, 6)], [first, second])).diagnostics

    assert told.code == "no-placement"
    assert "pool a has 1 machine" in told.detail
    assert "pool b has 2 machines" in told.detail
    assert "machines short in pool" in told.detail


def test_the_verifier_counts_what_is_left() -> None:
    """A fleet whose largest replica may not be lost is caught."""
    large, small = pool("large", usd_per_h=1.0), pool("small", usd_per_h=1.0)
    asked = problem([kind(large, 2, 1), kind(small, 4, 1)], [large, small], availability=0.999)
    good = solve(asked).unwrap()
    bad = (
        Allotment(workload="chat", choice="chat/large", pool="large", replicas=1),
        Allotment(workload="chat", choice="chat/small", pool="small", replicas=2),
    )

    found = violations(asked, replace(good, allotments=bad))

    assert violations(asked, good) == ()
    assert any("cannot carry its load without its 1 largest" in one for one in found)
