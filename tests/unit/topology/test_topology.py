"""The graph and what can be asked of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from dcplan.catalog.site import BlockSite, RackSite, ZoneSite
from dcplan.catalog.types import Accelerator, AcceleratorKind, Machine, Offering, Purchase, Source
from dcplan.topology.build import build
from dcplan.topology.query import Topology

SOURCE = Source(name="a test", date="2026-01-01")
GB = 1e9
NETWORK = 400 * GB
SCALE_UP = 450 * GB


def an_accelerator() -> Accelerator:
    """A chip with links of 450 GB/s."""
    return Accelerator(
        name="H100", vendor="NVIDIA", kind=AcceleratorKind.GPU, memory_bytes=8 * 10**10,
        memory_bytes_per_s=3e12, bf16_flops=1e15, fp8_flops=2e15, fp4_flops=None, int8_flops=2e15,
        scale_up="NVLink4", scale_up_bytes_per_s=SCALE_UP, scale_up_domain=8, power_w=700.0, source=SOURCE,
    )  # fmt: skip


def a_machine(*, domain: int = 8, devices: int = 8) -> Machine:
    """A machine of eight such chips with 400 GB/s of network."""
    return Machine(
        name="h100x8", provider="local", accelerator="H100", devices=devices, vcpus=192, memory_bytes=10**12,
        network_bytes_per_s=NETWORK, fabric="RoCE", scale_up_domain=domain, source=SOURCE,
    )  # fmt: skip


def an_offering(machines: int | None, block: str | None = None, zone: str = "z") -> Offering:
    """So many of them in a zone."""
    return Offering(
        provider="local", region="r", zone=zone, machine="h100x8", purchase=Purchase.OWNED, usd_per_h=10.0,
        machines=machines, available=True, block=block, source=SOURCE,
    )  # fmt: skip


def a_site(racks: int, nodes: int, uplink: float | None) -> ZoneSite:
    """A zone of one block with equal racks behind uplinks of a given width."""
    made = tuple(
        RackSite(name=f"r{i}", machine="h100x8", nodes=nodes, uplink_bytes_per_s=uplink, latency_s=2e-6)
        for i in range(racks)
    )
    block = BlockSite(name="b", racks=made, uplink_bytes_per_s=None, latency_s=6e-6)
    return ZoneSite(name="z", provider="local", region="r", blocks=(block,), latency_s=None)


def a_topology(racks: int = 2, nodes: int = 2, uplink: float | None = None, **machine: int) -> Topology:
    """The topology of such a site."""
    offering = an_offering(racks * nodes, block="b")
    return build(
        {"h100x8": a_machine(**machine)},
        {"H100": an_accelerator()},
        [offering],
        [a_site(racks, nodes, uplink)],
    )


POOL = "z/b/h100x8"


def test_every_level_from_region_to_device_is_told() -> None:
    """Two racks of two machines of eight chips."""
    topology = a_topology()
    counts = {k: len(topology.kinds(k)) for k in ("region", "zone", "block", "rack")}
    devices = [device for node in topology.pools[POOL] for device in topology.devices_of(node)]

    assert counts == {"region": 1, "zone": 1, "block": 1, "rack": 2}
    assert len(topology.pools[POOL]) == 4
    assert len(set(devices)) == 32


def test_equal_machines_of_a_rack_are_said_once() -> None:
    """A large hall costs its racks, not its devices: all machines of a rack share one value."""
    topology = a_topology(racks=3, nodes=40)

    assert len(topology.standing) == 120
    assert len({id(stand) for stand in topology.standing.values()}) == 3


def test_the_cut_between_two_machines_is_their_network() -> None:
    """All devices of one machine to all of another pass one network card's worth."""
    topology = a_topology()
    first, second = topology.pools[POOL][:2]

    cut = topology.cut_bytes_per_s(topology.devices_of(first), topology.devices_of(second))

    assert cut == pytest.approx(NETWORK)


def test_the_cut_inside_a_machine_counts_both_ways_around() -> None:
    """Two chips of one machine meet over scale-up links and, as well, through the node."""
    topology = a_topology()
    devices = topology.devices_of(topology.pools[POOL][0])

    cut = topology.cut_bytes_per_s(devices[:1], devices[1:2])

    assert cut == pytest.approx(SCALE_UP + NETWORK)


def test_a_narrow_uplink_is_the_cut_between_racks() -> None:
    """Oversubscription between racks bounds what passes, however many machines send."""
    topology = a_topology(racks=2, nodes=4, uplink=100 * GB)
    nodes = topology.pools[POOL]

    assert topology.cut_bytes_per_s(nodes[:4], nodes[4:]) == pytest.approx(100 * GB)
    assert topology.links_of(POOL).scale_out.bytes_per_s == pytest.approx(100 * GB / 32)


