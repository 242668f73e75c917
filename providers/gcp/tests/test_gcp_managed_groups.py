"""Managed instance groups by the calls of a provider: sizes, drift, queues, slices, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.provider import MachineGroup, Placement, ReplicaSpec, WorkloadSpec
from dcplan.provider.errors import Cancelled, CapacityUnavailable
from dcplan.provider.protocol import HasOwners
from dcplan.provider.types import Request, request_of
from dcplan.resources import Action, Address, Resource
from dcplan_gcp import provider

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dcplan.provider.protocol import Provider
    from gcp_cloud import GcpCloud

GPU, SLICE = "g2-standard-48", "tpu7x-standard-4t"


@pytest.fixture
def cloud(gcp_server: GcpCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcpCloud]:
    """An empty cloud; nothing broke its description."""
    for name, value in gcp_server.variables.items():
        monkeypatch.setenv(name, value)
    gcp_server.reset()
    yield gcp_server
    violations = gcp_server.violations
    assert not violations, violations


def opened(**group: Any) -> Provider:
    """A provider that puts ``chat`` into groups."""
    wish = {"workload": "chat", "as": "managed-group", **group}
    return provider({"machine_groups": [wish], "queued": True}, Path()).unwrap()


def placed(
    count: int,
    *,
    machine: str = GPU,
    zone: str = "us-central1-a",
    purchase: str = "on-demand",
    gang: bool = False,
    kind: str = "serve",
) -> Placement:
    """``chat`` on so many machines: a replica each, or one over all of them."""
    names = tuple(f"m-{n}" for n in range(count))
    seats = [names] if gang else [(name,) for name in names]
    specs = tuple(
        ReplicaSpec(name=f"chat-{n}", machines=seat, devices=(0,), settings={"max_batch": 1})
        for n, seat in enumerate(seats)
    )
    ground = MachineGroup(
        pool=f"{zone}/{machine}",
        machine=machine,
        region="us-central1",
        zone=zone,
        block=None,
        purchase=purchase,
        names=names,
        gang=gang,
    )
    chat = WorkloadSpec(name="chat", kind=kind, replicas=specs)
    return Placement(project="p", machines=(ground,), workloads=(chat,))


def asked(resource: Resource, action: Action, built: dict[Address, Resource], token: str = "") -> Request:
    """A request of ``us`` about a resource."""
    needs = {str(need): built[need].outputs for need in resource.needs}
    return request_of(
        resource, action, token=token or f"{action} {resource.address}", lineage="us", needs=needs
    )


def made(gcp: Provider, resources: Sequence[Resource]) -> dict[Address, Resource]:
    """All of them, built in their order."""
    built: dict[Address, Resource] = {}
    for resource in resources:
        request = asked(resource, Action.CREATE, built)
        outputs = gcp.wait(request, gcp.begin(request), lambda: False)
        built[resource.address] = replace(resource, outputs=outputs)
    return built


def changed(gcp: Provider, built: dict[Address, Resource], **attributes: Any) -> Resource:
    """The group, with other attributes."""
    group = only(built)
    wanted = replace(group, attributes={**group.attributes, **attributes})
    request = asked(wanted, Action.UPDATE, built, f"change {attributes}")
    gcp.wait(request, gcp.begin(request), lambda: False)
    return wanted


def only(built: dict[Address, Resource]) -> Resource:
    """The one group among resources."""
    (group,) = [r for a, r in built.items() if a.kind == "managed_group"]
    return group


def body(cloud: GcpCloud, collection: str = "instanceGroupManagers") -> dict[str, Any]:
    """The one object of a collection."""
    (found,) = cloud.things(collection).values()
    return dict(found)


def test_between_floor_and_ceiling_the_cloud_is_free(cloud: GcpCloud) -> None:
    """Its autoscaler has these bounds; a size between them is no drift, other bounds are."""
    gcp = opened(at_most=4)
    built = made(gcp, gcp.resources_for(placed(2)).unwrap())
    group, scaler = only(built), next(iter(cloud.things("autoscalers")))
    bounds = body(cloud, "autoscalers")["autoscalingPolicy"]
    cloud.patch(scaler, {"autoscalingPolicy": {"minNumReplicas": 3}})
    there = gcp.refresh([group]).found[group.address]

    assert (bounds["minNumReplicas"], bounds["maxNumReplicas"]) == (2, 4)
    assert there is not None
    assert (there.attributes["at_least"], there.attributes["at_most"]) == (3, 4)


def test_a_size_outside_its_bounds_is_drift(cloud: GcpCloud) -> None:
    """Somebody resized a group that was not to grow; putting it right shrinks it again."""
    gcp = opened()
    built = made(gcp, gcp.resources_for(placed(2)).unwrap())
    cloud.resize(str(only(built).outputs["id"]), 3)
    there = gcp.refresh([only(built)]).found[only(built).address]
    changed(gcp, built)

    assert there is not None
    assert there.attributes["at_least"] == 3
    assert body(cloud)["targetSize"] == 2
    assert len(cloud.things("instances")) == 2


def test_a_ceiling_comes_and_goes(cloud: GcpCloud) -> None:
    """With one there is an autoscaler, without one there is none, and the floor is the size."""
    gcp = opened()
    built = made(gcp, gcp.resources_for(placed(2)).unwrap())
    changed(gcp, built, at_most=3)
    with_one = len(cloud.things("autoscalers"))
    changed(gcp, built, at_most=2)

    assert (with_one, cloud.things("autoscalers")) == (1, {})
    assert body(cloud)["targetSize"] == 2


def test_a_refused_floor_of_an_autoscaler_is_taken_back(cloud: GcpCloud) -> None:
    """Its bounds are those of before."""
    gcp = opened(at_most=4)
    built = made(gcp, gcp.resources_for(placed(2)).unwrap())
    cloud.weather(capacity={f"us-central1-a/{GPU}": 2})

    with pytest.raises(CapacityUnavailable):
        changed(gcp, built, at_least=3)
    assert body(cloud, "autoscalers")["autoscalingPolicy"]["minNumReplicas"] == 2


def test_where_a_region_is_known_its_zones_are_tried(cloud: GcpCloud) -> None:
    """The first that has all members; nothing is left in the others."""
    cloud.weather(capacity={f"us-central1-a/{GPU}": 1})
    gcp = opened()
    built = made(gcp, gcp.resources_for(placed(2, zone="us-central1")).unwrap())

    assert only(built).outputs["zone"] == "us-central1-b"
    assert len(cloud.things("instanceTemplates")) == 1
    assert {path.split("/")[3] for path in cloud.things("instances")} == {"us-central1-b"}


def test_a_template_without_a_group_is_found_and_can_be_deleted(cloud: GcpCloud) -> None:
    """A kill between the two calls leaves nothing that nobody finds."""
    gcp = opened()
    network, group, _ = gcp.resources_for(placed(2)).unwrap()
    built = made(gcp, [network])
    cloud.fail(method="instanceGroupManagers.insert", status=500, reason="internalError")
    request = asked(group, Action.CREATE, built)
    with pytest.raises(Exception, match="500"):
        gcp.begin(request)
    (orphan,) = [f for f in gcp.owned("us") if f.address.kind == "managed_group"]
    delete = replace(request, action=Action.DELETE, object_id=orphan.object_id, token="gone")  # noqa: S106 - of a request
    gcp.wait(delete, gcp.begin(delete), lambda: False)

    assert "/instanceTemplates/" in orphan.object_id
    assert cloud.things("instanceTemplates") == {}


def test_queued_members_come_together_when_there_are_some(cloud: GcpCloud) -> None:
    """The group begins empty; the wait for its request can be called off and taken up again."""
    cloud.weather(capacity={f"us-central1-a/{GPU}": 1})
    gcp = opened()
    network, group, _ = gcp.resources_for(placed(2, purchase="queued")).unwrap()
    built = made(gcp, [network])
    request = asked(group, Action.CREATE, built)
    ack = gcp.begin(request)
    with pytest.raises(Cancelled):
        gcp.wait(request, ack, lambda: True)
    waiting, there = body(cloud, "resizeRequests"), len(cloud.things("instances"))
    cloud.weather(capacity={})
    again = provider({"machine_groups": [{"workload": "chat", "as": "managed-group"}]}, Path()).unwrap()
    again.wait(request, ack, lambda: False)

    assert (waiting["state"], waiting["resizeBy"], there) == ("ACCEPTED", 2, 0)
    assert waiting["requestedRunDuration"] == {"seconds": "604800"}
    assert len(cloud.things("instances")) == 2
    assert len(cloud.things("resizeRequests")) == 1


def test_a_queue_that_is_left_leaves_nothing(cloud: GcpCloud) -> None:
    """A delete of a group that waits takes its request along."""
    cloud.weather(capacity={f"us-central1-a/{GPU}": 1})
    gcp = opened()
    network, group, _ = gcp.resources_for(placed(2, purchase="queued")).unwrap()
    built = made(gcp, [network])
    request = asked(group, Action.CREATE, built)
    ack = gcp.begin(request)
    delete = replace(request, action=Action.DELETE, object_id=ack.object_id, token="gone")  # noqa: S106 - of a request
    gcp.wait(delete, gcp.begin(delete), lambda: False)

    assert {path.split("/")[-2] for path in cloud.things()} == {"networks", "firewalls", "subnetworks"}


def test_a_queue_grows_by_another_request(cloud: GcpCloud) -> None:
    """What is missing is asked for, all at once."""
    gcp = opened()
    built = made(gcp, gcp.resources_for(placed(2, purchase="queued")).unwrap())
    changed(gcp, built, at_least=4, at_most=4)

    assert [r["resizeBy"] for r in cloud.things("resizeRequests").values()] == [2, 2]
    assert len(cloud.things("instances")) == 4


def test_a_slice_of_tpu7x_is_one_group_without_being_asked(cloud: GcpCloud) -> None:
    """Its policy has the slice's shape; hosts are had together; no host is a resource."""
    gcp = provider({}, Path()).unwrap()
    wanted = placed(4, machine=SLICE, zone="us-central1-c", gang=True, kind="train")
    built = made(gcp, gcp.resources_for(wanted).unwrap())
    policy, group = body(cloud, "resourcePolicies"), body(cloud)

    assert sorted(a.kind for a in built) == ["managed_group", "network"]
    assert policy["workloadPolicy"] == {"type": "HIGH_THROUGHPUT", "acceleratorTopology": "2x2x4"}
    assert group["resourcePolicies"]["workloadPolicy"].endswith(policy["name"])
    assert group["targetSize"] == 4
    assert len(cloud.things("instances")) == 4


