"""The parts of packing by themselves: prices of one machine, its best filling, the bound."""

from __future__ import annotations

import numpy as np
import pytest

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.lp import Program, solve_program
from dcplan.placement.pack.bound import bound, reachable
from dcplan.placement.pack.classes import aggregate, priority_weights
from dcplan.placement.pack.columns import Wanted
from dcplan.placement.pack.pricing import best_patterns
from dcplan.placement.pack.relaxed import resource_prices


def machine(devices: int, cpu: int = 8000, memory: int = 8000) -> Fleet:
    """One machine."""
    node = FleetNode(name="n", model="T4", devices=devices, cpu_milli=cpu, memory_mib=memory)
    return Fleet(nodes=(node,))


def job(devices: int = 0, share: int = 0, cpu: int = 1000, memory: int = 1000) -> Job:
    """A job."""
    return Job(name="", cpu_milli=cpu, memory_mib=memory, devices=devices, share_milli=share)


@pytest.mark.parametrize("seed", range(20))
def test_prices_of_a_machine_are_those_of_its_linear_program(seed: int) -> None:
    """The simplex of three rows finds the optimum that a solver finds: prices add up to it."""
    random = np.random.default_rng(seed)
    need, worth = random.random((3, 30)) * (random.random((3, 30)) < 0.8), random.random(30)
    need[0] += 0.01
    program = Program(
        objective=worth,
        lower=np.zeros(30),
        upper=np.full(30, np.inf),
        row_lower=np.full(3, -np.inf),
        row_upper=np.ones(3),
        row=np.repeat(np.arange(3), 30),
        column=np.tile(np.arange(30), 3),
        value=need.ravel(),
    )

    prices = resource_prices(need, worth)

    assert prices.sum() == pytest.approx(solve_program(program).objective)
    assert (prices @ need >= worth - 1e-7).all()


def test_the_best_filling_counts_every_resource() -> None:
    """Of fillings limited by CPU, memory and accelerators at once, the best is found, with its devices."""
    jobs = [job(devices=1, cpu=5000), job(share=600), job(share=400, memory=7000), job(cpu=2000)]
    instance = aggregate(machine(2), jobs * 3)
    worth = np.array([1.0, 0.7, 0.4, 0.1])
    wanted = Wanted(
        instance=instance,
        node_class=0,
        worth=worth,
        left=instance.demand,
        width=50,
        random=np.random.default_rng(0),
    )

    gain, pattern = best_patterns(wanted, keep=1)[0]

    # One whole device and a share of 0.6 leave CPU for one job without accelerators.
    assert pattern.counts.tolist() == [1, 1, 0, 1]
    assert gain == pytest.approx(1.8)
    assert sorted(u.devices for u in pattern.units) == [1, 1]


def test_a_filling_has_no_more_of_a_shape_than_is_left() -> None:
    """Parts that are all placed already are not put into another machine."""
    instance = aggregate(machine(4), [job(devices=1)] * 9)
    wanted = Wanted(
        instance=instance,
        node_class=0,
        worth=np.ones(1),
        left=np.array([3]),
        width=10,
        random=np.random.default_rng(0),
    )

    assert best_patterns(wanted, keep=1)[0][1].counts.tolist() == [3]


def test_the_bound_knows_that_shares_have_edges() -> None:
    """Two accelerators hold 0.7 twice and 0.3 twice; of 0.7 three times they hold only two."""
    assert bound(aggregate(machine(2), [job(share=700), job(share=300)] * 2)).accelerators == pytest.approx(
        2.0
    )
    assert bound(aggregate(machine(2), [job(share=700)] * 3)).accelerators == pytest.approx(1.4)


def test_the_bound_prices_what_is_short() -> None:
    """Where CPU is short and accelerators are not, CPU has the price."""
    found = bound(aggregate(machine(8, cpu=4000), [job(devices=1, cpu=2000)] * 8))

    assert found.accelerators == pytest.approx(2.0)
    assert found.prices[:, 0] == pytest.approx([1 / 2000, 0, 0])


def test_sums_of_shares() -> None:
    """Fillings of an accelerator that these shares can make, with none and all."""
    assert reachable([400, 300]) == [0, 300, 400, 600, 700, 800, 900, 1000]


def test_priorities_differ_by_a_hundred_or_share_a_range() -> None:
    """Up to three priorities are a factor of 100 apart; more stay within 10,000 and keep their order."""
    assert dict(priority_weights([7, -1, 7, 3])) == {-1: 1.0, 3: 100.0, 7: 10_000.0}

    many = priority_weights(range(9))

    assert list(many.values()) == sorted(many.values())
    assert many[8] == pytest.approx(10_000)
