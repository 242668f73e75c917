"""Reservations that dcplan orders, and capacity blocks that it buys in calendar mode."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.provider import Placement
from dcplan.provider.contract_base import OURS, never, new_token
from dcplan.provider.errors import CapacityUnavailable, Conflict, Denied, Invalid, NotReady
from dcplan.provider.protocol import HasOwners
from dcplan.provider.types import Found, Request, request_of
from dcplan.resources import Action, Resource
from dcplan_gcp import provider
from gcp_examples import (
    BLOCK,
    KEPT,
    REGION,
    THEIRS,
    ZONE,
    block_for_sale,
    in_the_block,
    in_the_reservation,
    to_order,
)
from gcp_examples import machines as some

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcplan.provider.protocol import Provider
    from dcplan.resources import JsonValue
    from gcp_cloud import GcpCloud

DAYS_S = 86_400.0


@pytest.fixture
def cloud(gcp_server: GcpCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcpCloud]:
    """An empty cloud but for one network; nothing broke its description."""
    for name, value in gcp_server.variables.items():
        monkeypatch.setenv(name, value)
    gcp_server.reset()
    gcp_server.put_network("ours", REGION)
    yield gcp_server
    violations = gcp_server.violations
    assert not violations, violations


def opened(*reservations: dict[str, Any], blocks: tuple[dict[str, Any], ...] = ()) -> Provider:
    """A provider with these, in a network that is there."""
    settings = {**THEIRS, "reservations": [*reservations], "capacity_blocks": [*blocks]}
    return provider(settings, Path()).unwrap()


def kept_and_machine(gcp: Provider, *names: str, block: bool = False) -> tuple[Resource, ...]:
    """What a placement of machines becomes that stand in what is reserved; that comes first."""
    group = in_the_block(*names) if block else in_the_reservation(*names)
    return gcp.resources_for(Placement(project="p", machines=(group,), workloads=())).unwrap()


def asked(
    resource: Resource, action: Action, needs: Mapping[str, Mapping[str, JsonValue]] | None = None
) -> Request:
    """A request of ours."""
    return request_of(resource, action, token=new_token(), lineage=OURS, needs=needs or {})


def done(gcp: Provider, request: Request, resource: Resource) -> Resource:
    """The resource once it is done."""
    return replace(resource, outputs=gcp.wait(request, gcp.begin(request), never))


def made(gcp: Provider, resource: Resource, *needs: Resource) -> Resource:
    """The resource, made."""
    return done(gcp, asked(resource, Action.CREATE, {str(n.address): n.outputs for n in needs}), resource)


def seen(gcp: Provider, resource: Resource) -> Found:
    """How it is there."""
    found = gcp.refresh([resource]).found[resource.address]
    assert found is not None
    return found


def test_a_reservation_holds_its_machines(cloud: GcpCloud) -> None:
    """Machines name it; it is resized in place, drift of its size is seen, and it goes after them."""
    gcp = opened(to_order())
    kept, one = kept_and_machine(gcp, "m-0")
    kept = made(gcp, kept)
    one = made(gcp, one, kept)
    larger = replace(kept, attributes={**kept.attributes, "machines": 5})
    before = seen(gcp, larger)
    done(gcp, asked(larger, Action.UPDATE), larger)
    (there,) = cloud.things("reservations").values()
    (instance,) = cloud.things("instances").values()
    with pytest.raises(Conflict, match="already being used"):
        gcp.begin(asked(larger, Action.DELETE))
    for resource in (one, larger):
        done(gcp, asked(resource, Action.DELETE), resource)

    assert instance["reservationAffinity"]["values"] == [f"projects/example/reservations/{there['name']}"]
    assert there["specificReservationRequired"]
    assert there["specificReservation"]["count"] == "5"
    assert before.attributes["machines"] == 2
    assert cloud.things("reservations") == cloud.things("instances") == {}


def test_a_reservation_is_ordered_used_or_not(cloud: GcpCloud) -> None:
    """As long as it stands in the document and machines are planned; a block only where it is used."""
    gcp = opened(to_order(), to_order(name="other"), blocks=(block_for_sale(),))
    machines = (some("g2-standard-4", "m-0"),)
    kept = gcp.resources_for(Placement(project="p", machines=machines, workloads=())).unwrap()
    nothing = gcp.resources_for(Placement(project="p", machines=(), workloads=())).unwrap()

    assert [r.address.name for r in kept if r.address.kind == "reservation"] == [
        f"{ZONE}-{KEPT}",
        "other",
    ]
    assert [r for r in kept if r.address.kind == "capacity_block"] == []
    assert nothing == ()
    assert cloud.things("reservations") == {}


def test_a_reservation_takes_its_part_of_a_quota() -> None:
    """What is left is for other machines; orders beyond it are an error at their line."""
    quota = {"of": "A100-40", "region": REGION, "devices": 8}
    settings = {"reservations": [to_order(machines=6)], "quotas": [quota]}
    (left,) = provider(settings, Path()).unwrap().quotas().unwrap()
    beyond = {"reservations": [to_order(machines=9)], "quotas": [quota]}
    told = provider(beyond, Path()).unwrap().quotas().diagnostics

    assert (left.devices, left.kept) == (8, 6)
    assert [(one.code, one.path) for one in told] == [
        ("reservation-quota", ("providers", "gcp", "reservations", 0, "machines"))
    ]


def test_a_gang_in_a_reservation_has_no_policy(cloud: GcpCloud) -> None:
    """A reservation without a placement policy takes no machines that have one."""
    gcp = opened(to_order())
    group = in_the_reservation("m-0", "m-1", gang=True)
    kept, *machines = gcp.resources_for(Placement(project="p", machines=(group,), workloads=())).unwrap()
    kept = made(gcp, kept)
    for machine in machines:
        made(gcp, machine, kept)

    assert len(cloud.things("instances")) == 2
    assert cloud.things("resourcePolicies") == {}


def test_a_full_reservation_is_no_capacity(cloud: GcpCloud) -> None:
    """A third machine of two is refused as sold out, and nothing of it stays."""
    gcp = opened(to_order())
    kept, *machines = kept_and_machine(gcp, "m-0", "m-1", "m-2")
    kept = made(gcp, kept)
    for machine in machines[:2]:
        made(gcp, machine, kept)

    with pytest.raises(CapacityUnavailable, match="does not have available resources"):
        made(gcp, machines[2], kept)
    assert len(cloud.things("instances")) == 2


def test_a_reservation_that_is_not_to_be_had(cloud: GcpCloud) -> None:
    """No capacity, and nothing is there; one that cannot grow stays as it was."""
    cloud.weather(capacity={f"{ZONE}/{KEPT}": 1})
    gcp = opened(to_order())
    (kept, _) = kept_and_machine(gcp, "m-0")
    with pytest.raises(CapacityUnavailable):
        made(gcp, kept)
    nothing = cloud.things("reservations")
    small = made(gcp, replace(kept, attributes={**kept.attributes, "machines": 1}))
    large = replace(small, attributes={**small.attributes, "machines": 3})

    assert nothing == {}
    with pytest.raises(CapacityUnavailable):
        gcp.begin(asked(large, Action.UPDATE))
    assert seen(gcp, small).attributes["machines"] == 1


def test_a_reservation_does_not_shrink_below_what_stands_in_it(cloud: GcpCloud) -> None:
    """Not yet: the machines that shall go are deleted by the same plan."""
    gcp = opened(to_order())
    kept, *machines = kept_and_machine(gcp, "m-0", "m-1")
    kept = made(gcp, kept)
    standing = [made(gcp, machine, kept) for machine in machines]
    smaller = replace(kept, attributes={**kept.attributes, "machines": 1})
    request = asked(smaller, Action.UPDATE)

    with pytest.raises(NotReady, match="2 machines still stand"):
        gcp.begin(request)
    done(gcp, asked(standing[0], Action.DELETE), standing[0])
    done(gcp, request, smaller)
    assert seen(gcp, smaller).attributes["machines"] == 1
    assert len(cloud.things("instances")) == 1


def test_what_is_reserved_keeps_its_owner(cloud: GcpCloud) -> None:
    """Google lets nobody change a reservation's description: told, not tried; others cannot delete it."""
    gcp = opened(to_order())
    kept = made(gcp, kept_and_machine(gcp, "m-0")[0])
    assert isinstance(gcp, HasOwners)

    with pytest.raises(Invalid, match="keeps its owner"):
        gcp.set_owner(replace(asked(kept, Action.UPDATE), lineage="them"))
    with pytest.raises(Denied):
        gcp.begin(replace(asked(kept, Action.DELETE), lineage="them"))
    assert len(cloud.things("reservations")) == 1


