"""What can be made to go wrong in the simulated data centre, and what then happens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from dcplan.provider import (
    AlreadyGone,
    Ambiguous,
    CapacityUnavailable,
    Conflict,
    Denied,
    Invalid,
    NotReady,
    OfferingQuery,
    ProviderError,
    Request,
    Throttled,
)
from dcplan.provider.local import Call, Fault, FaultKind, LocalProvider, provider
from dcplan.resources import Action, Address, JsonValue, Resource

if TYPE_CHECKING:
    from pathlib import Path

INVENTORY = """
name: tiny
region: here
machines:
  m: {accelerator: H100, devices: 8, vcpus: 8, memory: 1TiB, network: 100Gbit/s, fabric: TCP}
zones:
  hall: {racks: {count: 2, machine: m, nodes: 2}}
"""
PLACE: dict[str, JsonValue] = {"machine": "m", "region": "here", "zone": "hall", "block": "main"}


@dataclass
class _Clock:
    """A clock that only moves when somebody sleeps."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


@dataclass
class _Hall:
    """A small data centre with a clock of its own."""

    provider: LocalProvider
    clock: _Clock
    tokens: int = 0

    def request(self, kind: str, name: str, action: Action = Action.CREATE, **fields: object) -> Request:
        """A request with a token of its own."""
        self.tokens += 1
        base = Request(
            address=Address("local", kind, name), action=action, token=f"t{self.tokens}", lineage="us"
        )
        return replace(base, attributes=PLACE if kind == "machine" else {}, **fields)  # type: ignore[arg-type]

    def machine(self, name: str) -> dict[str, JsonValue]:
        """A machine, ready; its outputs."""
        return self.run(self.request("machine", name))

    def run(self, request: Request) -> dict[str, JsonValue]:
        """Begin and wait."""
        return dict(self.provider.wait(request, self.provider.begin(request), lambda: False))

    def names(self) -> list[str]:
        """The names of all our objects."""
        return [found.address.name for found in self.provider.owned("us")]

    def inject(self, kind: FaultKind, **fields: object) -> None:
        """Order a fault."""
        self.provider.world.inject(Fault(kind=kind, **fields))  # type: ignore[arg-type]


@pytest.fixture
def hall(tmp_path: Path) -> _Hall:
    """A hall of two racks with two nodes each."""
    return _open(tmp_path)


def _open(folder: Path, **settings: object) -> _Hall:
    """A handle on the hall in ``folder``, with a clock of its own."""
    (folder / "tiny.yaml").write_text(INVENTORY)
    made = provider({"datacenter": "tiny.yaml", **settings}, folder).unwrap()
    assert isinstance(made, LocalProvider)
    clock = _Clock()
    behaviour = replace(made.behaviour, clock=clock, sleep=clock.sleep)
    return _Hall(LocalProvider(made.inventory, made.world, behaviour), clock)


def test_machines_run_out(hall: _Hall) -> None:
    """Four nodes hold four machines; the fifth finds no capacity until one is given back."""
    outputs = [hall.machine(f"m-{i}") for i in range(4)]
    fifth = hall.request("machine", "m-4")

    assert len({str(o["node"]) for o in outputs}) == 4
    with pytest.raises(CapacityUnavailable):
        hall.provider.begin(fifth)
    hall.run(hall.request("machine", "m-0", Action.DELETE, object_id=outputs[0]["id"]))
    assert hall.run(fifth)["node"] == outputs[0]["node"]


def test_a_stock_out_passes_after_its_times(hall: _Hall) -> None:
    """An ordered stock-out refuses so many creates, then goes away."""
    hall.inject(FaultKind.STOCK_OUT, machine="m", zone="hall", times=2)
    request = hall.request("machine", "m-0")

    for _ in range(2):
        with pytest.raises(CapacityUnavailable):
            hall.provider.begin(request)
    assert hall.provider.begin(request).object_id


def test_a_standing_stock_out_shows_in_the_offerings(hall: _Hall) -> None:
    """What will not come back by itself is unavailable, with its machines still told."""
    hall.inject(FaultKind.STOCK_OUT, times=None)
    (offering,) = hall.provider.offerings(OfferingQuery()).unwrap()

    assert (offering.available, offering.machines) == (False, 4)


def test_a_standing_stock_out_leaves_an_owner_its_machines(hall: _Hall) -> None:
    """What runs needs not be had again; only somebody without machines here finds none."""
    hall.machine("m-0")
    hall.inject(FaultKind.STOCK_OUT, times=None)
    ours, theirs = (hall.provider.offerings(OfferingQuery(lineage=who)).unwrap()[0] for who in ("us", "them"))

    assert (ours.available, ours.machines) == (True, 1)
    assert not theirs.available


