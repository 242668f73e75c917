"""What dcplan-gcp sends and makes, read by Google's own clients: ``make test-clients`` has them."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.provider import Placement
from dcplan.provider.contract_base import never
from dcplan.provider.types import request_of
from dcplan.resources import Action, Address, Resource
from dcplan_gcp import provider
from gcp_cloud import GcpCloud, gcp_cloud
from gcp_examples import (
    REGION,
    ZONE,
    bought_machines,
    gang_and_replicas,
    in_the_block,
    in_the_reservation,
    machines,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS = ("google.cloud.compute_v1", "google.cloud.tpu_v2")
PROJECT = "example"

MESSAGES = {
    "networks": "Network",
    "subnetworks": "Subnetwork",
    "firewalls": "Firewall",
    "instances": "Instance",
    "resourcePolicies": "ResourcePolicy",
    "reservations": "Reservation",
    "futureReservations": "FutureReservation",
    "networkEndpointGroups": "NetworkEndpointGroup",
    "healthChecks": "HealthCheck",
    "backendServices": "BackendService",
    "urlMaps": "UrlMap",
    "targetHttpProxies": "TargetHttpProxy",
    "forwardingRules": "ForwardingRule",
}
"""By collection, what the client calls one of its objects."""


def _there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


pytestmark = [
    pytest.mark.skipif(
        not all(map(_there, CLIENTS)), reason="Google's own clients are not there: make test-clients"
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Google's packages, when they are imported
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # as above
]


@pytest.fixture(scope="module")
def server() -> Iterator[GcpCloud]:
    """A cloud with a whole example on it."""
    with gcp_cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def google(server: GcpCloud) -> SimpleNamespace:
    """The clients, without credentials, on that cloud."""
    from google.api_core.client_options import ClientOptions  # noqa: PLC0415 - only where they are there
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - as above
    from google.cloud import compute_v1, tpu_v2  # noqa: PLC0415 - as above

    asked: dict[str, Any] = {
        "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]  # Google's own gap
        "client_options": ClientOptions(api_endpoint=server.address),
    }

    def client(name: str) -> Any:
        return getattr(compute_v1, f"{name}Client")(**asked)

    return SimpleNamespace(
        compute=compute_v1, client=client, tpu=tpu_v2.TpuClient(transport="rest", **asked), types=tpu_v2
    )


@pytest.fixture(scope="module")
def built(server: GcpCloud) -> dict[Address, Resource]:
    """The example, made: a gang, replicas with an endpoint, reserved machines, a TPU slice."""
    server.weather(early=True)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in server.variables.items():
            patched.setenv(name, value)
        gcp = provider(bought_machines(), Path()).unwrap()
        slice_of_two = machines("ct6e-standard-4t", "tpu-0", "tpu-1", gang=True)
        placement: Placement = gang_and_replicas(
            in_the_reservation("kept-0"), in_the_block("block-0"), slice_of_two
        )
        done: dict[Address, Resource] = {}
        for resource in gcp.resources_for(placement).unwrap():
            needs = {str(need): done[need].outputs for need in resource.needs}
            token = f"make-{resource.address.kind}-{resource.address.name}"
            request = request_of(resource, Action.CREATE, token=token, lineage="us", needs=needs)
            outputs = gcp.wait(request, gcp.begin(request), never)
            done[resource.address] = replace(resource, outputs=outputs)
    assert server.violations == []
    return done


def ids(built: dict[Address, Resource], kind: str) -> set[str]:
    """The names of what was made of a kind."""
    return {
        str(resource.outputs["id"]).rpartition("/")[2]
        for address, resource in built.items()
        if address.kind == kind and "queuedResources" not in str(resource.outputs["id"])
    }


def test_the_official_client_lists_what_was_made(
    built: dict[Address, Resource], google: SimpleNamespace
) -> None:
    """Machines, networks, reservations and future ones: the names that the state has."""
    shown = google.client("Instances").aggregated_list(project=PROJECT)
    machines = {one.name for _, scope in shown for one in scope.instances}
    networks = {one.name for one in google.client("Networks").list(project=PROJECT)}
    asked = {"project": PROJECT, "zone": ZONE}
    kept = {one.name: one for one in google.client("Reservations").list(**asked)}
    blocks = {one.name: one for one in google.client("FutureReservations").list(**asked)}

    assert machines == ids(built, "instance")
    assert ids(built, "network") <= networks
    assert kept.keys() == ids(built, "reservation") | ids(built, "capacity_block")
    assert blocks.keys() == ids(built, "capacity_block")
    (block,) = blocks.values()
    (name,) = ids(built, "reservation")
    assert block.reservation_mode == "CALENDAR"
    assert block.status.procurement_status == "FULFILLED"
    assert (kept[name].specific_reservation.count, kept[name].specific_reservation.in_use_count) == (2, 1)


def test_the_official_client_reads_labels_cards_and_policies(
    built: dict[Address, Resource], google: SimpleNamespace
) -> None:
    """Labels with the project, a gang's policy, how a machine was bought, and who it says it is."""
    by_name = {address.name: r for address, r in built.items() if address.kind == "instance"}

    def machine(name: str) -> Any:
        path = str(by_name[name].outputs["id"])
        return google.client("Instances").get(
            project=PROJECT, zone=path.split("/")[3], instance=path.rpartition("/")[2]
        )

    gang, block, kept = machine("train-0"), machine("block-0"), machine("kept-0")
    policy = gang.resource_policies[0].rpartition("/")[2]
    there = google.client("ResourcePolicies").get(project=PROJECT, region=REGION, resource_policy=policy)

    assert gang.labels["dcplan-project"] == "example"
    assert {"dcplan-lineage", "dcplan-address", "dcplan-token"} <= gang.labels.keys()
    assert (there.group_placement_policy.vm_count, there.group_placement_policy.collocation) == (
        2,
        "COLLOCATED",
    )
    assert [nic.nic_type for nic in block.network_interfaces] == ["GVNIC"] * 5
    assert block.scheduling.provisioning_model == "RESERVATION_BOUND"
    assert kept.reservation_affinity.consume_reservation_type == "SPECIFIC_RESERVATION"
    assert {item.key for item in gang.metadata.items} >= {"dcplan-owner"}


