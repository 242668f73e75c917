"""Machines that can have no public address reach the internet by a NAT gateway, where the settings say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, client, machines
from dcplan.provider import Invalid, Placement, Provider
from dcplan.provider.contract_base import OURS, never, new_token
from dcplan.provider.types import request_of
from dcplan.resources import Action, Resource
from dcplan_aws import provider

EVERYWHERE = "0.0.0.0/0"


def opened(*, nat: bool = True) -> Provider:
    """A provider that makes its network."""
    return provider({"regions": [REGION], "nat": nat}, Path()).unwrap()


def resources(aws: Provider) -> tuple[Resource, ...]:
    """A network, the group of a gang, and its machine."""
    placement = Placement(project="p", machines=(machines("g-0", gang=True),), workloads=())
    return aws.resources_for(placement).unwrap()


def done(aws: Provider, resource: Resource, action: Action, needs: tuple[Resource, ...] = ()) -> Resource:
    """Carry out one change."""
    outputs = {str(need.address): need.outputs for need in needs}
    request = request_of(resource, action, token=new_token(), lineage=OURS, needs=outputs)
    return replace(resource, outputs=dict(aws.wait(request, aws.begin(request), never)))


def routes(cloud: AwsCloud, network: Resource) -> list[str]:
    """Where the network's machines go out."""
    mine = [{"Name": "vpc-id", "Values": [network.outputs["id"]]}]
    tables = client(cloud, "ec2").describe_route_tables(Filters=mine)["RouteTables"]
    out = [r for table in tables for r in table["Routes"] if r.get("DestinationCidrBlock") == EVERYWHERE]
    return [(one.get("NatGatewayId") or one.get("GatewayId", "none"))[:3] for one in out]


def gateways(cloud: AwsCloud) -> list[dict[str, Any]]:
    """The NAT gateways that live."""
    shown = client(cloud, "ec2").describe_nat_gateways()["NatGateways"]
    return [one for one in shown if one["State"] != "deleted"]


def test_a_gang_goes_out_by_a_gateway_of_the_whole_network(cloud: AwsCloud) -> None:
    """One for all zones, which has our tags; a machine alone has no public address then; all of it goes."""
    cloud.weather(pending_s=0.3, leaving_s=0.3)
    aws = opened()
    network, group, machine = resources(aws)
    network = done(aws, network, Action.CREATE)
    led = routes(cloud, network)
    group = done(aws, group, Action.CREATE)
    made = done(aws, machine, Action.CREATE, (network, group))
    alone = Placement(project="p", machines=(machines("m-0"),), workloads=())
    single = aws.resources_for(alone).unwrap()[-1]
    there = done(aws, single, Action.CREATE, (network,))
    ids = [str(made.outputs["id"]), str(there.outputs["id"])]
    shown = client(cloud, "ec2").describe_instances(InstanceIds=ids)["Reservations"]
    (gateway,) = gateways(cloud)
    again = aws.refresh([network]).found[network.address]
    for one, needs in ((there, (network,)), (made, (network, group)), (group, ()), (network, ())):
        done(aws, one, Action.DELETE, needs)
    ec2 = client(cloud, "ec2")

    assert led == ["nat"]
    assert gateway["AvailabilityMode"] == "regional"
    assert {"Key": "dcplan-lineage", "Value": OURS} in gateway["Tags"]
    assert not any(i.get("PublicIpAddress") for r in shown for i in r["Instances"])
    assert again is not None
    assert dict(again.attributes) == dict(network.attributes)
    assert gateways(cloud) == []
    assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
    assert ec2.describe_internet_gateways()["InternetGateways"] == []


def test_it_is_switched_on_and_off_where_the_network_stands(cloud: AwsCloud) -> None:
    """The route follows, and what is no more wanted goes."""
    network = done(opened(nat=False), resources(opened(nat=False))[0], Action.CREATE)
    before = routes(cloud, network)
    on = replace(resources(opened())[0], outputs=network.outputs)
    done(opened(), on, Action.UPDATE)
    during = routes(cloud, network), len(gateways(cloud))
    done(opened(nat=False), network, Action.UPDATE)

    assert before == ["igw"]
    assert during == (["nat"], 1)
    assert (routes(cloud, network), gateways(cloud)) == (["igw"], [])


def test_one_that_somebody_deleted_is_drift_and_is_made_again(cloud: AwsCloud) -> None:
    """The network is told as not whole; an update makes another and leads there."""
    aws = opened()
    network = done(aws, resources(aws)[0], Action.CREATE)
    (old,) = gateways(cloud)
    client(cloud, "ec2").delete_nat_gateway(NatGatewayId=old["NatGatewayId"])
    lost = aws.refresh([network]).found[network.address]
    done(aws, network, Action.UPDATE)
    (new,) = gateways(cloud)

    assert lost is not None
    assert lost.attributes["whole"] is False
    assert new["NatGatewayId"] != old["NatGatewayId"]
    assert routes(cloud, network) == ["nat"]


@pytest.mark.parametrize("action", ["CreateNatGateway", "CreateRoute", "CreateTags"])
def test_a_lost_answer_on_the_way_makes_no_second_one(cloud: AwsCloud, action: str) -> None:
    """Whichever call the wait died at, it goes on where it was."""
    aws = opened()
    network = resources(aws)[0]
    request = request_of(network, Action.CREATE, token=new_token(), lineage=OURS, needs={})
    ack = aws.begin(request)
    cloud.fault(action=action, mode="after")
    with pytest.raises(Exception, match="no clear answer"):
        aws.wait(request, ack, never)
    outputs = aws.wait(request, ack, never)

    assert len(gateways(cloud)) == 1
    assert routes(cloud, replace(network, outputs=outputs)) == ["nat"]


def test_one_that_aws_could_not_make_is_told_in_its_words(cloud: AwsCloud) -> None:
    """A refusal is told as such."""
    aws = opened()
    cloud.fault(action="CreateNatGateway", code="NatGatewayLimitExceeded", status=400)

    with pytest.raises(Exception, match="NatGatewayLimitExceeded") as problem:
        done(aws, resources(aws)[0], Action.CREATE)
    assert not isinstance(problem.value, Invalid)


def test_an_endpoint_for_everybody_needs_a_public_side() -> None:
    """Told at its line, with two ways out."""
    [told] = provider({"nat": True, "scheme": "internet-facing"}, Path()).diagnostics

    assert told.path == ("providers", "aws", "scheme")
    assert "Take `nat` out" in told.detail
