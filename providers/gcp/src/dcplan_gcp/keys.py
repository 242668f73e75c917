"""Google Cloud KMS as a keeper of keys: encrypt and decrypt of a random key of our own, over REST v1.

Sources: Cloud KMS documentation, "REST Resource: cryptoKeys", "Additional authenticated data" and "Verifying
end-to-end data integrity".
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from dcplan.config import validate_settings
from dcplan.config.encryption_spec import GcpKmsSpec
from dcplan.diag import ConfigPath, Diagnostic, Result, error, has_errors
from dcplan.plan.key_services import CONTEXT, FreshKey, KeyRefused, KeyService
from dcplan.state.server import LOOPBACK, check_endpoint, given
from dcplan_gcp.checksums import crc32c
from dcplan_gcp.refusals import message, short
from dcplan_gcp.session import session_for

if TYPE_CHECKING:
    from requests import Response, Session

GOOGLE = "https://cloudkms.googleapis.com"

SCOPE = "https://www.googleapis.com/auth/cloudkms"

TIMEOUTS_S = (5.0, 10.0)
"""How long to wait for a connection, and how long the service may be silent."""

ATTEMPTS = 3
"""Both calls may be repeated: they change nothing."""

NAME = re.compile(
    r"projects/[^/?#\s]+/locations/[^/?#\s]+/keyRings/[\w-]{1,63}/cryptoKeys/[\w-]{1,63}", re.ASCII
)

PERMISSIONS = {
    "encrypt": "cloudkms.cryptoKeyVersions.useToEncrypt",
    "decrypt": "cloudkms.cryptoKeyVersions.useToDecrypt",
}

KEY_BYTES = 32

BOUND = json.dumps(dict(CONTEXT), separators=(",", ":")).encode()
"""What each wrapped key is bound to."""


def keys(settings: Mapping[str, object], path: ConfigPath) -> Result[KeyService]:
    """The key with these settings, which stand at ``path`` of the document; opens no connection.

    Diagnostics: settings that are none, a name that no key has, an endpoint with a secret or without
    encryption: keys travel there.
    """
    read = validate_settings(given(settings), GcpKmsSpec, path)
    if not read.ok:
        return Result(None, read.diagnostics)
    kms = read.unwrap()
    told = (*read.diagnostics, *_named(kms.key, (*path, "key")), *_safe(kms.endpoint, (*path, "endpoint")))
    if has_errors(told):
        return Result(None, told)
    try:
        import google.auth  # noqa: F401, PLC0415 - asked for here, used when the first call is made
        import requests  # noqa: F401, PLC0415 - as above
    except ImportError:
        detail = (
            "A key of Google Cloud KMS needs google-auth and requests. Install them where dcplan is: "
            "python -m pip install google-auth requests"
        )
        missing = error("keys-package", "A package is missing", detail, path=path, on_key=True)
        return Result(None, (*told, missing))
    return Result(GcpKeys(settings=kms), told)


@dataclass(slots=True, kw_only=True)
class GcpKeys:
    """One key of Cloud KMS.  Errors: ``KeyRefused``."""

    settings: GcpKmsSpec
    _session: Session | None = field(default=None, init=False)
    _opening: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def kind(self) -> str:
        """As the document names it."""
        return "gcp_kms"

    @property
    def key_id(self) -> str:
        """As the document names it."""
        return self.settings.key

    def fresh(self) -> FreshKey:
        """One encrypt of a key that is made here."""
        key = secrets.token_bytes(KEY_BYTES)
        answer = self._asked("encrypt", "plaintext", key)
        if not (
            answer.get("verifiedPlaintextCrc32c") and answer.get("verifiedAdditionalAuthenticatedDataCrc32c")
        ):
            raise self._garbled()
        return FreshKey(key=key, wrapped=self._taken(answer, "ciphertext"))

    def unwrap(self, wrapped: bytes) -> bytes:
        """One decrypt by this very key."""
        return self._taken(self._asked("decrypt", "ciphertext", wrapped), "plaintext")

    def _asked(self, verb: str, part: str, content: bytes) -> Mapping[str, Any]:
        """The answer to one question, which is repeated while there is none."""
        root = (self.settings.endpoint or GOOGLE).rstrip("/")
        body = {
            part: base64.b64encode(content).decode(),
            f"{part}Crc32c": str(crc32c(content)),
            "additionalAuthenticatedData": base64.b64encode(BOUND).decode(),
            "additionalAuthenticatedDataCrc32c": str(crc32c(BOUND)),
        }
        problem = KeyRefused("")
        for _attempt in range(ATTEMPTS):
            try:
                answer = self._sent(root, f"{root}/v1/{self.key_id}:{verb}", body)
            except KeyRefused as unheard:
                problem = unheard
                continue
            if answer.status_code == HTTPStatus.OK:
                return self._json(answer)
            problem = KeyRefused(_refusal(answer, self.key_id, PERMISSIONS[verb]))
            busy = answer.status_code in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
            if not busy and answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                break
        raise problem

    def _sent(self, root: str, url: str, body: Mapping[str, str]) -> Response:
        from google.auth import exceptions as of  # noqa: PLC0415 - slow, and only this needs it
        from requests import RequestException  # noqa: PLC0415 - as above

        try:
            with self._opening:
                if self._session is None:
                    self._session = session_for(root, SCOPE)
            return self._session.post(url, json=body, timeout=TIMEOUTS_S, allow_redirects=False)
        except (of.DefaultCredentialsError, of.RefreshError, of.MalformedError) as problem:
            raise KeyRefused(
                f"The key {self.key_id} of Cloud KMS was not asked for, because there are no usable Google "
                f"credentials: {str(problem).rstrip('.')}. Run `gcloud auth application-default login`, or "
                "name a file in GOOGLE_APPLICATION_CREDENTIALS."
            ) from None
        except (RequestException, of.GoogleAuthError) as problem:
            raise KeyRefused(
                f"The key {self.key_id} of Cloud KMS cannot be reached: {short(problem)}. See that the "
                "network is there, and try again."
            ) from None

    def _json(self, answer: Response) -> Mapping[str, Any]:
        try:
            return dict(answer.json())
        except ValueError:
            raise self._garbled() from None

    def _taken(self, answer: Mapping[str, Any], part: str) -> bytes:
        """A part of the answer, as it was sent."""
        try:
            content = base64.b64decode(answer[part], validate=True)
            whole = crc32c(content) == int(answer[f"{part}Crc32c"])
        except (KeyError, ValueError, TypeError):
            raise self._garbled() from None
        if not whole:
            raise self._garbled()
        return content

    def _garbled(self) -> KeyRefused:
        return KeyRefused(
            f"The answer of Cloud KMS about the key {self.key_id} was changed on its way: its checksums do "
            "not fit. Try again, and see what stands between."
        )


def _named(key: str, path: ConfigPath) -> tuple[Diagnostic, ...]:
    if NAME.fullmatch(key):
        return ()
    detail = "It is to be projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version."
    return (error("keys-name", "No key has such a name", detail, path=path),)


def _safe(endpoint: str | None, path: ConfigPath) -> tuple[Diagnostic, ...]:
    """What is wrong with an endpoint; what is a warning for a state is an error for keys."""
    told = tuple(check_endpoint(endpoint, path))
    if not told or has_errors(told):
        return told
    detail = f"Keys would travel in clear. Use https; http is for this machine alone ({', '.join(LOOPBACK)})."
    return (error("keys-plain", "The keys would travel in clear", detail, path=path),)


def _refusal(answer: Response, key_id: str, permission: str) -> str:
    """Sentences for people: what was refused, and the way out."""
    status = answer.status_code
    named, said = f"The key {key_id} of Cloud KMS", f"{status} {_state(answer)}: {message(answer)}"
    busy = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
    ways = (
        (
            status == HTTPStatus.FORBIDDEN,
            (
                f"{named} may not be used that way: the permission {permission} is missing, or the API is "
                f"not enabled ({said}). The role roles/cloudkms.cryptoKeyEncrypterDecrypter has it."
            ),
        ),
        (
            status == HTTPStatus.UNAUTHORIZED,
            (
                f"Cloud KMS does not accept the credentials ({said}). Renew them with "
                "`gcloud auth application-default login`."
            ),
        ),
        (
            status == HTTPStatus.NOT_FOUND,
            f"{named} is not there ({said}). Mend `key` under encryption: gcp_kms.",
        ),
        (
            _state(answer) == "FAILED_PRECONDITION",
            f"{named} is disabled or destroyed ({said}). Enable its version: gcloud kms keys versions enable",
        ),
        (
            status == HTTPStatus.BAD_REQUEST and permission == PERMISSIONS["decrypt"],
            (
                f"{named} did not wrap it, or it was altered ({said}). If it is of an older key, name that "
                "under encryption: fallback."
            ),
        ),
        (
            status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in busy,
            f"{named} did not answer ({said}). Try again in a while.",
        ),
    )
    unknown = f"{named} is refused ({said}). Mend the settings of encryption: gcp_kms."
    return next((text for fits, text in ways if fits), unknown)


def _state(answer: Response) -> str:
    """What Google calls the refusal."""
    try:
        return str(answer.json()["error"]["status"])[:40]
    except (ValueError, KeyError, TypeError):
        return ""
