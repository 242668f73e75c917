"""With rules about buying and losing machines the solver finds what trying everything finds."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from brute_force import assert_least, least
from dcplan.placement import (
    Allotment,
    Beside,
    BudgetRule,
    Choice,
    Pool,
    Problem,
    SpotRule,
    SpreadRule,
    Workload,
)
from dcplan.placement.purchase_types import PaidAnyway, QuotaRule, SurviveRule

ORIGIN = ("constraints",)
Counts = dict[str, int]
Way = tuple[Choice, Counts, Counts]
"""A choice, its replicas by pool, and their parts beside by pool."""


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Small problems with windows, quotas, commitments, and losses to survive."""
    pools = tuple(_pool(draw, i) for i in range(draw(st.sampled_from([2, 2, 3]))))
    # Without dear machines that are always there, most problems have no placement at all.
    pools += tuple(_always(i) for i in range(draw(st.sampled_from([0, 1, 1]))))
    names = ["a", "b"][: draw(st.integers(1, 2))]
    ids = [p.id for p in pools]
    choices = tuple(_choice(draw, name, ids, few=len(names) > 1) for name in names)
    budget = draw(st.sampled_from([None, None, None, 4.0, 9.0]))
    paid = draw(st.sampled_from([None, None, 0.0, 60.0]))
    jobs = [c for c in choices if c.time_s is not None]
    return Problem(
        workloads=tuple(_workload(draw, name, job=name in {c.workload for c in jobs}) for name in names),
        pools=pools,
        choices=choices,
        budget=None if budget is None else BudgetRule(usd_per_h=budget, origin=ORIGIN),
        quotas=_quotas(draw, ids),
        paid=()
        if paid is None
        else (
            PaidAnyway(
                name="r", purchase="reservation", pools=(), machines=1, usd_per_h=1.5, starts_in_s=paid
            ),
        ),
        current=tuple(
            Allotment(workload=c.workload, choice=c.id, pool=c.pools[0], replicas=1)
            for c in jobs
            if draw(st.sampled_from([False, False, True]))
        ),
    )


def _pool(draw: st.DrawFn, i: int) -> Pool:
    return Pool(
        id=f"p{i}",
        provider="x",
        region=draw(st.sampled_from(["r0", "r1"])),
        zone=draw(st.sampled_from(["z0", "z1", "z2"])),
        machine=draw(st.sampled_from(["m0", "m1"])),
        accelerator="a",
        devices=8,
        machines=draw(st.sampled_from([None, None, 2, 3, 6])),
        usd_per_h=draw(st.sampled_from([0.0, 0.5, 1.0, 2.5])),
        spot=draw(st.booleans()),
        starts_in_s=draw(st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.0, 3600.0, None])),
        ends_in_s=draw(st.sampled_from([None, None, None, None, 3600.0, 7200.0, 9000.0])),
        longest_s=draw(st.sampled_from([None, None, None, None, None, 3600.0])),
    )


def _always(i: int) -> Pool:
    return Pool(
        id=f"always{i}",
        provider="x",
        region="r2",
        zone=f"z{i}",
        machine="m0",
        accelerator="a",
        devices=8,
        machines=None,
        usd_per_h=3.0,
    )


def _choice(draw: st.DrawFn, name: str, ids: list[str], *, few: bool) -> Choice:
    job = draw(st.sampled_from([False, False, True]))
    hours = draw(st.sampled_from([1.0, 1.5]))
    replicas = 1 if job else draw(st.integers(1, 2 if few else 3))
    part = (
        Beside(pools=tuple(ids), devices=4, machines=1)
        if draw(st.sampled_from([False, False, True]))
        else None
    )
    return Choice(
        id=name,
        workload=name,
        pools=tuple(ids),
        replicas=replicas,
        devices=8,
        machines=1,
        hours=hours,
        one_pool=job,
        time_s=hours * 3600 if job else None,
        must_end_s=draw(st.sampled_from([None, 5400.0, 9000.0])) if job else None,
        spares=0 if job else draw(st.integers(0, replicas - 1)),
        extra=0 if job else draw(st.sampled_from([0, 1, 2, 3])),
        beside=None if job or few else part,
    )


def _workload(draw: st.DrawFn, name: str, *, job: bool) -> Workload:
    units = draw(
        st.sampled_from([None, ("spot",), None, ("zone",), ("spot",), ("zone", "spot"), ("region",)])
    )
    share = draw(st.sampled_from([None, None, None, 0.0, 0.3, 0.5, 0.66]))
    spread = draw(st.sampled_from([None, None, None, "zone"]))
    return Workload(
        name=name,
        origin=("workloads", name),
        survive=None if units is None or job else SurviveRule(units=units, origin=ORIGIN),
        spot=None if share is None else SpotRule(share=share, origin=ORIGIN),
        spread=() if spread is None else (SpreadRule(over=spread, at_least=2, origin=ORIGIN),),
    )


