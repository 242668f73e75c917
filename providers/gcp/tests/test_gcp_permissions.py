"""``dcplan iam`` for Google Cloud: the roles have what is called, no less and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloud_life import deeds_of_life, live
from dcplan.provider import Placement
from dcplan.provider.permissions import KeyUse, Use
from dcplan.resources import Action
from dcplan_gcp import GcpProvider, provider
from dcplan_gcp.permissions import ALSO, AS_SOMEBODY, CALLS, permissions_of
from gcp_allowed import method_of, not_allowed, permissions_in
from gcp_cloud import GcpCloud, gcp_cloud
from gcp_examples import (
    GROUPS,
    IN_A_CLUSTER,
    THEIRS,
    and_models,
    bought_machines,
    gang_and_replicas,
    in_the_block,
    in_the_reservation,
    machines,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

LINEAGE = "0a1b2c3d"
GROUPED = {"machine_groups": [*GROUPS, IN_A_CLUSTER]}
UPDATES: dict[str, dict[str, Any]] = {
    "network": {"mtu": 8896},
    "instance": {"pool": "renamed"},
    "reservation": {"machines": 3},
    "managed_group": {"at_most": 4},
    "node_pool": {"at_most": 4},
    "replica": {"settings": {"max_batch": 2}},
    "endpoint": {"replicas": {"chat-0": 2, "chat-1": 1}},
    "job": {"settings": {"max_batch": 2}},
    "bucket": {"on_delete": "with-its-data"},
}
STORED = {"storage": [{"name": "checkpoints", "as": "bucket", "region": "us-central1"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[GcpCloud]:
    """One server for all tests of this module."""
    with gcp_cloud() as cloud:
        yield cloud


@pytest.fixture
def cloud(server: GcpCloud, monkeypatch: pytest.MonkeyPatch) -> GcpCloud:
    """The server, empty but for one network, and where dcplan looks for it."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    server.reset()
    server.put_network("ours", "us-central1")
    server.put_cluster("prod", "us-central1")
    server.weather(early=True)
    return server


def placement() -> Placement:
    """Two replicas of a served model, jobs on a gang and on others, and machines that are reserved."""
    plain = gang_and_replicas(in_the_reservation("kept-0"), in_the_block("block-0"))
    return and_models(plain, ("code", "pods"), "train")


def opened(tmp_path: Path, **settings: Any) -> GcpProvider:
    """A provider with these settings."""
    made = provider({**bought_machines(), **settings}, tmp_path).unwrap()
    assert isinstance(made, GcpProvider)
    return made


def allowed_by(gcp: GcpProvider, use: Use) -> set[str]:
    """All that the roles for a use allow."""
    return {permission for one in gcp.permissions(use) for permission in permissions_in(one)}


@pytest.mark.parametrize(
    "settings",
    [{**STORED, **GROUPED}, {**STORED, **THEIRS, **GROUPED}],
    ids=["network-made", "network-adopted"],
)
def test_what_is_called_is_allowed_and_the_other_way_round(
    tmp_path: Path, cloud: GcpCloud, settings: dict[str, Any]
) -> None:
    """Each method of a whole life is in the roles, and each permission of them is one of such a method."""
    gcp = opened(tmp_path, **settings)
    resources = gcp.resources_for(placement()).unwrap()
    before = len(cloud.seen)
    live(gcp, resources, LINEAGE, UPDATES)
    seen = {method_of(one) for one in cloud.seen[before:]}
    allowed = allowed_by(gcp, Use(project="p", lineage=LINEAGE, deeds=deeds_of_life(resources)))
    used = {permission for method in seen for permission in permissions_of(method)}

    assert not_allowed(cloud.seen[before:], allowed) == []
    assert (
        allowed - used <= {permission for method in RARE for permission in permissions_of(method)} | BESIDES
    )


RARE = {
    "futureReservations.cancel",
    "futureReservations.delete",
    "container.projects.locations.clusters.nodePools.setSize",
    "instanceGroupManagers.resize",
    "instanceTemplates.get",
}
"""Methods of repairs, and of giving back what is not locked yet, which this life does not call."""
BESIDES = {"compute.resourcePolicies.use", "iam.serviceAccounts.actAs"}
"""Permissions that are checked within another call."""


def test_every_method_beside_the_table_is_in_it() -> None:
    """What is said of what methods need besides is said of methods that some kind calls."""
    named = {method for _, _, methods in CALLS for method in methods.split()}

    assert ALSO.keys() <= named
    assert AS_SOMEBODY.keys() <= named


def test_queued_resources_are_asked_for_as_nodes() -> None:
    """``roles/tpu.admin`` has no permission of queued resources: a role that names one is refused."""
    queued = "tpu.projects.locations.queuedResources"
    asked = {verb: permissions_of(f"{queued}.{verb}") for verb in ("create", "delete", "get", "list")}

    assert asked == {verb: {f"tpu.nodes.{verb}"} for verb in asked}


def test_a_plan_is_allowed_only_what_it_does(tmp_path: Path) -> None:
    """One machine in a network of theirs: no network may be made, and nothing be deleted."""
    gcp = opened(tmp_path, **THEIRS)
    alone = replace(placement(), machines=(machines("g2-standard-48", "one"),), workloads=())
    deeds = deeds_of_life(gcp.resources_for(alone).unwrap(), (Action.CREATE,))
    allowed = allowed_by(gcp, Use(project="p", lineage=LINEAGE, deeds=deeds))

    assert "compute.instances.create" in allowed
    assert not any("delete" in one or one.startswith("compute.networks.c") for one in allowed)
    assert "compute.backendServices.create" not in allowed


def test_bucket_key_and_service_account_have_roles_of_their_own(tmp_path: Path) -> None:
    """What can be granted on one thing alone is not in the role of the project."""
    gcp = opened(tmp_path, project="my-project", service_account="a@my-project.iam.gserviceaccount.com")
    key = KeyUse(
        settings={"key": "projects/k/locations/europe-west4/keyRings/r/cryptoKeys/state"}, wraps=True
    )
    deeds = deeds_of_life(gcp.resources_for(placement()).unwrap())
    told = gcp.permissions(
        Use(project="chat-1", lineage=LINEAGE, deeds=deeds, state={"bucket": "my-state"}, keys=(key,))
    )
    by_name = {one.name: one for one in told}

    assert list(by_name) == ["gcp", "gcp-machines", "gcp-state", "gcp-key"]
    assert permissions_in(by_name["gcp-machines"]) == {"iam.serviceAccounts.actAs"}
    assert "gs://my-state" in by_name["gcp-state"].steps[1]
    assert "keys add-iam-policy-binding state --keyring r" in by_name["gcp-key"].steps[1]
    others = ("storage.objects", "cloudkms.", "iam.")
    assert not any(one.startswith(others) for one in permissions_in(by_name["gcp"]))


def test_the_text_is_the_role(tmp_path: Path) -> None:
    """What gcloud reads says the same as the data."""
    import yaml  # noqa: PLC0415 - only here

    gcp = opened(tmp_path)
    (role,) = gcp.permissions(Use(project="p"))

    assert yaml.safe_load(role.text) == dict(role.content)
