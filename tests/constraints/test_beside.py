"""Each zone holds as many parts beside as replicas of a choice that has such parts."""

from __future__ import annotations

from collections import Counter

from dcplan.placement import Beside, BudgetRule, Pool, Problem, SpotRule, SpreadRule, Workload, solve
from placement_problems import choice, origins, pool

CHAT = Workload(name="chat", origin=("workloads", "chat"))


def problem(
    *pools: Pool,
    replicas: int = 2,
    workload: Workload = CHAT,
    beside: tuple[int, int] = (8, 1),
    budget: float | None = None,
) -> Problem:
    """Units whose own part is in pools with a ``d`` and whose part beside is in pools with a ``p``."""
    own, others = (tuple(p.id for p in pools if p.id.startswith(word)) for word in "dp")
    part = Beside(pools=others, devices=beside[0], machines=beside[1])
    return Problem(
        workloads=(workload,),
        pools=pools,
        choices=(choice("chat", own, replicas, beside=part),),
        budget=None if budget is None else BudgetRule(usd_per_h=budget, origin=("budget",)),
    )


def placed(asked: Problem) -> tuple[dict[str, int], dict[str, int]]:
    """Replicas and parts beside by pool."""
    solution = solve(asked).unwrap()
    own, beside = Counter[str](), Counter[str]()
    for side, allotments in ((own, solution.allotments), (beside, solution.beside)):
        for a in allotments:
            side[a.pool] += a.replicas
    return dict(own), dict(beside)


def test_both_parts_are_in_one_zone() -> None:
    """The cheapest pools of either part lie in different zones: a dearer pair in one zone is taken."""
    asked = problem(
        pool("d-a", zone="a", usd_per_h=1.0),
        pool("p-a", zone="a", usd_per_h=9.0),
        pool("d-b", zone="b", usd_per_h=4.0),
        pool("p-b", zone="b", usd_per_h=2.0),
    )

    assert placed(asked) == ({"d-b": 2}, {"p-b": 2})
    assert solve(asked).unwrap().usd_per_h == 12.0


def test_zones_are_matched_one_by_one() -> None:
    """Where one zone holds too few parts beside, only as many replicas are there."""
    asked = problem(
        pool("d-a", zone="a", usd_per_h=1.0),
        pool("p-a", zone="a", usd_per_h=1.0, machines=3),
        pool("d-b", zone="b", usd_per_h=5.0),
        pool("p-b", zone="b", usd_per_h=5.0),
        replicas=5,
    )

    assert placed(asked) == ({"d-a": 3, "d-b": 2}, {"p-a": 3, "p-b": 2})


def test_parts_beside_share_machines() -> None:
    """Four parts of two devices take one machine of eight, and all machines are paid for."""
    asked = problem(pool("d-a"), pool("p-a", usd_per_h=0.5), replicas=4, beside=(2, 0))
    solution = solve(asked).unwrap()

    assert {use.pool: use.machines for use in solution.pools} == {"d-a": 4, "p-a": 1}
    assert solution.usd_per_h == 4.5


def test_one_zone_without_room_for_both_is_explained() -> None:
    """Each part has room, but in another zone: the conflict names the law and the workload's line."""
    asked = problem(
        pool("d-a", zone="a", machines=2),
        pool("p-a", zone="a", machines=1),
        pool("d-b", zone="b", machines=1),
        pool("p-b", zone="b", machines=4),
        replicas=3,
    )
    [found] = solve(asked).diagnostics

    assert origins(asked) == (CHAT.origin,)
    assert 'both parts of each unit of "chat" are in one zone' in found.detail


def test_the_budget_pays_for_both_parts() -> None:
    """Either part alone would be within the budget."""
    pools = (pool("d-a", usd_per_h=3.0), pool("p-a", usd_per_h=2.0))

    assert solve(problem(*pools, budget=10.0)).unwrap().usd_per_h == 10.0
    assert origins(problem(*pools, budget=9.0))[0] == ("budget",)


def test_a_replica_is_on_spot_machines_when_either_part_is() -> None:
    """Half of four replicas may be: parts on cheap spot machines belong to the same two."""
    half = Workload(name="chat", origin=CHAT.origin, spot=SpotRule(share=0.5, origin=("spot",)))
    asked = problem(
        pool("d-spot", spot=True, usd_per_h=1.0),
        pool("d-sure", usd_per_h=3.0),
        pool("p-spot", spot=True, usd_per_h=1.0),
        pool("p-sure", usd_per_h=3.0),
        replicas=4,
        workload=half,
    )

    assert placed(asked) == ({"d-spot": 2, "d-sure": 2}, {"p-spot": 2, "p-sure": 2})


def test_spread_holds_for_both_parts() -> None:
    """Two zones for the replicas are two zones for their parts beside."""
    apart = Workload(
        name="chat", origin=CHAT.origin, spread=(SpreadRule(over="zone", at_least=2, origin=("spread",)),)
    )
    asked = problem(
        pool("d-a", zone="a"),
        pool("p-a", zone="a"),
        pool("d-b", zone="b"),
        pool("p-b", zone="b", usd_per_h=7.0),
        replicas=4,
        workload=apart,
    )

    assert placed(asked) == ({"d-a": 2, "d-b": 2}, {"p-a": 2, "p-b": 2})
