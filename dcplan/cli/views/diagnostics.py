"""How a problem looks: what, where, the line itself, why, and the way out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dcplan.cli.views.width import width, wrapped
from dcplan.diag import Diagnostic, Diagnostics, Severity, SourceRange, plural

WIDTH = 96
COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def as_text(diagnostics: Diagnostics) -> str:
    """All of them: errors last, where the eye rests, each in the order of the document."""
    ordered = sorted(diagnostics, key=_order)
    blocks = [_block(d) for d in ordered]
    errors = sum(d.severity is Severity.ERROR for d in ordered)
    if len(ordered) > 1:
        warnings = len(ordered) - errors
        counts = [plural(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n]
        blocks.append(" and ".join(counts) + ".")
    return "\n\n".join(blocks)


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
        lines += _snippet(d.range)
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


def _snippet(at: SourceRange) -> list[str]:
    """The line itself with a mark under the place; nothing when the file cannot be read any more."""
    try:
        text = Path(at.file).read_text(encoding="utf-8-sig").splitlines()[at.line - 1]
    except (OSError, UnicodeDecodeError, IndexError):
        return []
    end = at.end_column if at.end_line == at.line else len(text) + 1
    end = max(min(end, len(text) + 1), at.column + 1)
    gutter = " " * len(str(at.line))
    text, start = _window(text, at.column - 1, width(WIDTH, sys.stderr) - len(gutter) - 5)
    column = at.column - 1 - start
    marks = "^" * max(min(end - at.column, len(text) - column), 1)
    mark = click.style(marks, fg="red", bold=True)
    return [f"  {at.line} | {text}", f"  {gutter} | {' ' * column}{mark}"]


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
