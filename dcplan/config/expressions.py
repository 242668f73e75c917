"""Conditions that users write, in CEL (https://cel.dev): read, checked for names, and asked.

The one module that knows the library, which is imported when a document has a condition.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dcplan.diag import ConfigPath, Diagnostic, did_you_mean, error, listed

_PLACE = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*)")
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*([A-Za-z_]\w*)\s*,")
_TEXTS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_FIELD = re.compile(r"(?<![\w.\])])([A-Za-z_]\w*)\.([A-Za-z_]\w*)")
_ENTRY = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\s*(?:\.[A-Za-z_]\w*|\[[^\]]*\])\s*\.([A-Za-z_]\w*)")
EXAMPLE = "plan.usd_per_h < 100.0 && workloads.chat.replicas >= 2"
_WORDS = {"and": "&&", "or": "||", "not": "!"}
"""What people write, and what CEL calls it."""


class Verdict(StrEnum):
    """What became of a condition."""

    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"
    """It asks for something that is not known, or not yet."""
    WRONG = "wrong"
    """It cannot be asked at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A verdict, and for the last two of them why, as a full sentence."""

    verdict: Verdict
    why: str = ""


def check_condition(
    text: str,
    path: ConfigPath,
    names: Mapping[str, Collection[str] | None],
    entries: Mapping[str, Collection[str]],
) -> list[Diagnostic]:
    """What is wrong with a condition before anything is known.

    ``names`` are those that may stand in it, each with its fields (None: any);
    ``entries`` are the fields of what a name holds by keys, as in ``workloads.chat.replicas``.
    Errors: ``condition-library``, ``condition-syntax``, ``condition-name``.
    """
    try:
        program = _compiled(text)
    except ImportError:
        return [_no_library(path)]
    except ValueError as problem:
        return [_syntax(text, str(problem), path)]
    bare = _TEXTS.sub('""', text)
    bound = set(_BOUND.findall(bare))
    said = []
    for name in sorted(set(program.variables()) - bound - names.keys()):
        hint = did_you_mean(name, names) or f"There are {listed(sorted(names))}."
        said.append(_name(f'Nothing is called "{name}" in a condition here. {hint}', path))
    for pattern, known, words in (
        (_FIELD, names, '"{}" has no "{}".'),
        (_ENTRY, entries, 'What stands in "{}" has no "{}".'),
    ):
        for holder, field in pattern.findall(bare):
            fields = known.get(holder)
            if (
                fields is not None
                and holder not in bound
                and field not in fields
                and not _called(bare, field)
            ):
                hint = did_you_mean(field, fields) or f"It has {listed(sorted(fields))}."
                said.append(_name(f"{words.format(holder, field)} {hint}", path))
    return list(dict.fromkeys(said))


def ask(text: str, values: Mapping[str, Any], later: Collection[str] = ()) -> Answer:
    """Whether a condition holds for ``values``; one that names a field of ``later`` has to wait.

    A figure that is not known (None) makes the answer unknown where it is compared.
    """
    bare = _TEXTS.sub('""', text)
    waits = sorted(set(re.findall(r"\.([A-Za-z_]\w*)", bare)) & set(later))
    if waits:
        return Answer(verdict=Verdict.UNKNOWN, why=f"{listed(waits)} is known after apply.")
    try:
        answer = _compiled(text).execute(dict(values))
    except ImportError:
        return Answer(verdict=Verdict.WRONG, why=_LIBRARY)
    except (ValueError, KeyError, TypeError, RuntimeError, ArithmeticError, LookupError) as problem:
        return _unanswered(bare, values, problem)
    if isinstance(answer, bool):
        return Answer(verdict=Verdict.HOLDS if answer else Verdict.FAILS)
    why = f"It says {answer!r}, and must say true or false: compare it with something, as in {EXAMPLE}."
    return Answer(verdict=Verdict.WRONG, why=why)


def _unanswered(bare: str, values: Mapping[str, Any], problem: Exception) -> Answer:
    """Unknown when something that it names is; else what is wrong with it."""
    open_ = sorted(
        f"{holder}.{field}"
        for holder, field in {*_FIELD.findall(bare), *_ENTRY.findall(bare)}
        if _is_open(values, holder, field)
    )
    if open_:
        return Answer(verdict=Verdict.UNKNOWN, why=f"{listed(open_)} is not known.")
    if isinstance(problem, KeyError):
        return Answer(verdict=Verdict.WRONG, why=f"There is no {problem} in what it asks about.")
    if isinstance(problem, TypeError):
        why = (
            "It compares or joins things of unlike types: a number with a text, or a whole number with a "
            "fraction in a sum. Write double(workload.replicas) * 1.5."
        )
        return Answer(verdict=Verdict.WRONG, why=why)
    return Answer(verdict=Verdict.WRONG, why=f"It cannot be worked out: {problem}.".replace("..", "."))


def _is_open(values: Mapping[str, Any], holder: str, field: str) -> bool:
    """Whether a field is there and not known, in a thing or in any of the things it holds by keys."""
    thing = values.get(holder)
    if not isinstance(thing, Mapping):
        return False
    inside = [thing, *(one for one in thing.values() if isinstance(one, Mapping))]
    return any(field in one and one[field] is None for one in inside)


def _compiled(text: str) -> Any:
    import cel  # noqa: PLC0415 - an extra, and half a second

    return cel.compile(text)


def _called(text: str, word: str) -> bool:
    """Whether a word is a function: ``size`` in ``regions.size()``."""
    return re.search(rf"\.{word}\s*\(", text) is not None


def _syntax(text: str, problem: str, path: ConfigPath) -> Diagnostic:
    """Where reading stopped, and what people mostly meant."""
    place = _PLACE.search(problem)
    line, column, said = (int(place[1]), int(place[2]), place[3]) if place else (1, 1, problem)
    shown = (text.splitlines() or [""])[line - 1 if line <= len(text.splitlines()) else -1]
    rest = shown[column - 1 :].lstrip()
    first = re.match(r"[A-Za-z]+|=+|\S", rest)
    word = first[0] if first else ""
    if word in _WORDS:
        hint = f'Write "{_WORDS[word]}" for "{word}".'
    elif any(re.search(rf"\b{w}\b", _TEXTS.sub("", shown)) for w in _WORDS):
        hint = 'Write "&&" for "and", "||" for "or" and "!" for "not".'
    elif word == "=":
        hint = 'Write "==" to compare.'
    elif "reserved" in said:
        hint = f"{said[0].upper()}{said[1:]}; use another name."
    elif not rest:
        hint = "Something is missing at its end."
    else:
        hint = f"It is not clear what {word!r} does there."
    where = f"character {column}" if line == 1 else f"line {line}, character {column}"
    marked = f"{shown[: column - 1]}>>>{shown[column - 1 :]}"
    detail = f"It cannot be read from {where} on: {marked}  {hint} Conditions are CEL, as in {EXAMPLE}."
    return error("condition-syntax", "A condition cannot be read", detail, path=path)


def _name(detail: str, path: ConfigPath) -> Diagnostic:
    return error("condition-name", "A condition asks for what does not exist", detail, path=path)


_LIBRARY = (
    "Conditions need the package common-expression-language, which is not installed. Install it with: "
    "pip install 'dcplan[policy]'"
)


def _no_library(path: ConfigPath) -> Diagnostic:
    return error("condition-library", "Conditions cannot be read here", _LIBRARY, path=path)
