"""AWS: what is its own.  The rest is tested with its base, ``CataloguedProvider``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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


NETWORK = {
    "region": "us-east-1",
    "vpc": "vpc-0a1b2c3d4e5f60718",
    "subnets": ["subnet-0a1b2c3d4e5f60718"],
    "security_groups": ["sg-0a1b2c3d4e5f60718"],
}


def test_networks_that_cannot_be_are_told_with_their_place() -> None:
    """A typo in a region, and a second network in one."""
    networks = [NETWORK, NETWORK, {**NETWORK, "region": "eu-cental-1"}]
    told = provider({"networks": networks}, Path()).diagnostics

    assert [problem.path for problem in told] == [
        ("providers", "aws", "networks", 1, "region"),
        ("providers", "aws", "networks", 2, "region"),
    ]
    assert 'Did you mean "eu-central-1"?' in told[1].detail


@pytest.mark.parametrize("cidr", ["10.64.0.0/24", "10.64.1.0/16", "10.300.0.0/16", "10.64.0.0"])
def test_addresses_of_a_network_are_a_whole_16(cidr: str) -> None:
    """Anything else is refused before it is planned."""
    (told,) = provider({"cidr": cidr}, Path()).diagnostics

    assert told.path == ("providers", "aws", "cidr")


def test_planning_loads_no_sdk() -> None:
    """What only acting needs is imported by whoever acts."""
    program = (
        "import sys; from pathlib import Path; from dcplan_aws import provider; "
        "aws = provider({}, Path()).unwrap(); aws.refresh([]); "
        "print(sorted({'botocore', 'boto3', 'dcplan_aws.acting'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout == "[]\n"