def test_a_slice_that_is_sold_out_leaves_nothing(cloud: GcpCloud) -> None:
    """One host too few: no host, no group, no template, no policy."""
    cloud.weather(capacity={f"us-central1-c/{SLICE}": 3})
    gcp = provider({}, Path()).unwrap()
    wanted = placed(4, machine=SLICE, zone="us-central1-c", gang=True, kind="train")
    network, group = gcp.resources_for(wanted).unwrap()
    built = made(gcp, [network])

    with pytest.raises(CapacityUnavailable, match="does not have enough resources"):
        gcp.begin(asked(group, Action.CREATE, built))
    assert {path.split("/")[-2] for path in cloud.things()} == {"networks", "firewalls", "subnetworks"}


def test_slices_that_no_group_can_make_are_refused() -> None:
    """Managed instance groups know TPU v5p and later; the way out is told."""
    said = opened().resources_for(placed(4, machine="ct5lp-hightpu-4t", gang=True))

    assert [d.code for d in said.diagnostics] == ["group-slice"]
    assert "queued resource" in said.diagnostics[0].detail


def test_a_queue_is_not_scaled() -> None:
    """Nobody could ask for more machines by itself."""
    said = opened(at_most=9).resources_for(placed(2, purchase="queued"))

    assert [d.code for d in said.diagnostics] == ["group-queued"]


