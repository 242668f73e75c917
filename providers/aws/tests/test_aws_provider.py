"""AWS: what is its own.  The rest is tested with its base, ``CataloguedProvider``."""

from __future__ import annotations

from pathlib import Path

from dcplan.provider.protocol import Provider
from dcplan.provider.types import Idempotency, OfferingQuery
from dcplan_aws import provider
from placements import one_replica


def opened() -> Provider:
    """The provider without settings."""
    return provider({}, Path()).unwrap()


def test_it_is_a_provider_that_acts() -> None:
    """It fulfils the protocol and lacks nothing of it."""
    aws = opened()

    assert isinstance(aws, Provider)
    assert aws.info.name == "aws"
    assert aws.info.lacks == frozenset()


def test_it_offers_what_the_catalogue_has_for_it() -> None:
    """Its machines are on offer, under its own name."""
    aws = opened()
    offerings = aws.offerings(OfferingQuery(regions=("us-east-1",))).unwrap()

    assert {o.provider for o in offerings} == {"aws"}
    assert "p5.48xlarge" in {o.machine for o in offerings}


def test_unknown_region_is_told_with_its_place() -> None:
    """A typo in a region is found before anything is planned."""
    [found] = provider({"regions": ["us-east-1", "eu-cental-1"]}, Path()).diagnostics

    assert found.path == ("providers", "aws", "regions", 1)
    assert 'the AWS region "eu-cental-1". Did you mean "eu-central-1"?' in found.detail


def test_a_placement_becomes_instances_replicas_and_an_endpoint() -> None:
    """A machine is an instance there, and stands in a network."""
    placement = one_replica("p5.48xlarge", region="us-east-1", zone="use1-az2")
    addresses = [str(r.address) for r in opened().resources_for(placement).unwrap()]

    assert addresses == [
        "aws.network.us-east-1",
        "aws.instance.m-0",
        "aws.replica.chat-0",
        "aws.endpoint.chat",
    ]


def test_repeated_creates_are_told_apart_as_the_api_allows() -> None:
    """A repeated ClientToken gives the same instance for an hour."""
    instance = opened().info.kinds["instance"]

    assert (instance.idempotency, instance.token_ttl_s) == (Idempotency.TOKEN, 3600.0)
