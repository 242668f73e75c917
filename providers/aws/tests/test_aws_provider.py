"""The AWS provider: plans from the catalogue, refuses to act."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dcplan.catalog import check_known
from dcplan.provider.errors import Invalid
from dcplan.provider.protocol import Provider
from dcplan.provider.types import (
    Ack,
    MachineGroup,
    OfferingQuery,
    Placement,
    ReplicaSpec,
    Request,
    WorkloadSpec,
)
from dcplan.resources import Action, Address, Resource
from dcplan_aws import provider

if TYPE_CHECKING:
    from collections.abc import Callable

EVERYTHING = OfferingQuery()
ADDRESS = Address("aws", "instance", "p5-0")
REQUEST = Request(address=ADDRESS, action=Action.CREATE, token="t", lineage="l")  # noqa: S106 - no secret

PLACEMENT = Placement(
    project="test",
    machines=(
        MachineGroup(
            pool="use1-az2/p5.48xlarge",
            machine="p5.48xlarge",
            region="us-east-1",
            zone="use1-az2",
            block=None,
            purchase="on-demand",
            names=("p5-0",),
        ),
    ),
    workloads=(
        WorkloadSpec(
            name="chat",
            kind="serve",
            replicas=(
                ReplicaSpec(name="chat-0", machines=("p5-0",), devices=(0, 1), settings={"tensor": 2}),
            ),
        ),
    ),
)


def opened(**settings: object) -> Provider:
    """The provider with these settings, which must be right."""
    return provider(settings, Path()).unwrap()


def test_it_is_a_provider_that_lacks_apply() -> None:
    """It fulfils the protocol and says at once what it cannot do."""
    aws = opened()

    assert isinstance(aws, Provider)
    assert aws.info.name == "aws"
    assert "apply" in aws.info.lacks


def test_machines_and_offerings_fit_together() -> None:
    """Everything offered is described, with accelerators that the catalogue knows."""
    aws = opened()

    assert check_known(aws.machines().unwrap(), aws.offerings(EVERYTHING).unwrap()) == ()


def test_settings_limit_the_regions() -> None:
    """Only the regions of the settings are planned in."""
    offerings = opened(regions=["us-west-2"]).offerings(EVERYTHING).unwrap()

    assert {o.region for o in offerings} == {"us-west-2"}


def test_query_limits_regions_and_accelerators() -> None:
    """A query narrows further, by any name of an accelerator."""
    query = OfferingQuery(regions=("us-east-1", "us-west-2"), accelerators=("h100-80gb",))

    offerings = opened(regions=["us-west-2", "eu-west-2"]).offerings(query).unwrap()

    assert {o.region for o in offerings} == {"us-west-2"}
    assert {o.machine for o in offerings} == {"p5.48xlarge", "p5.4xlarge"}


def test_unknown_region_is_told_with_its_place() -> None:
    """A typo in a region is found before anything is planned."""
    [found] = provider({"regions": ["us-east-1", "eu-cental-1"]}, Path()).diagnostics

    assert found.path == ("providers", "aws", "regions", 1)
    assert 'Did you mean "eu-central-1"?' in found.detail


def test_unknown_setting_is_told_with_its_place() -> None:
    """What is not a setting is not ignored."""
    [found] = provider({"region": ["us-east-1"]}, Path()).diagnostics

    assert found.path == ("providers", "aws", "region")
    assert "regions" in found.detail


def test_a_placement_becomes_instances_replicas_and_an_endpoint() -> None:
    """Plain resources, each needing what it stands on."""
    resources = opened().resources_for(PLACEMENT).unwrap()

    assert [str(r.address) for r in resources] == [
        "aws.instance.p5-0",
        "aws.replica.chat-0",
        "aws.endpoint.chat",
    ]
    assert [r.needs for r in resources] == [(), (resources[0].address,), (resources[1].address,)]
    assert resources[0].attributes["machine"] == "p5.48xlarge"


@pytest.mark.parametrize(
    "act",
    [
        lambda aws: aws.begin(REQUEST),
        lambda aws: aws.wait(REQUEST, Ack(object_id="i-1"), lambda: False),
        lambda aws: aws.lookup(REQUEST),
        lambda aws: aws.refresh([Resource(address=ADDRESS, attributes={})]),
        lambda aws: aws.owned("l"),
    ],
)
def test_acting_and_looking_are_refused(act: Callable[[Provider], object]) -> None:
    """Every call that would need AWS says honestly that this release does not make it."""
    with pytest.raises(Invalid, match="plans but cannot apply yet"):
        act(opened())


def test_nothing_to_look_at_needs_no_call() -> None:
    """A first plan, with nothing in the state, works without looking."""
    assert opened().refresh([]).calls == 0


def test_racks_are_not_known() -> None:
    """AWS says nothing of racks before machines run."""
    assert opened().site().unwrap() == ()
