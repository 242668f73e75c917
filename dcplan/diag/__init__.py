"""Diag: the words in which every room reports a problem.

Takes: nothing.        Gives: Diagnostic, Result[T], SourceRange, ConfigPath.
Knows: the standard library.       Never: YAML, files, colours.
"""

from dcplan.diag.place import place
from dcplan.diag.text import agreeing, did_you_mean, listed, plural
from dcplan.diag.types import (
    ConfigPath,
    Diagnostic,
    Diagnostics,
    Related,
    Result,
    Severity,
    SourceRange,
    error,
    has_errors,
    warning,
)

__all__ = [
    "ConfigPath",
    "Diagnostic",
    "Diagnostics",
    "Related",
    "Result",
    "Severity",
    "SourceRange",
    "agreeing",
    "did_you_mean",
    "error",
    "has_errors",
    "listed",
    "place",
    "plural",
    "warning",
]
