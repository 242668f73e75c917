"""What Google's answers and ends of operations mean to the core: data, each row with its source.

Sources, looked up and not remembered: (E) Compute Engine API, "Error codes" (reference/rest/v1/errors), as
far as a copy was at hand; (T) Compute Engine documentation, "Troubleshoot resource availability errors"; (B)
the same, "Troubleshooting bulk VM creation"; (D) Google APIs, "Global domain errors"; (A) Compute Engine's
discovery document; (S) what SkyPilot 0.14 and other clients act on.  (unverified): in none of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors

if TYPE_CHECKING:
    from dcplan.provider.errors import ProviderError

Meaning = type[errors.ProviderError]

REASONS: Mapping[str, Meaning] = {
    "notFound": errors.AlreadyGone,  # D
    "alreadyExists": errors.Conflict,  # D
    "conflict": errors.Conflict,  # D
    "resourceInUseByAnotherResource": errors.Conflict,  # (unverified)
    "resourceNotReady": errors.NotReady,  # (unverified)
    "operationInProgress": errors.NotReady,  # (unverified)
    "rateLimitExceeded": errors.Throttled,  # D, B
    "userRateLimitExceeded": errors.Throttled,  # D
    "resourceOperationRateExceeded": errors.Throttled,  # (unverified)
    "quotaExceeded": errors.QuotaExceeded,  # D, B
    "limitExceeded": errors.QuotaExceeded,  # D
    "insufficientCapacity": errors.CapacityUnavailable,  # B: with status 503
    "conditionNotMet": errors.NotReady,  # D, A: somebody else was quicker
    "forbidden": errors.Denied,  # D
    "accessNotConfigured": errors.Denied,  # D
    "authError": errors.Denied,  # D
    "required": errors.Invalid,  # D
    "invalid": errors.Invalid,  # D
}
"""By the ``reason`` of an answer that refuses."""

CODES: Mapping[str, Meaning] = {
    "ZONE_RESOURCE_POOL_EXHAUSTED": errors.CapacityUnavailable,  # E, T
    "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS": errors.CapacityUnavailable,  # E, T
    "REGION_RESOURCE_POOL_EXHAUSTED": errors.CapacityUnavailable,  # S
    "REGION_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS": errors.CapacityUnavailable,  # E
    "RESOURCE_POOL_EXHAUSTED": errors.CapacityUnavailable,  # E
    "GPU_STOCKOUT": errors.CapacityUnavailable,  # (unverified)
    "VM_MIN_COUNT_NOT_REACHED": errors.CapacityUnavailable,  # S: says why in another entry
    "UNSUPPORTED_OPERATION": errors.CapacityUnavailable,  # S: leaves the zone for it
    "QUOTA_EXCEEDED": errors.QuotaExceeded,  # E
    "RESOURCE_ALREADY_EXISTS": errors.Conflict,  # (unverified)
    "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE": errors.Conflict,  # (unverified)
    "RESOURCE_NOT_FOUND": errors.AlreadyGone,  # S
    "RESOURCE_NOT_READY": errors.NotReady,  # S
    "RATE_LIMIT_EXCEEDED": errors.Throttled,  # S
    "RESOURCE_OPERATION_RATE_EXCEEDED": errors.Throttled,  # S
    "PERMISSIONS_ERROR": errors.Denied,  # E
    "CONDITION_NOT_MET": errors.NotReady,  # A
    "INVALID_USAGE": errors.Invalid,  # S
    "INVALID_FIELD_VALUE": errors.Invalid,  # E
    "IP_SPACE_EXHAUSTED": errors.QuotaExceeded,  # (unverified)
    "INTERNAL_ERROR": errors.Ambiguous,  # A
}
"""By the ``code`` of an operation's error."""

SUMMARY = "VM_MIN_COUNT_NOT_REACHED"
"""Stands beside the code that says why."""

RESERVED: tuple[tuple[str, Meaning], ...] = (
    ("does not have available resources", errors.CapacityUnavailable),
    ("requires reservation to be in READY state", errors.NotReady),
    ("do not exist", errors.Invalid),
    ("does not exist", errors.Invalid),
    ("No available resources in specified reservations", errors.Invalid),
)
"""What CONDITION_NOT_MET means where it says so of a reservation, by what its message holds.  Source: cluster
autoscaler of Kubernetes, which tells them apart in this way."""


def refusal(status: int, body: Any, what: str, *, changes: bool) -> ProviderError:
    """The error that an answer is.  ``what`` was asked; ``changes``: it would have changed something."""
    reason, message = _told(body)
    said = f"Google Cloud answered {status} ({reason or 'no reason given'}) to {what}: {message}"
    meaning = REASONS.get(reason)
    if meaning is errors.QuotaExceeded and ("per minute" in message or "Queries" in message):
        meaning = errors.Throttled  # A quota of calls, not of machines.
    canonical = body.get("error", {}).get("status", "") if isinstance(body, dict) else ""
    if meaning is None and canonical in STATUSES and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        meaning = _meant(canonical, message)
    if meaning is None:
        meaning = _by_status(status, changes=changes)
    if meaning is errors.Denied:
        said += f". {_way_out(status, reason, message)}"
    return meaning(said)


