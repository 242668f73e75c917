"""How machines are asked for: interfaces, ways to buy, groups, tags; and how few looks many of them cost."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import (
    REGION,
    ZONE,
    adopted,
    block_for_sale,
    client,
    gang_and_replicas,
    in_the_block,
    machines,
)
from dcplan.catalog import load_machines
from dcplan.provider import (
    CapacityUnavailable,
    Invalid,
    MachineGroup,
    NotReady,
    Placement,
    Provider,
    Request,
)
from dcplan.provider.contract_base import OURS, never, new_token
from dcplan.provider.types import request_of
from dcplan.resources import Action, Address, Resource
from dcplan_aws import provider
from dcplan_aws.interfaces import CARDS, interfaces


def opened(cloud: AwsCloud, **settings: object) -> Provider:
    """The provider in a VPC that is there."""
    return provider({"regions": [REGION], "networks": [adopted(cloud)], **settings}, Path()).unwrap()


def asked(aws: Provider, group: MachineGroup) -> Request:
    """To make the first machine of a group."""
    placement = Placement(project="example", machines=(group,), workloads=())
    resources = aws.resources_for(placement).unwrap()
    machine = next(resource for resource in resources if resource.address.kind == "instance")
    return request_of(machine, Action.CREATE, token=new_token(), lineage=OURS, needs={})


def shown(cloud: AwsCloud, object_id: str) -> Mapping[str, Any]:
    """The instance as EC2 describes it."""
    answer = client(cloud, "ec2").describe_instances(InstanceIds=[object_id])
    described: Mapping[str, Any] = answer["Reservations"][0]["Instances"][0]
    return described


def test_the_cards_are_those_that_ec2_tells() -> None:
    """Every type with EFA in EC2's own data has its cards here, if the catalogue has it; and no other."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES  # noqa: PLC0415 - slow

    told = {}
    for name in load_machines("aws"):
        network = INSTANCE_TYPES.get(name, {}).get("NetworkInfo", {})
        if network.get("EfaSupported") and name in CARDS:
            told[name] = (network["MaximumNetworkCards"], network["EfaInfo"]["MaximumEfaInterfaces"])
    gpus = {name for name, machine in load_machines("aws").items() if machine.interfaces}

    assert {name: (cards.count, cards.efa) for name, cards in CARDS.items() if name in told} == told
    assert gpus <= CARDS.keys()


SHAPES = {cards: machine for machine, cards in CARDS.items() if not cards.on}
"""A type for each set of cards that there is, among those that moto knows."""


@pytest.mark.parametrize("machine", sorted(SHAPES.values()))
def test_ec2_takes_all_interfaces_of_a_gang_machine(cloud: AwsCloud, machine: str) -> None:
    """A type with EFA starts with one ENA interface and all of its EFA ones."""
    from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS  # noqa: PLC0415 - slow

    sold = INSTANCE_TYPE_OFFERINGS["region"].items()
    ec2 = client(cloud, "ec2", next(r for r, types in sold if machine in {t["InstanceType"] for t in types}))
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    wanted = interfaces(machine, subnet, [group], gang=True)
    made = ec2.run_instances(
        ImageId=ec2.describe_images()["Images"][0]["ImageId"],
        InstanceType=machine,
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=wanted,
    )
    kinds = [nic["InterfaceType"] for nic in made["Instances"][0]["NetworkInterfaces"]]

    assert sorted(kinds) == ["efa-only"] * CARDS[machine].efa + ["interface"]


def test_a_machine_alone_has_one_interface() -> None:
    """EFA is for machines that work together."""
    assert len(interfaces("p5.48xlarge", "subnet-1", ["sg-1"], gang=False)) == 1


