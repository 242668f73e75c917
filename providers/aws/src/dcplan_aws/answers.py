"""What AWS's errors mean to dcplan, as data.

Sources: (ec2) Amazon EC2 API Reference, "Error codes for the Amazon EC2 API"; (elb) Elastic Load Balancing
API Reference 2015-12-01, the actions' errors; (ssm) Systems Manager API Reference, the actions' errors;
(common) the "Common Errors" of each of these.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from dcplan.provider.errors import (
    AlreadyGone,
    Ambiguous,
    CapacityUnavailable,
    Conflict,
    Denied,
    Invalid,
    NotReady,
    ProviderError,
    QuotaExceeded,
    Throttled,
)

_MEANS: tuple[tuple[type[ProviderError], str, str], ...] = (
    # Nothing of this kind is free there now.  EC2 answers the first with status 500.
    (
        CapacityUnavailable,
        "ec2",
        "InsufficientInstanceCapacity InsufficientCapacity InsufficientHostCapacity",
    ),
    (CapacityUnavailable, "ec2", "InsufficientReservedInstanceCapacity ReservationCapacityExceeded"),
    (CapacityUnavailable, "ec2", "UnfulfillableCapacity InsufficientCapacityOnHost Unsupported"),
    (CapacityUnavailable, "ec2", "InsufficientFreeAddressesInSubnet SpotMaxPriceTooLow"),
    # The account may not have more.
    (QuotaExceeded, "ec2", "VcpuLimitExceeded InstanceLimitExceeded MaxSpotInstanceCountExceeded"),
    (QuotaExceeded, "ec2", "VpcLimitExceeded InternetGatewayLimitExceeded AddressLimitExceeded"),
    (QuotaExceeded, "ec2", "SubnetLimitExceeded SecurityGroupLimitExceeded VolumeLimitExceeded"),
    (QuotaExceeded, "ec2", "PlacementGroupLimitExceeded NetworkInterfaceLimitExceeded TagLimitExceeded"),
    (QuotaExceeded, "ec2", "RulesPerSecurityGroupLimitExceeded CapacityReservationLimitExceeded"),
    (QuotaExceeded, "elb", "TooManyLoadBalancers TooManyTargetGroups TooManyTargets TooManyListeners"),
    (QuotaExceeded, "elb", "TooManyRegistrationsForTargetId TooManyActions TooManyTags"),
    (QuotaExceeded, "ssm", "ParameterLimitExceeded TooManyTagsError ParameterMaxVersionLimitExceeded"),
    # Not with these credentials.
    (Denied, "ec2", "UnauthorizedOperation AuthFailure Blocked OptInRequired PendingVerification"),
    (Denied, "common", "AccessDenied AccessDeniedException InvalidClientTokenId UnrecognizedClientException"),
    (Denied, "common", "ExpiredToken ExpiredTokenException SignatureDoesNotMatch MissingAuthenticationToken"),
    (Denied, "common", "NotAuthorized IncompleteSignature RequestExpired InvalidAccessKeyId"),
    # Something else is there, or it is in use.
    (Conflict, "ec2", "IdempotentParameterMismatch InvalidPlacementGroup.Duplicate InvalidGroup.Duplicate"),
    (Conflict, "ec2", "InvalidPlacementGroup.InUse DependencyViolation InvalidGroup.InUse"),
    (Conflict, "ec2", "InvalidSubnet.Conflict InvalidPermission.Duplicate Resource.AlreadyAssociated"),
    (Conflict, "elb", "DuplicateLoadBalancerName DuplicateTargetGroupName DuplicateListener ResourceInUse"),
    (Conflict, "elb", "OperationNotPermitted"),
    (Conflict, "ssm", "ParameterAlreadyExists"),
    # There is no such thing.
    (AlreadyGone, "ec2", "InvalidInstanceID.NotFound InvalidVpcID.NotFound InvalidSubnetID.NotFound"),
    (AlreadyGone, "ec2", "InvalidGroup.NotFound InvalidPlacementGroup.Unknown Gateway.NotAttached"),
    (AlreadyGone, "ec2", "InvalidInternetGatewayID.NotFound InvalidRouteTableID.NotFound"),
    (AlreadyGone, "ec2", "InvalidCapacityReservationId.NotFound InvalidPermission.NotFound"),
    (AlreadyGone, "elb", "LoadBalancerNotFound TargetGroupNotFound ListenerNotFound"),
    (AlreadyGone, "ssm", "ParameterNotFound ParameterVersionNotFound"),
    # Too many calls.
    (Throttled, "ec2", "RequestLimitExceeded EC2ThrottledException"),
    (Throttled, "common", "Throttling ThrottlingException ThrottledException RequestThrottled"),
    (Throttled, "common", "TooManyRequestsException RequestThrottledException SlowDown"),
    (Throttled, "ssm", "TooManyUpdates"),
    # Later.
    (NotReady, "ec2", "IncorrectState IncorrectInstanceState InvalidCapacityReservationState"),
    (NotReady, "ec2", "InsufficientAddressCapacity OperationInProgress"),
)

MEANS: dict[str, type[ProviderError]] = {
    code: meaning for meaning, _, codes in _MEANS for code in codes.split()
}
"""Error code to the error of the protocol."""

RETRY_AFTER_S = 2.0
"""How long to wait before the same call goes again; AWS says no number."""

SERVICES = {"elbv2": "elasticloadbalancing"}
"""What a service is called in permissions, where not as its client is."""


def judged(problem: Exception, service: str, operation: str, *, mutating: bool) -> ProviderError:
    """The error of the protocol that an exception of botocore is.

    ``operation`` as the API has it, such as ``RunInstances``.  What the table does not know is
    ``Invalid`` where AWS refused it, and ``Ambiguous`` where AWS may have acted.
    """
    from botocore import exceptions as b  # noqa: PLC0415 - slow, and loaded by whoever called

    permission = f"{SERVICES.get(service, service)}:{operation}"
    if isinstance(problem, b.ClientError):
        return _answered(problem.response, permission, mutating=mutating)
    if isinstance(problem, b.EndpointConnectionError | b.ConnectTimeoutError | b.ProxyConnectionError):
        return NotReady(f"AWS was not reached: {_plain(problem)}. Nothing was sent.", retry_after_s=1.0)
    if isinstance(
        problem,
        b.NoCredentialsError
        | b.PartialCredentialsError
        | b.CredentialRetrievalError
        | b.TokenRetrievalError
        | b.SSOError,
    ):
        return Denied(
            f"AWS was not asked, because there are no usable credentials: {_plain(problem)}. Set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws sso login`, or name a `profile`."
        )
    if isinstance(problem, b.ParamValidationError | b.EndpointResolutionError | b.InvalidRegionError):
        return Invalid(f"{permission} was not sent, because it is not as AWS wants it: {_plain(problem)}.")
    return Ambiguous(f"{permission} has no clear answer: {type(problem).__name__}: {_plain(problem)}.")


def _answered(answer: dict[str, Any], permission: str, *, mutating: bool) -> ProviderError:
    code = str(answer.get("Error", {}).get("Code", ""))
    code = code.removesuffix("Exception") if code not in MEANS else code
    said = str(answer.get("Error", {}).get("Message", ""))
    # What follows is a page of base64 that only another call can read.
    said = said.partition(" Encoded authorization failure message")[0].rstrip(".")
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    text = f"{code}: {said}" if said else code
    means = MEANS.get(code)
    if means is not None:
        return _known(means, text, permission)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        if code.endswith("LimitExceeded"):
            return QuotaExceeded(f"{permission}: {text}.")
        return Invalid(f"AWS refuses {permission} ({status} {text}).")
    if mutating:
        return Ambiguous(f"{permission} failed inside AWS, which may have acted ({status} {text}).")
    return NotReady(f"{permission} failed inside AWS ({status} {text}).", retry_after_s=1.0)


def _known(means: type[ProviderError], text: str, permission: str) -> ProviderError:
    """The error that the table says, with the way out where there is one."""
    if means is Denied:
        return Denied(
            f"AWS does not allow {permission} to these credentials ({text}). Ask for that permission, or use "
            "another `profile`."
        )
    if means is Throttled:
        return Throttled(f"AWS asks for fewer calls ({text}).", retry_after_s=RETRY_AFTER_S)
    if means is NotReady:
        return NotReady(f"AWS asks to come again ({text}).", retry_after_s=RETRY_AFTER_S)
    return means(f"{permission}: {text}.")


def _plain(problem: Exception) -> str:
    return str(problem).rstrip(".")