SWITCHED_OFF = ("SERVICE_DISABLED", "has not been used in project", "it is disabled")
"""What Google says of an API that nobody has enabled in a project."""


def _way_out(status: int, reason: str, message: str) -> str:
    """What helps whoever is refused."""
    if status == HTTPStatus.UNAUTHORIZED or reason == "authError":
        return (
            "The credentials have run out or are not known: run `gcloud auth application-default login`, or "
            "name a file in GOOGLE_APPLICATION_CREDENTIALS. If they are fresh, "
            "the clock of this machine is wrong."
        )
    if reason == "accessNotConfigured" or any(said in message for said in SWITCHED_OFF):
        return "Enable that API in the project (`gcloud services enable`), wait a minute, and apply again."
    return "Grant what is missing to whoever applies: `dcplan iam` prints the smallest role."


def without_credentials(problem: Exception) -> str:
    """Google was not asked, because nobody said who asks, or it was not believed."""
    said = (
        f"Google Cloud was not asked, because there are no usable credentials: {str(problem).rstrip('.')}. "
    )
    if "reasonable timeframe" in said:  # Google's words for a token whose times are not those of its clock.
        return said + "The clock of this machine is wrong: set it, then go on."
    return (
        said
        + "Run `gcloud auth application-default login`, or name a file in GOOGLE_APPLICATION_CREDENTIALS."
    )


def failure(operation: Mapping[str, Any], what: str) -> ProviderError | None:
    """The error with which an operation ended; None where it did not end in one."""
    told = operation.get("error", {}).get("errors", [])
    if not told:
        return None
    cause = next((one for one in told if one.get("code") != SUMMARY), told[0])
    code, message = str(cause.get("code", "")), str(cause.get("message", "")).rstrip(".")
    said = f"Google Cloud could not {what} ({code}): {message}."
    meaning = CODES.get(code, errors.Ambiguous)
    if code == "CONDITION_NOT_MET":
        meaning = next((known for words, known in RESERVED if words in message), meaning)
    return meaning(said)


STATUSES: Mapping[str, Meaning] = {
    "RESOURCE_EXHAUSTED": errors.CapacityUnavailable,
    "NOT_FOUND": errors.AlreadyGone,
    "ALREADY_EXISTS": errors.Conflict,
    "PERMISSION_DENIED": errors.Denied,
    "UNAUTHENTICATED": errors.Denied,
    "INVALID_ARGUMENT": errors.Invalid,
    "FAILED_PRECONDITION": errors.Invalid,
    "OUT_OF_RANGE": errors.Invalid,
    "UNIMPLEMENTED": errors.Invalid,
    "ABORTED": errors.NotReady,
    "UNAVAILABLE": errors.Ambiguous,
    "INTERNAL": errors.Ambiguous,
}
"""By the canonical status of Cloud TPU's answers.  Source: google.rpc.Code."""

_NUMBERS = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
"""As operations number them.  Source: as above."""


def rpc_failure(operation: Mapping[str, Any], what: str) -> ProviderError | None:
    """The error with which an operation of Cloud TPU ended; None where it did not end in one."""
    told = operation.get("error")
    if not told:
        return None
    number, message = int(told.get("code", 0)), str(told.get("message", "")).rstrip(".")
    code = _NUMBERS[number] if 0 < number < len(_NUMBERS) else "UNKNOWN"
    said = f"Google Cloud could not {what} ({code}): {message}."
    return _meant(code, message)(said)


def _meant(code: str, message: str) -> Meaning:
    """What a canonical status means: quotas are told with the same one as sold-out zones."""
    meaning = STATUSES.get(code, errors.Ambiguous)
    if meaning is errors.CapacityUnavailable and "quota" in message.lower():
        return errors.Throttled if "per minute" in message else errors.QuotaExceeded
    return meaning


def _by_status(status: int, *, changes: bool) -> Meaning:
    """Where the reason says nothing that is known."""
    known: Mapping[int, Meaning] = {
        HTTPStatus.UNAUTHORIZED: errors.Denied,
        HTTPStatus.FORBIDDEN: errors.Denied,
        HTTPStatus.NOT_FOUND: errors.AlreadyGone,
        HTTPStatus.CONFLICT: errors.Conflict,
        HTTPStatus.PRECONDITION_FAILED: errors.NotReady,
        HTTPStatus.TOO_MANY_REQUESTS: errors.Throttled,
    }
    if status in known:
        return known[status]
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.REQUEST_TIMEOUT:
        return errors.Invalid
    return errors.Ambiguous if changes else errors.NotReady


def _told(body: Any) -> tuple[str, str]:
    """The reason and the message of an answer."""
    error = body.get("error", {}) if isinstance(body, dict) else {}
    if not isinstance(error, dict):
        return "", str(error)
    first: dict[str, Any] = next(iter(error.get("errors") or ()), {})
    return str(first.get("reason", "")), str(error.get("message", "")).rstrip(".")
