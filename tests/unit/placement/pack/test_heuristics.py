"""The heuristics that packing is compared with."""

from __future__ import annotations

import pytest

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.pack.heuristics import Rule, best_fit, fgd, one_by_one


def fleet(*devices: int) -> Fleet:
    """Machines with so many accelerators each."""
    return Fleet(
        nodes=tuple(
            FleetNode(name=f"n{i}", model="T4", devices=d, cpu_milli=64_000, memory_mib=64_000)
            for i, d in enumerate(devices)
        )
    )


def job(name: str, devices: int = 0, share: int = 0, cpu: int = 1000, parts: int = 1) -> Job:
    """A job."""
    return Job(name=name, cpu_milli=cpu, memory_mib=10, devices=devices, share_milli=share, parts=parts)


@pytest.mark.parametrize("rule", [best_fit, fgd])
def test_small_machines_are_filled_before_large_ones(rule: Rule) -> None:
    """Both rules keep the machine whole that others could need whole."""
    jobs = [job("x", devices=1), job("y", devices=1), job("big", devices=8)]

    seats = one_by_one(fleet(8, 2), jobs, rule)

    assert [(s.job, s.node) for s in seats] == [(0, 1), (1, 1), (2, 0)]


@pytest.mark.parametrize("rule", [best_fit, fgd])
def test_a_share_joins_another_share(rule: Rule) -> None:
    """A second share goes to the accelerator that is broken already."""
    seats = one_by_one(fleet(2), [job("x", share=500), job("y", share=500), job("z", devices=1)], rule)

    assert seats[0].devices == seats[1].devices != seats[2].devices


@pytest.mark.parametrize("rule", [best_fit, fgd])
def test_a_gang_that_does_not_fit_leaves_nothing_behind(rule: Rule) -> None:
    """Parts of a gang placed in vain are taken off, so that a later job finds their room."""
    seats = one_by_one(fleet(2, 2), [job("gang", devices=2, parts=3), job("x", devices=2)], rule)

    assert [s.job for s in seats] == [1]


def test_no_machine_is_overfilled() -> None:
    """CPU is counted: of two jobs that need most of a machine, one is left out."""
    seats = one_by_one(fleet(4), [job("x", devices=1, cpu=40_000), job("y", devices=1, cpu=40_000)], best_fit)

    assert [s.job for s in seats] == [0]
