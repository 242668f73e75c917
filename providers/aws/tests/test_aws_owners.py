"""Objects that change hands or names, of each kind, with all of their parts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import (
    REGION,
    RESERVED,
    block_for_sale,
    client,
    cluster,
    in_the_block,
    in_the_reservation,
    machine_groups,
    machines,
    with_groups,
)
from aws_project import SERVED, Team, aws_forks
from dcplan.provider import Placement, ReplicaSpec, WorkloadSpec
from dcplan.provider.contract_base import never, new_token
from dcplan.provider.errors import AlreadyGone, Ambiguous, Conflict
from dcplan.provider.permissions import Deed, Use
from dcplan.provider.protocol import HasOwners
from dcplan.provider.types import Request, request_of
from dcplan.resources import Action, Address, Resource
from dcplan_aws import AwsProvider, provider
from fork_server import ForkServer

KINDS = (
    *("network", "placement_group", "capacity_reservation", "capacity_block"),
    *("instance", "replica", "job", "endpoint", "auto_scaling_group", "node_group", "fleet"),
)


@pytest.fixture
def aws(cloud: AwsCloud) -> AwsProvider:
    """The provider on an account with a cluster, looking at two regions: nobody says where an object is."""
    cluster(cloud)
    settings = {
        "regions": ["us-west-2", REGION],
        "capacity_blocks": [block_for_sale()],
        "reservations": [RESERVED],
        "machine_groups": machine_groups(),
    }
    made = provider(settings, Path()).unwrap()
    assert isinstance(made, AwsProvider)
    assert isinstance(made, HasOwners)
    return made


def placement() -> Placement:
    """A replica, a job on a gang of one, and machines in what is kept."""
    replica = ReplicaSpec(name="chat-0", machines=("m-0",), devices=(0,), settings={})
    job = ReplicaSpec(name="tune", machines=("g-0",), devices=(0,), settings={})
    alone = Placement(
        project="example",
        machines=(
            machines("m-0", machine="g6e.xlarge"),
            machines("g-0", gang=True),
            in_the_block("block-0"),
            in_the_reservation("kept-0"),
        ),
        workloads=(
            WorkloadSpec(name="chat", kind="serve", replicas=(replica,)),
            WorkloadSpec(name="tune", kind="train", replicas=(job,)),
        ),
    )
    return with_groups(alone)


@pytest.fixture
def rows(aws: AwsProvider) -> dict[str, Resource]:
    """All of it, built for ``us``; the first of each kind."""
    built: dict[Address, Resource] = {}
    for resource in aws.resources_for(placement()).unwrap():
        needs = {str(need): built[need].outputs for need in resource.needs}
        token = f"create-{resource.address.kind}-{resource.address.name}"
        request = request_of(resource, Action.CREATE, token=token, lineage="us", needs=needs)
        outputs = aws.wait(request, aws.begin(request), never)
        built[resource.address] = replace(resource, outputs=outputs)
    first: dict[str, Resource] = {}
    for address, row in built.items():
        first.setdefault(address.kind, row)
    return first


def handed(row: Resource, lineage: str, name: str) -> Request:
    """That an object is somebody's, under a name; nothing is said of where it is, as in an import."""
    return Request(
        address=replace(row.address, name=name),
        action=Action.UPDATE,
        token="",
        lineage=lineage,
        object_id=str(row.outputs["id"]),
    )


def node_groups(cloud: AwsCloud) -> list[dict[str, Any]]:
    """Those of the one cluster."""
    eks = client(cloud, "eks")
    names = eks.list_nodegroups(clusterName="prod")["nodegroups"]
    return [eks.describe_nodegroup(clusterName="prod", nodegroupName=name)["nodegroup"] for name in names]


