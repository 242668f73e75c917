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


def test_it_is_a_provider_that_acts() -> None:
    """It fulfils the protocol, and lacks nothing of it."""
    gcp = opened()

    assert isinstance(gcp, Provider)
    assert gcp.info.name == "gcp"
    assert gcp.info.lacks == frozenset()


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
    """A machine is an instance there, in a network that comes first."""
    placement = one_replica("ct5p-hightpu-4t", region="us-central1", zone="us-central1-a")
    addresses = [str(r.address) for r in opened().resources_for(placement).unwrap()]

    assert addresses == [
        "gcp.network.main",
        "gcp.instance.m-0",
        "gcp.replica.chat-0",
        "gcp.endpoint.chat",
    ]


def test_repeated_creates_are_told_apart_as_the_api_allows() -> None:
    """An instance is told apart by its name."""
    instance = opened().info.kinds["instance"]

    assert (instance.idempotency, instance.token_ttl_s) == (Idempotency.NAME, 0.0)


def test_without_a_project_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody says in which project to act: refused, with the ways out."""
    monkeypatch.setenv("DCPLAN_GCP_ENDPOINT", "http://127.0.0.1:9")
    for name in ("GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(Invalid, match=r"not known in which project.*GOOGLE_CLOUD_PROJECT.*Nothing was sent"):
        opened().owned("l")


@pytest.mark.parametrize("address", ["http://compute.example.com", "compute.example.com", "https://a:b@c"])
def test_an_endpoint_that_would_tell_credentials_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Another server is reached over TLS, and its address holds no password."""
    monkeypatch.setenv("DCPLAN_GCP_ENDPOINT", address)
    made = provider({}, Path())

    assert not made.ok
    assert [d.code for d in made.diagnostics] == ["gcp-endpoint"]
