"""Replicas sit in at least so many zones or regions, none holding more than its share."""

from __future__ import annotations

from dcplan.placement import Problem, SpreadRule, Workload, solve
from placement_problems import choice, origins, pool

RULE = ("workloads", "chat", "constraints", "spread")


def problem(zones: tuple[str, ...], replicas: int, at_least: int, over: str = "zone") -> Problem:
    """One workload over one pool in each zone, each dearer than the last."""
    rule = SpreadRule(over=over, at_least=at_least, origin=RULE)
    chat = Workload(name="chat", origin=("workloads", "chat"), spread=(rule,))
    pools = tuple(pool(f"p{i}", zone=zone, usd_per_h=1.0 + i) for i, zone in enumerate(zones))
    return Problem(
        workloads=(chat,), pools=pools, choices=(choice("chat", tuple(p.id for p in pools), replicas),)
    )


def test_no_zone_holds_more_than_its_share() -> None:
    """Five replicas over two zones: three in the cheapest, two in the next."""
    solution = solve(problem(("z0", "z1", "z2"), 5, 2)).unwrap()

    assert {a.pool: a.replicas for a in solution.allotments} == {"p0": 3, "p1": 2}


def test_at_least_means_that_many() -> None:
    """Four replicas over three zones sit in three, though shares of two would fit into two."""
    solution = solve(problem(("z0", "z1", "z2"), 4, 3)).unwrap()

    assert {a.pool: a.replicas for a in solution.allotments} == {"p0": 2, "p1": 1, "p2": 1}


def test_regions_are_told_apart_from_zones() -> None:
    """Two zones of one region do not make two regions."""
    assert solve(problem(("r0-a", "r0-b"), 2, 2, "zone")).ok
    assert not solve(problem(("r0-a", "r0-b"), 2, 2, "region")).ok


def test_too_few_zones() -> None:
    """With one zone less than asked for, the rule's own line comes first."""
    assert origins(problem(("z0", "z1"), 6, 3)) == (RULE, ("workloads", "chat"))


def test_too_few_replicas() -> None:
    """One replica cannot sit in two zones."""
    assert origins(problem(("z0", "z1"), 1, 2)) == (RULE, ("workloads", "chat"))
