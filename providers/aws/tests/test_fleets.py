"""EC2 fleets that keep their number of machines: made once, changed in place, had whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, adopted, client, machines
from aws_groups import Life, living, served
from dcplan.provider import CapacityUnavailable, Invalid
from dcplan.provider.contract_base import OURS
from dcplan.resources import Action, Resource
from dcplan_aws import provider

FLEET = {"workload": "chat", "as": "fleet"}


@pytest.fixture
def life(cloud: AwsCloud) -> Life:
    """In a VPC that is there."""
    settings = {"regions": [REGION], "networks": [adopted(cloud)], "machine_groups": [FLEET]}
    return Life(provider(settings, Path()).unwrap())


def fleet_of(life: Life, count: int = 2, **other: Any) -> Resource:
    """A fleet of so many machines."""
    names = tuple(f"m-{m}" for m in range(count))
    placement = replace(served(count), machines=(machines(*names, **other),))
    (fleet,) = life.aws.resources_for(placement).unwrap()
    return fleet


def test_a_fleet_keeps_its_number(life: Life, cloud: AwsCloud) -> None:
    """One that ends is replaced, and no endpoint belongs to it."""
    fleet = fleet_of(life)
    life.do(fleet)
    first = living(cloud)
    client(cloud, "ec2").terminate_instances(InstanceIds=[first[0]["InstanceId"]])
    seen = life.seen(fleet)
    (shown,) = client(cloud, "ec2").describe_fleets()["Fleets"]

    assert (shown["Type"], shown["ReplaceUnhealthyInstances"]) == ("maintain", True)
    assert seen == (True, 2, ["m-0", "m-1"])
    assert len(living(cloud)) == 2


def test_a_spot_fleet_says_itself_that_it_is_one(life: Life, cloud: AwsCloud) -> None:
    """The template of a fleet must not say how machines are bought."""
    life.do(fleet_of(life, purchase="spot"))

    assert [one["InstanceLifecycle"] for one in living(cloud)] == ["spot", "spot"]


def test_half_a_fleet_is_taken_away(life: Life, cloud: AwsCloud) -> None:
    """Of two machines one is had: no fleet is left, nor a template, and the error says why."""
    fleet = fleet_of(life)
    cloud.weather(stock={"*": 1})
    with pytest.raises(CapacityUnavailable, match="InsufficientInstanceCapacity"):
        life.do(fleet)

    assert living(cloud) == []
    assert life.aws.owned(OURS) == ()
    assert client(cloud, "ec2").describe_launch_templates()["LaunchTemplates"] == []


def test_a_fleet_grows_or_stays_as_it_was(life: Life, cloud: AwsCloud) -> None:
    """An old refusal is not told again once there are machines."""
    fleet, larger = fleet_of(life), fleet_of(life, 4)
    life.do(fleet)
    cloud.weather(stock={"*": 1})
    with pytest.raises(CapacityUnavailable):
        life.do(larger, Action.UPDATE)
    refused = life.seen(fleet)
    cloud.weather(stock={}, pending_s=1.0)
    life.do(larger, Action.UPDATE)

    assert refused[:2] == (True, 2)
    assert life.seen(fleet)[:2] == (True, 4)


def test_a_fleet_that_somebody_deleted_is_made_again(life: Life, cloud: AwsCloud) -> None:
    """The token of a fleet that is no more is used up; the next one gets another."""
    fleet = fleet_of(life)
    life.do(fleet)
    (shown,) = client(cloud, "ec2").describe_fleets()["Fleets"]
    client(cloud, "ec2").delete_fleets(FleetIds=[shown["FleetId"]], TerminateInstances=True)
    lost = life.seen(fleet)
    life.do(fleet, Action.UPDATE)

    assert lost[:2] == (False, 0)
    assert life.seen(fleet)[:2] == (True, 2)
    assert len(living(cloud)) == 2


def test_a_fleet_takes_no_capacity_block(life: Life) -> None:
    """It is refused before anything is made, with the kinds that can."""
    fleet = fleet_of(life, purchase="capacity-block", pool="use1-az6/p4d.24xlarge/capacity-block")
    with pytest.raises(Invalid, match="auto-scaling-group"):
        life.do(fleet)

    assert life.aws.owned(OURS) == ()


def test_a_ceiling_means_nothing_to_a_fleet() -> None:
    """Nothing changes its size but dcplan, so at_most is an error."""
    said = provider({"machine_groups": [{**FLEET, "at_most": 4}]}, Path())

    assert [one.code for one in said.diagnostics] == ["fleet-at-most"]
