"""The solver finds what trying everything finds."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement import (
    AffinityRule,
    BudgetRule,
    Choice,
    Pool,
    Problem,
    SpotRule,
    SpreadRule,
    Workload,
    solve,
)

ORIGIN = ("workloads",)
Where = dict[str, tuple[Choice, dict[str, int]]]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Small problems that touch every law."""
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
    choices = tuple(_choice(draw, name, i, pools) for name in names for i in range(draw(st.integers(1, 2))))
    workloads = tuple(_workload(draw, name, names) for name in names)
    budget = draw(st.sampled_from([None, None, None, 1.0, 2.3, 5.0, 12.0]))
    return Problem(
        workloads=workloads,
        pools=pools,
        choices=choices,
        budget=None if budget is None else BudgetRule(usd_per_h=budget, origin=("budget",)),
    )


def _choice(draw: st.DrawFn, name: str, i: int, pools: tuple[Pool, ...]) -> Choice:
    whole = draw(st.booleans())
    return Choice(
        id=f"{name}{i}",
        workload=name,
        pools=tuple(draw(st.lists(st.sampled_from([p.id for p in pools]), min_size=2, unique=True))),
        replicas=draw(st.integers(1, 4)),
        devices=draw(st.integers(1, 4)),
        machines=draw(st.integers(1, 2)) if whole else 0,
        hours=draw(st.sampled_from([1.0, 2.5])),
        one_pool=draw(st.sampled_from([False, False, True])),
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
    costs = [
        cost
        for combination in itertools.product(*ways)
        if (cost := _cost(problem, dict(zip((w.name for w in problem.workloads), combination, strict=True))))
        is not None
    ]
    return min(costs, default=None)


def _ways(problem: Problem, workload: str) -> Iterator[tuple[Choice, dict[str, int]]]:
    for choice in problem.choices:
        if choice.workload == workload:
            for counts in itertools.product(range(choice.replicas + 1), repeat=len(choice.pools)):
                if sum(counts) == choice.replicas:
                    yield choice, {p: n for p, n in zip(choice.pools, counts, strict=True) if n}


def _cost(problem: Problem, where: Where) -> Fraction | None:
    pools = {p.id: p for p in problem.pools}
    if not all(_obeys(w, where, pools) for w in problem.workloads):
        return None
    shared_h = max((c.hours for c in problem.choices if c.machines == 0), default=0.0)
    cost = bill = Fraction(0)
    for pool in problem.pools:
        price = Fraction(str(pool.usd_per_h))
        here = [(c, counts[pool.id]) for c, counts in where.values() if pool.id in counts]
        shared = _machines(problem, pool, Counter({c.devices: 0 for c, _ in here}), here)
        if shared is None:
            return None
        whole = sum(c.machines * n for c, n in here)
        if pool.machines is not None and whole + shared > pool.machines:
            return None
        bill += price * (whole + shared)
        cost += price * sum(c.machines * n * Fraction(str(c.hours)) for c, n in here)
        cost += price * shared * Fraction(str(shared_h))
    if problem.budget and bill > Fraction(str(problem.budget.usd_per_h)):
        return None
    return cost


def _machines(
    problem: Problem, pool: Pool, sizes: Counter[int], here: list[tuple[Choice, int]]
) -> int | None:
    """Shared machines by the law of packing: the longest chain of sizes together, others apart."""
    for choice, count in here:
        if choice.machines == 0:
            if choice.devices > pool.devices:
                return None
            sizes[choice.devices] += count
    offered = {c.devices for c in problem.choices if c.machines == 0 and pool.id in c.pools}
    chain = [pool.devices]
    for size in sorted((s for s in offered if s <= pool.devices), reverse=True):
        if chain[-1] % size == 0:
            chain.append(size)
    together = sum(size * count for size, count in sizes.items() if size in chain)
    apart = [-(-count // (pool.devices // size)) for size, count in sizes.items() if size not in chain]
    return -(-together // pool.devices) + sum(apart)


def _obeys(w: Workload, where: Where, pools: dict[str, Pool]) -> bool:
    choice, counts = where[w.name]
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
    on_spot = sum(n for p, n in counts.items() if pools[p].spot)
    return w.spot is None or on_spot <= Fraction(str(w.spot.share)) * choice.replicas


@settings(max_examples=200, deadline=None)
@given(problems())
def test_solver_equals_brute_force(problem: Problem) -> None:
    """The cost is the least there is, and no placement is found only where none exists."""
    expected = cheapest(problem)
    result = solve(problem)

    if expected is None:
        assert result.value is None
        assert [d.code for d in result.diagnostics] == ["no-placement"]
    else:
        report = result.unwrap().report
        assert report.status == "optimal"
        assert abs(report.objective_usd - float(expected)) < 1e-4
        assert report.gap == 0


@settings(max_examples=40, deadline=None)
@given(problems())
def test_equal_problems_have_equal_solutions(problem: Problem) -> None:
    """Solving twice gives the same solution and the same words."""
    assert solve(problem) == solve(problem)