def test_a_machine_is_asked_for_safely(cloud: AwsCloud) -> None:
    """Metadata only with a token, an encrypted volume that goes with it, and tags on all parts."""
    aws = opened(cloud)
    request = asked(aws, machines("m-0"))
    ack = aws.begin(request)
    aws.wait(request, ack, never)
    there, ec2 = shown(cloud, ack.object_id), client(cloud, "ec2")
    volume = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [ack.object_id]}])
    parts = [there, *volume["Volumes"]]
    tags = [{tag["Key"]: tag["Value"] for tag in part.get("Tags", [])} for part in parts]

    assert there["MetadataOptions"]["HttpTokens"] == "required"
    assert (volume["Volumes"][0]["VolumeType"], volume["Volumes"][0]["Encrypted"]) == ("gp3", True)
    assert all(one["dcplan-lineage"] == OURS for one in tags)
    assert all(one["dcplan-address"] == "aws.instance.m-0" for one in tags)
    assert all(one["dcplan-token"] == request.token for one in tags)
    assert all(one["dcplan-project"] == "example" for one in tags)


def test_a_machine_boots_with_the_script_of_its_launcher(cloud: AwsCloud) -> None:
    """With a launcher it gets the script, without one nothing."""
    aws = opened(cloud, launcher="/opt/launch")
    ack = aws.begin(asked(aws, machines("m-0")))
    shown = client(cloud, "ec2").describe_instance_attribute(InstanceId=ack.object_id, Attribute="userData")
    script = base64.b64decode(shown["UserData"]["Value"]).decode()

    assert "launcher=/opt/launch" in script
    assert script.startswith("#!/bin/bash")


def test_spot_is_asked_for_as_spot(cloud: AwsCloud) -> None:
    """What was planned on the spot market is bought there."""
    aws = opened(cloud)
    ack = aws.begin(asked(aws, machines("m-0", purchase="spot", pool=f"{ZONE}/p4d.24xlarge/spot")))

    assert shown(cloud, ack.object_id)["InstanceLifecycle"] == "spot"


def test_a_machine_of_a_reservation_stands_in_it(cloud: AwsCloud) -> None:
    """A reservation with an id is used, and gives its place back."""
    ec2 = client(cloud, "ec2")
    kept = ec2.create_capacity_reservation(
        InstanceType="p4d.24xlarge",
        InstancePlatform="Linux/UNIX",
        AvailabilityZoneId=ZONE,
        InstanceCount=1,
        InstanceMatchCriteria="targeted",
    )["CapacityReservation"]["CapacityReservationId"]
    spec = {"name": "team", "machine": "p4d.24xlarge", "zone": ZONE, "machines": 1, "id": kept}
    aws = opened(cloud, reservations=[spec])
    cloud.weather(stock={"*": 0})
    pool = f"{ZONE}/p4d.24xlarge/reservation-team"
    request = asked(aws, machines("m-0", purchase="reservation", pool=pool))
    ack = aws.begin(request)
    (during,) = ec2.describe_capacity_reservations()["CapacityReservations"]
    gone = replace(request, action=Action.DELETE, token=new_token(), object_id=ack.object_id)
    aws.wait(gone, aws.begin(gone), never)
    (after,) = ec2.describe_capacity_reservations()["CapacityReservations"]

    assert shown(cloud, ack.object_id)["CapacityReservationId"] == kept
    assert (during["AvailableInstanceCount"], after["AvailableInstanceCount"]) == (0, 1)


def test_a_machine_of_a_capacity_block_names_it(cloud: AwsCloud) -> None:
    """The market is capacity-block and the reservation is the block's."""
    ec2 = client(cloud, "ec2")
    offering = ec2.describe_capacity_block_offerings(
        InstanceType="p4d.24xlarge", InstanceCount=1, CapacityDurationHours=24
    )["CapacityBlockOfferings"][0]["CapacityBlockOfferingId"]
    block = ec2.purchase_capacity_block(CapacityBlockOfferingId=offering, InstancePlatform="Linux/UNIX")
    name = block["CapacityReservation"]["CapacityReservationId"]
    spec = {
        "machine": "p4d.24xlarge",
        "zone": ZONE,
        "machines": 1,
        "start": "2026-12-01T11:30Z",
        "end": "2026-12-15T11:30Z",
        "price": "$1000",
        "id": name,
    }
    aws = opened(cloud, capacity_blocks=[spec])
    pool = f"{ZONE}/p4d.24xlarge/capacity-block"
    ack = aws.begin(asked(aws, machines("m-0", purchase="capacity-block", pool=pool)))
    there = shown(cloud, ack.object_id)

    assert (there["InstanceLifecycle"], there["CapacityReservationId"]) == ("capacity-block", name)


