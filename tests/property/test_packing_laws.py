"""Laws of packing, on small random fleets and job lists, beside every way to place them."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.pack import pack, verify

nodes = st.builds(
    lambda devices, cpu, memory, model: (devices, cpu, memory, model if devices else ""),
    st.integers(0, 3),
    st.sampled_from([4000, 8000]),
    st.sampled_from([4000, 8000]),
    st.sampled_from(["T4", "H100"]),
)
jobs = st.builds(
    lambda kind, cpu, memory, models, parts: Job(
        name="",
        cpu_milli=cpu,
        memory_mib=memory,
        devices=kind[0],
        share_milli=kind[1],
        models=models,
        parts=parts,
    ),
    st.sampled_from([(0, 0), (1, 0), (2, 0), (0, 300), (0, 500), (0, 700)]),
    st.sampled_from([0, 1000, 3000]),
    st.sampled_from([500, 2000]),
    st.sampled_from([(), ("T4",), ("H100",)]),
    st.sampled_from([1, 1, 1, 2]),
)
lists = st.tuples(st.lists(nodes, min_size=1, max_size=3), st.lists(jobs, min_size=1, max_size=5))


def most_allocated(fleet: Fleet, listed: tuple[Job, ...]) -> float:
    """The most accelerators that any placement gives out, in thousandths: all of them are tried."""
    start = tuple((n.cpu_milli, n.memory_mib, (1000,) * n.devices) for n in fleet.nodes)

    @cache
    def best(job: int, part: int, state: tuple[tuple[int, int, tuple[int, ...]], ...]) -> float:
        if job == len(listed):
            return 0
        this = listed[job]
        after = (job, part + 1) if part + 1 < this.parts else (job + 1, 0)
        milli = this.devices * 1000 + this.share_milli
        found = best(job + 1, 0, state) if part == 0 else float("-inf")
        for index, (cpu, memory, free) in enumerate(state):
            if cpu < this.cpu_milli or memory < this.memory_mib:
                continue
            if milli and this.models and fleet.nodes[index].model not in this.models:
                continue
            for left in fillings(free, this.devices, this.share_milli):
                held = (cpu - this.cpu_milli, memory - this.memory_mib, left)
                found = max(found, milli + best(*after, (*state[:index], held, *state[index + 1 :])))
        return found

    return best(0, 0, start)


def fillings(free: tuple[int, ...], devices: int, share: int) -> set[tuple[int, ...]]:
    """What can be left of a machine's accelerators once a part has its own."""
    if devices:
        whole = [i for i, f in enumerate(free) if f == 1000]
        if len(whole) < devices:
            return set()
        return {tuple(sorted(0 if i in whole[:devices] else f for i, f in enumerate(free)))}
    if share:
        return {
            tuple(sorted((*free[:i], f - share, *free[i + 1 :]))) for i, f in enumerate(free) if f >= share
        }
    return {free}


def listed_as(parts: tuple[list[tuple[int, int, int, str]], list[Job]]) -> tuple[Fleet, tuple[Job, ...]]:
    """Machines and jobs with names."""
    fleet = Fleet(
        nodes=tuple(
            FleetNode(name=f"n{i}", devices=d, cpu_milli=c, memory_mib=m, model=model)
            for i, (d, c, m, model) in enumerate(parts[0])
        )
    )
    return fleet, tuple(
        Job(**{f: getattr(j, f) for f in j.__slots__} | {"name": f"j{i}"}) for i, j in enumerate(parts[1])
    )


@settings(max_examples=60, deadline=None)
@given(lists)
def test_a_packing_is_sound_and_lies_between_the_bound_and_what_can_be(
    parts: tuple[list[tuple[int, int, int, str]], list[Job]],
) -> None:
    """Every packing passes the checker; no placement at all gives out more than the bound."""
    fleet, listed = listed_as(parts)

    packing = pack(fleet, listed).unwrap()

    assert verify(fleet, listed, packing) == ()
    best = most_allocated(fleet, listed) / 1000
    assert packing.allocated <= best + 1e-9
    assert best <= packing.bound + 1e-6


@settings(max_examples=60, deadline=None)
@given(lists)
def test_small_packings_without_gangs_are_the_best_there_are(
    parts: tuple[list[tuple[int, int, int, str]], list[Job]],
) -> None:
    """On up to three machines and five jobs of one part each, nothing gives out more accelerators."""
    fleet, listed = listed_as(parts)
    single = tuple(Job(**{f: getattr(j, f) for f in j.__slots__} | {"parts": 1}) for j in listed)

    packing = pack(fleet, single).unwrap()

    assert packing.allocated == pytest.approx(most_allocated(fleet, single) / 1000)


@settings(max_examples=60, deadline=None)
@given(lists, st.integers(1, 3))
def test_around_what_runs_a_packing_is_sound_and_below_its_bound(
    parts: tuple[list[tuple[int, int, int, str]], list[Job]], most_running: int
) -> None:
    """What a first packing placed stays in a second one, and no placement of the rest beats the bound."""
    fleet, listed = listed_as(parts)
    first = pack(fleet, listed[:most_running]).unwrap()
    where: dict[int, list[str]] = {}
    for seat in first.seats:
        where.setdefault(seat.job, []).append(fleet.nodes[seat.node].name)
    jobs = tuple(
        Job(**{f: getattr(j, f) for f in j.__slots__} | {"on": tuple(where.get(i, ()))})
        for i, j in enumerate(listed)
    )

    packing = pack(fleet, jobs).unwrap()

    assert verify(fleet, jobs, packing) == ()
    assert packing.staying == set(where)
    assert packing.allocated <= packing.bound + 1e-6
    assert packing.bound >= first.allocated - 1e-6


@settings(max_examples=40, deadline=None)
@given(lists)
def test_the_bound_around_what_runs_is_above_every_placement(
    parts: tuple[list[tuple[int, int, int, str]], list[Job]],
) -> None:
    """With the first job where the best placement of it alone put it, none of the others' beats the bound."""
    fleet, listed = listed_as(parts)
    single = tuple(Job(**{f: getattr(j, f) for f in j.__slots__} | {"parts": 1}) for j in listed)
    first = pack(fleet, single[:1]).unwrap()
    if not first.seats or not single[0].devices:
        return
    node = fleet.nodes[first.seats[0].node]
    ran = single[0]
    left = FleetNode(
        name=node.name,
        model=node.model,
        devices=node.devices - ran.devices,
        cpu_milli=node.cpu_milli - ran.cpu_milli,
        memory_mib=node.memory_mib - ran.memory_mib,
    )
    rest = Fleet(nodes=tuple(left if n.name == node.name else n for n in fleet.nodes))
    on = Job(**{f: getattr(ran, f) for f in ran.__slots__} | {"on": (node.name,)})

    packing = pack(fleet, (on, *single[1:])).unwrap()

    best = ran.devices + most_allocated(rest, single[1:]) / 1000
    assert packing.allocated <= best + 1e-9
    assert best <= packing.bound + 1e-6
