"""Mixed fleets cost what trying everything says."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from brute_force import assert_least
from dcplan.placement import Choice, Pool, Problem, SpotRule, SpreadRule, Workload
from dcplan.placement.fleet_types import WHOLE_LOAD, Fleet
from dcplan.placement.purchase_types import SurviveRule

UP = 0.995
ORIGIN = ("workloads", "w")
Where = dict[tuple[str, str], int]
"""Replicas by choice and pool."""


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """One workload, two or three choices of unlike size on two or three pools."""
    availability = draw(st.sampled_from([None, None, 0.9, 0.99, 0.999]))
    pools = tuple(
        Pool(
            id=f"p{i}",
            provider="x",
            region="r",
            zone=draw(st.sampled_from(["z0", "z1"])),
            machine=f"m{i}",
            accelerator="a",
            devices=4,
            machines=draw(st.sampled_from([None, 1, 2, 3, 4])),
            usd_per_h=draw(st.sampled_from([0.1, 1.0, 1.25, 2.0])),
            spot=draw(st.sampled_from([False, False, True])),
        )
        for i in range(draw(st.integers(2, 3)))
    )
    return Problem(
        workloads=(
            Workload(
                name="w",
                origin=ORIGIN,
                fleet=Fleet(availability=availability),
                spread=draw(st.sampled_from([(), (), (SpreadRule(over="zone", at_least=2, origin=ORIGIN),)])),
                spot=draw(st.sampled_from([None, SpotRule(share=0.5, origin=ORIGIN)])),
                survive=draw(st.sampled_from([None, None, SurviveRule(units=("zone",), origin=ORIGIN)])),
            ),
        ),
        pools=pools,
        choices=tuple(_choice(draw, i, pool, availability) for i, pool in enumerate(pools) for _ in range(1)),
    )


def _choice(draw: st.DrawFn, i: int, pool: Pool, availability: float | None) -> Choice:
    needed = draw(st.integers(1, 3))
    spares = 0 if availability is None else _spares(needed, draw(st.just(1)), availability)
    more = draw(st.integers(0, 400_000_000 // needed))
    machines = draw(st.integers(0, 2))
    return Choice(
        id=f"c{i}",
        workload="w",
        pools=(pool.id,),
        replicas=needed + spares + 1,
        spares=spares + 1,
        extra=draw(st.integers(0, 1)),
        devices=draw(st.integers(1, 2)) if machines == 0 else 4 * machines,
        machines=machines,
        hours=1.0,
        weight=-(-WHOLE_LOAD // needed) + more // 7,
        answers=draw(st.sampled_from(["m", "m", "m", "n"])),
    )


def _spares(needed: int, machines: int, availability: float) -> int:
    return next(k for k in itertools.count() if _chance(needed + k, k, machines) >= availability)


def _chance(replicas: int, down: int, machines: int) -> float:
    up = UP ** max(machines, 1)
    return sum(math.comb(replicas, i) * up ** (replicas - i) * (1 - up) ** i for i in range(down + 1))


def cheapest(problem: Problem) -> Fraction | None:
    """The least cost over all fleets there are; None when none satisfies the rules."""
    pairs = [(c, p) for c in problem.choices for p in problem.pools if p.id in c.pools]
    best = None
    for counts in itertools.product(*(range(c.most + 1) for c, _ in pairs)):
        fleet = {(c.id, p.id): n for (c, p), n in zip(pairs, counts, strict=True) if n}
        if fleet and _obeys(problem, fleet):
            cost = _cost(problem, fleet)
            best = cost if best is None or (cost is not None and cost < best) else best
    return best


def _obeys(problem: Problem, fleet: Where) -> bool:
    [w] = problem.workloads
    choices, pools = {c.id: c for c in problem.choices}, {p.id: p for p in problem.pools}
    if _cost(problem, fleet) is None or len({choices[c].answers for c, _ in fleet}) > 1:
        return False
    total = sum(fleet.values())
    weights = sorted(choices[c].weight for (c, _), n in fleet.items() for _ in range(n))
    lost = 0
    if w.fleet is not None and w.fleet.availability is not None:
        size = max(choices[c].machines for c, _ in fleet)
        lost = next(k for k in range(total + 1) if _chance(total, k, size) >= w.fleet.availability)
    if sum(weights[: total - lost]) < WHOLE_LOAD:
        return False
    zones: Counter[str] = Counter()
    carried: Counter[str] = Counter()
    for (c, p), n in fleet.items():
        zones[pools[p].zone] += n
        carried[pools[p].zone] += n * choices[c].weight
    if any(len(zones) < s.at_least or max(zones.values()) > -(-total // s.at_least) for s in w.spread):
        return False
    if w.survive is not None and sum(weights) - max(carried.values()) < WHOLE_LOAD:
        return False
    on_spot = sum(n * choices[c].weight for (c, p), n in fleet.items() if pools[p].spot)
    return w.spot is None or on_spot <= Fraction(str(w.spot.share)) * sum(weights)


def _cost(problem: Problem, fleet: Where) -> Fraction | None:
    """Every pool has one choice, so that machines are counted one by one; None beyond what there is."""
    choices = {c.id: c for c in problem.choices}
    pools = {p.id: p for p in problem.pools}
    cost = Fraction(0)
    for (c, p), n in fleet.items():
        machines = choices[c].machines * n or -(-n // (4 // choices[c].devices))
        if pools[p].machines is not None and machines > (pools[p].machines or 0):
            return None
        cost += machines * Fraction(str(pools[p].usd_per_h))
    return cost


@settings(max_examples=200, deadline=None)
@given(problems())
def test_mixed_fleets_equal_brute_force(problem: Problem) -> None:
    """A fleet of several kinds costs the least there is, and is refused only where there is none."""
    assert_least(problem, cheapest(problem))
