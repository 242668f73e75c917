"""Google Cloud: what is its own.  The rest is tested with its base, ``CataloguedProvider``."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcplan.provider.errors import Invalid
from dcplan.provider.protocol import Provider
from dcplan.provider.types import Idempotency, OfferingQuery
from dcplan_gcp import provider
from placements import one_replica


def opened() -> Provider:
    """The provider without settings."""
    return provider({}, Path()).unwrap()


def test_it_is_a_provider_that_lacks_apply() -> None:
    """It fulfils the protocol and says at once what it cannot do."""
    gcp = opened()

    assert isinstance(gcp, Provider)
    assert gcp.info.name == "gcp"
    assert "apply" in gcp.info.lacks


def test_it_offers_what_the_catalogue_has_for_it() -> None:
    """Its machines are on offer, under its own name."""
    gcp = opened()
    offerings = gcp.offerings(OfferingQuery(regions=("us-central1",))).unwrap()

    assert {o.provider for o in offerings} == {"gcp"}
    assert "ct5p-hightpu-4t" in {o.machine for o in offerings}


def test_unknown_region_is_told_with_its_place() -> None:
    """A typo in a region is found before anything is planned."""
    [found] = provider({"regions": ["us-central1", "us-est5"]}, Path()).diagnostics

    assert found.path == ("providers", "gcp", "regions", 1)
    assert 'the Google Cloud region "us-est5". Did you mean "us-east5"?' in found.detail


def test_a_placement_becomes_instances_replicas_and_an_endpoint() -> None:
    """A machine is an instance there."""
    placement = one_replica("ct5p-hightpu-4t", region="us-central1", zone="us-central1-a")
    addresses = [str(r.address) for r in opened().resources_for(placement).unwrap()]

    assert addresses == ["gcp.instance.m-0", "gcp.replica.chat-0", "gcp.endpoint.chat"]


def test_repeated_creates_are_told_apart_as_the_api_allows() -> None:
    """An instance is told apart by its name."""
    instance = opened().info.kinds["instance"]

    assert (instance.idempotency, instance.token_ttl_s) == (Idempotency.NAME, 0.0)


def test_refusals_say_that_nothing_was_sent() -> None:
    """Looking into an account is refused, and the cloud is named."""
    with pytest.raises(Invalid, match=r"dcplan-gcp cannot look .*Nothing was sent to Google Cloud"):
        opened().owned("l")
