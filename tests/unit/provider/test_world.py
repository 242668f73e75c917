"""The world file: durable, shared, and whole after a kill."""

from __future__ import annotations

import random
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dcplan.provider import CapacityUnavailable, Invalid, ProviderError, Request
from dcplan.provider.local import LocalProvider, LocalWorld, provider
from dcplan.resources import Action, Address, JsonValue

INVENTORY = """
name: {name}
region: here
machines:
  m: {{accelerator: H100, devices: 8, vcpus: 8, memory: 1TiB, network: 100Gbit/s, fabric: TCP}}
zones:
  hall: {{racks: {{count: {racks}, machine: m, nodes: 4}}}}
"""
CHILD = """
import sys
from pathlib import Path
from test_world import begin, open_hall
hall = open_hall(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    begin(hall, number)
    print(number, flush=True)
"""


def open_hall(folder: Path, name: str = "tiny", racks: int = 100) -> LocalProvider:
    """A handle on the hall in ``folder``."""
    path = folder / "dc.yaml"
    text = INVENTORY.format(name=name, racks=racks)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    made = provider({"datacenter": "dc.yaml", "world": "world.sqlite"}, folder).unwrap()
    assert isinstance(made, LocalProvider)
    return made


def begin(hall: LocalProvider, number: int) -> str:
    """Begin machine ``number``; the object's id."""
    request = Request(
        address=Address("local", "machine", f"m-{number}"),
        action=Action.CREATE,
        token=f"token-{number}",
        lineage="us",
        attributes={"machine": "m", "region": "here", "zone": "hall", "block": None},
    )
    return hall.begin(request).object_id


