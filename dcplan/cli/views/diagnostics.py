"""How a problem looks: what, where, the line itself, why, and the way out."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from dcplan.cli.views.width import width, wrapped
from dcplan.diag import Diagnostic, Diagnostics, Severity, SourceRange, plural
from dcplan.diag.hidden import redacted
from dcplan.diag.passwords import NOT_SHOWN, without_secrets

WIDTH = 96
_ADDRESSES = tuple(
    ("backend", *place) for place in (("postgres", "url"), ("s3", "endpoint"), ("gcs", "endpoint"))
)
"""Where an address stands that may hold a password, also one that cannot be read."""
_REFERENCE = re.compile(r"[\"']?\$\{[^}]*\}[\"']?")
COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def as_text(diagnostics: Diagnostics, *, compact: bool = False) -> str:
    """All of them, and of the lines that they are about nothing that is hidden; see ``_text``."""
    return redacted(_text(diagnostics, compact=compact))


def _text(diagnostics: Diagnostics, *, compact: bool) -> str:
    """All of them: errors last, where the eye rests, each in the order of the document.

    ``compact``: warnings that are alike in one line, as long as there are no errors.
    """
    if compact and all(d.severity is Severity.WARNING for d in diagnostics):
        return "\n".join(_compact(diagnostics))
    ordered = sorted(diagnostics, key=_order)
    blocks = [_block(d) for d in ordered]
    errors = sum(d.severity is Severity.ERROR for d in ordered)
    if len(ordered) > 1:
        warnings = len(ordered) - errors
        counts = [plural(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n]
        blocks.append(" and ".join(counts) + ".")
    return "\n\n".join(blocks)


def _compact(warnings: Diagnostics) -> list[str]:
    """A line for each sort of warning: how many, and where the first is."""
    alike: dict[str, list[Diagnostic]] = {}
    for one in warnings:
        alike.setdefault(one.summary, []).append(one)
    lines = []
    for summary, members in alike.items():
        first = members[0]
        where = str(first.range) if first.range is not None else first.address or ""
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        told = f"  {where}{more}" if where else f"  {len(members)} times" if more else ""
        lines.append(click.style("warning: ", fg=COLOURS[Severity.WARNING], bold=True) + summary + told)
    return lines


def to_data(diagnostic: Diagnostic) -> dict[str, object]:
    """The same for programs; the keys are Terraform's where it has the thing."""
    data: dict[str, object] = {
        "severity": diagnostic.severity.value,
        "code": diagnostic.code,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
    }
    if diagnostic.path is not None:
        data["path"] = list(diagnostic.path)
    if diagnostic.address is not None:
        data["address"] = diagnostic.address
    if diagnostic.range is not None:
        data["range"] = _range(diagnostic.range)
    if diagnostic.related:
        data["related"] = [
            {"note": r.note, **({"range": _range(r.range)} if r.range else {})} for r in diagnostic.related
        ]
    return data


def _range(at: SourceRange) -> dict[str, object]:
    return {
        "filename": at.file,
        "start": {"line": at.line, "column": at.column},
        "end": {"line": at.end_line or at.line, "column": at.end_column or at.column},
    }


def _order(d: Diagnostic) -> tuple[bool, str, int, int, str]:
    at = d.range
    return (
        d.severity is Severity.ERROR,
        at.file if at else "",
        at.line if at else 0,
        at.column if at else 0,
        d.address or "",
    )


def _block(d: Diagnostic) -> str:
    head = click.style(f"{d.severity.value}: ", fg=COLOURS[d.severity], bold=True) + click.style(
        d.summary, bold=True
    )
    lines = [head]
    if d.range is not None:
        lines.append(f"  {click.style(str(d.range), fg='cyan')}{_where(d)}")
        lines += _snippet(d.range, secret=d.code == "backend-secret" or d.path in _ADDRESSES)
    elif d.address is not None:
        lines.append(f"  {click.style(d.address, fg='cyan')}")
    if d.detail:
        lines.append(wrapped(d.detail, WIDTH, first="  ", indent="  ", stream=sys.stderr))
    for note in d.related:
        at = f"{click.style(str(note.range), fg='cyan')} " if note.range else ""
        lines.append(f"  - {at}{note.note}")
    return "\n".join(lines)


def _where(d: Diagnostic) -> str:
    return f" ({'.'.join(str(p) for p in d.path)})" if d.path else ""


def _snippet(at: SourceRange, *, secret: bool) -> list[str]:
    """The line itself with a mark under the place; nothing when the file cannot be read any more.

    ``secret``: what stands at the place may be one, and is not shown.
    """
    try:
        text = Path(at.file).read_text(encoding="utf-8-sig").splitlines()[at.line - 1]
    except (OSError, UnicodeDecodeError, IndexError):
        return []
    end = at.end_column if at.end_line == at.line else len(text) + 1
    end = max(min(end, len(text) + 1), at.column + 1)
    text, begin, end = _unsecret(text, at.column - 1, end - 1, secret=secret)
    gutter = " " * len(str(at.line))
    text, start = _window(text, begin, width(WIDTH, sys.stderr) - len(gutter) - 5)
    column = begin - start
    marks = "^" * max(min(end - begin, len(text) - column), 1)
    mark = click.style(marks, fg="red", bold=True)
    return [f"  {at.line} | {text}", f"  {gutter} | {' ' * column}{mark}"]


def _unsecret(text: str, begin: int, end: int, *, secret: bool) -> tuple[str, int, int]:
    """The line without secrets, and where the place is in it; ``secret``: the place holds one."""
    place = text[begin:end]
    if secret and not _REFERENCE.fullmatch(place):
        place = NOT_SHOWN
    shown = without_secrets(text[:begin] + place + text[end:])
    head = without_secrets(text[:begin])
    begin = min(len(head), len(shown))
    return shown, begin, begin + len(place)


def _window(text: str, column: int, room: int) -> tuple[str, int]:
    """The part of a long line that shows ``column``, and how many characters it leaves out before."""
    if len(text) <= room:
        return text, 0
    start = max(0, min(column - room // 3, len(text) - room))
    shown = text[start : start + room]
    if start:
        shown = f"...{shown[3:]}"
    if start + room < len(text):
        shown = f"{shown[:-3]}..."
    return shown, start
