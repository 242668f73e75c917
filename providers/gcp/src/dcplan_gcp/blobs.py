"""Google Cloud Storage as a server of remote state: conditional requests, and nothing that repeats a write.

A version is an object's generation, which no other content of that name ever has.  Spoken is the JSON API, v1
(Cloud Storage documentation, "JSON API reference: Objects"), so that no other client library is needed.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from dcplan.config import validate_settings
from dcplan.config.strict import Strict
from dcplan.diag import Result, error, has_errors
from dcplan.state.blobs import Blob, Blobs, BlobUncertain
from dcplan.state.server import check_endpoint, check_name, folder, given
from dcplan_gcp.refusals import is_of_bucket, judged, short, without_credentials
from dcplan_gcp.session import session_for

if TYPE_CHECKING:
    from requests import Response, Session

BUCKET = r"[a-z0-9][a-z0-9._\-]{1,220}[a-z0-9]"
BUCKET_RULE = (
    "A bucket's name has 3 to 222 lower-case letters, digits, hyphens, underscores and dots, and no slash."
)

T = TypeVar("T")

GOOGLE = "https://storage.googleapis.com"

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"

TIMEOUTS_S = (5.0, 10.0)
"""How long to wait for a connection, and how long the server may be silent."""

READ_ATTEMPTS = 3
"""A read may be repeated: it changes nothing."""

NOTHING = "0"
"""The generation of an object that is not there."""


class GcsSettings(Strict):
    """What may stand under ``backend: gcs:``."""

    bucket: str
    """The bucket's name; it must be there."""
    prefix: str = ""
    """What the objects' names begin with; a folder, to people."""
    endpoint: str | None = None
    """Another server that speaks the JSON API; without credentials unless it is one of Google's."""


def backend(settings: Mapping[str, object]) -> Result[Blobs]:
    """The bucket with these settings; opens no connection.

    Diagnostics: settings that are no settings of GCS, an endpoint with a secret or without encryption.
    """
    read = validate_settings(given(settings), GcsSettings, ("backend", "gcs"))
    if not read.ok:
        return Result(None, read.diagnostics)
    gcs = read.unwrap()
    told = (
        *read.diagnostics,
        *check_name(gcs.bucket, BUCKET, BUCKET_RULE, ("backend", "gcs", "bucket")),
        *check_endpoint(gcs.endpoint, ("backend", "gcs", "endpoint")),
    )
    if has_errors(told):
        return Result(None, told)
    try:
        import google.auth  # noqa: F401, PLC0415 - asked for here, used when the first call is made
        import requests  # noqa: F401, PLC0415 - as above
    except ImportError:
        detail = (
            "State in Google Cloud Storage needs google-auth and requests. Install them where dcplan is: "
            "python -m pip install google-auth requests"
        )
        missing = error(
            "backend-package", "A package is missing", detail, path=("backend", "gcs"), on_key=True
        )
        return Result(None, (*told, missing))
    return Result(GcsBlobs(settings=gcs), told)


