"""How values look that change: a line each, old to new."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from dcplan.cli.views.width import wrapped
from dcplan.diag.hidden import SHOWN_INSTEAD, hidden_in

if TYPE_CHECKING:
    from dcplan.resources import JsonValue

INDENT = 8
SHOWN = 60
"""Longer values are told from where they begin to differ."""
BEFORE = 15
"""Characters of a long value in front of the difference."""
INNER = 8
"""More values than this in one mapping are counted."""
NOT_SET = "not set"


class Pair(NamedTuple):
    """One value, before and after, as text."""

    name: str
    """Of an attribute, or of what is in it: ``settings.precision``."""
    old: str
    new: str


def pairs(
    names: Iterable[str], before: Mapping[str, JsonValue], now: Mapping[str, JsonValue]
) -> dict[str, list[Pair]]:
    """Of each attribute what differs in it: itself, or of a mapping only those values that do."""
    return {name: [_pair(*one) for one in _differing(name, before, now)] for name in names}


def listing(values: Mapping[str, JsonValue]) -> list[str]:
    """Values as they are, a line each; of mappings those in them, and not what is not set."""
    flat = [(name, _text(value)) for name, value in _flat(values) if value is not None]
    column = max((len(name) for name, _ in flat), default=0) + 2
    return [f"{name:<{column}}{text}" for name, text in flat]


def _flat(values: Mapping[str, JsonValue], path: str = "") -> Iterator[tuple[str, JsonValue]]:
    for name, value in sorted(values.items()):
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def lines(found: Mapping[str, list[Pair]], notes: Mapping[str, str] | None = None) -> list[str]:
    """A line a value, indented; ``notes`` are told behind the values of an attribute."""
    shown = [(pair, (notes or {}).get(name, "")) for name, of in found.items() for pair in of[:INNER]]
    column = max((len(pair.name) for pair, _ in shown), default=0) + 2
    lines = []
    for name, of in found.items():
        note = (notes or {}).get(name, "")
        told = [
            (f"{one.name}:", f"{one.old} -> {one.new}{f'  ({note})' if note else ''}") for one in of[:INNER]
        ]
        if len(of) > INNER:
            told.append((f"{name}:", f"{len(of) - INNER:,} more of its values differ"))
        lines += [_line(key, text, column) for key, text in told]
    return lines


def _line(name: str, text: str, column: int) -> str:
    return wrapped(f"{'':{INDENT}}{name:<{column}}{text}", sys.maxsize, indent=" " * (INDENT + column))


def _differing(
    name: str, before: Mapping[str, JsonValue], now: Mapping[str, JsonValue], path: str = ""
) -> Iterator[tuple[str, JsonValue, JsonValue]]:
    old, new = before.get(name), now.get(name)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for inner in sorted(old.keys() | new.keys()):
            if old.get(inner) != new.get(inner):
                yield from _differing(inner, old, new, f"{path}{name}.")
    else:
        yield f"{path}{name}", old, new


def _pair(name: str, old: JsonValue, new: JsonValue) -> Pair:
    texts = _text(old), _text(new)
    if any(hidden_in(text) for text in texts):
        return Pair(name, *(SHOWN_INSTEAD if hidden_in(text) else _window(text, 0) for text in texts))
    same = next((at for at, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    return Pair(name, _window(texts[0], same), _window(texts[1], same))


def _text(value: JsonValue) -> str:
    """A value as the document would say it; nothing is ``not set``, which the diff takes for null."""
    if value is None:
        return NOT_SET
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, list | tuple) and value and all(isinstance(one, str) and one for one in value):
        return ", ".join(str(one) for one in value)
    return json.dumps(value, default=list)


def _window(text: str, same: int) -> str:
    """The text; of a long one what is around its first difference from another, after ``same`` characters."""
    text = " ".join(text.split())
    if len(text) <= SHOWN:
        return text
    start = max(0, min(same - BEFORE, len(text) - SHOWN))
    head, tail = "..." if start else "", "..." if start + SHOWN < len(text) else ""
    return f"{head}{text[start : start + SHOWN]}{tail}"