@pytest.mark.parametrize(
    ("groups", "code"),
    [
        ([{"workload": "chat", "as": "fleet"}], "not-a-choice"),
        ([{"workload": "chat", "as": "managed-group", "size": 3}], "unknown-key"),
        ([{"workload": "chat", "as": "managed-group"}] * 2, "group-twice"),
        ([{"workload": "chat", "as": "managed-group", "at_most": 0}], "out-of-range"),
    ],
)
def test_groups_that_cannot_be_are_told(groups: list[dict[str, object]], code: str) -> None:
    """Unknown kinds, unknown keys, one workload twice, no machines."""
    said = provider({"machine_groups": groups}, Path())

    assert not said.ok
    assert [d.code for d in said.diagnostics] == [code]
    assert "machine_groups" in said.diagnostics[0].path


def test_a_group_changes_hands(cloud: GcpCloud) -> None:
    """Under another owner and name it is theirs, and ours no more; what it runs stays."""
    gcp = opened()
    built = made(gcp, gcp.resources_for(placed(2)).unwrap())
    group, before = only(built), body(cloud)["allInstancesConfig"]["properties"]
    theirs = replace(
        asked(group, Action.UPDATE, built), lineage="them", address=replace(group.address, name="g")
    )
    assert isinstance(gcp, HasOwners)
    gcp.set_owner(theirs)
    after = body(cloud)["allInstancesConfig"]["properties"]

    assert [(f.address.name, f.object_id) for f in gcp.owned("them")] == [("g", group.outputs["id"])]
    assert group.address not in {f.address for f in gcp.owned("us")}
    assert after["metadata"]["dcplan-run-group"] == before["metadata"]["dcplan-run-group"]
