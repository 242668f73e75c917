"""Auto-scaling groups: how they are asked for, that they are had whole or not at all, and what drift is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, adopted, client, machines
from aws_groups import Life, living, served
from dcplan.provider import (
    CapacityUnavailable,
    Placement,
    QuotaExceeded,
    ReplicaSpec,
)
from dcplan.provider.contract_base import OURS, new_token
from dcplan.provider.types import request_of
from dcplan.resources import Action, Resource
from dcplan_aws import provider

GROUP = {"workload": "chat", "as": "auto-scaling-group", "at_most": 5}


@pytest.fixture
def life(cloud: AwsCloud) -> Life:
    """In a VPC that is there."""
    settings = {
        "regions": [REGION],
        "networks": [adopted(cloud)],
        "machine_groups": [GROUP],
        "launcher": "/usr/local/bin/launch",
    }
    return Life(provider(settings, Path()).unwrap())


def both(life: Life, placement: Placement) -> tuple[Resource, Resource]:
    """The group of a placement, and its endpoint."""
    group, endpoint = life.aws.resources_for(placement).unwrap()
    return group, endpoint


def the_group(cloud: AwsCloud) -> Mapping[str, Any]:
    """The one auto-scaling group there is."""
    (shown,) = client(cloud, "autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return shown  # type: ignore[no-any-return] # botocore's


def test_a_group_starts_its_machines_as_lone_ones_are(life: Life, cloud: AwsCloud) -> None:
    """Encrypted disk, metadata by token, a launcher, and tags that name the owner and what runs."""
    group, _ = both(life, served())
    life.do(group)
    one, other = living(cloud)
    tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
    (name,) = [value for key, value in tags.items() if key.startswith("dcplan-runs-")]
    (told,) = client(cloud, "ssm").get_parameters(Names=[name])["Parameters"]
    data = client(cloud, "ec2").describe_launch_template_versions(
        LaunchTemplateId=the_group(cloud)["LaunchTemplate"]["LaunchTemplateId"]
    )["LaunchTemplateVersions"][0]["LaunchTemplateData"]

    assert one["InstanceType"] == other["InstanceType"] == "p4d.24xlarge"
    assert tags["dcplan-lineage"] == OURS
    assert "dcplan-address" not in tags
    assert '"each":[[0,1],[2,3]]' in told["Value"]
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    assert [found.address for found in life.aws.owned(OURS)] == [group.address]


def test_half_a_group_is_taken_away_before_that_is_told(life: Life, cloud: AwsCloud) -> None:
    """Of two machines one is had: none is left, nor a template, and the error says that there are no more."""
    group, _ = both(life, served())
    cloud.weather(stock={"*": 1})
    with pytest.raises(CapacityUnavailable, match="InsufficientInstanceCapacity"):
        life.do(group)

    assert living(cloud) == []
    assert client(cloud, "ec2").describe_launch_templates()["LaunchTemplates"] == []
    assert client(cloud, "ssm").get_parameters_by_path(Path="/dcplan", Recursive=True)["Parameters"] == []
    assert life.aws.owned(OURS) == ()


def test_a_quota_is_no_lack_of_machines(life: Life, cloud: AwsCloud) -> None:
    """What a failed launch says decides what the error is."""
    group, _ = both(life, served())
    cloud.weather(vcpus={"P": 100})
    with pytest.raises(QuotaExceeded):
        life.do(group)

    assert living(cloud) == []


def test_a_group_that_cannot_grow_stays_as_it_was(life: Life, cloud: AwsCloud) -> None:
    """Refused more machines it goes back to its size; when there are some, it grows, and shrinks again."""
    group, larger = both(life, served())[0], both(life, served(4))[0]
    life.do(group)
    cloud.weather(stock={"*": 1})
    with pytest.raises(CapacityUnavailable):
        life.do(larger, Action.UPDATE)
    refused = life.seen(group)
    cloud.weather(stock={})
    life.do(larger, Action.UPDATE)
    grown = life.seen(group)
    life.do(group, Action.UPDATE)
    shrunk = life.seen(group)

    assert refused == shrunk == (True, 2, ["m-0", "m-1"])
    assert grown == (True, 4, ["m-0", "m-1", "m-2", "m-3"])
    assert len(living(cloud)) == 2


def test_an_old_refusal_is_not_told_again(life: Life, cloud: AwsCloud) -> None:
    """What was sold out before the group was asked to grow says nothing of now."""
    group, larger = both(life, served())[0], both(life, served(4))[0]
    life.do(group)
    cloud.weather(stock={"*": 0})
    with pytest.raises(CapacityUnavailable):
        life.do(larger, Action.UPDATE)
    cloud.weather(stock={}, pending_s=1.0)
    life.do(larger, Action.UPDATE)

    assert life.seen(group)[:2] == (True, 4)


def test_only_floor_and_ceiling_are_drift(life: Life, cloud: AwsCloud) -> None:
    """Between them the number of machines is the cloud's; moved by hand, they differ, and are put back."""
    group, _ = both(life, served())
    life.do(group)
    scaling, name = client(cloud, "autoscaling"), the_group(cloud)["AutoScalingGroupName"]
    scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=4)
    grown = life.seen(group)
    scaling.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=3)
    moved = life.seen(group)
    life.do(group, Action.UPDATE)

    assert grown[:2] == (True, 2)
    assert moved[1] == 3
    assert (the_group(cloud)["MinSize"], the_group(cloud)["DesiredCapacity"]) == (2, 4)


