"""Assignments are valid, stable, and as many machines as the solution counts."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement import (
    Assignment,
    Problem,
    Solution,
    Workload,
)
from dcplan.placement.assign import assign
from placement_problems import choice, pool, solution_of

WORKLOADS = ("a", "b", "c")
SIZES = (1, 2, 4, 8, 3)
CHOICES = {
    f"{w}:{key}": choice(w, ("p", "q"), 1, id=f"{w}:{key}", devices=size, machines=machines, hours=1.0)
    for w in WORKLOADS
    for key, size, machines in [*((str(s), s, 0) for s in SIZES), ("gang", 24, 3), ("whole", 8, 1)]
}
PROBLEM = Problem(
    workloads=tuple(Workload(name=w, origin=(w,)) for w in WORKLOADS),
    pools=(pool("p"), pool("q")),
    choices=tuple(CHOICES.values()),
)
Counts = dict[tuple[str, str], int]


def solution(counts: Counts) -> Solution:
    """The solution with these replicas by choice and pool."""
    return solution_of(PROBLEM, counts)


@st.composite
def counted(draw: st.DrawFn, most: int = 12) -> Counts:
    """One choice for each workload, some replicas in each pool."""
    counts: Counts = {}
    for workload in draw(st.lists(st.sampled_from(WORKLOADS), unique=True, min_size=1)):
        way = draw(st.sampled_from([c for c in CHOICES if CHOICES[c].workload == workload]))
        for place in draw(st.lists(st.sampled_from(["p", "q"]), unique=True, min_size=1)):
            counts[way, place] = draw(st.integers(1, most))
    return counts


def check(found: Assignment, wanted: Solution) -> None:
    """Every replica within its machines, no device twice, counts as the solution has them."""
    machines = {m.name: m for m in found.machines}
    used: Counter[tuple[str, int]] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    for r in found.replicas:
        way = CHOICES[r.choice]
        pools = {machines[name].pool for name in r.machines}
        owners = {machines[name].exclusive_to for name in r.machines}
        counts[r.choice, *pools] += 1  # type: ignore[index]
        used.update((name, device) for name in r.machines for device in r.devices)

        assert len(r.machines) == len(set(r.machines)) == max(way.machines, 1)
        assert owners == ({r.name} if way.machines else {None})
        assert set(r.devices) <= set(range(8))
        assert len(r.devices) == (8 if way.machines else way.devices)
    assert len(machines) == len(found.machines)
    assert len({r.name for r in found.replicas}) == len(found.replicas)
    assert set(used.values()) <= {1}
    assert counts == {(a.choice, a.pool): a.replicas for a in wanted.allotments}
    assert Counter(m.pool for m in found.machines) == {u.pool: u.machines for u in wanted.pools}
    assert {m.name for m in found.machines} == {name for name, _ in used}


@settings(max_examples=150, deadline=None)
@given(st.lists(counted(), min_size=1, max_size=4))
def test_every_assignment_is_valid_and_stable(history: list[Counts]) -> None:
    """Through any history of solutions; assigning the same solution again changes nothing."""
    found = Assignment()
    for counts in history:
        wanted = solution(counts)
        found = assign(wanted, PROBLEM, found)

        check(found, wanted)
        assert assign(wanted, PROBLEM, found) == found


@settings(max_examples=100, deadline=None)
@given(counted(), st.data())
def test_growing_moves_only_for_room(counts: Counts, data: st.DataObject) -> None:
    """More replicas in one place: nobody loses a name, and of equal sizes nobody moves."""
    before = assign(solution(counts), PROBLEM, Assignment())
    key = data.draw(st.sampled_from(sorted(counts)))
    more = {**counts, key: counts[key] + data.draw(st.integers(1, 9))}
    after = assign(solution(more), PROBLEM, before)

    check(after, solution(more))
    assert {r.name for r in before.replicas} <= {r.name for r in after.replicas}
    sizes = {CHOICES[c].devices for c, _ in counts if not CHOICES[c].machines}
    if len(sizes) <= 1:
        assert set(before.replicas) <= set(after.replicas)


@settings(max_examples=100, deadline=None)
@given(counted(), st.data())
def test_shrinking_one_workload_alone_moves_nobody(counts: Counts, data: st.DataObject) -> None:
    """With one workload, fewer replicas always leave the rest where it is."""
    first = min(counts)[0]
    alone = {key: n for key, n in counts.items() if key[0] == first}
    before = assign(solution(alone), PROBLEM, Assignment())
    less = {key: data.draw(st.integers(1, n)) for key, n in alone.items()}
    after = assign(solution(less), PROBLEM, before)

    check(after, solution(less))
    assert set(after.replicas) <= set(before.replicas)


@settings(max_examples=100, deadline=None)
@given(counted(), st.data())
def test_what_shrinks_moves_only_as_machines_are_counted_away(counts: Counts, data: st.DataObject) -> None:
    """No more replicas change place than sit on the machines that go."""
    before = assign(solution(counts), PROBLEM, Assignment())
    less = {key: data.draw(st.integers(1, n)) for key, n in counts.items()}
    after = assign(solution(less), PROBLEM, before)
    gone = {m.name for m in before.machines} - {m.name for m in after.machines}
    moved = {r.name for r in after.replicas} - {r.name for r in set(before.replicas) & set(after.replicas)}

    check(after, solution(less))
    assert not moved or gone
