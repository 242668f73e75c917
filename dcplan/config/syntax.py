"""Bytes that are not a YAML text, told in our own words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dcplan.config.source_map import source_range
from dcplan.diag import Diagnostic, Diagnostics, Result, error
from dcplan.diag.types import Severity, SourceRange

if TYPE_CHECKING:
    from pathlib import Path

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that may not stand in YAML (yaml.org/spec/1.2.2, section 5.1)."""

_WORDS = {
    "mapping values are not allowed": (
        'A ": " stands here where no key can. Put text that holds ": " in quotes, '
        "or check the indentation of this line."
    ),
    "did not find expected key": (
        "A key was expected here. Check that this line is indented like its neighbours, "
        "and that text with special characters is in quotes."
    ),
    "could not find expected ':'": 'This line has no ": " after its key.',
    "did not find expected '-' indicator": (
        'A list item, "- ...", was expected here. Check that this line is indented like its neighbours.'
    ),
    "did not find expected ',' or ']'": 'A list opened with "[" goes on here without "," or "]".',
    "did not find expected ',' or '}'": 'A mapping opened with "{" goes on here without "," or "}".',
    "found unexpected end of stream": "A text opened with a quote is never closed.",
    "found unexpected document indicator": "A text opened with a quote is never closed.",
    "found unknown escape character": (
        "A backslash in double quotes starts an escape that YAML does not know. "
        "Write it twice, or use single quotes."
    ),
    "<document start>": "Something stands here that is neither a key nor part of the value before it.",
    "block sequence entries": 'A list item, "- ...", cannot stand here. Put it on its own line, indented.',
    "expected node content": "A value was expected here. A bracket may be unclosed, or text needs quotes.",
    "alphabetic or numeric": 'After "&" or "*" a name was expected. Put text that begins so in quotes.',
    "cannot start any token": "Text cannot begin with this character unless it stands in quotes.",
}
"""Pieces of libyaml's messages, and what we say instead."""


def syntax_error(file: str, text: str, line: int, column: int, problem: str) -> Diagnostic:
    """The parser's complaint at ``line`` and ``column`` (from 0), in our words."""
    lines = _BREAK.split(text)
    if line >= len(lines):
        line, column = len(lines) - 1, len(lines[-1])
    tab = lines[line][: column + 1].find("\t")
    if tab >= 0 and not lines[line][:tab].strip():
        return error(
            "tab-indentation",
            "A tab is used for indentation",
            "YAML allows only spaces before the first word of a line. Replace the tab by spaces.",
            range=source_range(file, (line, tab, line, tab + 1)),
        )
    # The parser's own words may quote the text; ours do not.
    detail = next(
        (words for hint, words in _WORDS.items() if hint in problem), f"The parser says: {problem}."
    )
    return error(
        "yaml-syntax",
        "This is not valid YAML",
        detail,
        range=source_range(file, (line, column, line, column + 1)),
    )


def read_text(path: Path, shown: str) -> Result[str]:
    """The text of a file as UTF-8 without its byte order mark; ``shown`` is its name in messages."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Result(None, (_at(shown, "missing-file", "A file does not exist", f"There is no {shown}."),))
    except OSError as problem:
        why = problem.strerror or type(problem).__name__
        detail = f"{shown} cannot be read: {why}."
        return Result(None, (_at(shown, "unreadable-file", "A file cannot be read", detail),))
    return decode(data, shown)


def decode(data: bytes, shown: str) -> Result[str]:
    """The text in ``data``, or what is wrong with it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        return Result(None, (_not_utf8(data, problem.start, shown),))
    said: Diagnostics = ()
    if text.startswith(_BOM):
        text = text[1:]
        said = (_byte_order_mark(shown),)
    if bad := _FORBIDDEN.search(text):
        line, column = _position(text[: bad.start()])
        problem_here = error(
            "control-character",
            "A control character stands in the text",
            f"The character U+{ord(bad[0]):04X} may not stand in YAML. Delete it.",
            range=source_range(shown, (line, column, line, column + 1)),
        )
        return Result(None, (*said, problem_here))
    return Result(text, said)


def _not_utf8(data: bytes, start: int, shown: str) -> Diagnostic:
    """The error for bytes that are not UTF-8, at the first that is not."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _at(
            shown,
            "not-utf8",
            "The file is not UTF-8",
            f"{shown} begins with the byte order mark of UTF-16. Save it as UTF-8.",
        )
    line, column = _position(data[:start].decode("utf-8"))
    return error(
        "not-utf8",
        "The file is not UTF-8",
        f"The byte 0x{data[start]:02X} does not belong here. Save the file as UTF-8.",
        range=source_range(shown, (line, column, line, column + 1)),
    )


def _byte_order_mark(shown: str) -> Diagnostic:
    """The warning for a UTF-8 byte order mark, which we skip and other tools may not."""
    return Diagnostic(
        severity=Severity.WARNING,
        code="byte-order-mark",
        summary="The file begins with a byte order mark",
        detail="It was skipped. Save the file as UTF-8 without one, since other tools may stumble over it.",
        range=SourceRange(file=shown, line=1, column=1, end_line=1, end_column=1),
    )


def _position(before: str) -> tuple[int, int]:
    """Line and column, from 0, of the end of ``before``."""
    lines = _BREAK.split(before)
    return len(lines) - 1, len(lines[-1])


def _at(shown: str, code: str, summary: str, detail: str) -> Diagnostic:
    """An error about the file as a whole."""
    return error(
        code, summary, detail, range=SourceRange(file=shown, line=1, column=1, end_line=1, end_column=1)
    )
