"""Objects that change hands or names, of each kind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.diag.log import start_log, stop_log
from dcplan.provider import Placement, ReplicaSpec, WorkloadSpec
from dcplan.provider.errors import AlreadyGone, Conflict, Denied
from dcplan.provider.protocol import HasOwners
from dcplan.provider.types import Request, request_of
from dcplan.resources import Action, Address, Resource
from dcplan_gcp import provider
from dcplan_gcp.naming import tag
from gcp_examples import machines
from placements import one_replica

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.provider.protocol import Provider
    from gcp_cloud import GcpCloud

KINDS = ("network", "instance", "replica", "endpoint", "bucket")

BUCKET = {"name": "checkpoints", "as": "bucket", "region": "us-central1"}


@pytest.fixture
def gcp(gcp_server: GcpCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The provider on an empty cloud; nothing broke its description."""
    for name, value in gcp_server.variables.items():
        monkeypatch.setenv(name, value)
    gcp_server.reset()
    yield provider({"storage": [BUCKET]}, Path()).unwrap()
    violations = gcp_server.violations
    assert not violations, violations


@pytest.fixture
def rows(gcp: Provider) -> dict[str, Resource]:
    """A replica with all it needs and its endpoint, built for ``us``; by kind."""
    built: dict[Address, Resource] = {}
    placement = one_replica("g2-standard-48", region="us-central1", zone="us-central1-a")
    for resource in gcp.resources_for(placement).unwrap():
        request = asked(resource, Action.CREATE, built)
        built[resource.address] = replace(
            resource, outputs=gcp.wait(request, gcp.begin(request), lambda: False)
        )
    return {address.kind: row for address, row in built.items()}


def asked(resource: Resource, action: Action, built: dict[Address, Any], token: str = "") -> Request:
    """A request of ``us`` about a resource."""
    needs = {str(need): built[need].outputs for need in resource.needs}
    return request_of(
        resource, action, token=token or f"{action} {resource.address}", lineage="us", needs=needs
    )


def handed(row: Resource, lineage: str, name: str) -> Request:
    """That an object is somebody's, under a name."""
    request = asked(replace(row, needs=()), Action.UPDATE, {})
    return replace(request, lineage=lineage, address=replace(row.address, name=name))


def owners(gcp: Provider) -> HasOwners:
    """The provider, as one that can change owners."""
    assert isinstance(gcp, HasOwners)
    return gcp


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_changes_hands(gcp: Provider, rows: dict[str, Resource], kind: str) -> None:
    """Another owner and name; done twice it stays so; without an owner it is nobody's, and still there."""
    row = rows[kind]
    taken = handed(row, "them", "theirs")
    for _ in range(2):
        owners(gcp).set_owner(taken)
    theirs = [(found.address.name, found.object_id) for found in gcp.owned("them")]
    ours = {found.address.kind for found in gcp.owned("us")}
    owners(gcp).set_owner(replace(taken, lineage=""))
    there = gcp.refresh([row]).found[row.address]

    assert theirs == [("theirs", row.outputs["id"])]
    assert ours == set(KINDS) - {kind}
    assert gcp.owned("them") == ()
    assert there is not None
    assert there.lineage is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_belongs_to_others_is_left_alone(gcp: Provider, rows: dict[str, Resource], kind: str) -> None:
    """Its former owner can no more delete it."""
    owners(gcp).set_owner(handed(rows[kind], "them", "theirs"))
    delete = asked(replace(rows[kind], needs=()), Action.DELETE, {})

    with pytest.raises(Denied):
        gcp.begin(delete)


def test_an_owner_has_one_object_of_a_name(gcp: Provider, rows: dict[str, Resource]) -> None:
    """A second one is a conflict, one that does not exist is gone."""
    machine = rows["instance"]
    twin = replace(machine, address=replace(machine.address, name="twin"))
    request = asked(twin, Action.CREATE, {row.address: row for row in rows.values()})
    made = replace(twin, outputs=gcp.wait(request, gcp.begin(request), lambda: False))
    path = str(machine.outputs["id"]).replace("instances/dcplan", "instances/other")

    with pytest.raises(Conflict):
        owners(gcp).set_owner(handed(made, "us", machine.address.name))
    with pytest.raises(AlreadyGone):
        owners(gcp).set_owner(handed(replace(machine, outputs={"id": path}), "us", "c"))


