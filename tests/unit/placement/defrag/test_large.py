"""What only larger fleets use: cheapest emptying, parts, and many gangs tied together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random

import pytest

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.cpsat import Effort, Status
from dcplan.placement.defrag import Goal, Standing, defragment, standing, violations
from dcplan.placement.defrag.aggregate import count_moves
from dcplan.placement.defrag.bound import cheapest, fewest
from dcplan.placement.defrag.drain import drain
from dcplan.placement.defrag.node_exact import exact
from dcplan.placement.defrag.partition import count_in_parts
from dcplan.placement.defrag.room import Room, devices_for_shares
from dcplan.placement.defrag.settle import settle

EFFORT = Effort(seed=0, limit=5.0)


def scattered(racks: int, per_rack: int, load: float, seed: int) -> tuple[Fleet, list[Job]]:
    """Racks of machines with four devices, and jobs of 1, 2, 4 and 2 x 4 devices at random up to a load."""
    dice = Random(seed)  # noqa: S311 - no secrets here
    left = {(r, n): 4 for r in range(racks) for n in range(per_rack)}
    jobs: list[Job] = []
    while sum(left.values()) > (1 - load) * 4 * len(left):
        size, parts = dice.choice([(1, 1), (1, 1), (2, 1), (4, 1), (4, 2)])
        rack = dice.randrange(racks)
        room = [n for n in range(per_rack) if left[rack, n] >= size]
        if len(room) < parts:
            continue
        chosen = dice.sample(room, parts)
        for n in chosen:
            left[rack, n] -= size
        jobs.append(
            Job(
                name=f"j{len(jobs)}",
                cpu_milli=size,
                memory_mib=1,
                devices=size,
                parts=parts,
                on=tuple(f"r{rack}-n{n}" for n in chosen),
            )
        )
    nodes = tuple(
        FleetNode(name=f"r{r}-n{n}", model="A", devices=4, cpu_milli=99, memory_mib=99, rack=f"r{r}")
        for r, n in left
    )
    return Fleet(nodes=nodes), jobs


def known(fleet: Fleet, jobs: list[Job], nodes: int) -> Standing:
    """What stands where."""
    return standing(fleet, jobs, Goal(slices=1, nodes=nodes)).unwrap()


@pytest.mark.parametrize("load", [0.5, 0.7])
def test_thirty_racks_are_proven(load: float) -> None:
    """More racks than are solved machine by machine: proven, and the replay holds."""
    fleet, jobs = scattered(30, 8, load, seed=1)
    goal = Goal(slices=6, nodes=7)

    found = defragment(standing(fleet, jobs, goal).unwrap(), goal).unwrap()

    assert found.proven
    assert len(found.slices) == 6
    assert tuple(violations(fleet, jobs, found, 7)) == ()


def test_counts_find_what_the_model_of_every_machine_finds() -> None:
    """Where the cheapest choice has no room, both models need the same, and more than the plain bound."""
    fleet, jobs = scattered(5, 4, 0.75, seed=4)
    now = known(fleet, jobs, 4)
    drains = [drain(now, domain) for domain in now.domains]

    counted = count_moves(now, drains, range(5), 1, EFFORT)
    status, ending, bound = exact(now, 1, EFFORT)

    assert Status.OPTIMAL is status is counted.status
    assert ending is not None
    assert bound == counted.bound == ending.moved == len(counted.leaving)
    assert bound >= fewest(drains, 1)


@pytest.mark.parametrize("threads", [0, 2])
def test_parts_give_a_whole_answer(threads: int) -> None:
    """Solved in parts, with helpers or without, it frees as many slices and everybody finds a place."""
    fleet, jobs = scattered(24, 6, 0.6, seed=2)
    now = known(fleet, jobs, 6)
    drains = [drain(now, domain) for domain in now.domains]
    executor = ThreadPoolExecutor(threads) if threads else None

    counted = count_in_parts(now, drains, cheapest(drains, 6), EFFORT, executor=executor, least=8)
    ending, homeless = settle(now, Room(now), counted.slices, counted.leaving, counted.advice)

    assert Status.FEASIBLE is counted.status
    assert len(counted.slices) == 6
    assert homeless == ()
    assert ending is not None
    assert fewest(drains, 6) <= ending.moved <= fewest(drains, 6) + 3


def test_many_gangs_tied_together_loosen_the_bound_and_not_the_plan() -> None:
    """Ten gangs in a chain over eleven machines: the bound may be loose, the way to empty two is not."""
    nodes = tuple(
        FleetNode(name=f"n{at}", model="A", devices=4, cpu_milli=99, memory_mib=99, rack="r")
        for at in range(11)
    )
    jobs = [
        Job(name=f"g{at}", cpu_milli=1, memory_mib=1, devices=1, parts=2, on=(f"n{at}", f"n{at + 1}"))
        for at in range(10)
    ]
    spare = FleetNode(name="s", model="A", devices=4, cpu_milli=99, memory_mib=99, rack="r2")
    now = known(Fleet(nodes=(*nodes, spare)), jobs, 2)

    found = drain(now, now.domains[0])

    # Two neighbours at the end of the chain are emptied by two gangs; four at that end by four.
    assert found.weight[1] >> 24 == 2
    assert all(low <= weight >> 24 for low, weight in zip(found.bound, found.weight, strict=True))
    assert 1 <= found.bound[1] <= 2


@pytest.mark.parametrize(
    ("shares", "devices"),
    [
        ((), 0),
        ((500, 500), 1),
        ((600, 600, 600), 3),
        ((600, 500, 400, 300, 200), 2),
        ((450, 410, 300, 290, 280, 270), 2),
    ],
)
def test_shares_take_the_fewest_devices(shares: tuple[int, ...], devices: int) -> None:
    """Packing is exact, also where first-fit decreasing needs a device more."""
    assert devices == devices_for_shares(shares)


def test_where_cores_are_short_another_rack_is_freed() -> None:
    """The job of the cheapest rack needs cores that nobody has; the next is freed, and not called proven."""
    node = FleetNode(name="", model="A", devices=4, cpu_milli=99, memory_mib=99, rack="")
    fleet = Fleet(
        nodes=tuple(replace(node, name=f"r{r}-n{n}", rack=f"r{r}") for r in range(80) for n in (0, 1))
    )
    thirsty = Job(name="thirsty", cpu_milli=90, memory_mib=1, devices=1, on=("r0-n0",))
    others = [
        replace(thirsty, name=f"job-{one.name}", cpu_milli=30, on=(one.name,)) for one in fleet.nodes[2:]
    ]
    goal = Goal(slices=1, nodes=2)
    jobs = [thirsty, *others]

    found = defragment(standing(fleet, jobs, goal).unwrap(), goal).unwrap()

    assert tuple(violations(fleet, jobs, found, 2)) == ()
    assert found.slices[0].domain != "r0"
    assert (len(found.moves), found.bound) == (2, 1)
    assert not found.proven