def test_a_block_is_bought_once_and_its_machines_wait_for_it(cloud: GcpCloud) -> None:
    """Before it begins nothing is sent for its machines; locked, it is let go of and stays paid for."""
    gcp = opened(blocks=(block_for_sale(),))
    block, machine = kept_and_machine(gcp, "m-0", block=True)
    buy = asked(block, Action.CREATE)
    acks = {gcp.begin(buy).object_id for _ in range(2)}
    block = done(gcp, buy, block)
    make = asked(machine, Action.CREATE, {str(block.address): block.outputs})
    with pytest.raises(Invalid, match=r"is APPROVED: it begins at .* Nothing was sent"):
        gcp.begin(make)
    nothing = cloud.things("instances")
    cloud.weather(ahead_s=5 * DAYS_S)
    machine = done(gcp, make, machine)
    (instance,) = cloud.things("instances").values()
    there = seen(gcp, block)
    for resource in (machine, block):
        done(gcp, asked(resource, Action.DELETE), resource)

    assert nothing == {}
    assert acks == {block.outputs["id"]}
    assert dict(there.attributes) == dict(block.attributes)
    assert instance["scheduling"]["provisioningModel"] == "RESERVATION_BOUND"
    assert len(cloud.things("futureReservations")) == 1
    assert gcp.owned(OURS) == ()


