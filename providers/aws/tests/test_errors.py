"""What goes wrong between here and AWS, over HTTP: which error it is, and that nothing is made twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, adopted, client, machines
from dcplan.diag.log import start_log, stop_log
from dcplan.provider import (
    Ambiguous,
    CapacityUnavailable,
    Conflict,
    Denied,
    Invalid,
    NotReady,
    Placement,
    Provider,
    ProviderError,
    QuotaExceeded,
    Request,
    Throttled,
)
from dcplan.provider.contract_base import OURS, never, new_token
from dcplan.provider.types import request_of
from dcplan.resources import Action
from dcplan_aws import provider


@pytest.fixture
def aws(cloud: AwsCloud) -> Provider:
    """The provider in a VPC that is there, so that a machine needs nothing else."""
    return provider({"regions": [REGION], "networks": [adopted(cloud)]}, Path()).unwrap()


@pytest.fixture
def machine(aws: Provider) -> Request:
    """To make one machine."""
    placement = Placement(project="example", machines=(machines("m-0"),), workloads=())
    (resource,) = aws.resources_for(placement).unwrap()
    return request_of(resource, Action.CREATE, token=new_token(), lineage=OURS, needs={})


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (("InsufficientInstanceCapacity", 500), CapacityUnavailable),
        (("InsufficientInstanceCapacity", 400), CapacityUnavailable),
        (("Unsupported", 400), CapacityUnavailable),
        (("VcpuLimitExceeded", 400), QuotaExceeded),
        (("SomeNewLimitExceeded", 400), QuotaExceeded),
        (("UnauthorizedOperation", 403), Denied),
        (("RequestLimitExceeded", 503), Throttled),
        (("InternalError", 500), Ambiguous),
        (("Unavailable", 503), Ambiguous),
        (("IdempotentParameterMismatch", 400), Conflict),
        (("InvalidSubnetID.NotFound", 400), NotReady),
        (("InvalidParameterCombination", 400), Invalid),
    ],
)
def test_an_answer_is_the_error_that_it_means(
    cloud: AwsCloud, aws: Provider, machine: Request, answer: tuple[str, int], means: type[ProviderError]
) -> None:
    """Codes decide, not statuses; one call is sent, whatever the answer."""
    code, status = answer
    cloud.fault(action="RunInstances", code=code, status=status, times=9)

    with pytest.raises(means, match=code):
        aws.begin(machine)
    assert len(cloud.calls("RunInstances")) == 1


def test_denied_says_which_permission(cloud: AwsCloud, aws: Provider, machine: Request) -> None:
    """Whoever reads it can ask for it by name; what nobody can read is left out."""
    said = "You are not authorized. Encoded authorization failure message: " + "x" * 900
    cloud.fault(action="RunInstances", code="UnauthorizedOperation", status=403, message=said)

    with pytest.raises(Denied, match=r"does not allow ec2:RunInstances") as problem:
        aws.begin(machine)
    assert "xxx" not in problem.value.detail


@pytest.mark.parametrize(("mode", "made"), [("drop", 0), ("after", 1)])
def test_no_answer_is_ambiguous_and_the_same_call_again_is_safe(
    cloud: AwsCloud, aws: Provider, machine: Request, mode: str, made: int
) -> None:
    """Whether AWS acted cannot be known; a look tells, and the call again makes one machine in all."""
    cloud.fault(action="RunInstances", mode=mode)

    with pytest.raises(Ambiguous):
        aws.begin(machine)
    assert len(aws.lookup(machine)) == made
    ack = aws.begin(machine)
    assert [found.object_id for found in aws.owned(OURS)] == [ack.object_id]


def test_looks_are_tried_again(cloud: AwsCloud, aws: Provider, machine: Request) -> None:
    """A look that is throttled or lost is asked again before anybody hears of it."""
    ack = aws.begin(machine)
    cloud.fault(action="DescribeInstances", code="RequestLimitExceeded", status=503)
    cloud.fault(action="DescribeInstances", mode="drop")

    assert [found.object_id for found in aws.lookup(machine)] == [ack.object_id]


def test_what_is_not_seen_yet_is_waited_for(cloud: AwsCloud, aws: Provider, machine: Request) -> None:
    """A new machine that lists do not have yet is no machine that is gone."""
    cloud.weather(invisible_s=1.0)
    ack = aws.begin(machine)

    assert aws.lookup(machine) == ()
    assert aws.wait(machine, ack, never)["id"] == ack.object_id


def test_a_machine_that_ends_while_it_starts_is_told(
    cloud: AwsCloud, aws: Provider, machine: Request
) -> None:
    """EC2 may take the call and end the instance a moment later."""
    cloud.weather(pending_s=60.0)
    ack = aws.begin(machine)
    client(cloud, "ec2").terminate_instances(InstanceIds=[ack.object_id])

    with pytest.raises(ProviderError, match="ended while it was waited for"):
        aws.wait(machine, ack, never)


def test_without_credentials_nothing_is_sent(
    cloud: AwsCloud, aws: Provider, machine: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how to give some."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    before = len(cloud.calls())

    with pytest.raises(Denied, match="aws sso login"):
        aws.begin(machine)
    assert len(cloud.calls()) == before


def test_a_server_that_is_not_there_got_nothing(
    aws: Provider, machine: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that was refused is no doubt about what was done."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    with pytest.raises(NotReady, match="Nothing was sent"):
        aws.begin(machine)


def test_a_quota_that_is_used_up_is_no_stock_out(cloud: AwsCloud, aws: Provider, machine: Request) -> None:
    """The account may run one such machine and no second one."""
    cloud.weather(vcpus={"P": 96})
    aws.begin(machine)
    second = Request(
        address=machine.address,
        action=Action.CREATE,
        token=new_token(),
        lineage=OURS,
        attributes=machine.attributes,
    )

    with pytest.raises(QuotaExceeded, match="vCPU limit of 96"):
        aws.begin(second)


def test_the_log_tells_calls_with_what_amazon_calls_them_by(
    aws: Provider, machine: Request, cloud: AwsCloud, tmp_path: Path
) -> None:
    """Operation, region, request id, status, and the code of a refusal; no parameter, no signature."""
    assert start_log({"DCPLAN_LOG": "json", "DCPLAN_LOG_PATH": str(tmp_path / "log")}) == ()
    try:
        aws.wait(machine, aws.begin(machine), never)
    finally:
        stop_log()
    text = (tmp_path / "log").read_text()
    told = [json.loads(line) for line in text.splitlines()]
    (run,) = (line for line in told if line["@message"] == "ec2:RunInstances")

    assert (run["@module"], run["@level"], run["region"]) == ("dcplan.aws", "debug", REGION)
    assert (run["status"], run["outcome"], bool(run["request_id"])) == (200, "ok", True)
    assert cloud.environ["AWS_SECRET_ACCESS_KEY"] not in text
    assert "Authorization" not in text
    assert "UserData" not in text
