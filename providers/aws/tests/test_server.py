"""The AWS of ``tests/clouds``: what its layer puts right in moto, one test for each name that it replaces.

When a new moto breaks one of these, the layer has to follow.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from aws_cloud import AwsCloud
from aws_examples import REGION, ZONE, client


@pytest.fixture
def ec2(cloud: AwsCloud) -> Any:
    """EC2, asked without our provider."""
    return client(cloud, "ec2")


@pytest.fixture
def launch(ec2: Any) -> Mapping[str, Any]:
    """What RunInstances needs for a small machine in a network of its own."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20", AvailabilityZoneId=ZONE)["Subnet"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    nic = {"DeviceIndex": 0, "SubnetId": subnet["SubnetId"], "Groups": [group], "DeleteOnTermination": True}
    image = "resolve:ssm:/aws/service/deeplearning/ami/x86_64/any/latest/ami-id"
    return {
        "ImageId": image,
        "InstanceType": "g6e.xlarge",
        "MinCount": 1,
        "MaxCount": 1,
        "NetworkInterfaces": [nic],
    }


def code_of(problem: pytest.ExceptionInfo[ClientError]) -> str:
    """The error code of an answer."""
    return str(problem.value.response["Error"]["Code"])


def started(ec2: Any, launch: Mapping[str, Any], **more: object) -> list[str]:
    """Ids of new instances."""
    return [one["InstanceId"] for one in ec2.run_instances(**{**launch, **more})["Instances"]]


def state(ec2: Any, object_id: str) -> str:
    """Of an instance."""
    answer = ec2.describe_instances(InstanceIds=[object_id])
    return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])


def test_a_token_gives_the_same_instance_again(ec2: Any, launch: Mapping[str, Any]) -> None:
    """The same call again makes nothing; another call with the token is refused."""
    first, second = (started(ec2, launch, ClientToken="t") for _ in range(2))

    assert first == second
    with pytest.raises(ClientError) as problem:
        started(ec2, launch, ClientToken="t", InstanceType="g6e.2xlarge")
    assert code_of(problem) == "IdempotentParameterMismatch"


def test_as_many_start_as_were_asked_for_at_most(
    cloud: AwsCloud, ec2: Any, launch: Mapping[str, Any]
) -> None:
    """MaxCount where there are enough, fewer where there are not, none below MinCount."""
    all_of_them = len(started(ec2, launch, MaxCount=3))
    cloud.weather(stock={f"{ZONE}/g6e.xlarge": 2})
    some = len(started(ec2, launch, MaxCount=3))

    assert (all_of_them, some) == (3, 2)
    with pytest.raises(ClientError) as problem:
        started(ec2, launch)
    assert code_of(problem) == "InsufficientInstanceCapacity"
    assert problem.value.response["ResponseMetadata"]["HTTPStatusCode"] == http.client.INTERNAL_SERVER_ERROR


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"InterfaceType": "efa"}, "InvalidParameterCombination"),
        ({"NetworkCardIndex": 4}, "InvalidParameterValue"),
    ],
)
def test_interfaces_are_checked(
    ec2: Any, launch: Mapping[str, Any], change: dict[str, Any], code: str
) -> None:
    """EFA where there is none, a card that is not there."""
    nics = [{**launch["NetworkInterfaces"][0], **change}]

    with pytest.raises(ClientError) as problem:
        started(ec2, launch, NetworkInterfaces=nics)
    assert code_of(problem) == code


def test_interfaces_keep_kind_and_card(ec2: Any, launch: Mapping[str, Any]) -> None:
    """What was asked for is what is described, for interfaces of one device index on several cards, too."""
    nic = launch["NetworkInterfaces"][0]
    efa = [
        {**nic, "NetworkCardIndex": card, "DeviceIndex": int(card == 0), "InterfaceType": "efa-only"}
        for card in range(4)
    ]
    started(ec2, launch, InstanceType="p4d.24xlarge", NetworkInterfaces=[nic, *efa])
    answer = ec2.describe_instances()["Reservations"][0]["Instances"][0]["NetworkInterfaces"]
    seats = sorted(
        (
            one["Attachment"]["NetworkCardIndex"],
            one["Attachment"]["DeviceIndex"],
            one["InterfaceType"],
        )
        for one in answer
    )

    assert seats == [
        (0, 0, "interface"),
        (0, 1, "efa-only"),
        (1, 0, "efa-only"),
        (2, 0, "efa-only"),
        (3, 0, "efa-only"),
    ]


