"""Packing job lists: what is placed, what is refused and why."""

from __future__ import annotations

import numpy as np
import pytest

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.pack import Effort, Packing, pack, verify

MODELS = ("T4", "H100", "A100")


def node(
    name: str, devices: int = 8, model: str = "H100", cpu: int = 96_000, memory: int = 400_000
) -> FleetNode:
    """A machine."""
    return FleetNode(name=name, model=model, devices=devices, cpu_milli=cpu, memory_mib=memory)


def job(
    name: str, devices: int = 0, share: int = 0, cpu: int = 1000, memory: int = 1000, **more: object
) -> Job:
    """A job; ``more``: models, parts, priority."""
    base = Job(name=name, cpu_milli=cpu, memory_mib=memory, devices=devices, share_milli=share)
    return Job(**{field: getattr(base, field) for field in base.__slots__} | more)


def packed(nodes: list[FleetNode], jobs: list[Job], effort: Effort | None = None) -> Packing:
    """The packing, checked."""
    fleet = Fleet(nodes=tuple(nodes))
    packing = pack(fleet, jobs, effort).unwrap()
    assert verify(fleet, jobs, packing) == ()
    return packing


def cluster(machines: int, seed: int) -> tuple[list[FleetNode], list[Job]]:
    """Generated machines and jobs in the proportions of shared clusters: many shares, few large jobs."""
    random = np.random.default_rng(seed)
    kinds = ((8, 96_000, 393_216, "A100"), (2, 104_000, 524_288, "T4"), (4, 48_000, 196_608, "H100"))
    nodes: list[FleetNode] = []
    for index in range(machines):
        devices, cpu, memory, model = kinds[random.choice(3, p=[0.5, 0.3, 0.2])]
        nodes.append(node(f"n{index}", devices, model, cpu, memory))
    wanted = sum(n.devices for n in nodes) * 1.02
    jobs: list[Job] = []
    shares = (50, 110, 230, 320, 470, 550, 810)
    while wanted > 0:
        kind = random.random()
        cpu, memory = int(random.choice([3152, 8000, 11_400])), int(random.choice([5600, 30_517, 48_128]))
        devices, share = (
            (0, int(random.choice(shares))) if kind < 0.4 else (int(random.choice([1, 1, 1, 2, 4])), 0)
        )
        if kind > 0.9:
            devices, share = 0, 0
        models = (str(random.choice(MODELS)),) if random.random() < 0.15 else ()
        jobs.append(job(f"j{len(jobs)}", devices, share, cpu, memory, models=models))
        wanted -= devices + share / 1000
    return nodes, jobs


def names(packing: Packing) -> set[str]:
    """Jobs that are placed."""
    return {packing.jobs[seat.job].name for seat in packing.seats}


def test_a_cluster_is_packed_near_its_bound() -> None:
    """At 102 % demand, half a percent of the accelerators at most lies between packing and bound."""
    nodes, jobs = cluster(60, seed=1)

    packing = packed(nodes, jobs, Effort(repairs=2))

    assert packing.allocated <= packing.bound + 1e-6
    assert packing.bound - packing.allocated <= 0.005 * packing.devices


def test_equal_efforts_end_equally() -> None:
    """Packing the same lists with the same seed gives the same seats."""
    nodes, jobs = cluster(12, seed=2)

    assert packed(nodes, jobs).seats == packed(nodes, jobs).seats


def test_shares_fill_one_accelerator() -> None:
    """Shares that add up to one accelerator stand on one when that is all there is."""
    packing = packed([node("a", devices=1)], [job("x", share=500), job("y", share=300), job("z", share=200)])

    assert packing.allocated == pytest.approx(1.0)
    assert packing.refused == ()


def test_shares_that_fit_in_sum_but_not_in_pieces_are_refused() -> None:
    """Three shares of 0.6 do not fit two accelerators, and the bound knows it."""
    packing = packed([node("a", devices=2)], [job(f"x{i}", share=600) for i in range(3)])

    assert packing.allocated == pytest.approx(1.2)
    assert packing.bound == pytest.approx(1.2)
    assert [r.cause for r in packing.refused] == ["room"]


