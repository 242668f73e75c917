"""JSON for programs, written as it is made: that of 100,000 resources is never whole in memory."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dcplan.cli.options import FORMAT_VERSION

if TYPE_CHECKING:
    from dcplan.diag import Diagnostics
    from dcplan.plan.types import Plan

PIECE_CHARS = 1 << 16
"""Pieces are put together to at least so many characters before they are written."""


def plan_json(plan: Plan | None, diagnostics: Diagnostics = ()) -> Iterator[str]:
    """The JSON of a plan, or of there being none."""
    if plan is None:
        return json_pieces((), diagnostics)
    from dcplan.plan.codec import fields_of  # noqa: PLC0415 - pydantic, only for a plan

    return json_pieces(fields_of(plan), diagnostics)


def json_pieces(members: Iterable[tuple[str, object]], diagnostics: Diagnostics = ()) -> Iterator[str]:
    """The JSON of a command in pieces: what ``options.json_text`` gives at once, and a line end.

    ``members``: its data, by name; a value that is an iterator is a list whose items are made on the way.
    """
    from dcplan.cli.views.diagnostics import to_data  # noqa: PLC0415 - only for programs

    said = [to_data(d) for d in diagnostics]
    every = itertools.chain([("format_version", FORMAT_VERSION)], members, [("diagnostics", said)])
    return _gathered(_object(every))


def _object(members: Iterable[tuple[str, object]]) -> Iterator[str]:
    """An object, indented by two; a member that is an iterator is a list that is made on the way."""
    before = "{\n"
    for name, value in members:
        yield f"{before}  {json.dumps(name)}: "
        if isinstance(value, Iterator):
            yield from _list(value)
        else:
            yield _indented(value, 2)
        before = ",\n"
    yield "\n}\n"


def _list(items: Iterator[object]) -> Iterator[str]:
    before = "[\n    "
    for item in items:
        yield f"{before}{_indented(item, 4)}"
        before = ",\n    "
    yield "[]" if before.startswith("[") else "\n  ]"


def _indented(value: object, by: int) -> str:
    # Strings have no line ends of their own in JSON, so that all there are belong to the layout.
    return json.dumps(value, indent=2).replace("\n", "\n" + " " * by)


def _gathered(pieces: Iterator[str]) -> Iterator[str]:
    """The same text in fewer pieces."""
    held: list[str] = []
    chars = 0
    for piece in pieces:
        held.append(piece)
        chars += len(piece)
        if chars >= PIECE_CHARS:
            yield "".join(held)
            held, chars = [], 0
    yield "".join(held)
