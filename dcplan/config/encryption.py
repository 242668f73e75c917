"""``encryption`` of a document: with which keys saved plans and remote states are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dcplan.config.encryption_spec import KINDS, EncryptionSpec, FallbackSpec, KeySpec
from dcplan.config.section import section_of
from dcplan.config.variables import Outside, resolve
from dcplan.diag import ConfigPath, Diagnostic, Result, error, has_errors, listed, warning

if TYPE_CHECKING:
    from dcplan.config.check import Names
    from dcplan.config.document import Document
    from dcplan.config.source_map import SourceMap

KEY = "encryption"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Where one key comes from."""

    kind: str
    """``passphrase``, ``aws_kms`` or ``gcp_kms``."""
    settings: Mapping[str, object]
    """As they stand in the document."""
    path: ConfigPath
    """Where they stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """What a document says of it, without a key."""

    key: Key
    """The one to write with."""
    old: Key | None = None
    """The one of before."""
    accepts_plain: bool = False
    """Whether files that are not encrypted may be read."""
    source: SourceMap
    """Where all of it stands."""


def declared_encryption(
    paths: Sequence[Path],
    *,
    variables: Mapping[str, str],
    env: Mapping[str, str],
) -> Result[Encryption | None]:
    """What the documents say of encryption, read by itself; None, without a diagnostic, for nothing.

    Documents without the word are not even parsed.
    """
    found = section_of(paths, KEY)
    if found.value is None:
        return Result(None, found.diagnostics)
    source = found.value.source
    resolved = resolve(found.value.data, Outside(variables, (), env))
    try:
        spec = EncryptionSpec.model_validate(resolved.data[KEY])
    except ValidationError:
        detail = "What it says cannot be read, so nothing is read or written. Details: dcplan validate"
        unreadable = error("encryption-unreadable", "The encryption is not known", detail, path=(KEY,))
        return Result(None, source.place((unreadable,)))
    wrong = tuple(d for d in _contradictions(spec) if has_errors((d,)))
    if wrong:
        return Result(None, source.place(wrong))
    fallback = spec.fallback
    return Result(
        Encryption(
            key=_key(spec, (KEY,)),
            old=_key(fallback, (KEY, "fallback")) if isinstance(fallback, FallbackSpec) else None,
            accepts_plain=fallback == "unencrypted",
            source=source,
        )
    )


def _key(spec: KeySpec, path: ConfigPath) -> Key:
    (kind,) = spec.named()
    return Key(kind=kind, settings=getattr(spec, kind).model_dump(exclude_none=True), path=(*path, kind))


def encryption_is_meant(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """What is enforced has no exception, and is not taken for more than it is."""
    if document.encryption is None:
        if KEY in document.model_fields_set:  # The key stands there, with nothing under it.
            yield from _contradictions(EncryptionSpec())
        return
    yield from _contradictions(document.encryption)
    if document.encryption.enforced and (document.backend is None or document.backend.local is not None):
        yield warning(
            "state-not-encrypted",
            "The local state is not encrypted",
            "Saved plans and states on a server are encrypted; the local state is a database of mode 0600, "
            "and as plain as the disk it lies on. Name a backend besides local to have it encrypted.",
            path=(KEY, "enforced"),
        )


def _contradictions(spec: EncryptionSpec) -> Iterator[Diagnostic]:
    places: list[tuple[ConfigPath, KeySpec]] = [((KEY,), spec)]
    if isinstance(spec.fallback, FallbackSpec):
        places.append(((KEY, "fallback"), spec.fallback))
    for path, keys in places:
        yield from _one_key(keys, path)
    if spec.enforced and spec.fallback == "unencrypted":
        yield error(
            "encryption-contradicts",
            "Encryption is enforced and not",
            "With enforced, files that are not encrypted are never read, and the fallback would read them. "
            "Leave one of the two out: the fallback first, once everything is written anew.",
            path=(KEY, "fallback"),
        )
    if isinstance(spec.fallback, FallbackSpec) and all(
        getattr(spec, kind) == getattr(spec.fallback, kind) for kind in KINDS
    ):
        detail = "Both keys are the same. Leave the fallback out, or name there the key of before."
        if spec.passphrase is not None:
            detail = (
                f"Both passphrases are to come from {spec.passphrase.env}. Put the old one into a variable "
                "of its own, and name that under fallback."
            )
        summary = "The fallback is the key itself"
        yield error("encryption-contradicts", summary, detail, path=(KEY, "fallback"))


def _one_key(spec: KeySpec, path: ConfigPath) -> Iterator[Diagnostic]:
    """There is one key, and its passphrase stands in a variable."""
    named = spec.named()
    if len(named) != 1:
        has = f"It has {listed(named)}" if named else "It has none"
        detail = f"{has}. Keep exactly one of {listed(KINDS)}."
        yield error("encryption-key", "Encryption needs exactly one key", detail, path=path)
    if spec.passphrase is not None and not _VARIABLE.fullmatch(spec.passphrase.env):
        detail = (
            "This is the name of an environment variable that holds the passphrase: letters, digits and "
            "underscores, no digit first. The passphrase itself never stands in the document."
        )
        yield error(
            "not-a-variable",
            "This cannot be the name of a variable",
            detail,
            path=(*path, "passphrase", "env"),
        )
