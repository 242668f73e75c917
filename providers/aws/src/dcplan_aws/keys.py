"""AWS KMS as a keeper of keys: GenerateDataKey and Decrypt, bound to a context.

Sources: AWS KMS API Reference, "GenerateDataKey" and "Decrypt"; AWS KMS Developer Guide, "Encryption
context".
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from dcplan.config import validate_settings
from dcplan.config.encryption_spec import AwsKmsSpec
from dcplan.diag import ConfigPath, Result, error, has_errors
from dcplan.plan.key_services import CONTEXT, FreshKey, KeyRefused, KeyService
from dcplan.state.server import LOOPBACK, check_endpoint, given
from dcplan_aws.session import session_of

CONNECT_TIMEOUT_S = 5
"""How long to wait for a connection."""

ANSWER_TIMEOUT_S = 10
"""How long the service may be silent."""

ATTEMPTS = 3
"""Both calls may be repeated: they change nothing."""

GENERATE, DECRYPT = "kms:GenerateDataKey", "kms:Decrypt"

UNKNOWN = frozenset({"NotFoundException", "InvalidArnException", "InvalidAliasNameException"})
DISABLED = frozenset({"DisabledException", "KMSInvalidStateException", "KMSInvalidState"})
DENIED = frozenset({"AccessDeniedException", "AccessDenied", "403"})
UNKNOWN_ASKER = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "ExpiredTokenException",
        "InvalidSignatureException",
    }
)
OTHER_KEY = frozenset({"IncorrectKeyException", "InvalidCiphertextException", "InvalidCiphertext"})
BUSY = frozenset({"ThrottlingException", "KMSInternalException", "KeyUnavailableException"})


def keys(settings: Mapping[str, object], path: ConfigPath) -> Result[KeyService]:
    """The key with these settings, which stand at ``path`` of the document; opens no connection.

    Diagnostics: settings that are none, a profile that is not there, an endpoint with a secret or without
    encryption: keys travel there.
    """
    read = validate_settings(given(settings), AwsKmsSpec, path)
    if not read.ok:
        return Result(None, read.diagnostics)
    kms = read.unwrap()
    told = (*read.diagnostics, *_safe(kms.endpoint, (*path, "endpoint")))
    if has_errors(told):
        return Result(None, told)
    session = session_of(kms.profile, path, "A key of AWS KMS")
    told = (*told, *session.diagnostics)
    if session.value is None:
        return Result(None, told)
    return Result(AwsKeys(settings=kms, session=session.value), told)


@dataclass(slots=True, kw_only=True)
class AwsKeys:
    """One key of AWS KMS.  Errors: ``KeyRefused``."""

    settings: AwsKmsSpec
    session: Any
    """botocore's."""
    _client: Any = field(default=None, init=False)
    _opening: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def kind(self) -> str:
        """As the document names it."""
        return "aws_kms"

    @property
    def key_id(self) -> str:
        """As the document names it."""
        return self.settings.key_id

    def fresh(self) -> FreshKey:
        """One GenerateDataKey."""
        answer = self._asked(
            "generate_data_key", GENERATE, KeySpec="AES_256", EncryptionContext=dict(CONTEXT)
        )
        return FreshKey(key=answer["Plaintext"], wrapped=answer["CiphertextBlob"])

    def unwrap(self, wrapped: bytes) -> bytes:
        """One Decrypt by this very key: one that a stranger wrapped with a key of theirs is refused."""
        answer = self._asked("decrypt", DECRYPT, CiphertextBlob=wrapped, EncryptionContext=dict(CONTEXT))
        return bytes(answer["Plaintext"])

    def _asked(self, method: str, permission: str, **parts: Any) -> Mapping[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow, only for this

        try:
            answer: Mapping[str, Any] = getattr(self._opened(), method)(KeyId=self.key_id, **parts)
        except ClientError as problem:
            # Not chained: what an SDK keeps with its errors is nothing for a log.
            raise KeyRefused(_refusal(problem.response, self.key_id, permission)) from None
        except BotoCoreError as problem:
            raise KeyRefused(_unheard(problem, self.key_id)) from None
        return answer

    def _opened(self) -> Any:
        from botocore.config import Config  # noqa: PLC0415 - as above

        with self._opening:
            if self._client is None:
                config = Config(
                    connect_timeout=CONNECT_TIMEOUT_S,
                    read_timeout=ANSWER_TIMEOUT_S,
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    user_agent_extra="dcplan",
                )
                self._client = self.session.create_client(
                    "kms",
                    region_name=self.settings.region or region_of(self.key_id),
                    endpoint_url=self.settings.endpoint,
                    config=config,
                )
            return self._client


def region_of(key_id: str) -> str | None:
    """The region that an ARN names; None for an id and an alias."""
    parts = key_id.split(":")
    return parts[3] or None if parts[0] == "arn" and len(parts) == 6 else None  # noqa: PLR2004 - an ARN's parts


def _safe(endpoint: str | None, path: ConfigPath) -> tuple[Any, ...]:
    """What is wrong with an endpoint; what is a warning for a state is an error for keys."""
    told = tuple(check_endpoint(endpoint, path))
    if not told or has_errors(told):
        return told
    detail = f"Keys would travel in clear. Use https; http is for this machine alone ({', '.join(LOOPBACK)})."
    return (error("keys-plain", "The keys would travel in clear", detail, path=path),)


def _refusal(answer: Mapping[str, Any], key_id: str, permission: str) -> str:
    """Sentences for people: what was refused, and the way out."""
    code = str(answer.get("Error", {}).get("Code", ""))
    text = str(answer.get("Error", {}).get("Message", "")).rstrip(".")
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"{status} {code}: {text}" if text else f"{status} {code}"
    named = f"The key {key_id} of AWS KMS"
    other = (
        " Decrypt is refused like this, too, where another key wrapped it." if permission == DECRYPT else ""
    )
    ways = (
        (
            code in DENIED,
            (
                f"{named} may not be used that way: the permission {permission} is missing ({said}). "
                f"Allow it in the key's policy or the caller's.{other}"
            ),
        ),
        (
            code in UNKNOWN,
            f"{named} is not there ({said}). Mend `key_id` or `region` under encryption: aws_kms.",
        ),
        (
            code in DISABLED,
            f"{named} is disabled or is to be deleted ({said}). Enable it: aws kms enable-key",
        ),
        (
            code in OTHER_KEY,
            (
                f"{named} did not wrap it, or it was altered ({said}). If it is of an older key, name that "
                "under encryption: fallback."
            ),
        ),
        (
            code in UNKNOWN_ASKER,
            f"AWS KMS does not accept the credentials ({said}). Renew them, or name another `profile`.",
        ),
        (
            code in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR,
            f"{named} did not answer ({said}). Try again in a while.",
        ),
    )
    unknown = f"{named} is refused ({said}). Mend the settings of encryption: aws_kms."
    return next((text for fits, text in ways if fits), unknown)


def _unheard(problem: Exception, key_id: str) -> str:
    """Sentences for people where AWS was not asked, or did not answer."""
    from botocore import exceptions as of  # noqa: PLC0415 - as above

    missing = (
        of.NoCredentialsError,
        of.PartialCredentialsError,
        of.CredentialRetrievalError,
        of.NoAuthTokenError,
        of.SSOError,
        of.TokenRetrievalError,
    )
    why = str(problem).rstrip(".")
    if isinstance(problem, missing):
        return (
            f"The key {key_id} of AWS KMS was not asked for, because there are no usable AWS credentials: "
            f"{why}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws sso login`, or name a "
            "`profile`."
        )
    if isinstance(problem, of.NoRegionError):
        return f"The key {key_id} of AWS KMS was not asked for: no region is known. Set `region` beside it."
    if isinstance(problem, of.ParamValidationError):
        return f"The key {key_id} of AWS KMS was not asked for, because the SDK refuses the request: {why}."
    return (
        f"The key {key_id} of AWS KMS cannot be reached: {why}. See that the network is there, and "
        "the `region` right."
    )
