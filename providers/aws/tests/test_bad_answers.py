"""Refusals that are no missing permission say what helps; answers of another form harm nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, machines
from dcplan.provider import Denied, Invalid, Placement, Provider
from dcplan.provider.contract_base import OURS, ContractBase
from dcplan.resources import Resource
from dcplan_aws import provider

REFUSALS = {
    "expired": ("ExpiredTokenException", "The security token included in the request is expired", "run out"),
    "expired, says EC2": ("RequestExpired", "Request has expired.", "renew them"),
    "clock": ("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2", "clock of this machine"),
    "clock of other services": ("InvalidSignatureException", "Signature not yet current: 1", "clock of this"),
    "wrong secret": ("SignatureDoesNotMatch", "The signature does not match.", "AWS_SECRET_ACCESS_KEY"),
    "unknown key": ("AuthFailure", "AWS was not able to validate the credentials", "AWS_ACCESS_KEY_ID"),
    "region off": ("OptInRequired", "You are not subscribed to this service", "switch the region on"),
    "permission": ("UnauthorizedOperation", "You are not authorized", "Ask for that permission"),
}


class Hands(ContractBase):
    """Makes one machine in a network."""

    def make(self, folder: Path) -> Provider:
        """Of one region."""
        return provider({"regions": [REGION]}, folder).unwrap()

    def placement(self) -> Placement:
        """One machine."""
        return Placement(project="example", machines=(machines("m-0"),), workloads=())


@pytest.fixture
def built(cloud: AwsCloud) -> tuple[Provider, list[Resource]]:
    """A machine that runs."""
    hands = Hands()
    hands.built_outputs = {}
    aws = hands.make(Path())
    return aws, list(hands.build(aws))


@pytest.mark.parametrize("what", REFUSALS)
def test_a_refusal_says_what_helps(cloud: AwsCloud, what: str) -> None:
    """Which call it was, what AWS said, and the one way out that fits."""
    code, message, helps = REFUSALS[what]
    cloud.fault(code=code, message=message, status=400, times=9)

    with pytest.raises(Denied, match="ec2:Describe") as refused:
        Hands().make(Path()).owned(OURS)
    assert code in refused.value.detail
    assert helps in refused.value.detail
    assert ("Ask for that permission" in refused.value.detail) == (what == "permission")


def test_a_state_that_nobody_knows_is_a_machine_that_is_not_ready(
    cloud: AwsCloud, built: tuple[Provider, list[Resource]]
) -> None:
    """A new word of EC2 makes nothing go away."""
    aws, resources = built
    cloud.fault(action="DescribeInstances", mode="alter", old="<name>running", new="<name>dreaming")
    there = aws.refresh(resources).found[resources[-1].address]

    assert there is not None
    assert not there.ready


def test_an_answer_without_a_field_is_told_in_words(
    cloud: AwsCloud, built: tuple[Provider, list[Resource]]
) -> None:
    """What is missing, that the API may have changed, and that nothing was done; not a traceback."""
    aws, resources = built
    cloud.fault(action="DescribeInstances", mode="alter", old="instanceState>", new="instanceMood>", times=2)

    with pytest.raises(Invalid, match="newer dcplan-aws") as told:
        aws.refresh(resources)
    with pytest.raises(Invalid, match="newer dcplan-aws"):
        aws.owned(OURS)
    assert "State" in told.value.detail
    assert aws.refresh(resources).found[resources[-1].address] is not None
