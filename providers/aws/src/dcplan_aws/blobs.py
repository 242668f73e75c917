"""S3 as a server of remote state: conditional requests, and nothing that repeats a write.

A version is an object's ETag.  Two equal contents may share one, which is why the log store puts a nonce
into everything that is compared.

A server that ignores the conditions would write over what somebody else wrote, and no answer tells: nothing
here can mend that.  Therefore ``dcplan init`` tries them on a name of its own and refuses such a server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dcplan.config import validate_settings
from dcplan.config.strict import Strict
from dcplan.diag import Result, has_errors
from dcplan.state.blobs import Blob, BlobConflict, BlobRefused, Blobs, BlobUncertain
from dcplan.state.server import check_endpoint, check_name, folder, given
from dcplan_aws.refusals import judged
from dcplan_aws.session import session_of

CONNECT_TIMEOUT_S = 5
"""How long to wait for a connection; with the next one a write ends well before a lease does."""

ANSWER_TIMEOUT_S = 10
"""How long the server may be silent."""

READ_ATTEMPTS = 3
"""A read may be repeated: it changes nothing."""

CONNECTIONS = 16
"""Connections kept for the threads that share one store."""

BUCKET = r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]"
BUCKET_RULE = "A bucket's name has 3 to 63 lower-case letters, digits, hyphens and dots, and no slash."

T = TypeVar("T")


class S3Settings(Strict):
    """What may stand under ``backend: s3:``."""

    bucket: str
    """The bucket's name; it must be there."""
    prefix: str = ""
    """What the objects' names begin with; a folder, to people."""
    region: str | None = None
    """Where the bucket is; what the environment or the profile says when left out."""
    endpoint: str | None = None
    """Another server that speaks S3; Amazon's own when left out."""
    profile: str | None = None
    """A profile of AWS's configuration files."""


def backend(settings: Mapping[str, object]) -> Result[Blobs]:
    """The bucket with these settings; opens no connection.

    Diagnostics: settings that are no settings of S3, a profile that is not there, an endpoint with
    a secret or without encryption.
    """
    read = validate_settings(given(settings), S3Settings, ("backend", "s3"))
    if not read.ok:
        return Result(None, read.diagnostics)
    s3 = read.unwrap()
    told = (
        *read.diagnostics,
        *check_name(s3.bucket, BUCKET, BUCKET_RULE, _at("bucket")),
        *check_endpoint(s3.endpoint, _at("endpoint")),
    )
    if has_errors(told):
        return Result(None, told)
    session = session_of(s3.profile, ("backend", "s3"), "State in S3")
    told = (*told, *session.diagnostics)
    if session.value is None:
        return Result(None, told)
    return Result(S3Blobs(settings=s3, session=session.value), told)


@dataclass(slots=True, kw_only=True)
class S3Blobs:
    """Objects of one bucket, below one prefix.  Errors: those of ``Blobs``."""

    settings: S3Settings
    session: Any
    """botocore's; finds the credentials when the first call is made."""
    _clients: tuple[Any, Any] | None = field(default=None, init=False)
    _opening: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def where(self) -> str:
        """The bucket and the prefix, as AWS's own tools write them."""
        return f"s3://{self.settings.bucket}/{folder(self.settings.prefix)}".rstrip("/")

    def get(self, name: str) -> Blob | None:
        """One read; S3 gives what was written last."""

        def read() -> Blob:
            answer = self._reader.get_object(**self._object(name))
            return Blob(body=answer["Body"].read(), version=answer["ETag"])

        return self._asked(read, "s3:GetObject", absent=None)

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """One conditional write, never repeated."""
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}

        def write() -> str:
            answer = self._writer.put_object(
                **self._object(name), Body=body, ContentType="application/octet-stream", **condition
            )
            return str(answer["ETag"])

        written = self._asked(write, "s3:PutObject", absent=None)
        if written is None:
            raise BlobConflict(f"{self.where} has no {name} any more.")
        return written

    def delete(self, name: str) -> None:
        """One delete, never repeated."""

        def remove() -> None:
            self._writer.delete_object(**self._object(name))

        self._asked(remove, "s3:DeleteObject", absent=None)

    def names(self, prefix: str) -> Sequence[str]:
        """All pages of the list; S3 lists what was written last."""
        root = folder(self.settings.prefix)

        def pages() -> list[str]:
            paged = self._reader.get_paginator("list_objects_v2")
            found = paged.paginate(Bucket=self.settings.bucket, Prefix=root + prefix)
            return [item["Key"][len(root) :] for page in found for item in page.get("Contents", ())]

        return sorted(self._asked(pages, "s3:ListBucket", absent=None) or ())

    def close(self) -> None:
        """Let go of connections; a later call opens new ones."""
        with self._opening:
            clients, self._clients = self._clients, None
        for client in clients or ():
            client.close()

    def _object(self, name: str) -> dict[str, str]:
        return {"Bucket": self.settings.bucket, "Key": folder(self.settings.prefix) + name}

    @property
    def _reader(self) -> Any:
        return self._opened()[0]

    @property
    def _writer(self) -> Any:
        return self._opened()[1]

    def _opened(self) -> tuple[Any, Any]:
        """A client that repeats what fails, for reading, and one that never does, for writing."""
        with self._opening:
            if self._clients is None:
                self._clients = (self._client(READ_ATTEMPTS), self._client(1))
            return self._clients

    def _client(self, attempts: int) -> Any:
        from botocore.config import Config  # noqa: PLC0415 - slow, and only this backend needs it

        options: dict[str, Any] = {}
        if self.settings.endpoint is not None:
            # Other servers seldom have a host name for each bucket, or the checksums of newer SDKs.
            options = {
                "s3": {"addressing_style": "path"},
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
            }
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=ANSWER_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=CONNECTIONS,
            user_agent_extra="dcplan",
            **options,
        )
        return self.session.create_client(
            "s3", region_name=self.settings.region, endpoint_url=self.settings.endpoint, config=config
        )

    def _asked(self, call: Callable[[], T], permission: str, *, absent: T | None) -> T | None:
        """What a call gives, ``absent`` where there is no such object; S3's errors as those of ``Blobs``."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as in _client

        try:
            return call()
        except ClientError as problem:
            told = judged(problem.response, self.where, permission)
            if told is None:
                return absent
            raise told from problem
        except BotoCoreError as problem:
            raise _unheard(problem, self.where) from problem


def _unheard(problem: Exception, where: str) -> Exception:
    """What it means that there is no answer: credentials are missing, or the network failed."""
    from botocore import exceptions as of  # noqa: PLC0415 - as in _client

    from dcplan_aws.refusals import without_credentials  # noqa: PLC0415 - beside its only use

    missing = (
        of.NoCredentialsError,
        of.PartialCredentialsError,
        of.CredentialRetrievalError,
        of.NoAuthTokenError,
        of.SSOError,
        of.TokenRetrievalError,
    )
    if isinstance(problem, missing):
        return without_credentials(problem, where)
    if isinstance(problem, of.ParamValidationError):
        return BlobRefused(f"{where} was not asked, because the SDK refuses the request: {problem}")
    return BlobUncertain(str(problem).rstrip("."))


def _at(key: str) -> tuple[str, ...]:
    return ("backend", "s3", key)
