"""What AWS's errors mean to dcplan, as data.

Each row names where its codes stand, looked up and not remembered: (ec2) Amazon EC2 Developer Guide,
"Error codes for the Amazon EC2 API"; (common) "Common Errors" of AWS's API references; (model) the error
shapes of botocore's service models; (retry) what botocore takes for throttling (``retries/standard.py``);
(karpenter) what Karpenter's provider for AWS goes by (``pkg/errors/errors.go`` and its tests); (s3) Amazon S3
API Reference, "Error responses".  (unverified) stands in none of them.
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
    HoldsData,
    Invalid,
    NotReady,
    ProviderError,
    QuotaExceeded,
    Throttled,
)


class NotSet(AlreadyGone):
    """An object is there, and nothing of what was asked for is set on it."""


ROWS: tuple[tuple[type[ProviderError], str, str], ...] = (
    # Nothing of this kind is free there now.  EC2 answers the first with status 500.
    (
        CapacityUnavailable,
        "ec2",
        "InsufficientInstanceCapacity InsufficientCapacity InsufficientHostCapacity",
    ),
    (CapacityUnavailable, "ec2", "InsufficientReservedInstanceCapacity ReservationCapacityExceeded"),
    (CapacityUnavailable, "ec2", "UnfulfillableCapacity InsufficientCapacityOnHost Unsupported"),
    (CapacityUnavailable, "ec2", "InsufficientFreeAddressesInSubnet SpotMaxPriceTooLow"),
    (CapacityUnavailable, "ec2", "InsufficientVolumeCapacity InvalidCapacityBlockOfferingIdExpired"),
    (CapacityUnavailable, "karpenter", "InvalidCapacityReservationState.Unavailable"),
    (CapacityUnavailable, "model", "InsufficientFreeAddresses"),
    # The account may not have more.  Any other code that ends like these is judged alike.
    (QuotaExceeded, "ec2", "VcpuLimitExceeded InstanceLimitExceeded MaxSpotInstanceCountExceeded"),
    (QuotaExceeded, "ec2", "VpcLimitExceeded InternetGatewayLimitExceeded AddressLimitExceeded"),
    (QuotaExceeded, "ec2", "SubnetLimitExceeded SecurityGroupLimitExceeded VolumeLimitExceeded"),
    (QuotaExceeded, "ec2", "PlacementGroupLimitExceeded NetworkInterfaceLimitExceeded TagLimitExceeded"),
    (QuotaExceeded, "ec2", "RulesPerSecurityGroupLimitExceeded ResourceCountExceeded"),
    (QuotaExceeded, "karpenter", "MaxFleetCountExceeded"),
    (QuotaExceeded, "model", "TooManyLoadBalancers TooManyTargetGroups TooManyTargets TooManyListeners"),
    (QuotaExceeded, "model", "TooManyRegistrationsForTargetId TooManyActions TooManyTags"),
    (QuotaExceeded, "model", "ParameterLimitExceeded TooManyTagsError ParameterMaxVersionLimitExceeded"),
    (QuotaExceeded, "s3", "TooManyBuckets"),
    (QuotaExceeded, "model", "ServiceLimitExceeded"),
    # Not with these credentials.
    (Denied, "ec2", "UnauthorizedOperation AuthFailure Blocked OptInRequired PendingVerification"),
    (Denied, "ec2", "SignatureDoesNotMatch MissingAuthenticationToken InvalidSecurity.RequestHasExpired"),
    (Denied, "common", "AccessDeniedException InvalidClientTokenId UnrecognizedClientException"),
    (Denied, "common", "ExpiredTokenException NotAuthorized IncompleteSignature RequestExpired"),
    (Denied, "s3", "AccessDenied ExpiredToken InvalidAccessKeyId RequestTimeTooSkewed"),
    (Denied, "unverified", "InvalidSignatureException RequestInTheFuture"),
    (Denied, "karpenter", "AuthFailure.ServiceLinkedRoleCreationNotPermitted"),
    # Something else is there, or it is in use.
    (Conflict, "ec2", "IdempotentParameterMismatch InvalidPlacementGroup.Duplicate InvalidGroup.Duplicate"),
    (Conflict, "ec2", "IdempotentInstanceTerminated RouteAlreadyExists InvalidGroup.InUse"),
    (Conflict, "ec2", "InvalidPlacementGroup.InUse DependencyViolation InvalidSubnet.Conflict"),
    (Conflict, "ec2", "InvalidPermission.Duplicate Resource.AlreadyAssociated"),
    (Conflict, "ec2", "InvalidLaunchTemplateName.AlreadyExistsException"),
    (Conflict, "model", "DuplicateLoadBalancerName DuplicateTargetGroupName DuplicateListener ResourceInUse"),
    (Conflict, "model", "OperationNotPermitted ParameterAlreadyExists AlreadyExists"),
    (Conflict, "s3", "BucketAlreadyExists BucketAlreadyOwnedByYou"),
    (Conflict, "model", "IncompatibleParameterError"),
    # There is something in it.
    (HoldsData, "s3", "BucketNotEmpty"),
    # There is no such thing.
    (AlreadyGone, "ec2", "InvalidInstanceID.NotFound InvalidVpcID.NotFound InvalidSubnetID.NotFound"),
    (AlreadyGone, "ec2", "InvalidGroup.NotFound InvalidSecurityGroupID.NotFound Gateway.NotAttached"),
    (AlreadyGone, "ec2", "InvalidPlacementGroup.Unknown InvalidPermission.NotFound"),
    (AlreadyGone, "ec2", "InvalidInternetGatewayID.NotFound InvalidRouteTableID.NotFound"),
    # The reservation's code has changed its form.
    (
        AlreadyGone,
        "ec2",
        "InvalidCapacityReservationId.NotFound InvalidCapacityReservationIdNotFoundException",
    ),
    (AlreadyGone, "ec2", "InvalidLaunchTemplateId.NotFound InvalidLaunchTemplateName.NotFoundException"),
    (AlreadyGone, "unverified", "InvalidFleetId.NotFound"),
    (AlreadyGone, "model", "LoadBalancerNotFound TargetGroupNotFound ListenerNotFound"),
    (AlreadyGone, "model", "ParameterNotFound ParameterVersionNotFound"),
    (AlreadyGone, "s3", "NoSuchBucket"),
    (NotSet, "s3", "NoSuchTagSet NoSuchPublicAccessBlockConfiguration"),
    (AlreadyGone, "model", "FileSystemNotFound ResourceNotFound"),
    # Too many calls.
    (Throttled, "ec2", "RequestLimitExceeded"),
    (Throttled, "retry", "Throttling ThrottlingException ThrottledException RequestThrottled SlowDown"),
    (Throttled, "retry", "TooManyRequestsException RequestThrottledException EC2ThrottledException"),
    (Throttled, "model", "TooManyUpdates"),
    # Later.
    (
        NotReady,
        "ec2",
        "IncorrectState IncorrectInstanceState InsufficientAddressCapacity ConcurrentTagAccess",
    ),
    (NotReady, "ec2", "InvalidCapacityReservationState.PendingActivation"),
    (NotReady, "unverified", "InvalidCapacityReservationState OperationInProgress"),
    (NotReady, "model", "ScalingActivityInProgress ResourceContention"),
    (NotReady, "s3", "OperationAborted"),
)
"""What it means, where the codes are from, codes."""

MEANS: dict[str, type[ProviderError]] = {
    code: meaning for meaning, _, codes in ROWS for code in codes.split()
}
"""Error code to the error of the protocol."""

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
"""Also what EC2 says where the clock of this machine is behind."""
MISTIMED = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture", "InvalidSecurity.RequestHasExpired"})
UNKNOWN_KEYS = frozenset(
    {"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"}
)
UNSIGNED = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"})
OF_ACCOUNT = frozenset({"OptInRequired", "PendingVerification", "Blocked"})
"""Codes that are no permission's, by what helps."""
_CLOCK = ("Signature expired", "Signature not yet current")
"""How AWS says that the time in a signature is not that of its own clock."""

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


