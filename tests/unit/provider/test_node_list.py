"""Machines from a list: a CSV, or what a cloud answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dcplan.provider import OfferingQuery
from dcplan.provider.local import LocalProvider, load_inventory
from dcplan.provider.local.world import LocalWorld

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.diag import Diagnostics
    from dcplan.provider.local.expand import Inventory

HEAD = """\
name: lab
region: eu
machines:
  h100x8:
    {accelerator: H100, devices: 8, vcpus: 192, memory: 2TiB, network: 3200Gbit/s, fabric: RoCE, price: $16/h}
"""


def loaded(folder: Path, text: str, head: str = HEAD, name: str = "nodes.csv") -> Inventory:
    """The inventory of a list that must be right."""
    (folder / name).write_text(text)
    (folder / "inventory.yaml").write_text(f"{head}nodes: {name}\n")
    found = load_inventory(folder / "inventory.yaml")
    assert found.diagnostics == ()
    return found.unwrap()


def problems(folder: Path, text: str, name: str = "nodes.csv", head: str = HEAD) -> Diagnostics:
    """What is wrong with a list."""
    (folder / name).write_text(text)
    (folder / "inventory.yaml").write_text(f"{head}nodes: {name}\n")
    found = load_inventory(folder / "inventory.yaml")
    assert not found.ok
    return found.diagnostics


def offered(inventory: Inventory, folder: Path) -> dict[str, int | None]:
    """Machines by pool."""
    provider = LocalProvider(inventory, LocalWorld(folder / "none"))
    return {o.pool: o.machines for o in provider.offerings(OfferingQuery()).unwrap()}


def test_a_csv_says_what_stands_where(tmp_path: Path) -> None:
    """Blocks and racks come from the lines, host names become names of nodes."""
    text = "node,type,zone,switch,rack\nn1,h100x8,a,s1,r1\nn2,h100x8,a,s1,r1\n# out\nn3,h100x8,b,s9,r7\n"
    inventory = loaded(tmp_path, text, HEAD + "links: {rack: {oversubscription: 2}}\n")

    assert [n.name for n in inventory.nodes] == ["a/s1/r1/n1", "a/s1/r1/n2", "b/s9/r7/n3"]
    assert inventory.zones[0].blocks[0].racks[0].uplink_bytes_per_s == 400e9
    assert offered(inventory, tmp_path) == {"a/s1/h100x8": 2, "b/s9/h100x8": 1}


def test_zone_and_block_may_be_left_out(tmp_path: Path) -> None:
    """A small hall is one zone and one block; semicolons will do."""
    inventory = loaded(tmp_path, "name;machine;rack\nn1;h100x8;r1\n")

    assert [n.name for n in inventory.nodes] == ["main/main/r1/n1"]


def test_machines_on_different_rails_hang_on_different_switches(tmp_path: Path) -> None:
    """A rail is a part of the rack."""
    inventory = loaded(tmp_path, "name,machine,rack,rail\nn1,h100x8,r1,0\nn2,h100x8,r1,1\n")

    assert [rack.name for rack in inventory.zones[0].blocks[0].racks] == ["r1.0", "r1.1"]


def test_what_is_free_is_what_is_offered(tmp_path: Path) -> None:
    """A machine in use is left out, and what is free of one that is partly used is a type of its own."""
    text = (
        "name,machine,rack,free_devices,free_vcpus,free_memory\n"
        "n1,h100x8,r1,8,192,2TiB\nn2,h100x8,r1,2,24,256GiB\nn3,h100x8,r1,2,48,128GiB\nn4,h100x8,r1,0,0,0GiB\n"
    )
    inventory = loaded(tmp_path, text, HEAD + "links: {rack: {uplink: 800GB/s}}\n")
    part = {m.name: m for m in inventory.machines}["h100x8-free-2"]
    racks = inventory.zones[0].blocks[0].racks

    assert offered(inventory, tmp_path) == {"main/main/h100x8": 1, "main/main/h100x8-free-2": 2}
    assert (part.devices, part.vcpus, part.memory_bytes, part.scale_up_domain) == (2, 24, 128 * 2**30, 2)
    assert (part.network_bytes_per_s, inventory.usd_per_h["h100x8-free-2"]) == (100e9, 4.0)
    assert [(r.name, r.uplink_bytes_per_s) for r in racks] == [
        ("r1", 200e9),
        ("r1.h100x8-free-2", 100e9),
    ]


def test_types_of_clouds_have_their_facts_in_the_catalogue(tmp_path: Path) -> None:
    """A listed p5.48xlarge needs no description; its price is not known unless it is told."""
    inventory = loaded(tmp_path, "name,machine,rack\ni-1,p5.48xlarge,r1\n")
    machine = {m.name: m for m in inventory.machines}["p5.48xlarge"]

    assert (machine.accelerator, machine.devices, machine.provider) == ("H100", 8, "local")
    assert inventory.usd_per_h["p5.48xlarge"] is None


AWS = {
    "Instances": [
        {"InstanceId": f"i-{i}", "InstanceType": "p5.48xlarge", "AvailabilityZone": "us-east-1a",
         "ZoneId": "use1-az4", "NetworkNodes": ["nn-top", "nn-a", f"nn-{'b' if i < 2 else 'c'}"]}
        for i in range(3)
    ]
}  # fmt: skip


def test_the_answer_of_ec2_is_a_list(tmp_path: Path) -> None:
    """The lowest network node is the rack, the one above it the block."""
    inventory = loaded(tmp_path, json.dumps(AWS, indent=1), name="topology.json")

    assert [n.name for n in inventory.nodes] == [
        "use1-az4/nn-a/nn-b/i-0",
        "use1-az4/nn-a/nn-b/i-1",
        "use1-az4/nn-a/nn-c/i-2",
    ]
    assert inventory.zones[0].blocks[0].uplink_bytes_per_s is None


def test_instances_of_compute_engine_are_a_list(tmp_path: Path) -> None:
    """Block and subblock of the physical host."""
    answer = [
        {
            "name": "vm-1",
            "machineType": "https://www.googleapis.com/compute/v1/projects/p/zones/z/machineTypes/a3-ultragpu-8g",
            "zone": "https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a",
            "resourceStatus": {"physicalHostTopology": {"cluster": "c", "block": "b1", "subblock": "s7"}},
        }
    ]
    inventory = loaded(tmp_path, json.dumps(answer), name="vms.json")

    assert [(n.name, n.machine) for n in inventory.nodes] == [("us-central1-a/b1/s7/vm-1", "a3-ultragpu-8g")]


@pytest.mark.parametrize(
    ("text", "code", "line", "says"),
    [
        ("name,machine,rack\nn1,h100x8,r1\nn1,h100x8,r2\n", "inventory-node-twice", 3, "listed twice"),
        ("name,machine,rack\nn1,h100x9,r1\n", "inventory-unknown-machine", 2, 'Did you mean "h100x8"?'),
        ("name,machine,rack\nn1,h100x8,\n", "inventory-row", 2, "connected to nothing"),
        ("name,machine,rack\nn1,h100x8\n", "inventory-row", 2, "2 cells"),
        ("name,machine,rak\nn1,h100x8,r1\n", "inventory-columns", 1, 'Did you mean "rak"?'),
        ("name,machine,rack,free_gpus\nn1,h100x8,r1,-1\n", "inventory-row", 2, "not a whole number"),
        ("name,machine,rack,free_gpus\nn1,h100x8,r1,9\n", "inventory-too-free", 2, "has 8"),
        ("name,machine,rack,free_memory\nn1,h100x8,r1,much\n", "inventory-row", 2, "free_memory"),
        ("name,machine,rack\nn/1,h100x8,r1\n", "inventory-name", 2, "cannot name"),
    ],
)
def test_mistakes_are_told_with_their_line(
    tmp_path: Path, text: str, code: str, line: int, says: str
) -> None:
    """Each says what is wrong, in the file and on the line where it is."""
    (problem,) = problems(tmp_path, text)

    assert (problem.code, problem.range.line if problem.range else None) == (code, line)
    assert says in problem.detail
    assert problem.range is not None
    assert problem.range.file.endswith("nodes.csv")


def test_an_instance_without_network_nodes_is_connected_to_nothing(tmp_path: Path) -> None:
    """EC2 leaves them out for instances that do not run; and a switch has one way up."""
    lost = {"InstanceId": "i-9", "InstanceType": "p5.48xlarge", "ZoneId": "use1-az4", "NetworkNodes": None}
    twice = {
        "InstanceId": "i-8",
        "InstanceType": "p5.48xlarge",
        "ZoneId": "use1-az4",
        "NetworkNodes": ["nn-top", "nn-z", "nn-b"],
    }
    answer = {"Instances": [*AWS["Instances"], lost, twice]}
    found = problems(tmp_path, json.dumps(answer, indent=1), "topology.json")

    assert [d.code for d in found] == ["inventory-disconnected", "inventory-two-ways-up"]
    assert all(d.range is not None and d.range.line > 30 for d in found)


@pytest.mark.parametrize("text", ["", "{", '{"Reservations": []}', "[]", '[{"name": 5}]', "\x00"])
def test_what_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    """Never a traceback."""
    assert problems(tmp_path, text, "nodes.json")


def test_a_list_that_is_not_there_points_at_the_key(tmp_path: Path) -> None:
    """The path starts from the inventory's folder."""
    (tmp_path / "inventory.yaml").write_text(f"{HEAD}nodes: none.csv\n")
    (problem,) = load_inventory(tmp_path / "inventory.yaml").diagnostics

    assert problem.code == "inventory-no-nodes"
    assert problem.range is not None
    assert problem.range.line == 6


def test_columns_that_nobody_reads_are_a_warning(tmp_path: Path) -> None:
    """A list may have more columns than dcplan reads."""
    (tmp_path / "nodes.csv").write_text("name,machine,rack,owner\nn1,h100x8,r1,me\n")
    (tmp_path / "inventory.yaml").write_text(f"{HEAD}nodes: nodes.csv\n")
    found = load_inventory(tmp_path / "inventory.yaml")

    assert found.ok
    assert "owner" in found.diagnostics[0].detail


def test_an_inventory_says_once_what_stands_where(tmp_path: Path) -> None:
    """Zones and a list together are refused, and so is neither."""
    path = tmp_path / "inventory.yaml"
    path.write_text(
        f"{HEAD}nodes: x.csv\nzones: {{hall: {{racks: {{count: 1, machine: h100x8, nodes: 1}}}}}}\n"
    )
    both = load_inventory(path)
    path.write_text(HEAD)
    neither = load_inventory(path)

    assert not both.ok
    assert not neither.ok
