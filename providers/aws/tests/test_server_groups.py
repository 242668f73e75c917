"""What the layer over moto adds for groups of machines: each replaced operation does as AWS does."""

from __future__ import annotations

import time
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import ZONE, adopted, client, cluster


@pytest.fixture
def data(cloud: AwsCloud) -> dict[str, Any]:
    """A launch template, and the subnet of its machines."""
    vpc = adopted(cloud)
    return {"subnet": vpc["subnets"][0], "groups": vpc["security_groups"], "template": template(cloud, vpc)}


def template(cloud: AwsCloud, vpc: dict[str, Any], **other: Any) -> str:
    """Its id."""
    ec2 = client(cloud, "ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    nic = {"DeviceIndex": 0, "NetworkCardIndex": 0, "Groups": vpc["security_groups"]}
    made = ec2.create_launch_template(
        LaunchTemplateName=f"t-{len(ec2.describe_launch_templates()['LaunchTemplates'])}",
        LaunchTemplateData={
            "ImageId": image,
            "InstanceType": "p4d.24xlarge",
            "NetworkInterfaces": [nic],
            **other,
        },
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def scaled(cloud: AwsCloud, data: dict[str, Any], size: int = 2, **other: Any) -> Any:
    """The client of Auto Scaling, with a group ``g``."""
    scaling = client(cloud, "autoscaling")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="g",
        LaunchTemplate={"LaunchTemplateId": data["template"], "Version": "1"},
        MinSize=size,
        MaxSize=4,
        VPCZoneIdentifier=data["subnet"],
        **other,
    )
    return scaling


def refused(call: Any) -> str:
    """The code of an error."""
    with pytest.raises(Exception) as problem:  # noqa: PT011 - of botocore's own making, by client
        call()
    return str(problem.value.response["Error"]["Code"])  # type: ignore[attr-defined] # as above


def the(scaling: Any) -> Any:
    """The group ``g``."""
    (group,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    return group


def test_a_group_launches_by_its_template_and_tries_on(cloud: AwsCloud, data: dict[str, Any]) -> None:
    """One of two is in stock: the other is a failed activity, until there is one."""
    cloud.weather(stock={f"{ZONE}/p4d.24xlarge": 1})
    scaling = scaled(cloud, data)
    first = len(the(scaling)["Instances"])
    activities = scaling.describe_scaling_activities(AutoScalingGroupName="g")["Activities"]
    cloud.weather(stock={})

    assert first == 1
    assert activities[0]["StatusCode"] == "Failed"
    assert "InsufficientInstanceCapacity" in activities[0]["StatusMessage"]
    assert [one["LifecycleState"] for one in the(scaling)["Instances"]] == ["InService", "InService"]


def test_a_group_cannot_be_made_or_sized_as_it_must_not(cloud: AwsCloud, data: dict[str, Any]) -> None:
    """A name that is taken, a number outside its bounds, and a delete with machines are refused."""
    scaling = scaled(cloud, data)

    assert refused(lambda: scaled(cloud, data)) == "AlreadyExists"
    assert (
        refused(
            lambda: scaling.update_auto_scaling_group(AutoScalingGroupName="g", MinSize=3, DesiredCapacity=2)
        )
        == "ValidationError"
    )
    assert refused(lambda: scaling.delete_auto_scaling_group(AutoScalingGroupName="g")) == "ResourceInUse"


def test_a_deleted_group_is_there_until_its_machines_are_gone(cloud: AwsCloud, data: dict[str, Any]) -> None:
    """It says so meanwhile."""
    cloud.weather(leaving_s=0.3)
    scaling = scaled(cloud, data)
    scaling.delete_auto_scaling_group(AutoScalingGroupName="g", ForceDelete=True)
    status = the(scaling)["Status"]
    cloud.weather(leaving_s=0)
    until_s = time.monotonic() + 20
    while scaling.describe_auto_scaling_groups()["AutoScalingGroups"] and time.monotonic() < until_s:
        time.sleep(0.1)

    assert status == "Delete in progress"
    assert scaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_targets_of_a_group_are_instances(cloud: AwsCloud, data: dict[str, Any]) -> None:
    """A target group of addresses is refused."""
    scaling, elb = scaled(cloud, data), client(cloud, "elbv2")
    vpc = client(cloud, "ec2").describe_subnets(SubnetIds=[data["subnet"]])["Subnets"][0]["VpcId"]
    arns = {
        kind: elb.create_target_group(Name=kind, Protocol="HTTP", Port=80, VpcId=vpc, TargetType=kind)[
            "TargetGroups"
        ][0]["TargetGroupArn"]
        for kind in ("ip", "instance")
    }
    join = scaling.attach_load_balancer_target_groups
    code = refused(lambda: join(AutoScalingGroupName="g", TargetGroupARNs=[arns["ip"]]))
    join(AutoScalingGroupName="g", TargetGroupARNs=[arns["instance"]])
    there = elb.describe_target_health(TargetGroupArn=arns["instance"])["TargetHealthDescriptions"]

    assert code == "ValidationError"
    assert len(there) == 2


def fleet(cloud: AwsCloud, template_id: str, **other: Any) -> Any:
    """A fleet of two."""
    return client(cloud, "ec2").create_fleet(
        ClientToken="once",
        Type="maintain",
        LaunchTemplateConfigs=[
            {"LaunchTemplateSpecification": {"LaunchTemplateId": template_id, "Version": "1"}}
        ],
        TargetCapacitySpecification={"TotalTargetCapacity": 2, "DefaultTargetCapacityType": "on-demand"},
        **other,
    )["FleetId"]


def test_a_fleet_is_made_once_and_changed(cloud: AwsCloud) -> None:
    """The same token gives the same fleet; another number is had or told of in its history."""
    vpc, ec2 = adopted(cloud), client(cloud, "ec2")
    nic = {"DeviceIndex": 0, "SubnetId": vpc["subnets"][0], "Groups": vpc["security_groups"]}
    made = template(cloud, vpc, NetworkInterfaces=[nic])
    name, again = fleet(cloud, made), fleet(cloud, made)
    cloud.weather(stock={"*": 0})
    ec2.modify_fleet(FleetId=name, TargetCapacitySpecification={"TotalTargetCapacity": 3})
    (shown,) = ec2.describe_fleets(FleetIds=[name])["Fleets"]
    history = ec2.describe_fleet_history(FleetId=name, StartTime=shown["CreateTime"], EventType="error")[
        "HistoryRecords"
    ]
    ec2.delete_fleets(FleetIds=[name], TerminateInstances=True)
    (after,) = ec2.describe_fleets()["Fleets"]

    assert name == again
    assert (shown["FulfilledCapacity"], shown["ActivityStatus"]) == (2.0, "error")
    assert "InsufficientInstanceCapacity" in history[0]["EventInformation"]["EventDescription"]
    assert after["FleetState"] == "deleted"


def test_templates_of_fleets_do_not_say_how_machines_are_bought(cloud: AwsCloud) -> None:
    """The fleet does."""
    spot = template(cloud, adopted(cloud), InstanceMarketOptions={"MarketType": "spot"})

    assert refused(lambda: fleet(cloud, spot)) == "InvalidParameterCombination"


def nodes(cloud: AwsCloud, template_id: str, subnets: list[str], **other: Any) -> Any:
    """A node group ``n`` of two."""
    return client(cloud, "eks").create_nodegroup(
        clusterName="prod",
        nodegroupName="n",
        nodeRole="arn:aws:iam::123456789012:role/n",
        subnets=subnets,
        scalingConfig={"minSize": 2, "maxSize": 2, "desiredSize": 2},
        launchTemplate={"id": template_id, "version": "1"},
        **other,
    )["nodegroup"]


def test_nodes_are_not_there_before_their_machines(cloud: AwsCloud) -> None:
    """Sold out, the group cannot be made, and its health says why; the token gives the same group."""
    cluster(cloud)
    eks = client(cloud, "eks")
    own = eks.describe_cluster(name="prod")["cluster"]["resourcesVpcConfig"]
    made = client(cloud, "ec2").create_launch_template(
        LaunchTemplateName="n", LaunchTemplateData={"InstanceType": "p4d.24xlarge"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    cloud.weather(stock={"*": 1})
    first = nodes(cloud, made, own["subnetIds"][:1], clientRequestToken="a")
    second = nodes(cloud, made, own["subnetIds"][:1], clientRequestToken="a")
    shown = eks.describe_nodegroup(clusterName="prod", nodegroupName="n")["nodegroup"]
    cloud.weather(stock={})
    there = eks.describe_nodegroup(clusterName="prod", nodegroupName="n")["nodegroup"]
    eks.tag_resource(resourceArn=there["nodegroupArn"], tags={"a": "b", "c": "d"})
    eks.untag_resource(resourceArn=there["nodegroupArn"], tagKeys=["a"])
    tags = eks.describe_nodegroup(clusterName="prod", nodegroupName="n")["nodegroup"]["tags"]
    eks.delete_nodegroup(clusterName="prod", nodegroupName="n")
    gone = refused(lambda: eks.describe_nodegroup(clusterName="prod", nodegroupName="n"))

    assert own["vpcId"].startswith("vpc-")
    assert first["nodegroupArn"] == second["nodegroupArn"]
    assert shown["status"] == "CREATE_FAILED"
    assert shown["health"]["issues"][0]["code"] == "AsgInstanceLaunchFailures"
    assert there["status"] == "ACTIVE"
    assert tags == {"c": "d"}
    assert gone == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "wrong",
    [
        {"IamInstanceProfile": {"Name": "p"}},
        {"InstanceInitiatedShutdownBehavior": "terminate"},
        {"InstanceMarketOptions": {"MarketType": "spot"}},
    ],
)
def test_templates_of_nodes_leave_to_eks_what_is_its_own(cloud: AwsCloud, wrong: dict[str, Any]) -> None:
    """Role, shutdown and spot are refused there."""
    cluster(cloud)
    own = client(cloud, "eks").describe_cluster(name="prod")["cluster"]["resourcesVpcConfig"]
    made = client(cloud, "ec2").create_launch_template(
        LaunchTemplateName="n", LaunchTemplateData={"InstanceType": "p4d.24xlarge", **wrong}
    )["LaunchTemplate"]["LaunchTemplateId"]

    assert refused(lambda: nodes(cloud, made, own["subnetIds"][:1])) == "InvalidRequestException"