def test_a_replica_keeps_its_group_under_another_name(
    gcp: Provider, gcp_server: GcpCloud, rows: dict[str, Resource]
) -> None:
    """The endpoint goes on sending requests there, and the group goes with the replica."""
    row, built = rows["replica"], {row.address: row for row in rows.values()}
    named = replace(row, address=replace(row.address, name="renamed"))
    request = asked(named, Action.UPDATE, built)
    outputs = gcp.wait(request, gcp.begin(request), lambda: False)
    groups = set(gcp_server.things("networkEndpointGroups"))
    for gone in (rows["endpoint"], replace(named, outputs=outputs)):
        delete = asked(gone, Action.DELETE, {**built, named.address: named})
        gcp.wait(delete, gcp.begin(delete), lambda: False)

    assert groups == {row.outputs["group"]} == {outputs["group"]}
    assert gcp_server.things("networkEndpointGroups") == {}
    assert {found.address.kind for found in gcp.owned("us")} == {"network", "instance", "bucket"}


def test_the_log_tells_calls_by_verb_and_path(gcp: Provider, tmp_path: Path) -> None:
    """With status and time; no body, no token."""
    assert start_log({"DCPLAN_LOG": "json", "DCPLAN_LOG_PATH": str(tmp_path / "log")}) == ()
    try:
        gcp.owned("us")
    finally:
        stop_log()
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]

    assert {line["@module"] for line in told} == {"dcplan.gcp"}
    assert all(line["@message"].startswith(("GET projects/", "GET b")) for line in told)
    assert {line["status"] for line in told} == {200}


@pytest.fixture
def slices(gcp: Provider) -> list[Resource]:
    """Two hosts of a TPU slice with the job that runs on them, built for ``us``."""
    built: dict[Address, Resource] = {}
    group = machines("ct6e-standard-4t", "tpu-0", "tpu-1", gang=True)
    job = ReplicaSpec(name="tune", machines=("tpu-0", "tpu-1"), devices=(0, 1, 2, 3), settings={})
    work = (WorkloadSpec(name="tune", kind="train", replicas=(job,)),)
    for resource in gcp.resources_for(Placement(project="p", machines=(group,), workloads=work)).unwrap():
        request = asked(resource, Action.CREATE, built)
        outputs = gcp.wait(request, gcp.begin(request), lambda: False)
        built[resource.address] = replace(resource, outputs=outputs)
    return [row for address, row in built.items() if address.kind in {"instance", "job"}]


def test_hosts_of_a_slice_change_hands(gcp: Provider, gcp_server: GcpCloud, slices: list[Resource]) -> None:
    """Each by itself, with what runs there; nobody's are still there, and their label is gone."""
    for row in slices:
        owners(gcp).set_owner(handed(row, "them", f"their-{row.address.name}"))
    theirs = {found.address.name: found.object_id for found in gcp.owned("them")}
    ours = {found.address.kind for found in gcp.owned("us")}
    (label,) = (node["labels"]["dcplan-lineage"] for node in gcp_server.things("nodes").values())
    for row in slices:
        owners(gcp).set_owner(handed(row, "", row.address.name))
    there = gcp.refresh(slices).found
    (node,) = gcp_server.things("nodes").values()

    assert theirs == {f"their-{row.address.name}": row.outputs["id"] for row in slices}
    assert not ours & {"instance", "job"}
    assert label == tag("them")
    assert gcp.owned("them") == ()
    assert {found.lineage for found in there.values() if found is not None} == {None}
    assert None not in there.values()
    assert "dcplan-lineage" not in node["labels"]


def test_a_slice_with_hosts_of_others_is_not_deleted(
    gcp: Provider, gcp_server: GcpCloud, slices: list[Resource]
) -> None:
    """Hosts are lost together, so nobody may take those of others along; who has all of them may."""
    first, second = (row for row in slices if row.address.kind == "instance")
    owners(gcp).set_owner(handed(first, "them", first.address.name))
    mine = asked(replace(second, needs=()), Action.DELETE, {})
    with pytest.raises(Denied, match="belong to others"):
        gcp.begin(mine)
    owners(gcp).set_owner(handed(second, "them", second.address.name))
    with pytest.raises(Denied, match="does not belong to this state"):
        gcp.begin(mine)
    theirs = replace(mine, lineage="them", token="t")  # noqa: S106 - tells calls apart, no secret
    gcp.wait(theirs, gcp.begin(theirs), lambda: False)

    assert gcp_server.things("nodes") == {}
