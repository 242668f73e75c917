"""Replicas in two parts get machines for both, in one zone, and keep them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement import (
    Allotment,
    Assignment,
    Beside,
    Choice,
    PoolUse,
    Problem,
    Solution,
    SolverReport,
    Workload,
)
from dcplan.placement.assign import assign
from dcplan.placement.usage import machines_in_use
from placement_problems import choice, pool

ZONES = ("a", "b")
KINDS = ("sure", "spot")
POOLS = tuple(
    pool(f"{part}-{zone}-{kind}", zone=zone, spot=kind == "spot")
    for part in ("own", "beside")
    for zone in ZONES
    for kind in KINDS
)
REPORT = SolverReport(solver="none", status="optimal", objective_usd=0, bound_usd=0, gap=0, seed=0, wall_s=0)


def ways(workload: str) -> tuple[Choice, ...]:
    """Parts that share machines, whole machines, and gangs, in different mixtures."""
    sizes = {"small": (4, 0), "tiny": (2, 0), "whole": (8, 1), "gang": (24, 3)}
    own, beside = (tuple(p.id for p in POOLS if p.id.startswith(word)) for word in ("own", "beside"))
    return tuple(
        choice(
            workload,
            own,
            1,
            id=f"{workload}:{first}:{second}",
            devices=sizes[first][0],
            machines=sizes[first][1],
            beside=Beside(pools=beside, devices=sizes[second][0], machines=sizes[second][1]),
        )
        for first, second in (("small", "tiny"), ("small", "whole"), ("gang", "small"), ("whole", "gang"))
    )


CHOICES = {c.id: c for workload in ("chat", "code") for c in ways(workload)}
PROBLEM = Problem(
    workloads=(Workload(name="chat", origin=("chat",)), Workload(name="code", origin=("code",))),
    pools=POOLS,
    choices=tuple(CHOICES.values()),
)
SPOT = {p.id: p.spot for p in POOLS}
ZONE = {p.id: p.zone for p in POOLS}


@st.composite
def solutions(draw: st.DrawFn) -> Solution:
    """One choice for each workload; in each zone as many parts of either kind."""
    own: list[Allotment] = []
    beside: list[Allotment] = []
    for workload in draw(st.lists(st.sampled_from(["chat", "code"]), unique=True, min_size=1)):
        way = draw(st.sampled_from([c for c in CHOICES.values() if c.workload == workload])).id
        for zone in draw(st.lists(st.sampled_from(ZONES), unique=True, min_size=1)):
            count = draw(st.integers(1, 6))
            for part, side in (("own", own), ("beside", beside)):
                first = draw(st.integers(0, count))
                for kind, n in zip(KINDS, (first, count - first), strict=True):
                    if n:
                        where = f"{part}-{zone}-{kind}"
                        side.append(Allotment(workload=workload, choice=way, pool=where, replicas=n))
    used = machines_in_use(PROBLEM, own, beside)
    pools = tuple(PoolUse(pool=name, machines=sum(parts)) for name, parts in used.items())
    return Solution(allotments=tuple(own), beside=tuple(beside), pools=pools, usd_per_h=0, report=REPORT)


def check(found: Assignment, wanted: Solution) -> None:
    """Every part on machines of its own pool, no device twice, counts and zones as the solution has them."""
    machines = {m.name: m for m in found.machines}
    used: Counter[tuple[str, int]] = Counter()
    counts: dict[bool, Counter[tuple[str, str]]] = {False: Counter(), True: Counter()}
    unlike: Counter[tuple[str, str]] = Counter()
    for r in found.replicas:
        way = CHOICES[r.choice]
        places = []
        for part, names, devices in (
            (way, r.machines, r.devices),
            (way.beside, r.beside_machines, r.beside_devices),
        ):
            assert part is not None
            [place] = {machines[name].pool for name in names}
            places.append(place)
            counts[part is way.beside][r.choice, place] += 1
            used.update((name, device) for name in names for device in devices)

            assert {machines[name].exclusive_to for name in names} == ({r.name} if part.machines else {None})
            assert len(names) == len(set(names)) == max(part.machines, 1)
            assert len(devices) == (8 if part.machines else part.devices)
        unlike[r.choice, ZONE[places[0]]] += SPOT[places[0]] != SPOT[places[1]]

        assert ZONE[places[0]] == ZONE[places[1]]
    odd: Counter[tuple[str, str]] = Counter()
    for side, sign in ((wanted.allotments, 1), (wanted.beside, -1)):
        for a in side:
            odd[a.choice, ZONE[a.pool]] += sign * a.replicas * SPOT[a.pool]

    assert set(used.values()) == {1}
    assert counts[False] == {(a.choice, a.pool): a.replicas for a in wanted.allotments}
    assert counts[True] == {(a.choice, a.pool): a.replicas for a in wanted.beside}
    assert Counter(m.pool for m in found.machines) == {u.pool: u.machines for u in wanted.pools}
    assert {m.name for m in found.machines} == {name for name, _ in used}
    assert +unlike == +Counter({place: abs(n) for place, n in odd.items()})


@settings(max_examples=120, deadline=None)
@given(st.lists(solutions(), min_size=1, max_size=4))
def test_both_parts_are_assigned_and_stay(history: list[Solution]) -> None:
    """Through any history of solutions; assigning the same solution again changes nothing."""
    found = Assignment()
    for wanted in history:
        found = assign(wanted, PROBLEM, found)

        check(found, wanted)
        assert assign(wanted, PROBLEM, found) == found


@settings(max_examples=60, deadline=None)
@given(solutions(), st.sampled_from(ZONES))
def test_another_replica_of_whole_machines_moves_nobody(wanted: Solution, zone: str) -> None:
    """One more unit of each choice that has machines of its own, both parts on demand: the others stay."""
    whole = {c.id for c in CHOICES.values() if all(part.machines for part in c.parts)}

    def one_more(side: tuple[Allotment, ...], part: str) -> tuple[Allotment, ...]:
        counts = Counter({(a.workload, a.choice, a.pool): a.replicas for a in side})
        counts.update({(a.workload, a.choice, f"{part}-{zone}-sure"): 1 for a in side if a.choice in whole})
        return tuple(Allotment(workload=w, choice=c, pool=p, replicas=n) for (w, c, p), n in counts.items())

    own, beside = one_more(wanted.allotments, "own"), one_more(wanted.beside, "beside")
    used = machines_in_use(PROBLEM, own, beside)
    pools = tuple(PoolUse(pool=name, machines=sum(parts)) for name, parts in used.items())
    larger = replace(wanted, allotments=own, beside=beside, pools=pools)
    before = assign(wanted, PROBLEM, Assignment())
    after = assign(larger, PROBLEM, before)

    check(after, larger)
    assert set(before.replicas) <= set(after.replicas)
