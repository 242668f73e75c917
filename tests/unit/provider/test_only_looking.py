"""The simulated data centre where its file may only be read: it answers, and nothing changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bound import bound, read_only
from dcplan.provider.errors import Denied
from dcplan.provider.local import provider
from dcplan.provider.types import Request
from dcplan.resources import Action, Address

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.provider.protocol import Provider

INVENTORY = """\
name: hall
region: r
machines:
  big: {accelerator: H100, devices: 2, vcpus: 32, memory: 256GiB, network: 200Gbit/s, fabric: RoCE,
        price: $2/h}
zones:
  z: {racks: {count: 1, machine: big, nodes: 4}}
"""
WHERE = {"machine": "big", "region": "r", "zone": "z", "block": None, "purchase": "owned"}


def create(name: str) -> Request:
    """A create of a machine."""
    address = Address("local", "machine", name)
    return Request(address=address, action=Action.CREATE, token=name, lineage="us", attributes=WHERE)


def opened(folder: Path) -> Provider:
    """The data centre, as another process would open it; with an order that it has not seen."""
    (folder / "dc.yaml").write_text(INVENTORY)
    faults = [{"fault": "stock-out", "call": "begin", "times": None}]
    return provider(
        {"datacenter": "dc.yaml", "world": "world/hall.sqlite", "faults": faults}, folder
    ).unwrap()


def test_looking_works_and_acting_is_denied(tmp_path: Path) -> None:
    """What was made is found, also with faults to note; a create is refused, and the file stays as it was."""
    (tmp_path / "dc.yaml").write_text(INVENTORY)
    provider({"datacenter": "dc.yaml", "world": "world/hall.sqlite"}, tmp_path).unwrap().begin(create("a"))
    world = tmp_path / "world"
    before = {path.name: path.read_bytes() for path in world.iterdir() if path.suffix != ".sqlite-shm"}
    with read_only(world):
        hall = opened(tmp_path)
        found = bound(lambda: hall.owned("us"))
        looked = bound(lambda: hall.lookup(create("a")))
        with pytest.raises(Denied, match="read-only"):
            bound(lambda: hall.begin(create("b")))
        after = {path.name: path.read_bytes() for path in world.iterdir() if path.suffix != ".sqlite-shm"}

    assert [str(one.address) for one in found] == ["local.machine.a"]
    assert [one.object_id for one in looked] == [one.object_id for one in found]
    assert after == before
