"""Kinds of fabric in an inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dcplan.basis import Basis
from dcplan.catalog.load import load_accelerators
from dcplan.provider import OfferingQuery
from dcplan.provider.local import LocalProvider, load_inventory
from dcplan.provider.local.world import LocalWorld
from dcplan.topology.build import build

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.provider.local.expand import Inventory
    from dcplan.topology.query import Topology

HEAD = """\
name: lab
region: eu
machines:
  h100x8: {accelerator: H100, devices: 8, vcpus: 192, memory: 2TiB, network: 3200Gbit/s, fabric: RoCE}
  gb200x4: {accelerator: GB200, devices: 4, vcpus: 144, memory: 1TiB, network: 1600Gbit/s, fabric: RoCE}
  v5p: {catalog: ct5p-hightpu-4t, price: $16.8/h}
  v6e: {catalog: ct6e-standard-4t}
"""


def loaded(folder: Path, fabric: str, links: str = "") -> Inventory:
    """The inventory of one hall with a fabric, which must be right."""
    path = folder / "inventory.yaml"
    path.write_text(f"{HEAD}{links}zones:\n  hall:\n    fabric: {fabric}\n")
    found = load_inventory(path)
    assert found.diagnostics == ()
    return found.unwrap()


def drawn(inventory: Inventory, folder: Path) -> Topology:
    """Its topology."""
    offerings = LocalProvider(inventory, LocalWorld(folder / "none")).offerings(OfferingQuery()).unwrap()
    machines = {machine.name: machine for machine in inventory.machines}
    return build(machines, load_accelerators(), offerings, inventory.zones)


def test_a_fat_tree_has_as_many_machines_as_its_switches_reach(tmp_path: Path) -> None:
    """Of switches with k ports there are k pods of (k/2)^2 machines, and nothing is oversubscribed."""
    inventory = loaded(tmp_path, "{kind: fat-tree, machine: h100x8, ports: 8}")
    zone = inventory.zones[0]
    block = zone.blocks[0]

    assert (len(zone.blocks), len(block.racks), block.racks[0].nodes) == (8, 4, 4)
    assert len(inventory.nodes) == 8**3 / 4
    assert block.racks[0].uplink_bytes_per_s == 4 * 400e9
    assert (block.racks[0].assumed, block.assumed) == (True, True)


def test_every_default_can_be_told_otherwise(tmp_path: Path) -> None:
    """What the fabric says holds, then what the file says of all links; neither is assumed."""
    fabric = "{kind: fat-tree, machine: h100x8, ports: 8, pods: 2, rack: {oversubscription: 4}}"
    inventory = loaded(tmp_path, fabric, "links: {block: {oversubscription: 2}, rack: {latency: 1us}}\n")
    block = inventory.zones[0].blocks[0]

    assert block.racks[0].uplink_bytes_per_s == 400e9
    assert block.racks[0].latency_s == pytest.approx(1e-6)
    assert block.uplink_bytes_per_s == 16 * 400e9 / 2
    assert (block.racks[0].assumed, block.assumed) == (False, False)


def test_what_rests_on_a_default_says_so(tmp_path: Path) -> None:
    """A gang over two pods is behind a cut that nobody told; one in a pod is not."""
    fabric = "{kind: fat-tree, machine: h100x8, ports: 4, pods: 2, rack: {oversubscription: RATIO}}"
    told = drawn(loaded(tmp_path, fabric.replace("RATIO", "4")), tmp_path)
    links = told.links_of("hall/pod01/h100x8").scale_out

    assert links.bytes_per_s == pytest.approx(400e9 * 2 / 4 / 16)
    assert links.basis is Basis.ROOFLINE


def test_rail_optimised_units_are_as_large_as_their_leaves(tmp_path: Path) -> None:
    """A leaf of 64 ports that is not oversubscribed leads to 32 machines; the last unit may be smaller."""
    inventory = loaded(tmp_path, "{kind: rail-optimised, machine: h100x8, nodes: 70}")
    (block,) = inventory.zones[0].blocks

    assert [rack.nodes for rack in block.racks] == [32, 32, 6]
    assert block.racks[0].uplink_bytes_per_s == 32 * 400e9


def test_fewer_rails_than_accelerators_take_more_ports(tmp_path: Path) -> None:
    """With four rails two network cards of a machine share a leaf; oversubscription frees ports."""
    four = loaded(tmp_path, "{kind: rail-optimised, machine: h100x8, nodes: 64, rails: 4}")
    dense = loaded(
        tmp_path, "{kind: rail-optimised, machine: h100x8, nodes: 64, rack: {oversubscription: 3}}"
    )

    assert [rack.nodes for rack in four.zones[0].blocks[0].racks] == [16] * 4
    assert [rack.nodes for rack in dense.zones[0].blocks[0].racks] == [48, 16]


def test_an_nvl72_rack_is_one_scale_up_domain(tmp_path: Path) -> None:
    """18 machines of four accelerators, eight racks to a block."""
    inventory = loaded(tmp_path, "{kind: nvl72, machine: gb200x4, racks: 10}")
    zone = inventory.zones[0]
    topology = drawn(inventory, tmp_path)
    first, second = topology.pools["hall/su01/gb200x4"][:2]
    across = topology.cut_bytes_per_s(topology.devices_of(first), topology.devices_of(second))

    assert [len(block.racks) for block in zone.blocks] == [8, 2]
    assert zone.blocks[0].racks[0].nodes == 18
    assert {m.name: m.scale_up_domain for m in inventory.machines}["gb200x4"] == 72
    assert across > 4 * 800e9


def test_a_tpu_pod_is_cubes_in_one_scale_up_domain(tmp_path: Path) -> None:
    """A v5p pod of eight cubes: chips of different cubes meet over ICI, and slices may be as large as it."""
    inventory = loaded(tmp_path, "{kind: tpu-pod, machine: v5p, cubes: 8}")
    (block,) = inventory.zones[0].blocks
    topology = drawn(inventory, tmp_path)
    nodes = topology.pools["hall/pod01/v5p"]
    ends = [topology.devices_of(node) for node in (nodes[0], nodes[-1])]
    machine = {m.name: m for m in inventory.machines}["v5p"]

    assert (len(block.racks), block.racks[0].nodes) == (8, 16)
    assert topology.cut_bytes_per_s(*ends) > 4 * 600e9
    assert machine.scale_up_domain == 512


@pytest.mark.parametrize(
    ("fabric", "parts"),
    [
        ("{kind: tpu-pod, machine: v5p, topology: 8x8x8}", [16] * 8),
        ("{kind: tpu-pod, machine: v5p, topology: 2x2x4}", [4]),
        ("{kind: tpu-pod, machine: v6e, topology: 8x16}", [32]),
        ("{kind: tpu-pod, machine: v6e}", [64]),
    ],
)
def test_a_tpu_topology_says_how_many_hosts(tmp_path: Path, fabric: str, parts: list[int]) -> None:
    """Whole cubes are parts of their own; a grid is one."""
    (block,) = loaded(tmp_path, fabric).zones[0].blocks

    assert [rack.nodes for rack in block.racks] == parts


@pytest.mark.parametrize(
    ("fabric", "code", "says"),
    [
        (
            "{kind: fat-tree, machine: h100x9, ports: 8}",
            "inventory-unknown-machine",
            'Did you mean "h100x8"?',
        ),
        ("{kind: fat-tree, machine: h100x8, ports: 7}", "", "7 is odd"),
        ("{kind: fat-tree, machine: h100x8, ports: 8, pods: 9}", "", "not 9"),
        (
            "{kind: rail-optimised, machine: h100x8, nodes: 9, rails: 3}",
            "inventory-fabric",
            "do not divide evenly",
        ),
        (
            "{kind: rail-optimised, machine: h100x8, nodes: 9, nodes_per_unit: 40}",
            "inventory-fabric",
            "leads to 32",
        ),
        ("{kind: nvl72, machine: h100x8, racks: 1, block: {uplink: 0GB/s}}", "out-of-range", "0"),
        ("{kind: nvl72, machine: h100x8, racks: 1}", "inventory-fabric", "at most 8 of H100"),
        ("{kind: tpu-pod, machine: h100x8}", "inventory-fabric", "no pods"),
        ("{kind: tpu-pod, machine: v5p, topology: 4x4x6}", "inventory-tpu-topology", "4x4x8"),
        ("{kind: tpu-pod, machine: v5p, topology: large}", "inventory-tpu-topology", "4x4x4"),
        ("{kind: tpu-pod, machine: v5p, cubes: 141}", "inventory-tpu-topology", "140 cubes"),
        ("{kind: tpu-pod, machine: v6e, cubes: 2}", "inventory-tpu-topology", "grids"),
        ("{kind: dragonfly, machine: h100x8}", "", ""),
    ],
)
def test_what_does_not_exist_is_refused_at_its_line(
    tmp_path: Path, fabric: str, code: str, says: str
) -> None:
    """Each mistake says what is wrong and what there is, on the line that says it."""
    path = tmp_path / "inventory.yaml"
    path.write_text(f"{HEAD}zones:\n  hall:\n    fabric: {fabric}\n")
    problems = load_inventory(path).diagnostics

    assert [d.range.line for d in problems if d.range is not None] == [10] * len(problems)
    assert problems
    assert any(d.code.startswith(code) and says in d.detail for d in problems)
