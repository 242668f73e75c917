"""What Google Cloud Storage's answers mean to a store that writes only after a comparison.

Source: Cloud Storage documentation, "HTTP status and error codes for JSON" and "Request preconditions".
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from dcplan.state.blobs import BlobConflict, BlobRefused, BlobUncertain

if TYPE_CHECKING:
    from requests import Response


def judged(answer: Response, where: str, permission: str) -> Exception | None:
    """The error of ``Blobs`` that an answer is; None where it is none.

    A 429 comes, too, when one name is written more than once a second: looking and trying again is right.
    """
    status = answer.status_code
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status == HTTPStatus.PRECONDITION_FAILED:
        return BlobConflict(f"An object in {where} is not the one that was expected.")
    said = f"{status}: {message(answer)}"
    unsure = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
    if status in unsure or (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    ):
        return BlobUncertain(said)
    return BlobRefused(_refusal(status, said, where, permission))


def is_of_bucket(answer: Response) -> bool:
    """Whether a 404 speaks of the bucket, not of the object."""
    return "bucket does not exist" in message(answer).lower()


def without_credentials(problem: Exception, where: str) -> BlobRefused:
    """GCS was not asked, because nobody said who asks."""
    return BlobRefused(
        f"{where} was not asked, because there are no usable Google credentials: {str(problem).rstrip('.')}. "
        "Run `gcloud auth application-default login`, or name a file in GOOGLE_APPLICATION_CREDENTIALS."
    )


def short(problem: Exception) -> str:
    """What came instead of an answer: of errors that hold one another, what the innermost says."""
    inner: BaseException = problem
    while isinstance(found := getattr(inner, "reason", None) or next(iter(inner.args), None), BaseException):
        inner = found
    return f"{type(inner).__name__}: {inner}".rstrip(".")


def message(answer: Response) -> str:
    """What the server says about its refusal: JSON from the API itself, else the head of any text."""
    try:
        told = answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        told = answer.text
    return " ".join(str(told).split())[:300].rstrip(".")


def _refusal(status: int, said: str, where: str, permission: str) -> str:
    """A sentence for people: what was refused, and the way out."""
    if status == HTTPStatus.NOT_FOUND:
        return f"{where} cannot be used, because there is no such bucket. Create it, or mend `bucket`."
    if status == HTTPStatus.UNAUTHORIZED:
        return (
            f"{where} does not accept the credentials ({said}). Renew them with "
            "`gcloud auth application-default login`."
        )
    if status == HTTPStatus.FORBIDDEN:
        return (
            f"{where} may not be used that way: the permission {permission} is missing on the bucket "
            f"({said}). The role roles/storage.objectUser has it; docs/state_servers.md has a smaller one."
        )
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return f"{where} lacks something that state needs ({said}). Use a server that has it."
    return f"{where} refuses ({said}). Mend the settings of `backend: gcs:`, or ask who runs the server."
