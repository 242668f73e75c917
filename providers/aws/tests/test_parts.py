"""Objects with parts: networks and endpoints, made piece by piece and mended where a piece is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, client, machines
from dcplan.provider import Invalid, Placement, Provider, ReplicaSpec, WorkloadSpec
from dcplan.provider.contract_base import ContractBase, never
from dcplan.resources import Action, Address, Resource
from dcplan_aws import provider
from dcplan_aws.targets import shares


class Hands(ContractBase):
    """Builds a served model of two replicas and one endpoint."""

    def __init__(self, settings: dict[str, object] | None = None) -> None:
        """In an empty account."""
        self.settings = settings or {"regions": [REGION]}
        self.aws = self.make(Path())
        self.built_outputs = {}

    def make(self, folder: Path) -> Provider:
        """The provider with its settings."""
        return provider(self.settings, folder).unwrap()

    def placement(self) -> Placement:
        """A replica on each of two machines, one with twice the weight."""
        replicas = tuple(
            ReplicaSpec(name=f"chat-{i}", machines=(f"m-{i}",), devices=(i,), settings={}, weight=i + 1)
            for i in range(2)
        )
        served = WorkloadSpec(name="chat", kind="serve", replicas=replicas)
        group = machines("m-0", "m-1", machine="g6e.xlarge")
        return Placement(project="example", machines=(group,), workloads=(served,))

    def done(self, resource: Resource, action: Action) -> dict[str, Any]:
        """Carry out one change."""
        request = self.request(resource, action)
        return dict(self.aws.wait(request, self.aws.begin(request), never))


@pytest.fixture
def hands(cloud: AwsCloud) -> Hands:
    """Of somebody with an empty account."""
    return Hands()


def of_kind(built: list[Resource], kind: str) -> list[Resource]:
    """Those of one kind."""
    return [resource for resource in built if resource.address.kind == kind]


def forwards(cloud: AwsCloud) -> dict[int, list[str]]:
    """Weight of each target group of the one listener, and the addresses in it."""
    elb = client(cloud, "elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    shown = {}
    for group in listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]:
        health = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
        targets = [one["Target"] for one in health["TargetHealthDescriptions"]]
        shown[group["Weight"]] = sorted(f"{one['Id']}:{one['Port']}" for one in targets)
    return shown


def test_requests_go_by_weight(cloud: AwsCloud, hands: Hands) -> None:
    """Each weight has a target group, and a listener that gives it its share."""
    built = hands.build(hands.aws)
    where = [str(replica.outputs["address"]) for replica in of_kind(built, "replica")]

    assert forwards(cloud) == {1: [where[0]], 2: [where[1]]}
    assert [place.rpartition(":")[2] for place in where] == ["8000", "8001"]


def test_weights_that_become_equal_share_a_group(cloud: AwsCloud, hands: Hands) -> None:
    """The group that nothing goes to any more is deleted."""
    built = hands.build(hands.aws)
    (endpoint,) = of_kind(built, "endpoint")
    where = sorted(str(replica.outputs["address"]) for replica in of_kind(built, "replica"))
    equal = {**endpoint.attributes, "replicas": {"chat-0": 1, "chat-1": 1}}
    hands.done(replace(endpoint, attributes=equal), Action.UPDATE)

    assert forwards(cloud) == {2: where}
    assert len(client(cloud, "elbv2").describe_target_groups()["TargetGroups"]) == 1


def test_a_replica_that_is_made_anew_is_found_by_its_endpoint(cloud: AwsCloud, hands: Hands) -> None:
    """The endpoint is not touched then, so the replica registers itself."""
    built = hands.build(hands.aws)
    replica = of_kind(built, "replica")[0]
    hands.delete(hands.aws, replica)
    moved = replace(replica, attributes={**replica.attributes, "devices": [3]}, outputs={})
    outputs = hands.done(moved, Action.CREATE)

    assert str(outputs["address"]).endswith(":8003")
    assert outputs["address"] in forwards(cloud)[1]


def test_an_endpoint_that_lost_its_load_balancer_is_mended(cloud: AwsCloud, hands: Hands) -> None:
    """It is told as one that sends nobody anything, and an update makes it whole."""
    built = hands.build(hands.aws)
    (endpoint,) = of_kind(built, "endpoint")
    elb = client(cloud, "elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    lost = hands.aws.refresh([endpoint]).found[endpoint.address]
    hands.done(endpoint, Action.UPDATE)
    mended = hands.aws.refresh([endpoint]).found[endpoint.address]

    assert lost is not None
    assert (lost.ready, lost.attributes["replicas"]) == (False, {})
    assert mended is not None
    assert dict(mended.attributes) == dict(endpoint.attributes)
    assert set(forwards(cloud)) == {1, 2}


def test_a_network_that_lost_a_part_is_mended(cloud: AwsCloud, hands: Hands) -> None:
    """A security group that somebody deleted is drift, and the next update makes another one."""
    (network,) = hands.build(hands.aws, hands.resources(hands.aws)[:1])
    ec2 = client(cloud, "ec2")
    ec2.delete_security_group(GroupId=network.outputs["security_groups"][0])
    lost = hands.aws.refresh([network]).found[network.address]
    outputs = hands.done(network, Action.UPDATE)
    mended = hands.aws.refresh([replace(network, outputs=outputs)]).found[network.address]

    assert lost is not None
    assert dict(lost.attributes) != dict(network.attributes)
    assert mended is not None
    assert dict(mended.attributes) == dict(network.attributes)
    assert mended.outputs == outputs


def test_a_wait_that_was_cut_off_goes_on_where_it_was(cloud: AwsCloud, hands: Hands) -> None:
    """Parts that are there are not made again, whichever call the wait died at."""
    (network,) = hands.resources(hands.aws)[:1]
    request = hands.request(network)
    ack = hands.aws.begin(request)
    for action in ("CreateInternetGateway", "CreateSubnet", "CreateSecurityGroup"):
        cloud.fault(action=action, mode="after")
        with pytest.raises(Exception, match="no clear answer"):
            hands.aws.wait(request, ack, never)
    outputs = hands.aws.wait(request, ack, never)
    ec2 = client(cloud, "ec2")
    mine = [{"Name": "vpc-id", "Values": [ack.object_id]}]

    assert len(ec2.describe_subnets(Filters=mine)["Subnets"]) == len(outputs["subnets"])
    assert len(ec2.describe_security_groups(Filters=mine)["SecurityGroups"]) == 2  # One is every VPC's own.
    assert len(ec2.describe_internet_gateways()["InternetGateways"]) == 1


def test_machines_reach_each_other_both_ways(cloud: AwsCloud, hands: Hands) -> None:
    """EFA needs the group to let itself in and out."""
    (network,) = hands.build(hands.aws, hands.resources(hands.aws)[:1])
    name = network.outputs["security_groups"][0]
    (group,) = client(cloud, "ec2").describe_security_groups(GroupIds=[name])["SecurityGroups"]

    for rules in (group["IpPermissions"], group["IpPermissionsEgress"]):
        assert any(
            rule["IpProtocol"] == "-1" and {"GroupId": name}.items() <= pair.items()
            for rule in rules
            for pair in rule["UserIdGroupPairs"]
        )


def test_more_weights_than_a_listener_takes_are_told() -> None:
    """Before anything is sent; large weights are scaled to what a listener takes."""
    with pytest.raises(Invalid, match="takes 5"):
        shares({f"r-{i}": i for i in range(1, 8)})
    assert shares({"a": 5000, "b": 2500, "c": 2500}) == {5000: 999, 2500: 999}


def test_an_endpoint_over_regions_is_one_in_each() -> None:
    """A load balancer reaches no further than its region."""
    replicas = tuple(
        ReplicaSpec(name=f"chat-{i}", machines=(f"m-{i}",), devices=(0,), settings={}) for i in range(2)
    )
    far = machines("m-1", region="us-west-2", zone="usw2-az1", pool="usw2-az1/p4d.24xlarge")
    placement = Placement(
        project="p",
        machines=(machines("m-0"), far),
        workloads=(WorkloadSpec(name="chat", kind="serve", replicas=replicas),),
    )
    made = {r.address: r for r in provider({}, Path()).unwrap().resources_for(placement).unwrap()}
    east, west = (made[Address("aws", "endpoint", f"chat-{r}")] for r in (REGION, "us-west-2"))

    assert (east.attributes["replicas"], west.attributes["replicas"]) == ({"chat-0": 1}, {"chat-1": 1})
    assert Address("aws", "network", "us-west-2") in west.needs


def test_clients_reach_an_endpoint_and_nothing_else(cloud: AwsCloud, hands: Hands) -> None:
    """The VPC may ask on port 80; the machines' own group lets nobody else in."""
    built = hands.build(hands.aws)
    (network,) = of_kind(built, "network")
    ec2, elb = client(cloud, "ec2"), client(cloud, "elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    groups = {
        group["GroupId"]: group
        for group in ec2.describe_security_groups(GroupIds=balancer["SecurityGroups"])["SecurityGroups"]
    }
    inside = groups.pop(network.outputs["security_groups"][0])
    (front,) = groups.values()
    (rule,) = front["IpPermissions"]

    assert (rule["FromPort"], rule["ToPort"], rule["IpRanges"][0]["CidrIp"]) == (80, 80, "10.64.0.0/16")
    assert all(rule["IpRanges"] == [] for rule in inside["IpPermissions"])


def test_a_machine_alone_in_our_network_reaches_out(cloud: AwsCloud, hands: Hands) -> None:
    """It has a public address; nobody reaches in."""
    built = hands.build(hands.aws, hands.resources(hands.aws)[:2])
    name = of_kind(built, "instance")[0].outputs["id"]
    (reservation,) = client(cloud, "ec2").describe_instances(InstanceIds=[name])["Reservations"]

    assert reservation["Instances"][0].get("PublicIpAddress")
