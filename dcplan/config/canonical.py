"""YAML text -> the same YAML in its canonical layout: comments, anchors and quotes stay as they are.

Works on the lines of the text with the scanner's tokens beside it, instead of
writing data anew: what nobody has an opinion on (line breaks of long lists,
quotes, the column of comments that stand in line) cannot get lost that way.

Canonical is: two spaces a level, list items indented below their key, one
space after ``:``, ``-`` and ``,``, none at the end of a line, at most one empty
line, and the keys of a document in the order of ``KEYS``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from dcplan.config.layout import Kind, Line, laid_out
from dcplan.config.reader import read
from dcplan.diag import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = (
    "project",
    "backend",
    "encryption",
    "variables",
    "providers",
    "models",
    "profiles",
    "regions",
    "latencies",
    "workloads",
    "constraints",
    "objective",
    "apply",
    "outputs",
    "moved",
    "removed",
    "import",
    "checks",
    "drift",
)
"""Keys of a document in the order in which they are read; others follow in the order of the text."""
_DOCUMENT = frozenset(
    {"project", "workloads", "variables", "providers", "models", "constraints", "objective"}
)
"""One of these at the top tells a document, or a part of one, from other files."""
_BREAK = re.compile(r"\r\n|[\r\n]")
_RARE_BREAK = re.compile("[\x85\u2028\u2029]")
_MODELINE = "# yaml-language-server"


def canonical(text: str, shown: str) -> Result[str]:
    """The text in canonical layout; diagnostics, and no value, when it is no YAML that dcplan reads.

    ``shown`` is the name of the file in messages.  RuntimeError when the result would mean
    something else than ``text``, which would be a bug.
    """
    before = read(text, shown)
    if before.value is None or before.value.bad or before.diagnostics:
        return Result(None, before.diagnostics)
    if _RARE_BREAK.search(text):
        return Result(text)  # Characters that are line breaks to YAML alone: left to their owner.
    plain = "\n".join(_BREAK.split(text))
    lines = _tidy(laid_out(plain if plain.endswith("\n") else f"{plain}\n"))
    wanted = _meaning(before.value.data)
    for candidate in (_ordered(lines), lines):
        for end in ("\n", ""):
            tried = "\n".join(line.text for line in _tidy(candidate)) + end
            after = read(tried, shown)
            if after.value is not None and not after.diagnostics and _meaning(after.value.data) == wanted:
                return Result(tried)
    msg = (
        f"{shown} would mean something else once it is formatted; it was left alone. This is a bug in dcplan."
    )
    raise RuntimeError(msg)


def _meaning(data: dict[str, Any]) -> str:
    """Equal for data that is equal, types included; the order of keys means nothing."""
    return json.dumps(data, sort_keys=True)


def _ordered(lines: Sequence[Line]) -> list[Line]:
    """The lines with the keys of a document in order; each takes the comments right above it along."""
    starts = [i for i, line in enumerate(lines) if line.key is not None]
    keys = [line.key for line in lines if line.key is not None]
    if not _DOCUMENT.intersection(keys):
        return list(lines)
    begins = [_with_comments(lines, start) for start in starts]
    ends = [*begins[1:], len(lines)]
    rank = {key: place for place, key in enumerate(KEYS)}
    parts = sorted(zip(keys, begins, ends, strict=True), key=lambda part: rank.get(str(part[0]), len(KEYS)))
    head = list(lines[: begins[0]])
    return [*head, *(line for _, begin, end in parts for line in lines[begin:end])]


def _with_comments(lines: Sequence[Line], start: int) -> int:
    """Where the part of a top-level key begins: above its comments and one empty line."""
    while start > 0 and lines[start - 1].kind is Kind.COMMENT and lines[start - 1].text.startswith("#"):
        if lines[start - 1].text.startswith(_MODELINE):
            return start
        start -= 1
    while start > 0 and lines[start - 1].kind is Kind.BLANK:
        start -= 1
    return start


def _tidy(lines: Sequence[Line]) -> list[Line]:
    """Without empty lines at both ends, and at most one between others."""
    kept: list[Line] = []
    for line in lines:
        if line.kind is Kind.BLANK and (not kept or kept[-1].kind is Kind.BLANK):
            continue
        kept.append(line)
    while kept and kept[-1].kind is Kind.BLANK:
        kept.pop()
    return kept