@dataclass(slots=True, kw_only=True)
class GcsBlobs:
    """Objects of one bucket, below one prefix.  Errors: those of ``Blobs``."""

    settings: GcsSettings
    _session: Session | None = field(default=None, init=False)
    _opening: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def where(self) -> str:
        """The bucket and the prefix, as Google's own tools write them."""
        return f"gs://{self.settings.bucket}/{folder(self.settings.prefix)}".rstrip("/")

    def get(self, name: str) -> Blob | None:
        """One read: contents and their generation in one answer, so that they belong together."""

        def read(answer: Response) -> Blob | None:
            if answer.status_code == HTTPStatus.NOT_FOUND and not is_of_bucket(answer):
                return None
            self._check(answer, "storage.objects.get")
            return Blob(body=answer.content, version=answer.headers["x-goog-generation"])

        return self._read(self._object(name), {"alt": "media"}, read)

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """One conditional upload, never repeated.

        The object says ``no-store``: what may be cached could be read as older than it is.
        """
        about = {
            "name": folder(self.settings.prefix) + name,
            "contentType": "application/octet-stream",
            "cacheControl": "no-store",
        }
        limit = secrets.token_hex(16)
        parts = (
            f"--{limit}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps(about)}\r\n"
            f"--{limit}\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        answer = self._send(
            "POST",
            f"{self._root}/upload/storage/v1/b/{self.settings.bucket}/o",
            params={"uploadType": "multipart", "ifGenerationMatch": expected or NOTHING},
            data=parts.encode() + body + f"\r\n--{limit}--\r\n".encode(),
            headers={"Content-Type": f"multipart/related; boundary={limit}"},
        )
        self._check(answer, "storage.objects.create and storage.objects.delete")
        return str(self._json(answer)["generation"])

    def delete(self, name: str) -> None:
        """One delete, never repeated."""
        answer = self._send("DELETE", self._object(name))
        if answer.status_code != HTTPStatus.NOT_FOUND or is_of_bucket(answer):
            self._check(answer, "storage.objects.delete")

    def names(self, prefix: str) -> Sequence[str]:
        """All pages of the list; GCS lists what was written last."""
        root, found = folder(self.settings.prefix), list[str]()
        params = {"prefix": root + prefix, "fields": "items/name,nextPageToken"}

        def page(answer: Response) -> Mapping[str, Any]:
            self._check(answer, "storage.objects.list")
            return self._json(answer)

        while True:
            listed = self._read(f"{self._root}/storage/v1/b/{self.settings.bucket}/o", params, page)
            found += [item["name"][len(root) :] for item in listed.get("items", ())]
            if "nextPageToken" not in listed:
                return sorted(found)
            params["pageToken"] = listed["nextPageToken"]

    def close(self) -> None:
        """Let go of connections; a later call opens new ones."""
        with self._opening:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    @property
    def _root(self) -> str:
        return (self.settings.endpoint or GOOGLE).rstrip("/")

    def _object(self, name: str) -> str:
        key = quote(folder(self.settings.prefix) + name, safe="")
        return f"{self._root}/storage/v1/b/{self.settings.bucket}/o/{key}"

    def _read(self, url: str, params: Mapping[str, str], take: Callable[[Response], T]) -> T:
        """What ``take`` makes of the answer; asked again, at once, where there was none."""
        for left in reversed(range(READ_ATTEMPTS)):
            try:
                return take(self._send("GET", url, params=params))
            except BlobUncertain:
                if not left:
                    raise
        msg = "a read ended without an answer and without an error. This is a bug in dcplan."
        raise RuntimeError(msg)

    def _send(self, verb: str, url: str, **parts: Any) -> Response:
        """One request, one answer."""
        from google.auth import exceptions as of  # noqa: PLC0415 - slow, and only this backend needs it
        from requests import RequestException  # noqa: PLC0415 - as above

        try:
            return self._opened().request(verb, url, timeout=TIMEOUTS_S, allow_redirects=False, **parts)
        except (of.DefaultCredentialsError, of.RefreshError, of.MalformedError) as problem:
            raise without_credentials(problem, self.where) from problem
        except (RequestException, of.GoogleAuthError) as problem:
            raise BlobUncertain(short(problem)) from problem

    def _opened(self) -> Session:
        """The session, made when the first call is: Google's finds the credentials then."""
        with self._opening:
            if self._session is None:
                self._session = session_for(self._root, SCOPE)
            return self._session

    def _check(self, answer: Response, permission: str) -> None:
        problem = judged(answer, self.where, permission)
        if problem is not None:
            raise problem

    def _json(self, answer: Response) -> Mapping[str, Any]:
        """The answer as the JSON API gives it; something between that answers in its place has not acted."""
        try:
            return dict(answer.json())
        except ValueError as problem:
            raise BlobUncertain("the answer is not in JSON") from problem
