"""The nouns of diag: what went wrong, where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from dcplan.diag.hidden import redacted

T = TypeVar("T")

ConfigPath = tuple[str | int, ...]
"""Keys and indices from the top of the document, e.g. ``("workloads", "chat", "sla")``."""


class Severity(StrEnum):
    """How bad it is: an error stops the command, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRange:
    """A stretch of a file; lines and columns count from 1, the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another place that has to do with a diagnostic, and what it has to do with it."""

    note: str
    path: ConfigPath | None = None
    range: SourceRange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem, told so that its reader can mend it.

    ``summary`` is a constant phrase without names, so that readers learn to
    skim it; ``detail`` is full sentences: what, why, and the way out.  The
    finder fills ``path``; only ``place()`` fills ``range``, because only the
    loader knows the text.
    """

    severity: Severity
    code: str
    summary: str
    detail: str = ""
    path: ConfigPath | None = None
    on_key: bool = False
    """Point at the key of ``path`` instead of at its value."""
    address: str | None = None
    range: SourceRange | None = None
    related: tuple[Related, ...] = ()


Diagnostics = tuple[Diagnostic, ...]


def error(  # noqa: PLR0913 - the fields of a diagnostic
    code: str,
    summary: str,
    detail: str = "",
    *,
    path: ConfigPath | None = None,
    on_key: bool = False,
    address: str | None = None,
    range: SourceRange | None = None,  # noqa: A002 - the field's own name
    related: tuple[Related, ...] = (),
) -> Diagnostic:
    """An error: the command cannot go on.  See ``Diagnostic`` for the fields."""
    return Diagnostic(
        severity=Severity.ERROR,
        code=code,
        summary=summary,
        detail=redacted(detail),
        path=path,
        on_key=on_key,
        address=address,
        range=range,
        related=related,
    )


def warning(  # noqa: PLR0913 - as error
    code: str,
    summary: str,
    detail: str = "",
    *,
    path: ConfigPath | None = None,
    on_key: bool = False,
    address: str | None = None,
    related: tuple[Related, ...] = (),
) -> Diagnostic:
    """A warning: the command goes on, the reader should know."""
    return Diagnostic(
        severity=Severity.WARNING,
        code=code,
        summary=summary,
        detail=redacted(detail),
        path=path,
        on_key=on_key,
        address=address,
        related=related,
    )


def has_errors(diagnostics: Diagnostics) -> bool:
    """Whether any of them stops the command."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """A stage's answer: the next value, or none, and everything to be said about it."""

    value: T | None
    diagnostics: Diagnostics = ()

    @property
    def ok(self) -> bool:
        """There is a value and no error."""
        return self.value is not None and not has_errors(self.diagnostics)

    def unwrap(self) -> T:
        """The value of a result already found ``ok``; anything else is our own bug."""
        if self.value is None:
            msg = "unwrap() of a result without a value. This is a bug in dcplan."
            raise RuntimeError(msg)
        return self.value
