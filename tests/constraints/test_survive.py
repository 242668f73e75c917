"""With any one unit gone, as many replicas are left as carry the load."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from dcplan.placement import Beside, Pool, Problem, SpotRule, Workload, solve
from dcplan.placement.purchase_types import SurviveRule
from dcplan.placement.verify import violations
from placement_problems import choice, origins, pool, solution_of

RULE = ("workloads", "chat", "constraints", "survive")


def problem(
    pools: tuple[Pool, ...], needed: int, *units: str, spares: int = 0, share: float = 1.0
) -> Problem:
    """One workload that needs so many replicas, of which it may have twice as many."""
    chat = Workload(
        name="chat",
        origin=("workloads", "chat"),
        spot=SpotRule(share=share, origin=None),
        survive=SurviveRule(units=units, origin=RULE) if units else None,
    )
    way = choice("chat", tuple(p.id for p in pools), needed + spares, spares=spares, extra=needed - spares)
    return Problem(workloads=(chat,), pools=pools, choices=(way,))


def zones(count: int, **more: object) -> tuple[Pool, ...]:
    """Equal pools in so many zones."""
    return tuple(pool(f"p{i}", zone=f"r-z{i}", **more) for i in range(count))


def replicas(asked: Problem) -> Counter[str]:
    """How many there are in each pool."""
    return Counter({a.pool: a.replicas for a in solve(asked).unwrap().allotments})


@pytest.mark.parametrize(("count", "expected"), [(2, 12), (3, 9), (4, 8)])
def test_a_zone_may_be_lost(count: int, expected: int) -> None:
    """Six replicas in k zones are six at k zones with one gone: as few as the zones allow."""
    there = replicas(problem(zones(count), 6, "zone"))

    assert there.total() == expected
    assert there.total() - max(there.values()) >= 6


def test_spares_for_availability_count() -> None:
    """Spares that are there anyway are those that a loss may take."""
    assert replicas(problem(zones(4), 6, "zone", spares=2)).total() == 8
    assert replicas(problem(zones(4), 6, "zone", spares=3)).total() == 9
    assert replicas(problem(zones(4), 6, spares=2)).total() == 8


def test_spot_machines_are_lost_together() -> None:
    """Cheap spot machines of one type in one zone go at once; others stay."""
    spot, dear = pool("spot", spot=True, usd_per_h=1.0), pool("dear", usd_per_h=3.0)
    other = pool("other", spot=True, machine="m2", usd_per_h=1.0)

    assert replicas(problem((spot, dear), 4, "spot")) == {"dear": 4}
    assert replicas(problem((spot, dear, other), 4, "spot")) == {"spot": 4, "other": 4}


def test_the_share_of_spot_machines_is_of_all_replicas() -> None:
    """What comes on top counts when the share is taken: 50 % of eight are four."""
    spots = tuple(pool(f"s{i}", zone=f"r-z{i}", spot=True, usd_per_h=0.5) for i in range(2))
    there = replicas(problem((*spots, pool("dear", usd_per_h=9.0)), 4, "spot", share=0.5))

    # Four dear ones carry the load alone; three need one spot machine more than may be lost, so two.
    assert there["dear"] == 3
    assert (there["s0"], there["s1"]) == (1, 1)


def test_one_zone_cannot_be_survived() -> None:
    """The explanation names the line and says what is asked."""
    tight = problem(zones(1), 6, "zone")
    [diagnostic] = solve(tight).diagnostics

    assert origins(tight)[0] == RULE
    assert '"chat" keeps enough replicas when any one zone is lost' in diagnostic.detail


def test_too_few_machines_elsewhere() -> None:
    """What is short is told in machines."""
    first, second = zones(2, machines=8)
    tight = problem((first, replace(second, machines=5)), 6, "zone")
    [diagnostic] = solve(tight).diagnostics

    assert "1 machine short in pool p1" in diagnostic.detail


def test_a_unit_is_lost_with_either_part() -> None:
    """Parts beside that go with a zone count like the replicas whose parts they are."""
    both = problem(zones(3), 2, "zone")
    [way] = both.choices
    way = replace(way, beside=Beside(pools=way.pools, devices=8, machines=1))
    there = solve(replace(both, choices=(way,))).unwrap()

    assert sum(a.replicas for a in there.allotments) == 3
    assert sum(a.replicas for a in there.beside) == 3


def test_the_verifier_counts_what_is_left() -> None:
    """A placement that a loss would break is told of, without the model."""
    asked = problem(zones(2), 2, "zone")
    told = violations(asked, solution_of(asked, {("chat-way", "p0"): 2, ("chat-way", "p1"): 1}))

    assert "without x/r/r-z0, chat has 1 of 2 replicas" in told
