"""Machines that stand by, and groups wider than a machine: the cost is what trying everything finds."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from brute_force import assert_least, least, settled
from dcplan.placement import Beside, BudgetRule, Choice, Problem, SpotRule, Workload
from dcplan.placement.purchase_types import QuotaRule
from dcplan.placement.seats import seated
from dcplan.placement.verify_cuts import check_domains
from placement_problems import choice, pool

ORIGIN = ("constraints",)
Way = tuple[Choice, dict[str, int]]
"""A choice and its replicas by pool; its machines that stand by are in the same pools."""


@st.composite
def waiting(draw: st.DrawFn) -> Problem:
    """Jobs and pools, some of which have room for a job but not for what stands by for it."""
    pools = tuple(
        pool(
            f"p{i}",
            zone=draw(st.sampled_from(["z0", "z1"])),
            machines=draw(st.sampled_from([None, 2, 3, 4, 5, 6])),
            usd_per_h=draw(st.sampled_from([0.0, 0.5, 1.0, 1.25])),
            spot=draw(st.sampled_from([False, False, True])),
        )
        for i in range(draw(st.integers(2, 3)))
    )
    ids = [p.id for p in pools]
    names = ["a", "b"][: draw(st.integers(1, 2))]
    budget = draw(st.sampled_from([None, None, 3.0, 6.0]))
    quota = draw(st.sampled_from([None, None, 3, 6, 9]))
    return Problem(
        workloads=tuple(_workload(draw, name) for name in names),
        pools=pools,
        choices=tuple(_job(draw, name, i, ids) for name in names for i in range(draw(st.integers(1, 2)))),
        budget=None if budget is None else BudgetRule(usd_per_h=budget, origin=ORIGIN),
        quotas=()
        if quota is None
        else (
            QuotaRule(
                law="quota", name="q", unit="machines", at_most=quota, origin=ORIGIN,
                each=tuple((p, draw(st.integers(1, 2))) for p in ids[:2]),
            ),
        ),
    )  # fmt: skip


def _workload(draw: st.DrawFn, name: str) -> Workload:
    share = draw(st.sampled_from([None, None, 0.0, 0.5, 1.0]))
    return Workload(
        name=name,
        origin=("workloads", name),
        spot=None if share is None else SpotRule(share=share, origin=ORIGIN),
    )


def _job(draw: st.DrawFn, name: str, i: int, ids: list[str]) -> Choice:
    machines = draw(st.integers(1, 3))
    pools = tuple(draw(st.lists(st.sampled_from(ids), min_size=1, unique=True)))
    spare = draw(st.sampled_from([0, 1, 1, 2]))
    return Choice(
        id=f"{name}{i}",
        workload=name,
        pools=pools,
        replicas=draw(st.sampled_from([1, 1, 2])),
        devices=8 * machines,
        machines=machines,
        hours=draw(st.sampled_from([1.0, 2.5])),
        one_pool=draw(st.sampled_from([True, True, False])),
        beside=Beside(pools=pools, devices=0, machines=spare, same_pool=True) if spare else None,
    )


def cheapest(problem: Problem) -> Fraction | None:
    """The least cost over all placements there are; None when none satisfies the rules."""
    ways = [list(_ways(problem, w)) for w in problem.workloads]
    return least(ways, partial(_cost, problem))


def _ways(problem: Problem, w: Workload) -> Iterator[Way]:
    spot = {p.id for p in problem.pools if p.spot}
    for c in problem.choices:
        if c.workload != w.name:
            continue
        for counts in itertools.product(range(c.replicas + 1), repeat=len(c.pools)):
            placed = {p: n for p, n in zip(c.pools, counts, strict=True) if n}
            on_spot = sum(n for p, n in placed.items() if p in spot)
            if sum(counts) != c.replicas or (c.one_pool and len(placed) > 1):
                continue
            if w.spot is None or on_spot <= Fraction(str(w.spot.share)) * c.replicas:
                yield c, placed


def _cost(problem: Problem, taken: tuple[Way, ...]) -> Fraction | None:
    price = {p.id: Fraction(str(p.usd_per_h)) for p in problem.pools}
    used: Counter[str] = Counter()
    cost = Fraction(0)
    for c, placed in taken:
        each = c.machines + (c.beside.machines if c.beside else 0)
        for p, n in placed.items():
            used[p] += each * n
            cost += price[p] * each * n * Fraction(str(c.hours))
    if any(p.machines is not None and used[p.id] > p.machines for p in problem.pools):
        return None
    if any(sum(each * used[p] for p, each in q.each) > q.at_most for q in problem.quotas):
        return None
    bill = sum((price[p] * n for p, n in used.items()), start=Fraction(0))
    return None if problem.budget and bill > Fraction(str(problem.budget.usd_per_h)) else cost


@settings(max_examples=150, deadline=None)
@given(waiting())
def test_machines_that_stand_by_cost_what_brute_force_says(problem: Problem) -> None:
    """They are in the pool of their job, count everywhere, and the cost is the least there is."""
    assert_least(problem, cheapest(problem))


@st.composite
def halls(draw: st.DrawFn) -> tuple[Problem, dict[str, int]]:
    """Gangs with groups of several machines, a cheap pool of small racks, and a dear one without racks."""
    names = ["a", "b", "c"][: draw(st.integers(1, 3))]
    room = {f"r{i}": draw(st.integers(0, 5)) for i in range(draw(st.integers(1, 4)))}
    pools = (pool("cheap", machines=sum(room.values()), domain=4), pool("dear", usd_per_h=3.0, domain=4))
    spans = st.sampled_from([(), (2,), (3,), (2, 4), (2, 3), (2, 9)])
    return Problem(
        workloads=tuple(Workload(name=name, origin=("workloads", name)) for name in names),
        pools=pools,
        choices=tuple(
            replace(
                choice(
                    name, ("cheap", "dear"), 1, machines=draw(st.integers(2, 6)), one_pool=True, hours=1.0
                ),
                spans=draw(spans),
            )
            for name in names
        ),
    ), room


def _pieces(gang: Choice) -> list[int]:
    """Runs of machines that have one rack, because a group of some kind goes on from each to the next."""
    bound = [
        all(rank % span == 0 for span in gang.spans if span <= 4)  # what no domain holds may lie anywhere
        for rank in range(1, gang.machines)
    ]
    ends = [rank for rank, ends_here in enumerate(bound, start=1) if ends_here]
    return [high - low for low, high in itertools.pairwise([0, *ends, gang.machines])]


def _seated(gangs: tuple[Choice, ...], room: dict[str, int]) -> bool:
    """Whether the runs of all these gangs find racks, by trying all."""
    pieces = sorted((size for gang in gangs for size in _pieces(gang)), reverse=True)
    states = {tuple(sorted(room.values()))}
    for size in pieces:
        states = {
            tuple(sorted((*left[:i], left[i] - size, *left[i + 1 :])))
            for left in states
            for i in range(len(left))
            if left[i] >= size
        }
    return bool(states)


@settings(max_examples=150, deadline=None)
@given(halls())
def test_groups_in_scale_up_domains_cost_what_brute_force_says(hall: tuple[Problem, dict[str, int]]) -> None:
    """The gangs in the cheap pool are those whose groups its racks hold, and which save most."""
    problem, room = hall
    price = {p.id: p.usd_per_h for p in problem.pools}
    expected = min(
        sum(price["cheap" if c in inside else "dear"] * c.machines for c in problem.choices)
        for count in range(len(problem.choices) + 1)
        for inside in itertools.combinations(problem.choices, count)
        if _seated(inside, room)
    )

    solution, assignment, seats = settled(problem, {"cheap": room})

    assert abs(solution.report.objective_usd - expected) < 1e-4
    assert not seats.unseated
    assert not check_domains(problem, seated(assignment, seats, {}), ())