def test_enough_uplink_leaves_each_device_its_share_of_the_network_card() -> None:
    """Without a bottleneck above, a device has an eighth of its machine's network."""
    links = a_topology().links_of(POOL)

    assert links.scale_out.bytes_per_s == pytest.approx(NETWORK / 8)
    assert links.scale_up.bytes_per_s == pytest.approx(SCALE_UP)
    assert links.scale_up_domain == 8


def test_machines_of_one_rack_do_not_pay_for_the_uplink() -> None:
    """The narrow cut between racks is that of the whole pool, not that of a gang inside a rack."""
    topology = a_topology(racks=2, nodes=4, uplink=100 * GB)
    nodes = topology.pools[POOL]

    assert topology.links_among(POOL, nodes[:4]).scale_out.bytes_per_s == pytest.approx(NETWORK / 8)
    assert topology.links_among(POOL, nodes) == topology.links_of(POOL)


def test_latency_grows_with_distance() -> None:
    """Machines of one rack are nearer than machines of two."""
    topology = a_topology()
    nodes = topology.pools[POOL]

    assert topology.latency_s(nodes[0], nodes[1]) == pytest.approx(2e-6)
    assert topology.latency_s(nodes[0], nodes[2]) == pytest.approx(6e-6)


def test_a_wide_domain_joins_machines() -> None:
    """Where the domain is wider than a machine, chips of two machines meet over scale-up links."""
    topology = a_topology(racks=1, nodes=2, domain=16)
    first, second = topology.pools[POOL]
    across = topology.cut_bytes_per_s(topology.devices_of(first), topology.devices_of(second))

    assert across == pytest.approx(8 * SCALE_UP + NETWORK)


def test_a_cloud_zone_is_drawn_with_two_machines_and_no_known_bottleneck() -> None:
    """Clouds tell no widths: each device has its share of the card, and two machines show it."""
    topology = build({"h100x8": a_machine()}, {"H100": an_accelerator()}, [an_offering(None)], [])

    links = topology.links_of("z/h100x8")

    assert len(topology.pools["z/h100x8"]) == 2
    assert links.scale_out.bytes_per_s == pytest.approx(NETWORK / 8)


def test_sets_that_overlap_have_no_cut() -> None:
    """Nothing separates a device from itself."""
    topology = a_topology()
    devices = topology.devices_of(topology.pools[POOL][0])

    assert math.isinf(topology.cut_bytes_per_s(devices[:2], devices[1:3]))


def test_the_racks_of_a_pool_are_told_by_the_names_that_the_provider_uses() -> None:
    """Each rack with its machines; none where only representatives are drawn."""
    described = a_topology(racks=2, nodes=3)
    cloud = build({"h100x8": a_machine()}, {"H100": an_accelerator()}, [an_offering(None)], [])

    assert {rack: len(nodes) for rack, nodes in described.racks_of(POOL).items()} == {
        "z/b/r0": 3,
        "z/b/r1": 3,
    }
    assert not cloud.racks_of("z/h100x8")


def test_the_odd_machine_behind_an_uplink_is_the_narrowest_cut_where_it_is() -> None:
    """Three machines in racks of two: their halves meet in one rack, but the third is behind its uplink."""
    topology = a_topology(racks=2, nodes=2, uplink=100 * GB)
    three = topology.links_among(POOL, topology.pools[POOL][:3])
    four = topology.links_of(POOL)

    assert three.scale_out.bytes_per_s == pytest.approx(100 * GB / 8)
    assert four.scale_out.bytes_per_s == pytest.approx(100 * GB / 16)


def test_a_cloud_that_tells_a_block_has_it_between_zone_and_machines() -> None:
    """Position is known, width is not: machines of two blocks are farther apart in the tree, not narrower."""
    offerings = [an_offering(None, block="b1"), an_offering(None, block="b2")]
    topology = build({"h100x8": a_machine()}, {"H100": an_accelerator()}, offerings, [])

    assert topology.kinds("block") == ("local:z/b1", "local:z/b2")
    assert not topology.racks_of("z/b1/h100x8")
    assert topology.links_of("z/b1/h100x8").scale_out.bytes_per_s == pytest.approx(NETWORK / 8)


def test_a_region_may_have_the_name_of_its_only_zone() -> None:
    """A data centre of one hall need not invent two names."""
    site = a_site(2, 2, None)
    offering = an_offering(4, block="b")
    same = build(
        {"h100x8": a_machine()},
        {"H100": an_accelerator()},
        [replace(offering, region="z")],
        [replace(site, region="z")],
    )

    assert (len(same.kinds("region")), len(same.kinds("zone"))) == (1, 1)
    assert same.links_of(POOL).scale_out.bytes_per_s == pytest.approx(NETWORK / 8)
