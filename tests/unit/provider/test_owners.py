"""The local data centre gives objects other owners and names, and refuses what would make two of one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dcplan.provider.errors import AlreadyGone, Conflict, Invalid, NotReady
from dcplan.provider.local import provider
from dcplan.provider.protocol import HasOwners
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


def machine(name: str) -> Address:
    """The address of a machine."""
    return Address("local", "machine", name)


def request(address: Address, action: Action, **more: object) -> Request:
    """A request of ours with a token of its own."""
    made = Request(
        address=address, action=action, token=f"{address}/{action}", lineage="us", attributes=WHERE
    )
    return replace(made, **more)  # type: ignore[arg-type]  # the fields that a test names


@pytest.fixture
def hall(tmp_path: Path) -> Provider:
    """A data centre with machines a and b of ours."""
    (tmp_path / "dc.yaml").write_text(INVENTORY)
    made = provider({"datacenter": "dc.yaml"}, tmp_path).unwrap()
    for name in ("a", "b"):
        made.begin(request(machine(name), Action.CREATE))
    return made


def owners(hall: Provider) -> HasOwners:
    """The same, as one that can change owners."""
    assert isinstance(hall, HasOwners)
    return hall


def ids(hall: Provider, lineage: str = "us") -> dict[str, str]:
    """Names of an owner's objects, with their ids."""
    return {found.address.name: found.object_id for found in hall.owned(lineage)}


def test_an_object_changes_hands(hall: Provider) -> None:
    """Another owner and name; done twice it stays so; without an owner it is nobody's."""
    mine = ids(hall)["a"]
    taken = request(machine("x"), Action.UPDATE, object_id=mine, lineage="them")
    owners(hall).set_owner(taken)
    owners(hall).set_owner(taken)
    theirs = ids(hall, "them")
    owners(hall).set_owner(replace(taken, lineage=""))
    (found,) = hall.lookup(replace(taken, lineage="us"))

    assert theirs == {"x": mine}
    assert ids(hall) == {"b": ids(hall)["b"]}
    assert ids(hall, "them") == {}
    assert found.lineage is None


def test_an_owner_has_one_object_of_a_name(hall: Provider) -> None:
    """A second one is a conflict, one that does not exist is gone."""
    mine = ids(hall)["a"]

    with pytest.raises(Conflict):
        owners(hall).set_owner(request(machine("b"), Action.UPDATE, object_id=mine))
    with pytest.raises(AlreadyGone):
        owners(hall).set_owner(request(machine("c"), Action.UPDATE, object_id="machine-999999"))
    assert set(ids(hall)) == {"a", "b"}


def test_an_update_carries_the_new_name(hall: Provider) -> None:
    """A name that another object still has has to wait until that has got its own."""
    mine = ids(hall)
    to_c = request(machine("c"), Action.UPDATE, object_id=mine["b"])
    to_b = request(machine("b"), Action.UPDATE, object_id=mine["a"])
    with pytest.raises(NotReady):
        hall.begin(to_b)
    hall.begin(to_c)
    hall.begin(to_b)

    assert ids(hall) == {"b": mine["a"], "c": mine["b"]}


def test_a_replica_keeps_its_machines_under_their_new_names(hall: Provider) -> None:
    """The same machine by another name is no other machine; another machine still is."""
    mine = ids(hall)
    address = Address("local", "replica", "chat-0")
    runs = {"workload": "chat", "machines": ["a"], "devices": [0], "settings": {}}
    needs = {"local.machine.a": {"id": mine["a"]}}
    made = hall.begin(request(address, Action.CREATE, attributes=runs, needs=needs))
    hall.begin(request(machine("c"), Action.UPDATE, object_id=mine["a"]))
    update = request(
        replace(address, name="talk-0"),
        Action.UPDATE,
        object_id=made.object_id,
        attributes={**runs, "workload": "talk", "machines": ["c"]},
        needs=needs,
    )
    hall.begin(update)
    elsewhere = replace(
        update,
        token="elsewhere",  # noqa: S106 - of a call
        attributes={**update.attributes, "machines": ["b"]},
        needs={"local.machine.b": {"id": mine["b"]}},
    )

    assert ids(hall)["talk-0"] == made.object_id
    with pytest.raises(Invalid, match=r"machines of .* cannot be changed in place"):
        hall.begin(elsewhere)