def test_placement_groups_are_names_that_machines_hold(ec2: Any, launch: Mapping[str, Any]) -> None:
    """Unknown and doubled names are refused, and so is the end of a group that machines are in."""
    ec2.create_placement_group(GroupName="g", Strategy="cluster")
    (machine,) = started(ec2, launch, Placement={"GroupName": "g"})
    wrong = {
        "InvalidPlacementGroup.Duplicate": lambda: ec2.create_placement_group(GroupName="g"),
        "InvalidPlacementGroup.Unknown": lambda: started(ec2, launch, Placement={"GroupName": "h"}),
        "InvalidPlacementGroup.InUse": lambda: ec2.delete_placement_group(GroupName="g"),
    }

    for code, call in wrong.items():
        with pytest.raises(ClientError) as problem:
            call()
        assert code_of(problem) == code
    ec2.terminate_instances(InstanceIds=[machine])
    ec2.delete_placement_group(GroupName="g")
    assert ec2.describe_placement_groups()["PlacementGroups"] == []


def test_placement_groups_have_tags(ec2: Any) -> None:
    """Given at first or later, found by a filter."""
    made = ec2.create_placement_group(
        GroupName="g",
        TagSpecifications=[{"ResourceType": "placement-group", "Tags": [{"Key": "a", "Value": "1"}]}],
    )
    ec2.create_tags(Resources=[made["PlacementGroup"]["GroupId"]], Tags=[{"Key": "b", "Value": "2"}])

    def count(tag: str, value: str) -> int:
        wanted = [{"Name": f"tag:{tag}", "Values": [value]}]
        return len(ec2.describe_placement_groups(Filters=wanted)["PlacementGroups"])

    assert (count("a", "1"), count("b", "2"), count("b", "3")) == (1, 1, 0)


def test_reservations_are_used_up(ec2: Any, launch: Mapping[str, Any]) -> None:
    """A machine takes a place, a second one finds none, and a cancelled one gives none."""
    made = ec2.create_capacity_reservation(
        InstanceType="g6e.xlarge", InstancePlatform="Linux/UNIX", AvailabilityZoneId=ZONE, InstanceCount=1
    )["CapacityReservation"]["CapacityReservationId"]
    target = {"CapacityReservationTarget": {"CapacityReservationId": made}}
    started(ec2, launch, CapacityReservationSpecification=target)

    with pytest.raises(ClientError) as problem:
        started(ec2, launch, CapacityReservationSpecification=target)
    assert code_of(problem) == "ReservationCapacityExceeded"
    ec2.cancel_capacity_reservation(CapacityReservationId=made)
    with pytest.raises(ClientError) as problem:
        started(ec2, launch, CapacityReservationSpecification=target)
    assert code_of(problem) == "InvalidCapacityReservationState"


def test_capacity_blocks_are_bought_once_and_paid_first(cloud: AwsCloud, ec2: Any) -> None:
    """An offering is gone once it is bought; the block is not active before it is paid."""
    cloud.weather(payment_s=0.5)
    offering = ec2.describe_capacity_block_offerings(
        InstanceType="p4d.24xlarge", InstanceCount=1, CapacityDurationHours=24
    )["CapacityBlockOfferings"][0]["CapacityBlockOfferingId"]
    buy = {"CapacityBlockOfferingId": offering, "InstancePlatform": "Linux/UNIX"}
    block = ec2.purchase_capacity_block(**buy)["CapacityReservation"]

    with pytest.raises(ClientError):
        ec2.purchase_capacity_block(**buy)
    assert block["State"] == "payment-pending"
    time.sleep(0.6)
    (now,) = ec2.describe_capacity_reservations()["CapacityReservations"]
    assert now["State"] == "active"


