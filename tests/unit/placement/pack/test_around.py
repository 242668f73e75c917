"""Packing around what runs: it stays, its room is gone, and what is wrong with it is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.pack import Effort, pack, verify
from dcplan.placement.pack.classes import aggregate, class_of, occupied
from dcplan.placement.pack.joined import joined, poorest, richest
from dcplan.placement.pack.running import running
from dcplan.placement.pack.types import NodeClass


def fleet(*devices: int, cpu: int = 64_000) -> Fleet:
    """Machines n0, n1 ... with so many accelerators."""
    nodes = (
        FleetNode(name=f"n{i}", model="H100" if d else "", devices=d, cpu_milli=cpu, memory_mib=64_000)
        for i, d in enumerate(devices)
    )
    return Fleet(nodes=tuple(nodes))


def job(name: str, devices: int = 0, share: int = 0, **more: object) -> Job:
    """A job; ``more``: on, parts, models, priority, cpu_milli."""
    base = Job(name=name, cpu_milli=1000, memory_mib=1000, devices=devices, share_milli=share)
    return replace(base, **more)  # type: ignore[arg-type]


def test_what_runs_stays_and_others_come_around_it() -> None:
    """A new job takes the machine that has room beside what runs; the total counts both."""
    machines = fleet(4, 4)
    jobs = (job("old", 3, on=("n0",)), job("new", 4), job("small", 1))

    packing = pack(machines, jobs).unwrap()

    assert verify(machines, jobs, packing) == ()
    assert {packing.jobs[s.job].name: s.node for s in packing.seats} == {"old": 0, "new": 1, "small": 0}
    assert (packing.allocated, packing.bound, packing.devices) == (8, 8, 8)
    assert packing.staying == {0}


def test_a_job_that_runs_is_not_displaced_by_one_worth_more() -> None:
    """Whoever runs keeps the room, and the bound is of packings in which that is so."""
    jobs = (job("old", 1, on=("n0",)), job("wide", 2, priority=9))

    stays = pack(fleet(2), jobs).unwrap()
    moved = pack(fleet(2), jobs, move=True).unwrap()

    assert (stays.allocated, stays.bound) == (1, 1)
    assert [(r.cause, r.resource) for r in stays.refused] == [("room", "accelerators")]
    assert "too full of what runs already" in stays.refused[0].says
    assert (moved.allocated, moved.staying) == (2, frozenset())


def test_moved_parts_are_counted() -> None:
    """With ``move`` a gang may stand where what runs stood."""
    jobs = (job("old", 1, on=("n0",)), job("wide", 4))

    packing = pack(fleet(4, 1), jobs, move=True).unwrap()

    assert (packing.moved, packing.allocated) == (1, 5)


def test_shares_go_on_accelerators_that_others_share() -> None:
    """What is left of a shared accelerator is filled up, by a pattern and not by chance."""
    jobs = (
        job("old", share=400, on=("n0",)),
        job("a", share=300),
        job("b", share=300),
        job("whole", 1),
        job("no", share=100),
    )

    packing = pack(fleet(2), jobs).unwrap()
    seats = {packing.jobs[s.job].name: s.devices for s in packing.seats}

    assert verify(fleet(2), jobs, packing) == ()
    assert packing.allocated == 2
    assert packing.bound == pytest.approx(2)
    assert seats["a"] == seats["b"] == seats["old"]
    assert [packing.jobs[r.job].name for r in packing.refused] == ["no"]


def test_shares_that_run_are_put_together_in_every_way_there_is() -> None:
    """Where first-fit decreasing needs a device too many, another way is found."""
    shares = (500, 400, 300, 300, 250, 250)  # 500+250+250 and 400+300+300; first fit needs three devices.
    jobs = tuple(job(f"s{i}", share=share, on=("n0",)) for i, share in enumerate(shares))

    seats = running(fleet(2), jobs).unwrap()

    used = [sum(shares[s.job] for s in seats if s.devices == (d,)) for d in (0, 1)]
    assert used == [1000, 1000]


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        (job("x", 1, on=("n9",)), "job-on-unknown-machine"),
        (job("x", 1, on=("n0", "n0")), "parts-and-machines"),
        (job("x", 1, on=("n0",), models=("T4",)), "job-on-other-model"),
        (job("x", 3, on=("n0",)), "machine-overfull"),
        (job("x", 1, on=("n0",), cpu_milli=64_001), "machine-overfull"),
        (job("x", share=700, parts=3, on=("n0",) * 3), "machine-overfull"),
    ],
)
def test_what_cannot_run_is_an_error(listed: Job, code: str) -> None:
    """Each way in which a list and an inventory do not go together has its diagnostic."""
    result = pack(fleet(2), (listed, job("new", 1)))

    assert (result.value, [d.code for d in result.diagnostics]) == (None, [code])
    assert '"x"' in result.diagnostics[0].detail or '"n0"' in result.diagnostics[0].detail


@pytest.mark.parametrize("move", [False, True])
def test_what_runs_is_not_counted_twice(move: bool) -> None:
    """A fleet that tells what is free does not go with jobs that say where they run."""
    result = pack(replace(fleet(2), leftover=True), (job("x", 1, on=("n0",)),), move=move)

    assert [d.code for d in result.diagnostics] == ["running-in-what-is-free"]


def test_a_thousand_mistakes_are_not_told_one_by_one() -> None:
    """The first twenty of a kind are, then how many more there are."""
    jobs = tuple(job(f"x{i}", 1, on=("nowhere",)) for i in range(1000))

    said = pack(fleet(2), jobs).diagnostics

    assert len(said) == 21
    assert "980 more" in said[-1].detail


def test_a_job_list_that_all_runs_is_packed() -> None:
    """With nothing to place, the bound is what runs."""
    packing = pack(fleet(2), (job("x", 1, on=("n0",)),)).unwrap()

    assert (packing.allocated, packing.bound, packing.refused) == (1, 1, ())


def test_a_seat_that_was_moved_is_found() -> None:
    """The checker knows where a job that stays was."""
    machines, jobs = fleet(2, 2), (job("x", 1, on=("n0",)), job("y", 1))
    packing = pack(machines, jobs).unwrap()
    moved = tuple(replace(s, node=1, devices=(1,)) if s.job == 0 else s for s in packing.seats)

    assert any("stays on" in s for s in verify(machines, jobs, replace(packing, seats=moved)))


def classes(random: np.random.Generator, count: int) -> dict[NodeClass, list[int]]:
    """Random classes of one machine each."""
    return {
        NodeClass(int(cpu), int(memory), int(idle), "H100", (int(free),) if free else ()): [i]
        for i, (cpu, memory, idle, free) in enumerate(
            random.integers((1000, 1000, 0, 0), (64_000, 64_000, 5, 999), (count, 4))
        )
    }


@pytest.mark.parametrize("seed", range(5))
def test_joined_classes_have_what_all_of_theirs_have(seed: int) -> None:
    """Each class goes into one of few, and has at least its room and at most that of ``richest``."""
    exact = classes(np.random.default_rng(seed), 300)

    kinds = joined(exact, 20)

    assert len(kinds) == 20
    assert sorted(map(repr, exact)) == sorted(repr(one) for _, parts in kinds for one in parts)
    for low, parts in kinds:
        high = richest(parts)
        assert low == poorest(parts)
        for one in parts:
            assert low.cpu_milli <= one.cpu_milli <= high.cpu_milli
            assert low.memory_mib <= one.memory_mib <= high.memory_mib
            assert low.devices == one.devices == high.devices
            assert sum(low.partial) <= sum(one.partial) <= sum(high.partial)


def test_few_classes_stay_what_they_are() -> None:
    """Nothing is joined where there is no need."""
    exact = classes(np.random.default_rng(0), 20)

    assert joined(exact, 20) == [(one, (one,)) for one in exact]


@pytest.mark.parametrize("seed", range(3))
def test_machines_that_all_differ_are_packed_nearly_as_full_as_can_be(seed: int) -> None:
    """Joined classes and what each machine has beyond leave less than a hundredth of the accelerators."""
    random = np.random.default_rng(seed)
    sizes = random.choice([1, 2, 4, 8], 90).tolist()
    nodes = tuple(
        FleetNode(
            name=f"n{i}",
            model="H100",
            devices=d,
            cpu_milli=int(d * random.integers(8000, 14_000)),
            memory_mib=int(d * random.integers(40_000, 80_000)),
        )
        for i, d in enumerate(sizes)
    )
    shapes = [(1, 0, 8000), (2, 0, 16_000), (0, 500, 4000), (0, 250, 2000), (4, 0, 30_000), (8, 0, 60_000)]
    kinds = random.integers(0, len(shapes), 300)
    jobs = tuple(
        job(f"j{i}", shapes[k][0], shapes[k][1], cpu_milli=shapes[k][2]) for i, k in enumerate(kinds)
    )

    packing = pack(Fleet(nodes=nodes), jobs, Effort(width=60)).unwrap()

    assert verify(Fleet(nodes=nodes), jobs, packing) == ()
    assert packing.counters["classes"] < 90
    assert packing.allocated >= 0.99 * packing.bound


def test_what_is_free_is_counted_by_accelerator() -> None:
    """A class tells idle accelerators, and what is left of those that are shared."""
    machines, jobs = fleet(4), (job("a", 1, on=("n0",)), job("b", share=300, on=("n0",)), job("new", 1))
    seats = running(machines, jobs).unwrap()

    here = class_of(machines.nodes[0], occupied(machines, jobs, seats), 0)
    instance = aggregate(machines, jobs, seats)

    assert here == NodeClass(62_000, 62_000, 2, "H100", (700,))
    assert (instance.partial, instance.total[2].tolist()) == ({700: 1}, [2])
    assert instance.demand.tolist() == [1]
