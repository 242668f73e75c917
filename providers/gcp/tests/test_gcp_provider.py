"""The Google Cloud provider: plans from the catalogue, refuses to act."""

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
from dcplan_gcp import provider

if TYPE_CHECKING:
    from collections.abc import Callable

EVERYTHING = OfferingQuery()
ADDRESS = Address("gcp", "instance", "v5p-0")
REQUEST = Request(address=ADDRESS, action=Action.CREATE, token="t", lineage="l")  # noqa: S106 - no secret

PLACEMENT = Placement(
    project="test",
    machines=(
        MachineGroup(
            pool="us-central1-a/ct5p-hightpu-4t",
            machine="ct5p-hightpu-4t",
            region="us-central1",
            zone="us-central1-a",
            block=None,
            purchase="on-demand",
            names=("v5p-0",),
        ),
    ),
    workloads=(
        WorkloadSpec(
            name="chat",
            kind="serve",
            replicas=(
                ReplicaSpec(name="chat-0", machines=("v5p-0",), devices=(0, 1), settings={"tensor": 2}),
            ),
        ),
    ),
)


def opened(**settings: object) -> Provider:
    """The provider with these settings, which must be right."""
    return provider(settings, Path()).unwrap()


def test_it_is_a_provider_that_lacks_apply() -> None:
    """It fulfils the protocol and says at once what it cannot do."""
    gcp = opened()

    assert isinstance(gcp, Provider)
    assert gcp.info.name == "gcp"
    assert "apply" in gcp.info.lacks


def test_machines_and_offerings_fit_together() -> None:
    """Everything offered is described, with accelerators that the catalogue knows."""
    gcp = opened()

    assert check_known(gcp.machines().unwrap(), gcp.offerings(EVERYTHING).unwrap()) == ()


def test_settings_limit_the_regions() -> None:
    """Only the regions of the settings are planned in."""
    offerings = opened(regions=["us-west1"]).offerings(EVERYTHING).unwrap()

    assert {o.region for o in offerings} == {"us-west1"}


def test_query_limits_regions_and_accelerators() -> None:
    """A query narrows further, by any name of an accelerator."""
    query = OfferingQuery(regions=("us-central1", "us-east5"), accelerators=("v5p",))

    offerings = opened(regions=["us-east5", "europe-west1"]).offerings(query).unwrap()

    assert {o.region for o in offerings} == {"us-east5"}
    assert {o.machine for o in offerings} == {"ct5p-hightpu-4t"}


def test_unknown_region_is_told_with_its_place() -> None:
    """A typo in a region is found before anything is planned."""
    [found] = provider({"regions": ["us-central1", "us-est5"]}, Path()).diagnostics

    assert found.path == ("providers", "gcp", "regions", 1)
    assert 'Did you mean "us-east5"?' in found.detail


def test_unknown_setting_is_told_with_its_place() -> None:
    """What is not a setting is not ignored."""
    [found] = provider({"region": ["us-central1"]}, Path()).diagnostics

    assert found.path == ("providers", "gcp", "region")
    assert "regions" in found.detail


def test_a_placement_becomes_instances_replicas_and_an_endpoint() -> None:
    """Plain resources, each needing what it stands on."""
    resources = opened().resources_for(PLACEMENT).unwrap()

    assert [str(r.address) for r in resources] == [
        "gcp.instance.v5p-0",
        "gcp.replica.chat-0",
        "gcp.endpoint.chat",
    ]
    assert [r.needs for r in resources] == [(), (resources[0].address,), (resources[1].address,)]
    assert resources[0].attributes["machine"] == "ct5p-hightpu-4t"


@pytest.mark.parametrize(
    "act",
    [
        lambda gcp: gcp.begin(REQUEST),
        lambda gcp: gcp.wait(REQUEST, Ack(object_id="i-1"), lambda: False),
        lambda gcp: gcp.lookup(REQUEST),
        lambda gcp: gcp.refresh([Resource(address=ADDRESS, attributes={})]),
        lambda gcp: gcp.owned("l"),
    ],
)
def test_acting_and_looking_are_refused(act: Callable[[Provider], object]) -> None:
    """Every call that would need Google Cloud says honestly that this release does not make it."""
    with pytest.raises(Invalid, match="plans but cannot apply yet"):
        act(opened())


def test_nothing_to_look_at_needs_no_call() -> None:
    """A first plan, with nothing in the state, works without looking."""
    assert opened().refresh([]).calls == 0


def test_racks_are_not_known() -> None:
    """Google Cloud says nothing of racks before machines run."""
    assert opened().site().unwrap() == ()
