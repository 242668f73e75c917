"""The inventory of a data centre, as people write it and as dcplan reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dcplan.provider import OfferingQuery
from dcplan.provider.local import load_inventory, provider

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.provider.local.expand import Inventory

HEAD = """
name: hamburg
region: eu-north
machines:
  h100x8:
    {accelerator: H100, devices: 8, vcpus: 192, memory: 2TiB, network: 3200Gbit/s, fabric: RoCE, price: $18/h}
  l4x1: {accelerator: L4, devices: 1, vcpus: 16, memory: 64GiB, network: 25Gbit/s, fabric: TCP}
"""
PATTERN = "{count: 3, machine: h100x8, nodes: 4}"


def _load(folder: Path, rest: str) -> Inventory:
    """The inventory of ``HEAD`` and ``rest``, which must be right."""
    path = folder / "inventory.yaml"
    path.write_text(HEAD + rest)
    loaded = load_inventory(path)
    assert loaded.diagnostics == ()
    return loaded.unwrap()


def _problems(folder: Path, rest: str) -> list[str]:
    """Code and line of each problem."""
    path = folder / "inventory.yaml"
    path.write_text(HEAD + rest)
    loaded = load_inventory(path)
    assert not loaded.ok
    return [f"{d.code} {d.range.line if d.range else None}" for d in loaded.diagnostics]


def test_a_pattern_makes_numbered_racks(tmp_path: Path) -> None:
    """One line describes many equal racks."""
    inventory = _load(tmp_path, f"zones: {{hall: {{blocks: {{a: {{racks: {PATTERN}}}}}}}}}")
    racks = inventory.zones[0].blocks[0].racks

    assert [(r.name, r.machine, r.nodes) for r in racks] == [(f"r0{i}", "h100x8", 4) for i in (1, 2, 3)]
    assert len(inventory.nodes) == 12
    assert inventory.nodes[0].name == "hall/a/r01/n1"
    assert inventory.nodes[0].address == "10.0.0.1"


def test_several_patterns_are_numbered_through(tmp_path: Path) -> None:
    """A block of several sorts of racks lists their patterns."""
    second = "{count: 1, machine: l4x1, nodes: 10}"
    inventory = _load(tmp_path, f"zones: {{hall: {{blocks: {{a: {{racks: [{PATTERN}, {second}]}}}}}}}}")
    racks = inventory.zones[0].blocks[0].racks

    assert [(r.name, r.machine) for r in racks][2:] == [("r03", "h100x8"), ("r04", "l4x1")]


def test_racks_and_nodes_can_have_names(tmp_path: Path) -> None:
    """Host names become names and addresses of nodes."""
    inventory = _load(
        tmp_path, "zones: {hall: {blocks: {a: {racks: {k7: {machine: h100x8, nodes: [gpu-1, gpu-2]}}}}}}"
    )

    assert [(n.name, n.address) for n in inventory.nodes] == [
        ("hall/a/k7/gpu-1", "gpu-1"),
        ("hall/a/k7/gpu-2", "gpu-2"),
    ]


def test_a_zone_may_list_racks_directly(tmp_path: Path) -> None:
    """A zone of one block needs no name for it."""
    inventory = _load(tmp_path, f"zones: {{hall: {{racks: {PATTERN}}}}}")

    assert [block.name for block in inventory.zones[0].blocks] == ["main"]


def test_oversubscription_gives_the_uplink(tmp_path: Path) -> None:
    """An uplink is what comes from inside over the oversubscription; the nearer word holds."""
    inventory = _load(
        tmp_path,
        "links: {rack: {oversubscription: 1, latency: 2us}, block: {oversubscription: 4}}\n"
        "zones: {hall: {blocks: {a: {racks: {count: 2, machine: h100x8, nodes: 4}},"
        " b: {uplink: 100GB/s, racks: {count: 1, machine: h100x8, nodes: 1, latency: 1us}}}}}",
    )
    a, b = inventory.zones[0].blocks

    assert a.racks[0].uplink_bytes_per_s == 4 * 400e9
    assert a.racks[0].latency_s == pytest.approx(2e-6)
    assert a.uplink_bytes_per_s == 8 * 400e9 / 4
    assert b.uplink_bytes_per_s == 100e9
    assert b.racks[0].latency_s == pytest.approx(1e-6)


def test_what_is_not_told_is_none(tmp_path: Path) -> None:
    """Links and prices that nobody gave stay unknown."""
    inventory = _load(tmp_path, "zones: {hall: {blocks: {a: {racks: {count: 1, machine: l4x1, nodes: 1}}}}}")
    block = inventory.zones[0].blocks[0]

    assert (block.uplink_bytes_per_s, block.latency_s, block.racks[0].uplink_bytes_per_s) == (
        None,
        None,
        None,
    )
    assert inventory.usd_per_h == {"h100x8": 18.0, "l4x1": None}


def test_machines_carry_their_source(tmp_path: Path) -> None:
    """A machine type has its facts in base units and says where they come from."""
    inventory = _load(tmp_path, f"date: 2025-11-01\nzones: {{hall: {{racks: {PATTERN}}}}}")
    machine = inventory.machines[0]

    assert machine.memory_bytes == 2 * 2**40
    assert machine.network_bytes_per_s == 400e9
    assert machine.scale_up_domain == 8
    assert (machine.source.name, machine.source.date) == ("your inventory", "2025-11-01")


def test_mistakes_are_found_all_at_once(tmp_path: Path) -> None:
    """An unknown machine and a node in two places are told together, each at its line."""
    problems = _problems(
        tmp_path,
        "zones:\n"
        "  hall:\n"
        "    blocks:\n"
        "      a:\n"
        "        racks:\n"
        "          k1: {machine: h100x, nodes: 2}\n"
        "          k2: {machine: l4x1, nodes: [gpu-1, gpu-1]}\n",
    )

    assert problems == ["inventory-unknown-machine 13", "inventory-node-twice 14"]


def test_an_unknown_machine_gets_a_suggestion(tmp_path: Path) -> None:
    """A misspelt machine type is answered with the nearest one."""
    path = tmp_path / "inventory.yaml"
    path.write_text(HEAD + "zones: {hall: {racks: {count: 2, machine: h100x9, nodes: 1}}}")
    (problem,) = load_inventory(path).diagnostics

    assert 'Did you mean "h100x8"?' in problem.detail


@pytest.mark.parametrize(
    "rest",
    [
        "zones: {hall: {}}",
        f"zones: {{hall: {{racks: {PATTERN}, blocks: {{}}}}}}",
        f"zones: {{hall: {{blocks: {{a: {{uplink: 1GB/s, oversubscription: 2, racks: {PATTERN}}}}}}}}}",
        "zones: {hall: {racks: {machine: h100x8, nodes: 4}}}",
        "zones: {hall: {racks: {count: 2, machine: h100x8, nodes: 0}}}",
        f"zones: {{hall: {{racks: {PATTERN}, uplnik: 1GB/s}}}}",
        "zones: {hall: {racks: 5}}",
        "zones: {}",
    ],
)
def test_a_wrong_shape_is_refused(tmp_path: Path, rest: str) -> None:
    """Contradictions, typos and missing pieces are diagnostics, never tracebacks."""
    assert _problems(tmp_path, rest)


def test_a_missing_file_points_at_the_setting(tmp_path: Path) -> None:
    """A wrong path is told at the place in the document that holds it."""
    made = provider({"datacenter": "nowhere.yaml"}, tmp_path)

    assert [(d.code, d.path) for d in made.diagnostics] == [
        ("no-inventory", ("providers", "local", "datacenter"))
    ]


def test_offerings_count_machines_by_block(tmp_path: Path) -> None:
    """Each machine type of each block is one offering, owned, with its price."""
    (tmp_path / "inventory.yaml").write_text(
        HEAD + "zones: {hall: {blocks: {a: {racks: {count: 3, machine: h100x8, nodes: 4}},"
        " b: {racks: {count: 1, machine: l4x1, nodes: 2}}}}}"
    )
    offerings = (
        provider({"datacenter": "inventory.yaml"}, tmp_path).unwrap().offerings(OfferingQuery()).unwrap()
    )

    assert [(o.pool, o.machines, o.usd_per_h, o.available) for o in offerings] == [
        ("hall/a/h100x8", 12, 18.0, True),
        ("hall/b/l4x1", 2, None, True),
    ]
    assert not (tmp_path / ".dcplan").exists()