def test_a_capacity_block_without_an_id_is_told_before_anything_is_sent(cloud: AwsCloud) -> None:
    """It can be planned, with a warning, and not started."""
    aws = opened(cloud)
    group = machines("m-0", purchase="capacity-block", pool=f"{ZONE}/p4d.24xlarge/capacity-block")
    told = aws.resources_for(Placement(project="example", machines=(group,), workloads=())).diagnostics
    request = asked(aws, group)

    assert [problem.code for problem in told] == ["block-id"]
    with pytest.raises(Invalid, match="Give the block its `id`"):
        aws.begin(request)
    assert cloud.calls("RunInstances") == []


def test_a_zone_without_an_adopted_subnet_is_told(cloud: AwsCloud) -> None:
    """The network that is there does not reach everywhere."""
    aws = opened(cloud)

    with pytest.raises(Invalid, match="in the zone use1-az4; there are some in use1-az1, use1-az6"):
        aws.begin(asked(aws, machines("m-0", zone="use1-az4", pool="use1-az4/p4d.24xlarge")))


def test_machines_of_a_gang_share_a_placement_group() -> None:
    """One group for each gang, and none for machines that work alone."""
    resources = provider({}, Path()).unwrap().resources_for(gang_and_replicas()).unwrap()
    group = Address("aws", "placement_group", "train-0")
    inside = {r.address.name for r in resources if group in r.needs}

    assert inside == {"train-0", "train-1"}


def test_in_another_zone_only_the_machine_differs() -> None:
    """Networks and groups are the same in all zones of a region, so that failover can be planned."""
    aws = provider({}, Path()).unwrap()

    def others(zone: str) -> list[Resource]:
        group = machines("a", "b", gang=True, zone=zone, pool=f"{zone}/p4d.24xlarge")
        made = aws.resources_for(Placement(project="p", machines=(group,), workloads=())).unwrap()
        return [resource for resource in made if resource.address.kind != "instance"]

    assert others("use1-az1") == others("use1-az6")


def test_many_waits_cost_few_looks(cloud: AwsCloud) -> None:
    """Machines that are waited for at the same time are looked for together."""
    aws = opened(cloud)
    requests = [asked(aws, machines(f"m-{i}", machine="g6e.xlarge")) for i in range(64)]
    cloud.weather(latency_s=0.1)

    def make(request: Request) -> str:
        return str(aws.wait(request, aws.begin(request), never)["id"])

    with ThreadPoolExecutor(64) as pool:
        made = set(pool.map(make, requests))

    assert len(made) == 64
    assert len(cloud.calls("DescribeInstances")) <= 20


def test_a_thousand_machines_are_refreshed_by_few_looks(cloud: AwsCloud) -> None:
    """Ids are asked for together, up to what a filter takes."""
    aws = opened(cloud)
    resources = [
        Resource(
            address=Address("aws", "instance", f"m-{i}"),
            attributes={"region": REGION},
            outputs={"id": f"i-{i:017x}"},
        )
        for i in range(1000)
    ]
    refreshed = aws.refresh(resources)

    assert refreshed.calls == len(cloud.calls("DescribeInstances")) <= 20
    assert set(refreshed.found.values()) == {None}