def test_every_object_is_a_message_of_the_official_client(
    built: dict[Address, Resource], server: GcpCloud, google: SimpleNamespace
) -> None:
    """Whatever was sent has no field that the client does not know, and comes back from it with its note."""
    assert built
    seen = set()
    for path, body in server.things().items():
        collection = path.split("/")[-2]
        if collection not in MESSAGES:
            continue
        seen.add(collection)
        message = getattr(google.compute, MESSAGES[collection])
        told = {name: value for name, value in body.items() if not name.startswith("-")}
        again = json.loads(message.to_json(message.from_json(json.dumps(told)), use_integers_for_enums=False))
        assert again.get("description", "") == told.get("description", "")
        assert again["name"] == told["name"]
    assert seen == MESSAGES.keys()


def test_the_official_client_reads_tpu_slices(
    built: dict[Address, Resource], google: SimpleNamespace
) -> None:
    """A queued resource that is active, and its node with the labels of its machines."""
    assert built
    (queued,) = google.tpu.list_queued_resources(parent=f"projects/{PROJECT}/locations/{ZONE}")
    (node,) = google.tpu.list_nodes(parent=f"projects/{PROJECT}/locations/{ZONE}")

    assert queued.state.state.name == "ACTIVE"
    assert (node.accelerator_type, node.labels["dcplan-project"]) == ("v6e-8", "example")


def test_what_the_official_client_makes_is_seen_and_left_alone(
    built: dict[Address, Resource], server: GcpCloud, google: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes the client's own calls, operations included; what is not dcplan's is no orphan."""
    compute = google.compute
    kept = compute.Reservation(
        name="theirs",
        specific_reservation=compute.AllocationSpecificSKUReservation(
            count=1,
            instance_properties=compute.AllocationSpecificSKUAllocationReservedInstanceProperties(
                machine_type="a2-highgpu-1g"
            ),
        ),
    )
    asked = {"project": PROJECT, "zone": ZONE}
    client = google.client("Reservations")
    client.insert_unary(reservation_resource=kept, **asked)
    there = client.get(reservation="theirs", **asked)
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    mine = {found.object_id for found in provider({}, Path()).unwrap().owned("us")}
    client.delete_unary(reservation="theirs", **asked)

    assert there.status in {"CREATING", "READY"}
    assert not any("theirs" in one for one in mine)
    assert {str(r.outputs["id"]) for a, r in built.items() if a.kind == "instance"} <= mine
    assert server.violations == []
