"""The solver finds what trying everything finds."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from brute_force import assert_least, least, settled
from dcplan.placement import (
    AffinityRule,
    Beside,
    BudgetRule,
    Choice,
    Pool,
    Problem,
    SpotRule,
    SpreadRule,
    Workload,
    solve,
)
from dcplan.placement.seats import Hall
from dcplan.placement.types import RackRule

ORIGIN = ("workloads",)
Way = tuple[Choice, dict[str, int], dict[str, int]]
"""A choice, its replicas by pool, and their parts beside by pool."""
Where = dict[str, Way]


@st.composite
def problems(draw: st.DrawFn, *, beside: bool = False) -> Problem:
    """Small problems that touch every law; that of parts beside only where it is asked for."""
    pools = tuple(
        Pool(
            id=f"p{i}",
            provider="x",
            region=draw(st.sampled_from(["r0", "r1"])),
            zone=draw(st.sampled_from(["z0", "z1"])),
            machine="m",
            accelerator="a",
            devices=draw(st.sampled_from([4, 6])),
            machines=draw(st.sampled_from([None, None, 0, 1, 2, 3, 4, 6])),
            usd_per_h=draw(st.sampled_from([0.0, 0.1, 1.0, 1.25, 2.0])),
            spot=draw(st.booleans()),
        )
        for i in range(draw(st.integers(2, 3)))
    )
    names = ["a", "b"][: draw(st.integers(1, 2))]
    choices = tuple(
        _choice(draw, name, i, pools, beside=beside) for name in names for i in range(draw(st.integers(1, 2)))
    )
    workloads = tuple(_workload(draw, name, names) for name in names)
    budget = draw(st.sampled_from([None, None, None, 1.0, 2.3, 5.0, 12.0]))
    racks = draw(st.lists(_rack_rules(pools, choices), max_size=2))
    return Problem(
        workloads=workloads,
        pools=pools,
        choices=choices,
        budget=None if budget is None else BudgetRule(usd_per_h=budget, origin=("budget",)),
        racks=tuple(racks),
    )


def _rack_rules(pools: tuple[Pool, ...], choices: tuple[Choice, ...]) -> st.SearchStrategy[RackRule]:
    """What seating learns: gangs in a pool that racks, domains or uplinks hold no more of."""
    ids = st.lists(st.sampled_from([c.id for c in choices]), min_size=1, max_size=3, unique=True)
    return st.builds(
        RackRule,
        pool=st.sampled_from([p.id for p in pools]),
        choices=ids.map(lambda some: tuple(sorted(some))),
        at_most=st.integers(0, 2),
        law=st.sampled_from(["rack-room", "scale-up-domain", "cut-bandwidth"]),
    )


def _choice(draw: st.DrawFn, name: str, i: int, pools: tuple[Pool, ...], *, beside: bool) -> Choice:
    whole = draw(st.booleans())
    ids = [p.id for p in pools]
    part = None
    if beside and draw(st.sampled_from([True, True, False])):
        part = Beside(
            pools=tuple(draw(st.lists(st.sampled_from(ids), min_size=1, max_size=2, unique=True))),
            devices=draw(st.integers(1, 4)),
            machines=draw(st.integers(0, 2)),
        )
    return Choice(
        id=f"{name}{i}",
        workload=name,
        pools=tuple(draw(st.lists(st.sampled_from(ids), min_size=2, unique=True))),
        replicas=draw(st.integers(1, 3 if beside else 4)),
        devices=draw(st.integers(1, 4)),
        machines=draw(st.integers(1, 2)) if whole else 0,
        hours=draw(st.sampled_from([1.0, 2.5])),
        one_pool=draw(st.sampled_from([False, False, True])),
        beside=part,
    )


def _workload(draw: st.DrawFn, name: str, names: list[str]) -> Workload:
    over = st.sampled_from(["zone", "region"])
    kind = draw(st.sampled_from(["plain", "plain", "spread", "affinity", "both"]))
    spread = draw(st.builds(SpreadRule, over=over, at_least=st.just(2), origin=st.just(ORIGIN)))
    other = st.sampled_from(names)
    affinity = draw(
        st.builds(AffinityRule, other=other, at=over, apart=st.booleans(), origin=st.just(ORIGIN))
    )
    share = draw(st.sampled_from([None, None, 0.0, 0.3, 0.5, 1.0]))
    return Workload(
        name=name,
        origin=("workloads", name),
        spread=(spread,) if kind in {"spread", "both"} else (),
        affinity=(affinity,) if kind in {"affinity", "both"} else (),
        spot=None if share is None else SpotRule(share=share, origin=ORIGIN),
    )


def cheapest(problem: Problem) -> Fraction | None:
    """The least cost over all placements there are; None when none satisfies the rules."""
    ways = [list(_ways(problem, w.name)) for w in problem.workloads]
    names = [w.name for w in problem.workloads]
    return least(ways, lambda taken: _cost(problem, dict(zip(names, taken, strict=True))))


def _ways(problem: Problem, workload: str) -> Iterator[Way]:
    pools = {p.id: p for p in problem.pools}
    for choice in problem.choices:
        if choice.workload == workload:
            for own in _splits(choice.pools, choice.replicas):
                for beside in _splits(choice.beside.pools, choice.replicas) if choice.beside else ({},):
                    if choice.beside is None or _by_zone(own, pools) == _by_zone(beside, pools):
                        yield choice, own, beside


def _splits(pools: tuple[str, ...], count: int) -> Iterator[dict[str, int]]:
    for counts in itertools.product(range(count + 1), repeat=len(pools)):
        if sum(counts) == count:
            yield {p: n for p, n in zip(pools, counts, strict=True) if n}


def _by_zone(counts: dict[str, int], pools: dict[str, Pool]) -> Counter[tuple[str, str]]:
    held: Counter[tuple[str, str]] = Counter()
    for pool, n in counts.items():
        held[pools[pool].region, pools[pool].zone] += n
    return held


def _cost(problem: Problem, where: Where) -> Fraction | None:
    pools = {p.id: p for p in problem.pools}
    if not all(_obeys(w, where, pools) for w in problem.workloads):
        return None
    for rule in problem.racks:
        if sum(own.get(rule.pool, 0) for c, own, _ in where.values() if c.id in rule.choices) > rule.at_most:
            return None
    shares = [c for c in problem.choices if 0 in {c.machines, c.beside.machines if c.beside else 1}]
    shared_h = max((c.hours for c in shares), default=0.0)
    cost = bill = Fraction(0)
    for pool in problem.pools:
        price = Fraction(str(pool.usd_per_h))
        here = [(c, c.hours, own[pool.id]) for c, own, _ in where.values() if pool.id in own]
        here += [
            (c.beside, c.hours, beside[pool.id])
            for c, _, beside in where.values()
            if c.beside and pool.id in beside
        ]
        shared = _machines(problem, pool, here)
        if shared is None:
            return None
        whole = sum(part.machines * n for part, _, n in here)
        if pool.machines is not None and whole + shared > pool.machines:
            return None
        bill += price * (whole + shared)
        cost += price * sum(part.machines * n * Fraction(str(hours)) for part, hours, n in here)
        cost += price * shared * Fraction(str(shared_h))
    if problem.budget and bill > Fraction(str(problem.budget.usd_per_h)):
        return None
    return cost


def _machines(problem: Problem, pool: Pool, here: list[tuple[Choice | Beside, float, int]]) -> int | None:
    """Shared machines by the law of packing: the longest chain of sizes together, others apart."""
    sizes: Counter[int] = Counter()
    for part, _, count in here:
        if part.machines == 0:
            if part.devices > pool.devices:
                return None
            sizes[part.devices] += count
    parts = [part for c in problem.choices for part in (c, c.beside) if part is not None]
    offered = {part.devices for part in parts if part.machines == 0 and pool.id in part.pools}
    chain = [pool.devices]
    for size in sorted((s for s in offered if s <= pool.devices), reverse=True):
        if chain[-1] % size == 0:
            chain.append(size)
    together = sum(size * count for size, count in sizes.items() if size in chain)
    apart = [-(-count // (pool.devices // size)) for size, count in sizes.items() if size not in chain]
    return -(-together // pool.devices) + sum(apart)


def _obeys(w: Workload, where: Where, pools: dict[str, Pool]) -> bool:
    choice, counts, beside = where[w.name]
    if choice.one_pool and len(counts) > 1:
        return False

    def domains(name: str, over: str) -> Counter[tuple[str, ...]]:
        held: Counter[tuple[str, ...]] = Counter()
        for pool, count in where[name][1].items():
            p = pools[pool]
            held[(p.region, p.zone) if over == "zone" else (p.region,)] += count
        return held

    for s in w.spread:
        held = domains(w.name, s.over)
        if len(held) < s.at_least or max(held.values()) > -(-choice.replicas // s.at_least):
            return False
    for a in w.affinity:
        mine, theirs = set(domains(w.name, a.at)), set(domains(a.other, a.at))
        if (mine & theirs) if a.apart else (mine - theirs):
            return False
    spots = [_by_zone({p: n for p, n in side.items() if pools[p].spot}, pools) for side in (counts, beside)]
    # Parts on spot machines go together as far as they can, so that as few replicas as possible have one.
    on_spot = sum(max(side[zone] for side in spots) for zone in spots[0] | spots[1])
    return w.spot is None or on_spot <= Fraction(str(w.spot.share)) * choice.replicas


@settings(max_examples=200, deadline=None)
@given(problems())
def test_solver_equals_brute_force(problem: Problem) -> None:
    """The cost is the least there is, and no placement is found only where none exists."""
    assert_least(problem, cheapest(problem))


@settings(max_examples=150, deadline=None)
@given(problems(beside=True))
def test_parts_beside_cost_what_brute_force_says(problem: Problem) -> None:
    """Replicas in two parts are in one zone, both of which count everywhere, and cost the least there is."""
    assert_least(problem, cheapest(problem))


@settings(max_examples=40, deadline=None)
@given(problems())
def test_equal_problems_have_equal_solutions(problem: Problem) -> None:
    """Solving twice gives the same solution and the same words."""
    assert solve(problem) == solve(problem)


@st.composite
def halls(draw: st.DrawFn) -> tuple[Problem, dict[str, int], dict[str, float]]:
    """Two or three gangs that send, in a cheap pool of racks with narrow uplinks and a dear one without."""
    names = ["a", "b", "c"][: draw(st.integers(2, 3))]
    pools = tuple(
        Pool(
            id=name, provider="x", region="r", zone="z", machine="m", accelerator="a", devices=4,
            machines=None, usd_per_h=price,
        )
        for name, price in (("cheap", 1.0), ("dear", 3.0))
    )  # fmt: skip
    choices = tuple(
        Choice(
            id=name, workload=name, pools=("cheap", "dear"), replicas=1, devices=4, hours=1.0, one_pool=True,
            machines=draw(st.integers(2, 3)), sent_bytes_per_s=draw(st.sampled_from([1e9, 2e9])),
        )
        for name in names
    )  # fmt: skip
    room = {f"r{i}": draw(st.integers(1, 3)) for i in range(3)}
    size = sum(room.values())
    uplinks = {rack: draw(st.sampled_from([1e9, 2e9, 3e9])) for rack in room}
    workloads = tuple(Workload(name=name, origin=("workloads", name)) for name in names)
    cheap = replace(pools[0], machines=size)
    return Problem(workloads=workloads, pools=(cheap, pools[1]), choices=choices), room, uplinks


def _carried(gangs: tuple[Choice, ...], room: dict[str, int], uplinks: dict[str, float]) -> bool:
    """Whether some seats of these gangs keep every uplink that several of them share, by trying all."""
    racks = list(room)
    splits = [
        [
            dict(zip(racks, counts, strict=True))
            for counts in itertools.product(*(range(room[r] + 1) for r in racks))
            if sum(counts) == gang.machines
        ]
        for gang in gangs
    ]
    return any(_kept(gangs, seats, room, uplinks) for seats in itertools.product(*splits))


def _kept(
    gangs: tuple[Choice, ...],
    seats: tuple[dict[str, int], ...],
    room: dict[str, int],
    uplinks: dict[str, float],
) -> bool:
    for rack, places in room.items():
        if sum(own[rack] for own in seats) > places:
            return False
        sent = [
            (gang.sent_bytes_per_s or 0.0) * min(own[rack], gang.machines - own[rack])
            for gang, own in zip(gangs, seats, strict=True)
        ]
        if sum(rate > 0 for rate in sent) > 1 and sum(sent) > uplinks[rack]:
            return False
    return True


@settings(max_examples=60, deadline=None)
@given(halls())
def test_gangs_that_share_uplinks_cost_what_brute_force_says(
    hall: tuple[Problem, dict[str, int], dict[str, float]],
) -> None:
    """Placing, seating and learning end at the cheapest set of gangs whose traffic the uplinks carry."""
    problem, room, uplinks = hall
    prices = {p.id: p.usd_per_h for p in problem.pools}
    expected = min(
        sum(prices["cheap" if c in inside else "dear"] * c.machines for c in problem.choices)
        for count in range(len(problem.choices) + 1)
        for inside in itertools.combinations(problem.choices, count)
        if _carried(inside, room, uplinks)
    )
    solution, _, _ = settled(problem, {"cheap": room}, Hall(uplinks={"cheap": uplinks}))

    assert abs(solution.report.objective_usd - expected) < 1e-4
