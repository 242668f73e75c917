"""Providers that plan with the catalogue and cannot act yet, for each cloud that the catalogue has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dcplan.catalog import check_known
from dcplan.provider.catalogued import CataloguedProvider, Cloud
from dcplan.provider.errors import Invalid
from dcplan.provider.lowering import kinds_on
from dcplan.provider.protocol import Provider
from dcplan.provider.types import Ack, Idempotency, Kind, OfferingQuery, Request
from dcplan.resources import Action, Address, Resource
from placements import one_replica

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.diag import Result

EVERYTHING = OfferingQuery()
INSTANCE = Kind(
    name="instance",
    outputs=("id",),
    replace_on=("machine",),
    idempotency=Idempotency.TAG,
    token_ttl_s=0.0,
    consistency_window_s=60.0,
    spends_money=False,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A cloud, and what of the catalogue the tests ask for."""

    cloud: Cloud
    zone: str
    regions: tuple[str, str, str]
    """With machines: the zone's own, another, and a third."""
    typo: str
    meant: str
    accelerator: str
    """By an alias."""
    machines: frozenset[str]
    """Those with this accelerator in the second region."""
    machine: str

    def opened(self, **settings: object) -> Result[Provider]:
        """The provider of this cloud with these settings."""

        class Tried(CataloguedProvider):
            cloud = self.cloud

        return Tried.with_settings(settings)

    @property
    def provider(self) -> Provider:
        """The provider without settings."""
        return self.opened().unwrap()

    @property
    def address(self) -> Address:
        """Of the one machine of the tests."""
        return Address(self.cloud.name, "instance", "m-0")

    @property
    def request(self) -> Request:
        """To make that machine."""
        return Request(address=self.address, action=Action.CREATE, token="t", lineage="l")  # noqa: S106 - no secret


def cloud(name: str) -> Cloud:
    """A cloud of the catalogue with plain kinds."""
    return Cloud(name=name, title=name.upper(), machine_kind="instance", kinds=kinds_on(INSTANCE))


CASES = (
    Case(
        cloud=cloud("aws"),
        zone="use1-az2",
        regions=("us-east-1", "us-west-2", "eu-west-2"),
        typo="eu-cental-1",
        meant="eu-central-1",
        accelerator="h100-80gb",
        machines=frozenset({"p5.48xlarge", "p5.4xlarge"}),
        machine="p5.48xlarge",
    ),
    Case(
        cloud=cloud("gcp"),
        zone="us-central1-a",
        regions=("us-central1", "us-east5", "europe-west1"),
        typo="us-est5",
        meant="us-east5",
        accelerator="v5p",
        machines=frozenset({"ct5p-hightpu-4t"}),
        machine="ct5p-hightpu-4t",
    ),
)
pytestmark = pytest.mark.parametrize("case", CASES, ids=lambda case: case.cloud.name)


def test_it_is_a_provider_that_lacks_apply(case: Case) -> None:
    """It fulfils the protocol and says at once what it cannot do."""
    provider = case.provider

    assert isinstance(provider, Provider)
    assert provider.info.name == case.cloud.name
    assert "apply" in provider.info.lacks


def test_machines_and_offerings_fit_together(case: Case) -> None:
    """Everything offered is described, with accelerators that the catalogue knows."""
    provider = case.provider

    assert check_known(provider.machines().unwrap(), provider.offerings(EVERYTHING).unwrap()) == ()


def test_settings_limit_the_regions(case: Case) -> None:
    """Only the regions of the settings are planned in."""
    offerings = case.opened(regions=[case.regions[1]]).unwrap().offerings(EVERYTHING).unwrap()

    assert {o.region for o in offerings} == {case.regions[1]}


def test_query_limits_regions_and_accelerators(case: Case) -> None:
    """A query narrows further, by any name of an accelerator."""
    query = OfferingQuery(regions=case.regions[:2], accelerators=(case.accelerator,))

    offerings = case.opened(regions=list(case.regions[1:])).unwrap().offerings(query).unwrap()

    assert {o.region for o in offerings} == {case.regions[1]}
    assert {o.machine for o in offerings} == case.machines


def test_unknown_region_is_told_with_its_place(case: Case) -> None:
    """A typo in a region is found before anything is planned."""
    [found] = case.opened(regions=[case.regions[0], case.typo]).diagnostics

    assert found.path == ("providers", case.cloud.name, "regions", 1)
    assert f'Did you mean "{case.meant}"?' in found.detail
    assert f'the {case.cloud.title} region "{case.typo}"' in found.detail


def test_unknown_setting_is_told_with_its_place(case: Case) -> None:
    """What is not a setting is not ignored."""
    [found] = case.opened(region=[case.regions[0]]).diagnostics

    assert found.path == ("providers", case.cloud.name, "region")
    assert "regions" in found.detail


def test_a_placement_becomes_instances_replicas_and_an_endpoint(case: Case) -> None:
    """Plain resources, each needing what it stands on."""
    placement = one_replica(case.machine, region=case.regions[0], zone=case.zone)
    resources = case.provider.resources_for(placement).unwrap()
    name = case.cloud.name

    assert [str(r.address) for r in resources] == [
        f"{name}.instance.m-0",
        f"{name}.replica.chat-0",
        f"{name}.endpoint.chat",
    ]
    assert [r.needs for r in resources] == [(), (resources[0].address,), (resources[1].address,)]
    assert resources[0].attributes["machine"] == case.machine


@pytest.mark.parametrize(
    "act",
    [
        lambda case: case.provider.begin(case.request),
        lambda case: case.provider.wait(case.request, Ack(object_id="i-1"), lambda: False),
        lambda case: case.provider.lookup(case.request),
        lambda case: case.provider.refresh([Resource(address=case.address, attributes={})]),
        lambda case: case.provider.owned("l"),
    ],
    ids=["begin", "wait", "lookup", "refresh", "owned"],
)
def test_acting_and_looking_are_refused(case: Case, act: Callable[[Case], object]) -> None:
    """Every call that would need the cloud says honestly that this release does not make it."""
    with pytest.raises(Invalid, match=f"plans but cannot apply yet. Nothing was sent to {case.cloud.title}"):
        act(case)


def test_nothing_to_look_at_needs_no_call(case: Case) -> None:
    """A first plan, with nothing in the state, works without looking."""
    assert case.provider.refresh([]).calls == 0


def test_racks_are_not_known(case: Case) -> None:
    """The catalogue says nothing of racks."""
    assert case.provider.site().unwrap() == ()
