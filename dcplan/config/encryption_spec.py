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


class FallbackSpec(Strict):
    """The keys of before: read with when the new ones do not fit, never written with."""

    passphrase: PassphraseSpec


def _fallback_form(value: object) -> str:
    """Which of the two a fallback is: a word, or a mapping with keys."""
    return "key" if isinstance(value, dict | FallbackSpec) else "word"


class EncryptionSpec(Strict):
    """Keys for saved plans and states that are kept on a server."""

    passphrase: PassphraseSpec
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
