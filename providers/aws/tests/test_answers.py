"""The table of AWS's errors: it says where each code is from, and holds with what others go by."""

from __future__ import annotations

from typing import Any

import pytest

from dcplan.provider.errors import CapacityUnavailable, NotReady, ProviderError, QuotaExceeded
from dcplan_aws import answers

KARPENTER = (
    "InsufficientInstanceCapacity",
    "MaxSpotInstanceCountExceeded",
    "VcpuLimitExceeded",
    "UnfulfillableCapacity",
    "Unsupported",
    "InsufficientFreeAddressesInSubnet",
    "MaxFleetCountExceeded",
    "ReservationCapacityExceeded",
)
"""``unfulfillableCapacityErrorCodes`` of karpenter-provider-aws, ``pkg/errors/errors.go``, 1.14."""


@pytest.mark.parametrize("code", KARPENTER)
def test_what_karpenter_goes_elsewhere_for_leads_elsewhere(code: str) -> None:
    """Each is no capacity or a quota: both are tried in another pool."""
    assert answers.MEANS[code] in {CapacityUnavailable, QuotaExceeded}


def test_rows_from_the_models_stand_in_the_models() -> None:
    """A code that is said to be a service's own is an error of that service's description."""
    from botocore.session import Session  # noqa: PLC0415 - slow

    session = Session()
    codes = set()
    for service in ("elbv2", "ssm", "service-quotas", "fsx", "s3", "autoscaling", "eks"):
        model = session.get_service_model(service)
        for name in model.shape_names:
            shape = model.shape_for(name)
            about: dict[str, Any] = shape.metadata
            if name.endswith("Code"):  # What is told of an object, such as a node group, that went wrong.
                codes |= set(getattr(shape, "enum", ()))
            if about.get("exception"):
                codes |= {name, about.get("error", {}).get("code", name), name.removesuffix("Exception")}
    said = {code for _, source, named in answers.ROWS if source == "model" for code in named.split()}

    assert said - codes == set()


def test_rows_about_throttling_are_what_botocore_retries() -> None:
    """They are those of botocore's standard mode."""
    from botocore.retries.standard import ThrottledRetryableChecker  # noqa: PLC0415 - slow

    known = set(ThrottledRetryableChecker._THROTTLED_ERROR_CODES)
    said = {code for _, source, named in answers.ROWS if source == "retry" for code in named.split()}

    assert said - known == set()


def test_every_source_is_explained_and_no_code_stands_twice() -> None:
    """A reader finds each row's source, and one meaning a code."""
    sources = {source for _, source, _ in answers.ROWS}
    codes = [code for _, _, named in answers.ROWS for code in named.split()]

    assert all(f"({source})" in (answers.__doc__ or "") for source in sources)
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("code", "means"),
    [
        # EC2's code for a block that has not begun has a point in it.
        ("InvalidCapacityReservationState.PendingActivation", NotReady),
        # Two replicas of one machine are told of at the same time.
        ("ConcurrentTagAccess", NotReady),
        ("MaxIOPSLimitExceeded", QuotaExceeded),
    ],
)
def test_some_codes_that_a_life_meets(code: str, means: type[ProviderError]) -> None:
    """They are none that end an apply for good."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow

    problem = ClientError(
        {"Error": {"Code": code, "Message": "said"}, "ResponseMetadata": {"HTTPStatusCode": 400}},
        "CreateTags",
    )

    assert type(answers.judged(problem, "ec2", "CreateTags", mutating=True)) is means
