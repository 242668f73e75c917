"""With rules about places the solver finds what trying everything finds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from brute_force import assert_least, least
from dcplan.placement import BudgetRule, Choice, Pool, Problem, Workload
from dcplan.placement.lp import Program, solve_program
from dcplan.placement.place_types import CapRule, NetworkRule, ResidencyRule, SiteRule, Users

ORIGIN = ("constraints",)
Counts = dict[str, int]
"""Replicas of a workload by pool."""


def maybe(draw: st.DrawFn, values: list[float]) -> float | None:
    """One of the values, or nothing as often."""
    return draw(st.one_of(st.none(), st.sampled_from(values)))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Small problems whose rules are about places."""
    pools = tuple(
        Pool(
            id=f"p{i}",
            provider="x",
            region=f"r{i}",
            zone=f"z{i}",
            machine="m",
            accelerator="a",
            devices=8,
            machines=draw(st.sampled_from([None, 1, 2, 4])),
            usd_per_h=draw(st.sampled_from([0.5, 1.0, 2.5])),
            power_w=draw(st.sampled_from([None, 100.0, 250.5])),
            kgco2_per_h=draw(st.sampled_from([None, 0.1, 1.3, 2.0])),
        )
        for i in range(3)
    )
    names = ["a", "b"][: draw(st.integers(1, 2))]
    ids = [p.id for p in pools]
    sites = draw(st.lists(st.sampled_from([100.0, 251.0, 501.0]), max_size=1))
    carbon, power = maybe(draw, [0.4, 2.0, 5.3]), maybe(draw, [200.0, 601.0, 1000.0])
    budget = maybe(draw, [2.0, 4.0, 9.0])
    return Problem(
        workloads=tuple(_workload(draw, name, ids) for name in names),
        pools=pools,
        choices=tuple(
            Choice(
                id=name,
                workload=name,
                pools=tuple(ids),
                replicas=draw(st.integers(1, 4)),
                devices=8,
                machines=1,
                hours=draw(st.sampled_from([1.0, 2.5])),
            )
            for name in names
        ),
        budget=None if budget is None else BudgetRule(usd_per_h=budget, origin=ORIGIN),
        carbon=None if carbon is None else CapRule(at_most=carbon, origin=ORIGIN),
        power=None if power is None else CapRule(at_most=power, origin=ORIGIN),
        sites=tuple(SiteRule(site="s", pools=frozenset(ids[:2]), watts=watts) for watts in sites),
    )


def _workload(draw: st.DrawFn, name: str, ids: list[str]) -> Workload:
    home = draw(st.one_of(st.none(), st.sets(st.sampled_from(ids), min_size=1)))
    shares = draw(st.sampled_from([(1.0,), (0.5, 0.5), (0.25, 0.75)]))
    trip = st.sampled_from([0.01, 0.05, 0.2])
    bounds = draw(st.sampled_from([(), ((0.9, 0.05),), ((0.5, 0.01), (0.99, 0.05)), ((0.5, 0.05),)]))
    return Workload(
        name=name,
        origin=("workloads", name),
        residency=None
        if home is None
        else ResidencyRule(names=("eu",), pools=frozenset(home), unknown=frozenset(), origin=ORIGIN),
        users=tuple(
            Users(place=str(i), share=share, rtt_s=draw(st.dictionaries(st.sampled_from(ids), trip)))
            for i, share in enumerate(shares)
        ),
        network=tuple(NetworkRule(quantile=q, bound_s=bound, origin=ORIGIN) for q, bound in bounds),
        egress_usd_per_h=draw(st.dictionaries(st.sampled_from(ids), st.sampled_from([0.3, 1.0, 3.0]))),
    )


def cheapest(problem: Problem) -> Fraction | None:
    """The least cost over all placements that keep every rule; None where there is none."""
    ways = [list(_ways(problem, w)) for w in problem.workloads]
    return least(ways, partial(_cost, problem))


def _ways(problem: Problem, w: Workload) -> Iterator[Counts]:
    [choice] = [c for c in problem.choices if c.workload == w.name]
    for counts in itertools.product(range(choice.replicas + 1), repeat=len(choice.pools)):
        placed = {p: n for p, n in zip(choice.pools, counts, strict=True) if n}
        at_home = w.residency is None or set(placed) <= w.residency.pools
        if sum(counts) == choice.replicas and at_home and _served(w, placed, choice.replicas):
            yield placed


def _served(w: Workload, placed: Counts, replicas: int) -> bool:
    """Whether all bounds can hold at once: a linear program over how much of each place goes where."""
    if not w.network:
        return True
    pairs = [(u, p) for u in range(len(w.users)) for p in placed]
    rows: list[tuple[list[float], float, float]] = [
        *(([float(v == u) for v, _ in pairs], 0.0, user.share) for u, user in enumerate(w.users)),
        *(([float(q == p) for _, q in pairs], 0.0, n / replicas) for p, n in placed.items()),
        *(
            ([float(w.users[u].rtt_s.get(p, 9.0) <= k.bound_s) for u, p in pairs], k.quantile, 9.0)
            for k in w.network
        ),
    ]
    row, column = np.indices((len(rows), len(pairs)))
    program = Program(
        objective=np.zeros(len(pairs)),
        lower=np.zeros(len(pairs)),
        upper=np.ones(len(pairs)),
        row_lower=np.array([low for _, low, _ in rows]),
        row_upper=np.array([high for _, _, high in rows]),
        row=row.ravel(),
        column=column.ravel(),
        value=np.array([terms for terms, _, _ in rows]).ravel(),
    )
    return solve_program(program).found


def _cost(problem: Problem, placed: tuple[Counts, ...]) -> Fraction | None:
    used = {p.id: sum(counts.get(p.id, 0) for counts in placed) for p in problem.pools}
    pools = [p for p in problem.pools if used[p.id]]
    limits: list[tuple[list[tuple[Pool, float | None]], float]] = []
    if problem.carbon:
        limits.append(([(p, p.kgco2_per_h) for p in pools], problem.carbon.at_most))
    if problem.power:
        limits.append(([(p, p.power_w) for p in pools], problem.power.at_most))
    limits += [([(p, p.power_w) for p in pools if p.id in s.pools], s.watts) for s in problem.sites]
    for parts, at_most in limits:
        if any(each is None for _, each in parts):
            return None
        if sum(Fraction(str(each)) * used[p.id] for p, each in parts) > Fraction(str(at_most)):
            return None
    if any(p.machines is not None and used[p.id] > p.machines for p in pools):
        return None
    price = {p.id: Fraction(str(p.usd_per_h)) for p in problem.pools}
    bill = cost = Fraction(0)
    for w, choice, counts in zip(problem.workloads, problem.choices, placed, strict=True):
        for pool, n in counts.items():
            sent = Fraction(str(w.egress_usd_per_h.get(pool, 0.0))) * n / choice.replicas
            bill += price[pool] * n + sent
            cost += (price[pool] * n + sent) * Fraction(str(choice.hours))
    return None if problem.budget and bill > Fraction(str(problem.budget.usd_per_h)) else cost


@settings(max_examples=120, deadline=None)
@given(problems())
def test_rules_of_places_equal_brute_force(problem: Problem) -> None:
    """The cost is the least there is, and nothing is refused that keeps every rule."""
    assert_least(problem, cheapest(problem))
