"""Node groups of EKS: in a cluster that is there, gangs kept together, had whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import GROUPS, REGION, client, cluster, machines
from aws_groups import Life, living, served
from dcplan.provider import CapacityUnavailable, Invalid, Placement, ReplicaSpec, WorkloadSpec
from dcplan.provider.contract_base import OURS
from dcplan.resources import Action, Resource
from dcplan_aws import provider

NODES = {"workload": "chat", **GROUPS["nodes"]}


def life_with(**more: Any) -> Life:
    """A provider with one node group, and nothing made yet."""
    made = provider({"regions": [REGION], "machine_groups": [{**NODES, **more}]}, Path())
    return Life(made.unwrap())


@pytest.fixture
def life(cloud: AwsCloud) -> Life:
    """On an account with a cluster."""
    cluster(cloud)
    return life_with()


def group_of(life: Life, placement: Placement) -> Resource:
    """Its node group, which needs no network of dcplan's."""
    return next(r for r in life.aws.resources_for(placement).unwrap() if r.address.kind == "node_group")


def shown(cloud: AwsCloud) -> dict[str, Any]:
    """The one node group of the cluster."""
    eks = client(cloud, "eks")
    (name,) = eks.list_nodegroups(clusterName="prod")["nodegroups"]
    group: dict[str, Any] = eks.describe_nodegroup(clusterName="prod", nodegroupName=name)["nodegroup"]
    return group


def gang(purchase: str = "on-demand") -> Placement:
    """A training on two machines at once."""
    job = ReplicaSpec(name="chat", machines=("g-0", "g-1"), devices=tuple(range(8)), settings={"choice": "c"})
    group = machines("g-0", "g-1", gang=True, exclusive_to="chat", purchase=purchase)
    chat = WorkloadSpec(name="chat", kind="train", replicas=(job,))
    return Placement(project="example", machines=(group,), workloads=(chat,))


def test_nodes_are_labelled_for_their_workload(life: Life, cloud: AwsCloud) -> None:
    """Kubernetes finds them by a label and keeps others away; no network and no endpoint is dcplan's."""
    resources = life.aws.resources_for(served()).unwrap()
    life.do(group_of(life, served()))
    group = shown(cloud)

    assert [r.address.kind for r in resources] == ["node_group"]
    assert group["labels"] == {"dcplan-workload": "chat"}
    assert group["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
    assert (group["capacityType"], group["amiType"]) == ("ON_DEMAND", "AL2023_x86_64_NVIDIA")
    assert group["scalingConfig"] == {"minSize": 2, "maxSize": 2, "desiredSize": 2}
    assert len(living(cloud)) == 2


def test_a_gang_is_one_group_with_all_its_interfaces(life: Life, cloud: AwsCloud) -> None:
    """Its machines stand in a placement group, each with EFA, in a group of just their number."""
    resources = life.aws.resources_for(gang()).unwrap()
    for resource in resources:
        life.do(resource)
    one, _ = living(cloud)
    kinds = sorted(nic["InterfaceType"] for nic in one["NetworkInterfaces"])

    assert [r.address.kind for r in resources] == ["placement_group", "node_group"]
    assert kinds == ["efa-only"] * 4 + ["interface"]
    assert one["Placement"]["GroupName"].startswith("dcplan-")
    assert shown(cloud)["scalingConfig"] == {"minSize": 2, "maxSize": 2, "desiredSize": 2}


def test_spot_is_said_to_eks_and_not_in_the_template(life: Life, cloud: AwsCloud) -> None:
    """A node group takes spot machines by its capacity type alone."""
    spot = Placement(project="p", machines=(machines("m-0", purchase="spot"),), workloads=served(1).workloads)
    life.do(group_of(life, spot))
    (one,) = living(cloud)

    assert shown(cloud)["capacityType"] == "SPOT"
    assert one["InstanceLifecycle"] == "spot"


def test_sold_out_nodes_leave_nothing_behind(life: Life, cloud: AwsCloud) -> None:
    """Of a gang one machine is had: the group goes with it, and the error says that there are no more."""
    resources = life.aws.resources_for(gang()).unwrap()
    life.do(resources[0])
    cloud.weather(stock={"*": 1})
    with pytest.raises(CapacityUnavailable):
        life.do(resources[1])

    assert living(cloud) == []
    assert client(cloud, "eks").list_nodegroups(clusterName="prod")["nodegroups"] == []
    assert client(cloud, "ec2").describe_launch_templates()["LaunchTemplates"] == []


def test_nodes_that_do_not_come_leave_the_group_as_it_was(life: Life, cloud: AwsCloud) -> None:
    """Refused more machines it goes back to its size, and grows once there are some."""
    group, larger = group_of(life, served()), group_of(life, served(3))
    life.do(group)
    cloud.weather(stock={"*": 0})
    with pytest.raises(CapacityUnavailable):
        life.do(larger, Action.UPDATE)
    refused = life.seen(group)
    cloud.weather(stock={})
    life.do(larger, Action.UPDATE)

    assert refused == (True, 2, ["m-0", "m-1"])
    assert life.seen(group)[:2] == (True, 3)


@pytest.mark.parametrize(
    ("more", "said"),
    [({"cluster": "prodd"}, "There is no EKS cluster prodd in us-east-1"), ({}, "in the zone use1-az6")],
)
def test_a_cluster_that_does_not_fit_is_told_before_anything_is_made(
    cloud: AwsCloud, more: dict[str, Any], said: str
) -> None:
    """No cluster of that name in the region, or no subnet of it in the zone: refused, with the way out."""
    cluster(cloud, zones=("use1-az1", "use1-az2"))
    life = life_with(**more)
    with pytest.raises(Invalid, match=said):
        life.do(group_of(life, served()))

    assert life.aws.owned(OURS) == ()


@pytest.mark.parametrize(
    ("group", "code"),
    [
        ({"workload": "chat", "as": "node-group", "cluster": "prod"}, "node-group-incomplete"),
        ({**NODES, "role": "nodes"}, "bad-name"),
    ],
)
def test_a_node_group_names_its_cluster_and_its_role(group: dict[str, Any], code: str) -> None:
    """Without a role, or with one that is no ARN, there is an error at its place."""
    said = provider({"machine_groups": [group]}, Path())

    assert said.value is None
    assert [one.code for one in said.diagnostics] == [code]