def test_a_block_that_begins_soon_is_waited_for(cloud: GcpCloud) -> None:
    """Its machines are tried again, and nothing is sent until it has begun."""
    start = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)
    gcp = opened(blocks=(block_for_sale(start=start.strftime("%Y-%m-%dT%H:%MZ")),))
    block, machine = kept_and_machine(gcp, "m-0", block=True)
    block = made(gcp, block)

    with pytest.raises(NotReady, match="it begins at"):
        made(gcp, machine, block)
    assert cloud.things("instances") == {}


def test_a_block_that_was_let_go_of_is_not_bought_twice(cloud: GcpCloud) -> None:
    """Another purchase of the same name meets it, and the look after that finds it with all it is."""
    gcp = opened(blocks=(block_for_sale(),))
    (block, _) = kept_and_machine(gcp, "m-0", block=True)
    first = made(gcp, block)
    cloud.weather(early=True)
    done(gcp, asked(first, Action.DELETE), first)
    again = asked(block, Action.CREATE)

    with pytest.raises(Conflict):
        gcp.begin(again)
    (found,) = gcp.lookup(again)
    assert (found.object_id, dict(found.attributes)) == (first.outputs["id"], dict(block.attributes))


def test_a_block_that_is_not_locked_is_given_back(cloud: GcpCloud) -> None:
    """Cancelled, and its record goes; so does the reservation that was to come of it."""
    gcp = opened(blocks=(block_for_sale(),))
    block = made(gcp, kept_and_machine(gcp, "m-0", block=True)[0])
    request = asked(block, Action.DELETE)
    done(gcp, request, block)

    assert cloud.things("futureReservations") == cloud.things("reservations") == {}
    assert gcp.begin(request).object_id == block.outputs["id"]


def test_a_block_that_is_declined_leaves_nothing_behind(cloud: GcpCloud) -> None:
    """It is no capacity; once there is some, the same purchase goes through."""
    cloud.weather(capacity={f"{ZONE}/{BLOCK}": 1})
    gcp = opened(blocks=(block_for_sale(),))
    (block, _) = kept_and_machine(gcp, "m-0", block=True)
    with pytest.raises(CapacityUnavailable, match="DECLINED"):
        made(gcp, block)
    cloud.weather(capacity={})
    made(gcp, block)

    assert len(cloud.things("futureReservations")) == 1


@pytest.mark.parametrize(
    ("key", "lot", "code"),
    [
        ("reservations", to_order(machine="ct6e-standard-4t"), "order-tpu"),
        ("reservations", to_order(machines=1001), "order-size"),
        ("reservations", to_order(zone=REGION), "order-zone"),
        ("capacity_blocks", block_for_sale(machine=KEPT), "buy-machine"),
        ("capacity_blocks", block_for_sale(days=91), "buy-window"),
        ("capacity_blocks", block_for_sale(zone=REGION), "order-zone"),
    ],
)
def test_what_cannot_be_ordered_is_told_at_once(key: str, lot: dict[str, Any], code: str) -> None:
    """Each with its place in the document."""
    told = provider({key: [lot]}, Path()).diagnostics

    assert [(one.code, one.path[:4]) for one in told] == [(code, ("providers", "gcp", key, 0))]


def test_a_region_is_enough_where_its_zones_are_named(cloud: GcpCloud) -> None:
    """The first of them is where it is ordered, and where its machines go."""
    settings = {
        **THEIRS,
        "zones": {REGION: [ZONE]},
        "reservations": [to_order(zone=REGION, until="2030-01-01")],
    }
    gcp = provider(settings, Path()).unwrap()
    group = some(KEPT, "m-0", zone=REGION, purchase="reservation", pool=f"{REGION}/{KEPT}/reservation")
    kept, machine = gcp.resources_for(Placement(project="p", machines=(group,), workloads=())).unwrap()
    kept = made(gcp, kept)
    machine = made(gcp, machine, kept)
    (there,) = cloud.things("reservations").values()

    assert machine.outputs["zone"] == ZONE
    assert there["deleteAtTime"] == "2030-01-01T00:00:00Z"