def test_machines_of_others_are_taken_off(hall: _Hall) -> None:
    """A query that names its owner counts its own machines and the free ones."""
    hall.machine("m-0")
    counts = [
        hall.provider.offerings(OfferingQuery(lineage=who)).unwrap()[0].machines
        for who in (None, "us", "them")
    ]

    assert counts == [4, 4, 3]


def test_a_throttle_says_when_to_come_back(hall: _Hall) -> None:
    """A throttled call did nothing and may go again with the same token."""
    hall.inject(FaultKind.THROTTLE, seconds=7)
    request = hall.request("machine", "m-0")

    with pytest.raises(Throttled) as caught:
        hall.provider.begin(request)
    assert caught.value.retry_after_s == 7
    assert hall.names() == []
    assert hall.provider.begin(request).object_id


def test_denied_does_nothing(hall: _Hall) -> None:
    """A denied call leaves no trace."""
    hall.inject(FaultKind.DENIED, name="m-0")

    with pytest.raises(Denied):
        hall.machine("m-0")
    assert hall.names() == []


@pytest.mark.parametrize(
    ("kind", "made"),
    [(FaultKind.LOST_BEFORE, 0), (FaultKind.LOST_ANSWER, 1), (FaultKind.ERROR_AFTER_CREATE, 1)],
)
def test_an_ambiguous_create_is_made_or_not(hall: _Hall, kind: FaultKind, made: int) -> None:
    """After no clear answer a lookup tells what happened, and the same token ends in one object."""
    hall.inject(kind)
    request = hall.request("machine", "m-0")

    with pytest.raises(Ambiguous):
        hall.provider.begin(request)
    assert len(hall.provider.lookup(request)) == made
    hall.provider.begin(request)
    assert hall.names() == ["m-0"]


def test_skip_lets_calls_go_well_first(hall: _Hall) -> None:
    """A fault with ``skip`` strikes later, once."""
    hall.inject(FaultKind.DENIED, skip=1)
    hall.machine("m-0")

    with pytest.raises(Denied):
        hall.machine("m-1")
    hall.machine("m-2")


def test_a_fault_waits_for_its_call_name_and_action(hall: _Hall) -> None:
    """Patterns and actions narrow a fault down."""
    hall.inject(FaultKind.DENIED, name="x-*")
    hall.inject(FaultKind.THROTTLE, call=Call.LOOKUP, resource="machine")
    hall.inject(FaultKind.LOST_BEFORE, action=Action.DELETE)
    outputs = hall.machine("m-0")

    with pytest.raises(Throttled):
        hall.provider.lookup(hall.request("machine", "m-0"))
    with pytest.raises(Denied):
        hall.machine("x-1")
    with pytest.raises(Ambiguous):
        hall.run(hall.request("machine", "m-0", Action.DELETE, object_id=outputs["id"]))
    assert hall.provider.world.faults() == ()


def test_machines_take_their_time_to_start(tmp_path: Path) -> None:
    """``ready_after`` is how long a machine starts, whoever waits; what needs it is told to come later."""
    hall = _open(tmp_path, ready_after="5m")
    request = hall.request("machine", "m-0")
    ack = hall.provider.begin(request)
    needs = {"local.machine.m-0": {"id": ack.object_id}}

    with pytest.raises(NotReady) as caught:
        hall.provider.begin(hall.request("replica", "chat-0", needs=needs))
    assert caught.value.retry_after_s == pytest.approx(300)
    hall.clock.sleep(300)
    assert hall.provider.wait(request, ack, lambda: True)["id"] == ack.object_id


def test_a_slow_create_takes_longer(hall: _Hall) -> None:
    """One create can be made slow."""
    hall.inject(FaultKind.SLOW_CREATE, seconds=60)
    hall.machine("m-0")

    assert hall.clock() >= 1060


def test_latency_is_of_each_call(tmp_path: Path) -> None:
    """Begin and wait are two calls."""
    hall = _open(tmp_path, latency="2s")
    hall.machine("m-0")

    assert hall.clock() == 1004


def test_a_delete_that_still_runs_holds_its_node(hall: _Hall) -> None:
    """A slow delete is taken at once, but object and node go only at its end."""
    outputs = hall.machine("m-0")
    hall.inject(FaultKind.SLOW_DELETE, seconds=30)
    request = hall.request("machine", "m-0", Action.DELETE, object_id=outputs["id"])
    ack = hall.provider.begin(request)

    assert [found.ready for found in hall.provider.owned("us")] == [False]
    with pytest.raises(NotReady):
        hall.machine("m-0")
    assert hall.provider.wait(request, ack, lambda: False) == {}
    assert hall.clock() >= 1030
    assert hall.names() == []
    assert hall.machine("m-0")["node"] == outputs["node"]