def _way_out(text: str) -> str | None:
    """What helps where it is not a permission that is missing; None where it is."""
    code = text.partition(":")[0]
    if code in MISTIMED or (code in UNSIGNED and any(said in text for said in _CLOCK)):
        return "The clock of this machine is wrong by minutes: set it, then go on."
    if code in EXPIRED:
        return (
            "These credentials have run out: renew them (`aws sso login`, or a new session). If they are "
            "fresh, the clock of this machine is wrong."
        )
    if code in UNKNOWN_KEYS:
        return (
            "It does not know these credentials: check AWS_ACCESS_KEY_ID or the `profile`, and whether the "
            "region is switched on in the account."
        )
    if code in UNSIGNED:
        return (
            "The secret key is not the one of this access key: check AWS_SECRET_ACCESS_KEY or the `profile`."
        )
    if code in OF_ACCOUNT:
        return (
            "It is the account that may not: switch the region on in its settings, or ask AWS's support, "
            "and meanwhile plan in other `regions`."
        )
    return None


def _known(means: type[ProviderError], text: str, permission: str) -> ProviderError:
    """The error that the table says, with the way out where there is one."""
    if means is Denied and (out := _way_out(text)) is not None:
        return Denied(f"AWS did not take {permission} from whoever asks ({text}). {out}")
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
