"""What a plan tells of power, carbon and the way to users."""

from __future__ import annotations

import pytest

from dcplan.placement import Allotment, Pool, PoolUse, Workload
from dcplan.placement.place_types import Users
from dcplan.plan.footprint import footprint_of, trips_of


def pool(name: str, watts: float | None, kg_per_h: float | None) -> Pool:
    """Machines that draw and emit so much."""
    return Pool(
        id=name, provider="x", region="r", zone="z", machine="m", accelerator="a", devices=8, machines=None,
        usd_per_h=1.0, power_w=watts, kgco2_per_h=kg_per_h,
    )  # fmt: skip


POOLS = {p.id: p for p in (pool("a", 10e3, 2.0), pool("b", 4e3, None), pool("c", None, None))}


def test_power_and_carbon_add_up_over_the_pools_in_use() -> None:
    """As many machines as are used, each at full load."""
    found = footprint_of([PoolUse(pool="a", machines=3)], POOLS)

    assert (found.power_w, found.kgco2_per_h, found.unknown) == (30e3, pytest.approx(6.0), ())


def test_one_unknown_machine_makes_the_sum_unknown() -> None:
    """Each of the two by itself; the pools behind it are named."""
    uses = [PoolUse(pool=name, machines=1) for name in "ab"]
    found = footprint_of(uses, POOLS)

    assert (found.power_w, found.kgco2_per_h, found.unknown) == (14e3, None, ("b",))
    assert footprint_of([PoolUse(pool="c", machines=1)], POOLS).power_w is None


def test_users_are_as_far_as_their_nearest_replicas() -> None:
    """A round trip that was told says so; one to nowhere known is unknown."""
    users = (
        Users(place="berlin", share=0.6, rtt_s={"a": 0.09, "b": 0.02}, told=frozenset({"b"})),
        Users(place="mars", share=0.4, rtt_s={}),
    )
    workload = Workload(name="chat", origin=(), users=users)
    used = [Allotment(workload="chat", choice="c", pool=name, replicas=1) for name in "ab"]

    berlin, mars = trips_of(workload, used)

    assert (berlin.rtt_s, berlin.told) == (0.02, True)
    assert (mars.rtt_s, mars.told) == (None, False)
