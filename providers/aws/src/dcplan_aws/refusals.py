"""What S3's answers mean to a store that writes only after a comparison.

Sources: Amazon S3 User Guide, "Conditional writes"; S3 API Reference, "Error responses".
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from dcplan.state.blobs import BlobConflict, BlobRefused, BlobUncertain

BUSY = frozenset(
    {"SlowDown", "RequestTimeout", "RequestTimeoutException", "Throttling", "TooManyRequestsException"}
)
"""The server was too busy: it does not say whether it acted."""

ELSEWHERE = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
"""The bucket is in another region than the one asked."""

UNKNOWN_KEYS = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
)
"""S3 does not know who asks, or not any more."""


def judged(answer: Mapping[str, Any], where: str, permission: str) -> Exception | None:
    """The error of ``Blobs`` that an error of S3 is; None where there is no such object.

    A 412 says that the object is another one.  A 409 does not: it says that another request on the same
    object was under way, so that nothing was written and nothing is known of what is there.  AWS's advice is
    to look and try again, which is what the store does after ``BlobUncertain``.
    """
    code = str(answer.get("Error", {}).get("Code", ""))
    said = str(answer.get("Error", {}).get("Message", "")).rstrip(".")
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if status == HTTPStatus.PRECONDITION_FAILED or code == "PreconditionFailed":
        return BlobConflict(f"An object in {where} is not the one that was expected.")
    if code == "NoSuchBucket":
        return BlobRefused(
            f"{where} cannot be used, because there is no such bucket. Create it, or mend `bucket`."
        )
    if status == HTTPStatus.NOT_FOUND:
        return None
    if _unsure(status, code):
        return BlobUncertain(f"{status} {code}: {said}")
    return BlobRefused(_refusal(code, f"{status} {code}: {said}", where, permission))


def without_credentials(problem: Exception, where: str) -> BlobRefused:
    """S3 was not asked, because nobody said who asks."""
    return BlobRefused(
        f"{where} was not asked, because there are no usable AWS credentials: {str(problem).rstrip('.')}. "
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws sso login`, or name a `profile`."
    )


def _unsure(status: int, code: str) -> bool:
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return False
    return (
        status in (0, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or code in BUSY
    )


def _refusal(code: str, said: str, where: str, permission: str) -> str:
    """A sentence for people: what was refused, and the way out."""
    if code in ELSEWHERE:
        return f"{where} is in another region ({said}). Set `region` to the bucket's own."
    if code in UNKNOWN_KEYS:
        return f"{where} does not accept the AWS credentials ({said}). Renew them, or name another `profile`."
    if code == "RequestTimeTooSkewed":
        return f"{where} refuses requests, because this machine's clock is wrong ({said}). Set the clock."
    if code == "NotImplemented":
        return (
            f"{where} lacks something that state needs ({said}): conditional writes. "
            "Use a server that has them."
        )
    if code in ("AccessDenied", "AllAccessDisabled", "AccountProblem", "403"):
        return (
            f"{where} may not be used that way: the permission {permission} is missing, on the bucket or on "
            f"the key that encrypts it ({said}). docs/state_servers.md has the smallest policy; without "
            "s3:ListBucket even an object that is not there is refused."
        )
    return f"{where} refuses ({said}). Mend the settings of `backend: s3:`, or ask who runs the server."