def test_quotas_count_vcpus(cloud: AwsCloud, ec2: Any, launch: Mapping[str, Any]) -> None:
    """Machines of a family together; what has ended counts no more."""
    cloud.weather(vcpus={"G": 4})
    (machine,) = started(ec2, launch)

    with pytest.raises(ClientError) as problem:
        started(ec2, launch)
    assert code_of(problem) == "VcpuLimitExceeded"
    ec2.terminate_instances(InstanceIds=[machine])
    assert len(started(ec2, launch)) == 1


def test_new_machines_are_pending_and_old_ones_leave(
    cloud: AwsCloud, ec2: Any, launch: Mapping[str, Any]
) -> None:
    """As in EC2, which takes a while for both."""
    cloud.weather(pending_s=0.5, leaving_s=0.5)
    (machine,) = started(ec2, launch)
    states = [state(ec2, machine)]
    time.sleep(0.6)
    states.append(state(ec2, machine))
    ec2.terminate_instances(InstanceIds=[machine])
    states.append(state(ec2, machine))
    time.sleep(0.6)
    states.append(state(ec2, machine))

    assert states == ["pending", "running", "shutting-down", "terminated"]


def test_what_is_new_is_not_seen_at_once(cloud: AwsCloud, ec2: Any, launch: Mapping[str, Any]) -> None:
    """Machines, networks and load balancers are missing from lists for a while."""
    subnet, elb = launch["NetworkInterfaces"][0]["SubnetId"], client(cloud, "elbv2")
    cloud.weather(invisible_s=0.5)
    (machine,) = started(ec2, launch)
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    elb.create_load_balancer(Name="b", Subnets=[subnet])

    def seen() -> tuple[bool, bool, bool]:
        reservations = ec2.describe_instances()["Reservations"]
        vpcs = {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]}
        return (bool(reservations), vpc in vpcs, bool(elb.describe_load_balancers()["LoadBalancers"]))

    assert seen() == (False, False, False)
    with pytest.raises(ClientError) as problem:
        state(ec2, machine)
    assert code_of(problem) == "InvalidInstanceID.NotFound"
    time.sleep(0.6)
    assert seen() == (True, True, True)


def test_a_network_that_is_used_stays(ec2: Any, launch: Mapping[str, Any]) -> None:
    """Neither subnet nor security group goes while a machine stands in it; a second end is no error."""
    (machine,), nic = started(ec2, launch), launch["NetworkInterfaces"][0]
    ends = [
        lambda: ec2.delete_security_group(GroupId=nic["Groups"][0]),
        lambda: ec2.delete_subnet(SubnetId=nic["SubnetId"]),
    ]
    for end in ends:
        with pytest.raises(ClientError) as problem:
            end()
        assert code_of(problem) == "DependencyViolation"
    for _ in range(2):
        answer = ec2.terminate_instances(InstanceIds=[machine])
    for end in ends:
        end()

    assert answer["TerminatingInstances"][0]["PreviousState"]["Name"] == "terminated"


def test_faults_strike_the_calls_that_they_name(cloud: AwsCloud, ec2: Any) -> None:
    """As often as ordered, after those that are let pass; a lost answer has acted, a lost call has not."""

    def vpcs() -> int:
        return len(ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"])

    cloud.fault(action="CreateVpc", skip=1, mode="drop")
    ec2.create_vpc(CidrBlock="10.1.0.0/16")
    with pytest.raises(HTTPClientError):
        ec2.create_vpc(CidrBlock="10.2.0.0/16")
    assert vpcs() == 1
    cloud.fault(action="CreateVpc", mode="after")
    with pytest.raises(HTTPClientError):
        ec2.create_vpc(CidrBlock="10.3.0.0/16")
    assert vpcs() == 2
    assert [call["region"] for call in cloud.calls("CreateVpc")] == [REGION] * 3