def carrying(cloud: AwsCloud, lineage: str) -> set[str]:
    """The kinds of what carries the tag of an owner, parts and all."""
    ec2, elb, ssm = (client(cloud, name) for name in ("ec2", "elbv2", "ssm"))
    wanted = {"Key": "dcplan-lineage", "Value": lineage}
    mine = [{"Name": "tag:dcplan-lineage", "Values": [lineage]}]
    shown: dict[str, list[Any]] = {
        "vpc": ec2.describe_vpcs(Filters=mine)["Vpcs"],
        "subnet": ec2.describe_subnets(Filters=mine)["Subnets"],
        "security-group": ec2.describe_security_groups(Filters=mine)["SecurityGroups"],
        "gateway": ec2.describe_internet_gateways(Filters=mine)["InternetGateways"],
        "group": ec2.describe_placement_groups(Filters=mine)["PlacementGroups"],
        "kept": ec2.describe_capacity_reservations(Filters=mine)["CapacityReservations"],
        "instance": ec2.describe_instances(Filters=mine)["Reservations"],
        "volume": ec2.describe_volumes(Filters=mine)["Volumes"],
        "interface": ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"],
    }
    arns = [one["LoadBalancerArn"] for one in elb.describe_load_balancers()["LoadBalancers"]]
    arns += [one["TargetGroupArn"] for one in elb.describe_target_groups()["TargetGroups"]]
    for told in elb.describe_tags(ResourceArns=arns)["TagDescriptions"] if arns else ():
        if wanted in told["Tags"]:
            shown["balancer" if ":loadbalancer/" in told["ResourceArn"] else "targets"] = [told]
    scaling = client(cloud, "autoscaling").describe_auto_scaling_groups(Filters=mine)
    shown |= {
        "template": ec2.describe_launch_templates(Filters=mine)["LaunchTemplates"],
        "scaled": scaling["AutoScalingGroups"],
        "flying": [one for one in ec2.describe_fleets()["Fleets"] if wanted in one["Tags"]],
        "nodes": [one for one in node_groups(cloud) if one["tags"].get("dcplan-lineage") == lineage],
    }
    for kind in ("replica", "job", "endpoint", "auto_scaling_group", "node_group", "fleet"):
        for one in ssm.get_parameters_by_path(Path=f"/dcplan/us/{kind}")["Parameters"]:
            tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=one["Name"])["TagList"]
            if wanted in tags:
                shown[f"{kind}-parameter"] = [one]
    return {name for name, found in shown.items() if found}


PARTS = {
    "network": {"vpc", "subnet", "security-group", "gateway"},
    "placement_group": {"group"},
    "capacity_reservation": {"kept"},
    "capacity_block": {"kept"},
    "instance": {"instance", "volume", "interface"},
    "replica": {"replica-parameter"},
    "job": {"job-parameter"},
    "endpoint": {"endpoint-parameter", "balancer", "targets", "security-group"},
    "fleet": {"fleet-parameter", "template", "flying", "instance", "volume", "interface"},
    "node_group": {"node_group-parameter", "template", "nodes", "instance", "volume", "interface"},
    "auto_scaling_group": {
        *("auto_scaling_group-parameter", "template", "scaled", "instance", "volume", "interface")
    },
}


def test_each_kind_changes_hands_with_its_parts(
    aws: AwsProvider, cloud: AwsCloud, rows: dict[str, Resource]
) -> None:
    """Another owner and name; done twice it stays so; without an owner it is nobody's, and still there."""
    assert set(rows) == set(KINDS)
    for kind in KINDS:
        row = rows[kind]
        taken = handed(row, "them", "theirs")
        for _ in range(2):
            aws.set_owner(taken)
        theirs = [(found.address.name, found.object_id, found.lineage) for found in aws.owned("them")]
        parts = carrying(cloud, "them")
        held = {found.object_id for found in aws.owned("us")}
        aws.set_owner(replace(taken, lineage=""))
        there = aws.refresh([row]).found[row.address]

        assert theirs == [("theirs", row.outputs["id"], "them")], kind
        assert parts == PARTS[kind], kind
        assert row.outputs["id"] not in held, kind
        assert aws.owned("them") == (), kind
        assert carrying(cloud, "them") == set(), kind
        assert there is not None, kind
        assert there.lineage is None, kind
        # Nobody's, it can be found by its id alone and taken back.
        (seen,) = aws.lookup(handed(row, "us", row.address.name))
        aws.set_owner(handed(row, "us", row.address.name))
        assert (seen.lineage, seen.object_id) == (None, row.outputs["id"]), kind
        assert row.outputs["id"] in {found.object_id for found in aws.owned("us")}, kind