def _quotas(draw: st.DrawFn, ids: list[str]) -> tuple[QuotaRule, ...]:
    return tuple(
        QuotaRule(
            law=draw(st.sampled_from(["quota", "commitment"])),
            name=f"q{i}",
            unit="vCPUs",
            at_most=draw(st.integers(2, 12)),
            each=tuple(
                (p, draw(st.sampled_from([1, 2, 3]))) for p in draw(st.sets(st.sampled_from(ids), min_size=1))
            ),
            origin=ORIGIN,
        )
        for i in range(draw(st.integers(0, 2)))
    )


def cheapest(problem: Problem) -> Fraction | None:
    """The least cost over all placements there are; None when none satisfies the rules."""
    pools = {p.id: p for p in problem.pools}
    ways = [
        [w for w in _ways(problem, name.name, pools) if _obeys(problem, name, w, pools)]
        for name in problem.workloads
    ]
    return least(ways, lambda taken: _cost(problem, taken, pools))


def _ways(problem: Problem, workload: str, pools: dict[str, Pool]) -> Iterator[Way]:
    for c in problem.choices:
        if c.workload == workload:
            for total in range(c.replicas, c.replicas + c.extra + 1):
                for own in _splits(c.pools, total):
                    for beside in _splits(c.beside.pools, total) if c.beside else ({},):
                        if not c.beside or _zones(own, pools) == _zones(beside, pools):
                            yield c, own, beside


def _splits(pools: tuple[str, ...], count: int) -> Iterator[Counts]:
    for counts in itertools.product(range(count + 1), repeat=len(pools)):
        if sum(counts) == count:
            yield {p: n for p, n in zip(pools, counts, strict=True) if n}


def _zones(counts: Counts, pools: dict[str, Pool]) -> Counter[tuple[str, str]]:
    held: Counter[tuple[str, str]] = Counter()
    for p, n in counts.items():
        held[pools[p].region, pools[p].zone] += n
    return held


def _obeys(problem: Problem, w: Workload, way: Way, pools: dict[str, Pool]) -> bool:
    choice, own, beside = way
    total = sum(own.values())
    today = {(a.choice, a.pool) for a in problem.current}
    if not all(_lasts(choice, pools[p], running=(choice.id, p) in today) for p in (*own, *beside)):
        return False
    if choice.one_pool and len(own) > 1:
        return False
    for s in w.spread:
        held = _zones(own, pools)
        if len(held) < s.at_least or max(held.values()) > -(-total // s.at_least):
            return False
    spots = [_zones({p: n for p, n in side.items() if pools[p].spot}, pools) for side in (own, beside)]
    on_spot = sum(max(side[zone] for side in spots) for zone in spots[0] | spots[1])
    if w.spot is not None and on_spot > Fraction(str(w.spot.share)) * total:
        return False
    kinds = w.survive.units if w.survive else ()
    load = choice.replicas - choice.spares
    return all(
        total - lost >= load
        for kind in kinds
        for side in (own, beside)
        for lost in _losses(side, kind, pools)
    )


def _losses(counts: Counts, kind: str, pools: dict[str, Pool]) -> list[int]:
    """How many replicas each unit takes with it."""
    lost: Counter[tuple[str, ...]] = Counter()
    for name, n in counts.items():
        p = pools[name]
        if kind == "region":
            lost[p.region,] += n
        elif kind == "zone":
            lost[p.region, p.zone] += n
        elif p.spot:
            lost[p.region, p.zone, p.machine] += n
    return list(lost.values())


def _lasts(c: Choice, p: Pool, *, running: bool) -> bool:
    """Whether the pool is there for the whole time of the choice."""
    job = c.time_s is not None
    if running and job:
        return True
    length = c.hours * 3600
    if p.longest_s is not None and length > p.longest_s:
        return False
    if p.starts_in_s is None:
        return job and c.must_end_s is None and p.ends_in_s is None
    if p.starts_in_s > 0 and not job:
        return False
    end = p.starts_in_s + length
    return (p.ends_in_s is None or end <= p.ends_in_s) and (c.must_end_s is None or end <= c.must_end_s)


def _cost(problem: Problem, taken: tuple[Way, ...], pools: dict[str, Pool]) -> Fraction | None:
    used: Counter[str] = Counter()
    cost = Fraction(0)
    for choice, own, beside in taken:
        for p, n in (*own.items(), *beside.items()):
            used[p] += n
            cost += Fraction(str(pools[p].usd_per_h)) * Fraction(str(choice.hours)) * n
    if any(p.machines is not None and used[p.id] > p.machines for p in problem.pools):
        return None
    if any(sum(each * used[p] for p, each in q.each) > q.at_most for q in problem.quotas):
        return None
    bill = sum((Fraction(str(pools[p].usd_per_h)) * n for p, n in used.items()), start=Fraction(0))
    bill += sum(Fraction(str(x.usd_per_h)) for x in problem.paid if x.starts_in_s == 0)
    if problem.budget is not None and bill > Fraction(str(problem.budget.usd_per_h)):
        return None
    return cost


@settings(max_examples=250, deadline=None)
@given(problems())
def test_solver_equals_brute_force_on_purchases(problem: Problem) -> None:
    """The cost is the least there is, and no placement is found only where none exists."""
    assert_least(problem, cheapest(problem))