@pytest.mark.parametrize(
    ("short", "resource"),
    [
        (job("x", devices=16), "accelerators"),
        (job("x", devices=1, cpu=100_000), "CPU"),
        (job("x", share=100, memory=500_000), "memory"),
        (job("x", devices=1, models=("H200",)), "model"),
    ],
)
def test_what_no_machine_can_hold_is_called_impossible(short: Job, resource: str) -> None:
    """The resource that no machine has enough of is named."""
    packing = packed([node("a")], [short])

    assert [(r.cause, r.resource) for r in packing.refused] == [("impossible", resource)]


def test_a_model_nearly_right_gets_a_suggestion() -> None:
    """A misspelt model is answered with the one that is there."""
    packing = packed([node("a", model="H100")], [job("x", devices=1, models=("H10O",))])

    assert 'Did you mean "H100"?' in packing.refused[0].says


def test_models_are_kept() -> None:
    """A job runs on the models it names only."""
    nodes = [node("a", devices=1, model="T4"), node("b", devices=1, model="H100")]

    packing = packed(nodes, [job("x", devices=1, models=("H100",)), job("y", devices=1)])

    assert {packing.jobs[s.job].name: nodes[s.node].model for s in packing.seats} == {"x": "H100", "y": "T4"}


def test_a_gang_is_placed_whole_or_not_at_all() -> None:
    """A gang that needs three machines of two is refused, and its room goes to others."""
    packing = packed(
        [node("a"), node("b")],
        [job("gang", devices=8, parts=3), job("x", devices=8), job("y", devices=8)],
    )

    assert names(packing) == {"x", "y"}


def test_a_gang_that_fits_is_placed() -> None:
    """All parts of a gang have seats."""
    packing = packed([node("a"), node("b")], [job("gang", devices=4, parts=4)])

    assert [seat.part for seat in packing.seats] == [0, 1, 2, 3]
    assert packing.allocated == 16


def test_higher_priorities_go_first() -> None:
    """Where one of two equal jobs fits, it is the one of higher priority, whatever the order of the list."""
    packing = packed([node("a", devices=1)], [job("low", devices=1), job("high", devices=1, priority=5)])

    assert names(packing) == {"high"}


def test_a_high_priority_beats_more_accelerators_of_a_low_one() -> None:
    """A job of higher priority is kept even where two accelerators of a lower one would fit instead."""
    jobs = [job("low", devices=2), job("high", devices=1, cpu=96_000, priority=1)]

    assert names(packed([node("a", devices=2)], jobs)) == {"high"}


def test_jobs_without_accelerators_use_what_is_left() -> None:
    """A job that needs CPU alone displaces none with an accelerator, and is placed where there is room."""
    jobs = [job("gpu", devices=1, cpu=90_000), job("cpu", cpu=90_000), job("small", cpu=6000)]

    assert names(packed([node("a", devices=1)], jobs)) == {"gpu", "small"}


def test_a_fleet_without_accelerators_takes_jobs() -> None:
    """Machines with CPU alone are packed; there is no share of accelerators to tell."""
    packing = packed([node("a", devices=0, model="")], [job("x", cpu=50_000), job("y", cpu=50_000)])

    assert len(names(packing)) == 1
    assert packing.unallocated_share is None


def test_an_empty_fleet_is_an_error() -> None:
    """Without machines there is a diagnostic, not a packing."""
    result = pack(Fleet(nodes=()), [job("x")])

    assert [d.code for d in result.diagnostics] == ["empty-fleet"]


def test_an_empty_list_is_packed() -> None:
    """Without jobs all is unallocated, and provably so."""
    packing = packed([node("a")], [])

    assert (packing.unallocated_share, packing.unallocated_share_bound) == (1.0, 1.0)


def test_jobs_that_ask_for_nothing_are_placed() -> None:
    """Jobs that need neither CPU nor memory nor accelerators all find room, however many they are."""
    packing = packed([node("a")], [job(f"x{i}", cpu=0, memory=0) for i in range(40_000)])

    assert packing.refused == ()
