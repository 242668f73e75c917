"""Kinds of machines that a workload can tell apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

import asked
from dcplan.catalog.site import BlockSite, RackSite, ZoneSite
from dcplan.catalog.types import Offering, Purchase
from dcplan.demand.types import Allowed, Limits, WorkloadDemand
from dcplan.sharding.classes import classes_for
from dcplan.sharding.types import MachineClass, Within
from dcplan.topology.build import build

NAME = "p5.48xlarge"


def classes(racks: int, nodes: int, uplink_bytes_per_s: float | None) -> tuple[MachineClass, ...]:
    """Those of one block of racks behind such uplinks."""
    made = asked.machine_class(NAME, 1)
    machine, chip = replace(made.machine, provider="local"), made.accelerator
    site = ZoneSite(
        name="z",
        provider="local",
        region="r",
        blocks=(
            BlockSite(
                name="b",
                racks=tuple(
                    RackSite(
                        name=f"r{i}",
                        machine=NAME,
                        nodes=nodes,
                        uplink_bytes_per_s=uplink_bytes_per_s,
                        latency_s=None,
                    )
                    for i in range(racks)
                ),
                uplink_bytes_per_s=None,
                latency_s=None,
            ),
        ),
        latency_s=None,
    )
    offering = Offering(
        provider="local", region="r", zone="z", machine=NAME, purchase=Purchase.OWNED, usd_per_h=1.0,
        machines=racks * nodes, available=True, block="b", source=machine.source,
    )  # fmt: skip
    topology = build({NAME: machine}, {chip.name: chip}, [offering], [site])
    return classes_for(asked.chat(), [offering], {NAME: machine}, {chip.name: chip}, topology).unwrap()


def test_machines_behind_one_switch_are_a_class_of_their_own_where_uplinks_are_narrow() -> None:
    """The rack has as many machines as stand in it, and wider links than the pool."""
    pool, rack = classes(racks=3, nodes=4, uplink_bytes_per_s=1e10)

    assert (pool.within, pool.machines) == (Within.POOL, 12)
    assert (rack.within, rack.machines) == (Within.RACK, 4)
    assert rack.links.scale_out.bytes_per_s > pool.links.scale_out.bytes_per_s
    assert rack.pools == pool.pools


def test_where_uplinks_are_wide_a_rack_is_nothing_special() -> None:
    """One class, also where there is one rack alone or each machine has its own."""
    assert len(classes(racks=3, nodes=4, uplink_bytes_per_s=None)) == 1
    assert len(classes(racks=1, nodes=4, uplink_bytes_per_s=1e10)) == 1
    assert len(classes(racks=4, nodes=1, uplink_bytes_per_s=1e10)) == 1


def test_a_workload_is_bought_as_it_allows() -> None:
    """Spot needs a share, a queue needs a job that asks for it; a list allows nothing else."""
    made = asked.machine_class(NAME, 1)
    machine, chip = replace(made.machine, provider="local"), made.accelerator
    offerings = [
        Offering(
            provider="local", region="r", zone="z", machine=NAME, purchase=way, usd_per_h=1.0,
            machines=4, available=True, source=machine.source,
        )
        for way in Purchase
    ]  # fmt: skip
    topology = build({NAME: machine}, {chip.name: chip}, offerings, [])

    def ways(demand: WorkloadDemand, *names: str, spot_share: float | None = None) -> set[str]:
        allowed = Allowed(names=names, origin=("constraints", "purchase")) if names else None
        limits = Limits(purchase=allowed, spot_share=spot_share)
        [one] = classes_for(
            replace(demand, limits=limits), offerings, {NAME: machine}, {chip.name: chip}, topology
        ).unwrap()
        return {o.purchase.value for o in offerings if o.pool in one.pools}

    always = {"on-demand", "owned", "reservation", "capacity-block", "committed"}

    assert ways(asked.chat()) == always
    assert ways(asked.chat(), spot_share=0.5) == {*always, "spot"}
    assert ways(asked.chat(), "reservation", "spot", "queued") == {"reservation"}
    assert ways(asked.pretrain(), "reservation", "queued") == {"reservation", "queued"}


@pytest.mark.parametrize(("free", "price", "code"), [(0, 1.0, "machines-busy"), (2, None, "no-machines")])
def test_what_is_busy_is_not_said_to_have_no_price(free: int, price: float | None, code: str) -> None:
    """Machines with prices that are all taken are busy; machines without a price cannot be weighed."""
    made = asked.machine_class(NAME, 1)
    offering = Offering(
        provider="local", region="r", zone="z", machine=NAME, purchase=Purchase.OWNED, usd_per_h=price,
        machines=free, available=True, source=made.machine.source,
    )  # fmt: skip
    chips = {made.accelerator.name: made.accelerator}
    topology = build({NAME: made.machine}, chips, [offering], [])
    [told] = classes_for(asked.chat(), [offering], {NAME: made.machine}, chips, topology).diagnostics

    assert told.code == code
    assert (offering.pool in told.detail) == (code == "machines-busy")
