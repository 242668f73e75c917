"""``encryption`` in the document: keys for saved plans and states on a server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from dcplan.config.strict import Strict

DEFAULT_VARIABLE = "DCPLAN_PASSPHRASE"


class PassphraseSpec(Strict):
    """A passphrase, which stands in an environment variable and nowhere else."""

    env: str = DEFAULT_VARIABLE
    """Name of the variable."""


class AwsKmsSpec(Strict):
    """A symmetric key of AWS KMS."""

    key_id: str
    """Its ARN, its id, or ``alias/NAME``."""
    region: str | None = None
    """Where the key is; what an ARN, the environment or the profile says when left out."""
    profile: str | None = None
    """Of AWS's configuration files."""
    endpoint: str | None = None
    """Another server than Amazon's."""


class GcpKmsSpec(Strict):
    """A symmetric key of Google Cloud KMS."""

    key: str
    """``projects/P/locations/L/keyRings/R/cryptoKeys/K``."""
    endpoint: str | None = None
    """Another server than Google's."""


class KeySpec(Strict):
    """Where a key comes from: exactly one of these."""

    passphrase: PassphraseSpec | None = None
    aws_kms: AwsKmsSpec | None = None
    gcp_kms: GcpKmsSpec | None = None

    def named(self) -> tuple[str, ...]:
        """The sections that are there."""
        return tuple(kind for kind in KINDS if getattr(self, kind) is not None)


KINDS = tuple(KeySpec.model_fields)
"""All places that a key may come from."""


class FallbackSpec(KeySpec):
    """The key of before: read with when the new one does not fit, never written with."""


def _fallback_form(value: object) -> str:
    """Which of the two a fallback is: a word, or a mapping with keys."""
    return "key" if isinstance(value, dict | FallbackSpec) else "word"


class EncryptionSpec(KeySpec):
    """Keys for saved plans and states that are kept on a server."""

    enforced: bool = False
    """Files that are not encrypted are refused whatever ``fallback`` says, which then may not allow them."""
    fallback: (
        Annotated[
            Annotated[FallbackSpec, Tag("key")] | Annotated[Literal["unencrypted"], Tag("word")],
            Discriminator(_fallback_form),
        ]
        | None
    ) = None
    """What may be read besides: files of an older key, or ``unencrypted`` ones."""
