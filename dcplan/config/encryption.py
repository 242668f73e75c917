"""``encryption`` of a document: with which keys saved plans and remote states are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dcplan.config.encryption_spec import EncryptionSpec, FallbackSpec
from dcplan.config.files import gather
from dcplan.config.variables import Outside, resolve
from dcplan.diag import ConfigPath, Diagnostic, Result, error, has_errors, warning

if TYPE_CHECKING:
    from dcplan.config.check import Names
    from dcplan.config.document import Document

KEY = "encryption"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """What a document says of it, without a key."""

    variable: str
    """Environment variable that holds the passphrase."""
    old_variable: str | None = None
    """That of the passphrase of before."""
    accepts_plain: bool = False
    """Whether files that are not encrypted may be read."""


def declared_encryption(
    paths: Sequence[Path],
    *,
    variables: Mapping[str, str],
    env: Mapping[str, str],
) -> Result[Encryption | None]:
    """What the documents say of encryption, read by itself; None, without a diagnostic, for nothing.

    Documents without the word are not even parsed.
    """
    if not any(_mentions(file) for path in paths for file in _files(path)):
        return Result(None)
    gathered = gather(paths)
    if gathered.value is None:
        return Result(None, gathered.diagnostics)
    content = gathered.value.content
    if content.data.get(KEY) is None:
        return Result(None)
    declared = {"variables": content.data.get("variables", {}), KEY: content.data[KEY]}
    resolved = resolve(declared, Outside(variables, (), env))
    try:
        spec = EncryptionSpec.model_validate(resolved.data[KEY])
    except ValidationError:
        detail = "What it says cannot be read, so nothing is read or written. Details: dcplan validate"
        unreadable = error("encryption-unreadable", "The encryption is not known", detail, path=(KEY,))
        return Result(None, content.source.place((unreadable,)))
    wrong = tuple(d for d in _contradictions(spec) if has_errors((d,)))
    if wrong:
        return Result(None, content.source.place(wrong))
    fallback = spec.fallback
    return Result(
        Encryption(
            variable=spec.passphrase.env,
            old_variable=fallback.passphrase.env if isinstance(fallback, FallbackSpec) else None,
            accepts_plain=fallback == "unencrypted",
        )
    )


def encryption_is_meant(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """What is enforced has no exception, and is not taken for more than it is."""
    if document.encryption is None:
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
    names: list[tuple[ConfigPath, str]] = [((KEY, "passphrase", "env"), spec.passphrase.env)]
    if isinstance(spec.fallback, FallbackSpec):
        names.append(((KEY, "fallback", "passphrase", "env"), spec.fallback.passphrase.env))
    for path, name in names:
        if not _VARIABLE.fullmatch(name):
            detail = (
                "This is the name of an environment variable that holds the passphrase: letters, digits and "
                "underscores, no digit first. The passphrase itself never stands in the document."
            )
            yield error("not-a-variable", "This cannot be the name of a variable", detail, path=path)
    if spec.enforced and spec.fallback == "unencrypted":
        yield error(
            "encryption-contradicts",
            "Encryption is enforced and not",
            "With enforced, files that are not encrypted are never read, and the fallback would read them. "
            "Leave one of the two out: the fallback first, once everything is written anew.",
            path=(KEY, "fallback"),
        )
    if isinstance(spec.fallback, FallbackSpec) and spec.fallback.passphrase.env == spec.passphrase.env:
        yield error(
            "encryption-contradicts",
            "The fallback is the key itself",
            f"Both passphrases are to come from {spec.passphrase.env}. Put the old one into a variable of "
            "its own, and name that under fallback.",
            path=(KEY, "fallback"),
        )


def _mentions(file: Path) -> bool:
    try:
        return KEY.encode() in file.read_bytes()
    except OSError:
        return False  # Reading the document says what is wrong with it.


def _files(path: Path) -> Sequence[Path]:
    return sorted(path.iterdir()) if path.is_dir() else (path,)