def test_what_changed_hands_is_updated_and_deleted_by_its_new_owner(
    aws: AwsProvider, cloud: AwsCloud, rows: dict[str, Resource]
) -> None:
    """What runs stays in its place, and nothing of it is left behind."""
    row, instance = rows["job"], next(need for need in rows["job"].needs if need.kind == "instance")
    aws.set_owner(handed(row, "them", "theirs"))
    named = replace(row, address=replace(row.address, name="theirs"))
    outputs = aws.owned("us")
    needs = {str(instance): next(one.outputs for one in outputs if one.address == instance)}
    change = replace(named, attributes={**named.attributes, "settings": {"max_batch": 2}})
    update = request_of(change, Action.UPDATE, token=new_token(), lineage="them", needs=needs)
    aws.wait(update, aws.begin(update), never)
    (seen,) = aws.owned("them")
    delete = request_of(change, Action.DELETE, token=new_token(), lineage="them", needs=needs)
    aws.wait(delete, aws.begin(delete), never)
    left = client(cloud, "ssm").get_parameters_by_path(Path="/dcplan/them", Recursive=True)["Parameters"]

    assert seen.attributes["settings"] == {"max_batch": 2}
    assert aws.owned("them") == ()
    assert left == []


def test_an_owner_has_one_object_of_a_name(aws: AwsProvider, rows: dict[str, Resource]) -> None:
    """A second one is a conflict, one that does not exist is gone."""
    other = next(one for one in aws.owned("us") if one.address.name == "g-0")
    twin = replace(rows["instance"], outputs=dict(other.outputs))
    for kind, name in (("instance", "i-0a1b2c3d4e5f60718"), ("job", f"{REGION}:/dcplan/us/job/x")):
        with pytest.raises(AlreadyGone):
            aws.set_owner(handed(replace(rows[kind], outputs={"id": name}), "them", "c"))
    with pytest.raises(Conflict):
        aws.set_owner(handed(twin, "us", rows["instance"].address.name))


def test_what_was_stopped_on_the_way_is_told_as_not_known(
    aws: AwsProvider, cloud: AwsCloud, rows: dict[str, Resource]
) -> None:
    """A refusal after the first call leaves parts that have changed hands: all of it is put back then."""
    taken = handed(rows["instance"], "them", "theirs")
    cloud.fault(action="CreateTags", skip=1, code="UnauthorizedOperation", status=403)
    with pytest.raises(Ambiguous, match="Some parts"):
        aws.set_owner(taken)
    aws.set_owner(handed(rows["instance"], "us", rows["instance"].address.name))

    assert aws.owned("them") == ()
    assert carrying(cloud, "them") == set()


def test_what_changing_hands_calls_is_allowed(
    aws: AwsProvider, cloud: AwsCloud, rows: dict[str, Resource]
) -> None:
    """Forgetting and importing are in the policy, and in that of a plan without them they are not."""
    deeds = tuple(
        Deed(action=action, resource=row)
        for row in rows.values()
        for action in (Action.FORGET, Action.IMPORT)
    )
    (told,) = aws.permissions(Use(project="example", lineage="us", deeds=deeds))
    (plain,) = aws.permissions(Use(project="example", lineage="us"))
    before = len(cloud.calls())
    for row in rows.values():
        aws.set_owner(handed(row, "", row.address.name))
        aws.set_owner(handed(row, "us", row.address.name))
    called = {f"{call['service']}:{call['action']}" for call in cloud.calls()[before:]}

    assert sorted(call for call in called if f'"{call}"' not in told.text) == []
    assert "ec2:DeleteTags" not in plain.text


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """Runs commands in processes that have all imported."""
    with aws_forks() as server:
        yield server


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork")
def test_another_project_takes_everything_over(tmp_path: Path, forks: ForkServer, cloud: AwsCloud) -> None:
    """Imported into another state, nothing is made anew, and all of it goes with that one."""
    first, second = (Team(tmp_path / name, forks, cloud) for name in ("a", "b"))
    for team in (first, second):
        team.folder.mkdir()
        team.write(SERVED)
    first.done("apply", "-auto-approve")
    state = json.loads(first.done("state", "pull"))
    ids = {one["address"]: one["outputs"]["id"] for one in state["resources"]}
    second.done("init")
    rows = "".join(f"  - {{to: {address}, id: '{name}'}}\n" for address, name in ids.items())
    with (second.folder / "dcplan.yaml").open("a") as document:
        document.write(f"import:\n{rows}")
    said = second.done("apply", "-auto-approve")
    made = cloud.made()
    second.done("destroy", "-auto-approve")

    assert "belongs to another state" in said
    assert len(ids) == 4
    assert sum(made.values()) == 1
    assert second.left() == {}