def test_a_group_that_somebody_deleted_is_made_again(life: Life, cloud: AwsCloud) -> None:
    """Without its auto-scaling group it is of no size, and an update makes that anew."""
    group, _ = both(life, served())
    life.do(group)
    name = the_group(cloud)["AutoScalingGroupName"]
    client(cloud, "autoscaling").delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    lost = life.seen(group)
    life.do(group, Action.UPDATE)

    assert lost[:2] == (False, 0)
    assert life.seen(group)[:2] == (True, 2)


def test_an_endpoint_reaches_each_port_of_each_machine(life: Life, cloud: AwsCloud) -> None:
    """Two replicas on each machine are two target groups; machines that come later are targets as well."""
    group, endpoint = both(life, served())
    life.do(group)
    life.do(endpoint)
    scaling, name = client(cloud, "autoscaling"), the_group(cloud)["AutoScalingGroupName"]
    scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=3)

    assert targets(cloud) == {8000: 3, 8002: 3}


def test_a_group_made_anew_comes_to_its_endpoint(life: Life, cloud: AwsCloud) -> None:
    """An endpoint survives its group, and the next one of that name joins it."""
    group, endpoint = both(life, served())
    life.do(group)
    life.do(endpoint)
    life.do(group, Action.DELETE)
    life.do(group)
    life.do(endpoint, Action.DELETE)
    life.do(group, Action.DELETE)

    assert targets(cloud) == {}
    assert living(cloud) == []


def targets(cloud: AwsCloud) -> dict[int, int]:
    """How many instances are targets, by port."""
    elb = client(cloud, "elbv2")
    return {
        group["Port"]: len(
            elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
        )
        for group in elb.describe_target_groups()["TargetGroups"]
    }


def test_many_names_fit_into_a_record(life: Life, cloud: AwsCloud) -> None:
    """Three hundred machines with two replicas each are kept in one parameter."""
    settings = {
        "regions": [REGION],
        "networks": [adopted(cloud)],
        "machine_groups": [{**GROUP, "at_most": 400}],
    }
    aws = provider(settings, Path()).unwrap()
    group = next(r for r in aws.resources_for(served(300)).unwrap() if r.address.kind == "auto_scaling_group")
    request = request_of(group, Action.CREATE, token=new_token(), lineage=OURS, needs={})
    life.aws.begin(request)
    (found,) = life.aws.lookup(request)

    assert found.attributes["members"] == [f"m-{i}" for i in range(300)]
    assert not found.ready


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ([GROUP, GROUP], "group-twice"),
        ([{**GROUP, "as": "herd"}], "not-a-choice"),
        ([{**GROUP, "cluster": "prod"}], "group-not-of-nodes"),
    ],
)
def test_wrong_settings_are_told_at_their_place(wrong: list[dict[str, Any]], code: str) -> None:
    """Two groups of one workload, a kind that is none, and a cluster of what has none are errors."""
    said = provider({"machine_groups": wrong}, Path())

    assert said.value is None
    assert [one.code for one in said.diagnostics] == [code]
    assert all(one.path is not None and "machine_groups" in one.path for one in said.diagnostics)


def test_more_ports_than_a_listener_takes_are_refused(life: Life) -> None:
    """A load balancer forwards to five target groups; that is told when the plan is made."""
    tiny = served()
    replicas = tuple(
        ReplicaSpec(name=f"chat-{i}", machines=("m-0",), devices=(i,), settings={"choice": "chat/a"})
        for i in range(8)
    )
    chat = replace(tiny.workloads[0], replicas=replicas)
    said = life.aws.resources_for(replace(tiny, machines=(machines("m-0"),), workloads=(chat,)))

    assert said.value is None
    assert [one.code for one in said.diagnostics] == ["group-ports"]
