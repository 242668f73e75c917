"""Moves that free slices, against a search through every state of tiny racks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations_with_replacement, product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.cpsat import Effort, Status
from dcplan.placement.defrag import Goal, defragment, standing, violations
from dcplan.placement.defrag.aggregate import count_moves
from dcplan.placement.defrag.bound import fewest
from dcplan.placement.defrag.drain import drain
from dcplan.placement.defrag.node_exact import exact
from dcplan.placement.defrag.room import Room
from dcplan.placement.defrag.settle import settle

EFFORT = Effort(seed=0, limit=5.0)
Seats = tuple[str, ...]


@cache
def packs(shares: tuple[int, ...], devices: int) -> bool:
    """Whether shares fit on so many devices, by trying every device for each."""
    return any(
        all(
            sum(s for s, d in zip(shares, chosen, strict=True) if d == device) <= 1000
            for device in range(devices)
        )
        for chosen in product(range(devices), repeat=len(shares))
    )


def fits(nodes: Iterable[FleetNode], jobs: list[Job], places: list[Seats]) -> bool:
    """Whether each of these machines holds what is on it."""
    for node in nodes:
        here = [job for job, seats in zip(jobs, places, strict=True) for seat in seats if seat == node.name]
        left = node.devices - sum(job.devices for job in here)
        shares = tuple(job.share_milli for job in here if job.share_milli)
        if left < 0 or sum(job.cpu_milli for job in here) > node.cpu_milli or not packs(shares, left):
            return False
    return True


def options(nodes: dict[str, FleetNode], job: Job) -> list[Seats]:
    """Everywhere a job could be: all parts in one rack."""
    found = []
    for rack in {node.rack for node in nodes.values()}:
        inside = [n.name for n in nodes.values() if n.rack == rack]
        found += list(combinations_with_replacement(inside, job.parts))
    return found


def free(nodes: dict[str, FleetNode], places: tuple[Seats, ...], size: int) -> int:
    """Slices of so many free machines within a rack."""
    busy = {seat for seats in places for seat in seats}
    racks = {node.rack for node in nodes.values()}
    return sum(sum(n.rack == rack and n.name not in busy for n in nodes.values()) // size for rack in racks)


def neighbours(
    nodes: dict[str, FleetNode], jobs: list[Job], places: tuple[Seats, ...]
) -> Iterator[tuple[Seats, ...]]:
    """States that are one move away; what moves holds both places on the way."""
    for at, job in enumerate(jobs):
        for seats in options(nodes, job):
            if seats == places[at]:
                continue
            added = list(seats)
            for seat in places[at]:
                if seat in added:
                    added.remove(seat)
            if fits([nodes[seat] for seat in set(added)], [*jobs, job], [*places, tuple(added)]):
                yield (*places[:at], seats, *places[at + 1 :])


def brute_force(nodes: dict[str, FleetNode], jobs: list[Job], size: int, wanted: int) -> int | None:
    """The least number of moves, by breadth-first search; None: there is no way."""
    start = tuple(tuple(sorted(job.on)) for job in jobs)
    seen, edge, steps = {start}, [start], 0
    while edge:
        if any(free(nodes, places, size) >= wanted for places in edge):
            return steps
        edge = list(
            dict.fromkeys(n for places in edge for n in neighbours(nodes, jobs, places) if n not in seen)
        )
        seen.update(edge)
        steps += 1
    return None


def case_of(seed: int, *, plain: bool) -> tuple[dict[str, FleetNode], list[Job], int, int]:
    """Two or three racks of two or three machines with jobs scattered over them, slice size, slices.

    ``plain``: only 1, 2 and 4 devices a part, and cores that never bind.
    """
    dice = Random(seed)  # noqa: S311 - no secrets here
    per_rack = dice.choice([2, 3])
    racks = dice.choice([2, 3]) if per_rack == 2 else 2
    devices = dice.choice([2, 4])
    cpu = 1 << 20 if plain else dice.choice([4, 6, 1 << 20])
    nodes = {
        f"r{r}n{n}": FleetNode(
            name=f"r{r}n{n}", model="A", devices=devices, cpu_milli=cpu, memory_mib=99, rack=f"r{r}"
        )
        for r in range(racks)
        for n in range(per_rack)
    }
    sizes = [size for size in ([1, 1, 2, 4] if plain else [0, 1, 1, 2, 3]) if size <= devices]
    jobs: list[Job] = []
    for at in range(dice.choice([3, 4, 5])):
        whole = dice.choice(sizes)
        job = Job(
            name=f"j{at}",
            cpu_milli=dice.choice([1, 2, 3]),
            memory_mib=1,
            devices=whole,
            share_milli=0 if whole else dice.choice([400, 500, 700]),
            parts=dice.choice([1, 1, 1, 2]) if at < 3 else 1,
        )
        seats = dice.choice(options(nodes, job))
        if fits(nodes.values(), [*jobs, job], [*(one.on for one in jobs), seats]):
            jobs.append(replace(job, on=seats))
    size = dice.choice([1, 2, per_rack])
    most = racks * (per_rack // size)
    today = free(nodes, tuple(tuple(sorted(job.on)) for job in jobs), size)
    return nodes, jobs, size, min(most, today + dice.choice([1, 1, 2]))


@given(st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None)
def test_moves_are_as_few_as_a_search_of_all_states_finds(seed: int) -> None:
    """What is called proven is the least, the bound never lies, and impossible is impossible."""
    nodes, jobs, size, wanted = case_of(seed, plain=False)
    fleet, goal = Fleet(nodes=tuple(nodes.values())), Goal(slices=wanted, nodes=size)

    found = defragment(standing(fleet, jobs, goal).unwrap(), goal, effort=EFFORT)
    least = brute_force(nodes, jobs, size, wanted)

    if found.value is None:
        assert least is None or "moves-in-a-circle" in {d.code for d in found.diagnostics}
        return
    assert tuple(violations(fleet, jobs, found.value, size)) == ()
    assert least is not None
    assert found.value.bound <= least <= len(found.value.moves)
    if not any(move.temporary for move in found.value.moves):
        assert found.value.proven


@given(st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None)
def test_counts_are_exact_where_sizes_divide_each_other(seed: int) -> None:
    """With 1, 2 and 4 devices a part, counts and the model of every machine agree, and all can be seated."""
    nodes, jobs, size, wanted = case_of(seed, plain=True)
    goal = Goal(slices=wanted, nodes=size)
    now = standing(Fleet(nodes=tuple(nodes.values())), jobs, goal).unwrap()
    drains = [drain(now, domain) for domain in now.domains]

    counted = count_moves(now, drains, range(len(drains)), wanted, EFFORT)
    status, ending, bound = exact(now, wanted, EFFORT)

    assert status is counted.status
    if ending is None:
        assert status is Status.INFEASIBLE
        return
    settled, homeless = settle(now, Room(now), counted.slices, counted.leaving, counted.advice)
    assert fewest(drains, wanted) <= bound == counted.bound
    assert homeless == ()
    assert settled is not None
    assert ending.moved == settled.moved == bound