def _child(folder: Path, count: int) -> subprocess.Popen[str]:
    """Another process that begins machines 0 to ``count``."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(count)],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        text=True,
    )


def _faults_of(folder: Path) -> list[str]:
    """What is not whole in the world of ``folder``."""
    db = sqlite3.connect(folder / "world.sqlite")
    queries = {
        "file": "SELECT 1 FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
        "object without call": "SELECT 1 FROM objects WHERE token NOT IN (SELECT token FROM calls)",
        "call without object": "SELECT 1 FROM calls WHERE object_id NOT IN (SELECT id FROM objects)",
        "machine without node": "SELECT 1 FROM objects WHERE seq NOT IN"
        " (SELECT held_by FROM nodes WHERE held_by IS NOT NULL)",
        "node without machine": "SELECT 1 FROM nodes WHERE held_by NOT IN (SELECT seq FROM objects)",
        "wrong count": "SELECT 1 FROM racks r WHERE free <>"
        " (SELECT COUNT(*) FROM nodes n WHERE n.rack = r.rack AND n.held_by IS NULL)",
    }
    try:
        return [name for name, query in queries.items() if db.execute(query).fetchone()]
    finally:
        db.close()


def test_a_kill_leaves_whole_objects_only(tmp_path: Path) -> None:
    """Killed anywhere, the world opens, each object has its token and node, and a rerun makes no twin."""
    rng = random.Random(7)  # noqa: S311 - where to kill is no secret
    for _ in range(5):
        child = _child(tmp_path, 400)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(rng.uniform(0, 0.1))
        child.kill()
        told = child.stdout.read().split()
        child.stdout.close()
        child.wait()
        there = {found.address.name for found in open_hall(tmp_path).owned("us")}

        assert _faults_of(tmp_path) == []
        assert {f"m-{number}" for number in told} <= there
    hall = open_hall(tmp_path)
    ids = [begin(hall, number) for number in range(400)]

    assert len(set(ids)) == 400
    assert len(hall.owned("us")) == 400
    assert _faults_of(tmp_path) == []


def test_processes_at_once_make_each_object_once(tmp_path: Path) -> None:
    """Several processes that begin the same requests end with one object for each."""
    open_hall(tmp_path)
    children = [_child(tmp_path, 30) for _ in range(3)]
    codes = [(child.communicate(timeout=60), child.returncode)[1] for child in children]

    assert codes == [0, 0, 0]
    assert len(open_hall(tmp_path).owned("us")) == 30
    assert _faults_of(tmp_path) == []


def test_threads_share_disk_writes_and_nodes(tmp_path: Path) -> None:
    """Threads that begin different machines get different nodes."""
    hall = open_hall(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda number: begin(hall, number), range(200)))

    assert len(set(ids)) == 200
    assert _faults_of(tmp_path) == []


def test_the_file_is_its_owners(tmp_path: Path) -> None:
    """Only the owner can read the world and its side files."""
    begin(open_hall(tmp_path), 0)

    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("world.sqlite*")} == {0o600}


def test_a_world_belongs_to_one_data_centre(tmp_path: Path) -> None:
    """The inventory of another data centre is refused before anything is mixed up."""
    begin(open_hall(tmp_path, name="tiny"), 0)

    with pytest.raises(Invalid, match="holds the data centre tiny, not other"):
        begin(open_hall(tmp_path, name="other"), 1)


def test_a_file_that_is_no_world_is_refused(tmp_path: Path) -> None:
    """A wrong path does not destroy the file that is there."""
    path = tmp_path / "world.sqlite"
    path.write_text("precious " * 100)

    with pytest.raises(ProviderError):
        begin(open_hall(tmp_path), 0)
    assert path.read_text() == "precious " * 100


def test_a_newer_world_is_refused(tmp_path: Path) -> None:
    """A world of a later dcplan is left alone."""
    world = LocalWorld(tmp_path / "world.sqlite")
    world.write(lambda db: db.execute("UPDATE meta SET value = '99' WHERE key = 'version'"))
    world.close()

    with pytest.raises(Invalid, match="version 99"):
        world.faults()


def test_a_rack_may_leave_the_inventory(tmp_path: Path) -> None:
    """Nodes that are no longer listed are not given again; those in use stay until they are given back."""
    ids = {number: begin(open_hall(tmp_path, racks=1), number) for number in range(4)}
    bigger = open_hall(tmp_path, racks=2)
    begin(bigger, 4)
    nodes = {found.address.name: found.outputs["node"] for found in bigger.owned("us")}

    assert len(ids) == 4
    assert nodes["m-4"] == "hall/main/r02/n1"
    smaller = open_hall(tmp_path, racks=1)
    assert {found.address.name for found in smaller.owned("us")} == {f"m-{i}" for i in range(5)}
    with pytest.raises(ProviderError):
        begin(smaller, 5)


def test_one_threads_failure_is_its_own(tmp_path: Path) -> None:
    """Work that fails undoes itself only, and its caller gets its own exception."""
    world = LocalWorld(tmp_path / "world.sqlite")

    def fail(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO meta VALUES ('a', '1')")
        raise Invalid("no")

    with pytest.raises(Invalid, match="no"):
        world.write(fail)
    world.write(lambda db: db.execute("INSERT INTO meta VALUES ('b', '1')"))
    keys = world.read(lambda db: {key for (key,) in db.execute("SELECT key FROM meta")})

    assert {"a", "b"} & keys == {"b"}


def test_a_machine_that_names_its_node_gets_that_one(tmp_path: Path) -> None:
    """Slices are laid out node by node; a node that is held, or that does not exist, is no answer."""
    hall = open_hall(tmp_path, racks=2)

    def ask(number: int, node: str) -> Request:
        attributes: dict[str, JsonValue] = {"machine": "m", "region": "here", "zone": "hall", "rack": node}
        address = Address("local", "machine", f"m-{number}")
        return Request(
            address=address, action=Action.CREATE, token=f"t{number}", lineage="us", attributes=attributes
        )

    racks = {rack.name for zone in hall.site().unwrap() for block in zone.blocks for rack in block.racks}
    (block,) = {block.name for zone in hall.site().unwrap() for block in zone.blocks}
    node = f"hall/{block}/{min(racks)}/n3"
    made = hall.begin(ask(0, node)).object_id

    assert made
    with pytest.raises(CapacityUnavailable):
        hall.begin(ask(1, node))
    with pytest.raises(Invalid):
        hall.begin(ask(2, f"hall/{block}/{min(racks)}/n9"))