def test_an_object_vanishes_behind_our_back(hall: _Hall) -> None:
    """What vanished is found missing by refresh, and a delete of it is AlreadyGone."""
    outputs = hall.machine("m-0")
    kept = hall.machine("m-1")
    hall.inject(FaultKind.VANISH, name="m-0")
    resources = [
        Resource(address=Address("local", "machine", name), attributes=PLACE, outputs=o)
        for name, o in (("m-0", outputs), ("m-1", kept))
    ]
    found = hall.provider.refresh(resources).found

    assert [there.object_id if there else None for there in found.values()] == [None, kept["id"]]
    with pytest.raises(AlreadyGone):
        hall.provider.begin(hall.request("machine", "m-0", Action.DELETE, object_id=outputs["id"]))


def test_an_attribute_drifts(hall: _Hall) -> None:
    """Drift changes an attribute of an object that goes on existing."""
    outputs = hall.machine("m-0")
    hall.inject(FaultKind.DRIFT, name="m-0", attribute="pool", value="mine")
    resource = Resource(address=Address("local", "machine", "m-0"), attributes=PLACE, outputs=outputs)
    there = hall.provider.refresh([resource]).found[resource.address]

    assert there is not None
    assert dict(there.attributes) == {**PLACE, "pool": "mine"}


def test_what_is_needed_is_not_deleted(hall: _Hall) -> None:
    """A machine goes only after the replica on it."""
    machine = hall.machine("m-0")
    replica = hall.run(hall.request("replica", "chat-0", needs={"local.machine.m-0": machine}))
    delete = hall.request("machine", "m-0", Action.DELETE, object_id=machine["id"])

    with pytest.raises(Conflict, match="replica chat-0"):
        hall.provider.begin(delete)
    hall.run(hall.request("replica", "chat-0", Action.DELETE, object_id=replica["id"]))
    assert hall.run(delete) == {}


def test_an_endpoint_lets_go_of_a_replica_by_update(hall: _Hall) -> None:
    """After an update that needs it no more, a replica can be deleted."""
    machine = hall.machine("m-0")
    first, second = (
        hall.run(hall.request("replica", name, needs={"local.machine.m-0": machine})) for name in ("a", "b")
    )
    both = {"local.replica.a": first, "local.replica.b": second}
    endpoint = hall.run(hall.request("endpoint", "chat", needs=both))
    hall.run(
        hall.request(
            "endpoint", "chat", Action.UPDATE, object_id=endpoint["id"], needs={"local.replica.b": second}
        )
    )

    assert hall.run(hall.request("replica", "a", Action.DELETE, object_id=first["id"])) == {}


def test_a_gang_shares_a_rack(hall: _Hall) -> None:
    """The machines of a gang come into one rack, past a rack that could hold only one of them."""
    alone = hall.machine("m-0")
    gang: dict[str, JsonValue] = {**PLACE, "gang": {"name": "g", "size": 2}}
    racks = [hall.run(replace(hall.request("machine", f"g-{i}"), attributes=gang))["rack"] for i in range(2)]

    assert alone["rack"] == "hall/main/r01"
    assert racks == ["hall/main/r02"] * 2


def test_others_objects_are_left_alone(hall: _Hall) -> None:
    """Only the owner may change or delete."""
    machine = hall.machine("m-0")

    with pytest.raises(Denied):
        hall.provider.begin(
            hall.request("machine", "m-0", Action.DELETE, object_id=machine["id"], lineage="them")
        )


def test_senseless_requests_are_refused_with_a_hint(hall: _Hall) -> None:
    """A place that does not exist is answered with the nearest one."""
    request = replace(hall.request("machine", "m-0"), attributes={**PLACE, "zone": "hal"})

    with pytest.raises(Invalid, match='Did you mean "hall"'):
        hall.provider.begin(request)


def test_a_replacement_is_no_update(hall: _Hall) -> None:
    """An attribute that cannot be changed in place is refused in an update."""
    machine = hall.machine("m-0")
    request = hall.request("machine", "m-0", Action.UPDATE, object_id=machine["id"])

    with pytest.raises(Invalid, match="block"):
        hall.provider.begin(replace(request, attributes={**PLACE, "block": None}))


def test_faults_of_the_settings_count_across_restarts(tmp_path: Path) -> None:
    """A fault that has struck does not come back because dcplan was started again."""
    order = {"fault": "denied", "times": 1}
    with pytest.raises(ProviderError):
        _open(tmp_path, faults=[order]).machine("m-0")
    again = _open(tmp_path, faults=[order])
    again.tokens = 10

    assert again.machine("m-0")["id"]
    assert again.provider.world.faults() == ()
