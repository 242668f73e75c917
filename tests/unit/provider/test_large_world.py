"""What a node costs to find does not grow with the data centre."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from dcplan.provider.local import nodes
from dcplan.provider.local.allocate import Rack
from dcplan.provider.local.nodes import Node, Wanted
from dcplan.provider.local.world import LocalWorld

if TYPE_CHECKING:
    from pathlib import Path

ZONES, BLOCKS = ("z1", "z2"), ("a", "b")
WANTED = Wanted(machine="h100x8", zone="z2", block=None, gang=None)


def hall(path: Path, racks: int) -> LocalWorld:
    """A world of so many racks in each of four blocks, with two free nodes in each."""
    world = LocalWorld(path)
    places = [Rack(zone=z, block=b, name=f"r{i:04}") for z in ZONES for b in BLOCKS for i in range(racks)]
    stand = [
        Node(name=f"{r.zone}/{r.block}/{r.name}/{n}", rack=r, machine="h100x8", address="host")
        for r in places
        for n in range(2)
    ]
    world.write(lambda db: nodes.stand(db, stand))
    return world


def steps(world: LocalWorld, wanted: Wanted) -> tuple[Rack | None, int]:
    """Which rack is found, and in how many tens of steps of SQLite's machine."""
    counted: list[None] = []

    def look(db: sqlite3.Connection) -> Rack | None:
        db.set_progress_handler(lambda: counted.append(None), 10)
        try:
            return nodes.free_rack(db, wanted)
        finally:
            db.set_progress_handler(None, 0)

    return world.read(look), len(counted)


@pytest.mark.parametrize("block", [None, "b"], ids=["any block", "one block"])
def test_finding_a_rack_takes_as_many_steps_in_a_large_hall(tmp_path: Path, block: str | None) -> None:
    """Racks that come before in other zones and blocks are not looked at: 2,000 take the steps of 20."""
    wanted = Wanted(machine="h100x8", zone="z2", block=block, gang=None)
    few, many = (steps(hall(tmp_path / f"{n}.sqlite", n), wanted) for n in (5, 500))
    assert few[0] == many[0] == Rack(zone="z2", block=block or "a", name="r0000")
    assert many[1] <= few[1] + 2


def test_a_gang_goes_on_in_its_block_and_leaves_it_when_it_is_full(tmp_path: Path) -> None:
    """The next member of a gang is put beside the others, or in the zone's other block where none is free."""
    world = hall(tmp_path / "world.sqlite", 2)

    def put(db: sqlite3.Connection) -> list[Rack]:
        wanted = Wanted(machine="h100x8", zone="z1", block=None, gang="g", gang_size=6)
        found = []
        for seq in range(2, 8):
            rack = nodes.free_rack(db, wanted)
            assert rack is not None
            db.execute(
                "INSERT INTO objects VALUES (?, ?, 'machine', ?, 'l', ?, '{}', '{}', 'g', 'creating', 0)",
                (seq, f"id-{seq}", f"m-{seq}", f"t-{seq}"),
            )
            nodes.take(db, rack, "h100x8", seq)
            found.append(rack)
        return found

    found = world.write(put)
    assert [rack.block for rack in found] == ["a"] * 4 + ["b"] * 2
    assert len({rack.name for rack in found[4:]}) == 1


def test_a_world_of_before_gets_its_indexes_and_keeps_its_nodes(tmp_path: Path) -> None:
    """A world file without today's indexes is opened, given them, and holds what it held."""
    path = tmp_path / "world.sqlite"
    before = hall(path, 500)
    before.close()
    with sqlite3.connect(path) as db:
        db.execute("DROP INDEX free_in_zone")
        db.execute("DROP INDEX free_in_block")
        db.execute("CREATE INDEX free_racks ON racks (machine, free, zone, block, rack) WHERE free > 0")
    db.close()
    rack, counted = steps(LocalWorld(path), WANTED)
    assert rack == Rack(zone="z2", block="a", name="r0000")
    assert counted <= steps(hall(tmp_path / "new.sqlite", 500), WANTED)[1] + 2