def test_what_is_ours_is_found_in_every_region(cloud: AwsCloud) -> None:
    """All regions that may be planned in are looked at; others' objects are left alone."""
    regions = ["us-east-1", "us-west-2"]
    aws = provider({"regions": regions}, Path()).unwrap()
    placement = Placement(
        project="p", machines=(machines("m", region="us-west-2", zone="usw2-az1"),), workloads=()
    )
    network = aws.resources_for(placement).unwrap()[0]
    mine, theirs = (
        request_of(network, Action.CREATE, token=new_token(), lineage=lineage, needs={})
        for lineage in (OURS, "somebody-else")
    )
    ack = aws.begin(mine)
    aws.begin(theirs)

    assert [found.object_id for found in aws.owned(OURS)] == [ack.object_id]
    assert {call["region"] for call in cloud.calls("DescribeVpcs")} == set(regions)


def block_settings(cloud: AwsCloud, price: str) -> dict[str, object]:
    """In a VPC that is there."""
    return {"regions": [REGION], "networks": [adopted(cloud)], "capacity_blocks": [block_for_sale(price)]}


def block_and_machine(aws: Provider) -> tuple[Resource, Resource]:
    """What a placement in the block becomes."""
    placement = Placement(project="p", machines=(in_the_block("m-0"),), workloads=())
    block, machine = aws.resources_for(placement).unwrap()
    return block, machine


def test_a_block_is_bought_once_and_its_machine_stands_in_it(cloud: AwsCloud) -> None:
    """The plan names it, its purchase is not repeated, and deleting it lets go of what stays paid for."""
    aws = provider(block_settings(cloud, "$1000"), Path()).unwrap()
    block, machine = block_and_machine(aws)
    buy = request_of(block, Action.CREATE, token=new_token(), lineage=OURS, needs={})
    acks = {aws.begin(buy).object_id for _ in range(2)}
    outputs = aws.wait(buy, aws.begin(buy), never)
    needs = {str(block.address): outputs}
    make = request_of(machine, Action.CREATE, token=new_token(), lineage=OURS, needs=needs)
    made = shown(cloud, aws.begin(make).object_id)
    there = aws.refresh([replace(block, outputs=outputs)]).found[block.address]
    gone = request_of(
        replace(block, outputs=outputs), Action.DELETE, token=new_token(), lineage=OURS, needs={}
    )
    aws.wait(gone, aws.begin(gone), never)
    (kept,) = client(cloud, "ec2").describe_capacity_reservations()["CapacityReservations"]

    assert acks == {outputs["id"]} == {made["CapacityReservationId"]}
    assert there is not None
    assert dict(there.attributes) == dict(block.attributes)
    assert len(cloud.calls("PurchaseCapacityBlock")) == 1
    assert kept["State"] == "active"
    assert aws.lookup(gone) == ()


def test_a_block_that_costs_more_than_agreed_is_not_bought(cloud: AwsCloud) -> None:
    """Both figures are told."""
    aws = provider(block_settings(cloud, "$100"), Path()).unwrap()
    block, _ = block_and_machine(aws)

    with pytest.raises(CapacityUnavailable, match=r"costs \$755.14, and `price` allows \$100.00"):
        aws.begin(request_of(block, Action.CREATE, token=new_token(), lineage=OURS, needs={}))
    assert cloud.calls("PurchaseCapacityBlock") == []


def test_a_machine_waits_for_its_block_to_begin(cloud: AwsCloud) -> None:
    """A block that is paid for and has not begun takes no machines yet: that is for later, and no refusal."""
    cloud.weather(block_starts_in_s=900)
    aws = provider(block_settings(cloud, "$1000"), Path()).unwrap()
    block, machine = block_and_machine(aws)
    buy = request_of(block, Action.CREATE, token=new_token(), lineage=OURS, needs={})
    outputs = aws.wait(buy, aws.begin(buy), never)
    needs = {str(block.address): outputs}

    with pytest.raises(NotReady, match="scheduled"):
        aws.begin(request_of(machine, Action.CREATE, token=new_token(), lineage=OURS, needs=needs))
