"""Pydantic's complaints as diagnostics, in our own words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dcplan.config import shape
from dcplan.config.values import UNIT_ERROR
from dcplan.diag import ConfigPath, Diagnostic, Diagnostics, did_you_mean, error, listed

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from dcplan.config.shape import Spot

_EXPECTED = {
    "string_type": "text",
    "string_unicode": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "none_required": "nothing",
}
_BOUNDS = {
    "greater_than": ("gt", "It must be more than {}."),
    "greater_than_equal": ("ge", "It must be at least {}."),
    "less_than": ("lt", "It must be less than {}."),
    "less_than_equal": ("le", "It must be at most {}."),
    "too_short": ("min_length", "It must have at least {} items."),
    "too_long": ("max_length", "It must have at most {} items."),
    "string_too_short": ("min_length", "It must have at least {} characters."),
    "string_too_long": ("max_length", "It must have at most {} characters."),
}
_NAME_RULE = "A name has 1 to 40 lower-case letters, digits and hyphens, and begins with a letter."
_LONGEST_ECHO = 60


def diagnose(
    problems: Iterable[ErrorDetails],
    type_: Any,
    *,
    at: ConfigPath = (),
    known_bad: Iterable[ConfigPath] = (),
) -> Diagnostics:
    """Pydantic's errors about a value of ``type_`` that stands at ``at``.

    ``known_bad`` are paths already complained about; what is said about them
    again would be an echo, and is left out.
    """
    bad = set(known_bad)
    said: dict[tuple[ConfigPath, str, str], Diagnostic] = {}
    expected: dict[ConfigPath, list[str]] = {}
    for problem in problems:
        spot = shape.follow(type_, problem["loc"])
        if (*at, *spot.path) in bad:
            continue
        kind = problem["type"]
        if spot.in_union and kind in _EXPECTED:
            expected.setdefault(spot.path, []).append(_EXPECTED[kind])
            diagnostic = _wrong_type(listed(expected[spot.path], last="or"), problem, (*at, *spot.path))
        else:
            diagnostic = _TELL.get(kind, _other)(problem, spot, (*at, *spot.path))
        said[(spot.path, diagnostic.code, "" if spot.in_union else kind)] = diagnostic
    return _without_misspelt(said.values())


def _without_misspelt(diagnostics: Iterable[Diagnostic]) -> Diagnostics:
    """Drop what is missing only because its key is misspelt: the misspelling is told already."""
    every = tuple(diagnostics)
    unknown = [d.path for d in every if d.code == "unknown-key" and d.path]
    meant = {(*path[:-1], key) for path in unknown for key in _missing_beside(path, every)}
    return tuple(d for d in every if d.code != "missing-key" or d.path not in meant)


def _missing_beside(unknown: ConfigPath, every: Diagnostics) -> list[str]:
    """The missing keys beside an unknown one that it is a misspelling of."""
    missing = [
        str(d.path[-1]) for d in every if d.code == "missing-key" and d.path and d.path[:-1] == unknown[:-1]
    ]
    return [key for key in missing if did_you_mean(str(unknown[-1]), (key,))]


def _missing(_problem: ErrorDetails, spot: Spot, path: ConfigPath) -> Diagnostic:
    name = path[-1] if path else "?"
    where = f" of {_dotted(path[:-1])}" if len(path) > 1 else ""
    allowed = shape.choices(spot.type_)
    example = f" It is {_quoted(allowed)}." if allowed else ""
    detail = f'The key "{name}"{where} is required.{example}'
    return error("missing-key", "A required key is missing", detail, path=path)


def _unknown_key(_problem: ErrorDetails, spot: Spot, path: ConfigPath) -> Diagnostic:
    name = str(path[-1]) if path else "?"
    allowed = shape.names(spot.holder)
    hint = did_you_mean(name, allowed) or (f"The keys here are {listed(allowed)}." if allowed else "")
    detail = f'There is no key "{name}" here. {hint}'.rstrip()
    return error("unknown-key", "A key is not known", detail, path=path, on_key=True)


def _unit(problem: ErrorDetails, _spot: Spot, path: ConfigPath) -> Diagnostic:
    detail = str(problem.get("ctx", {}).get("problem", problem["msg"]))
    return error("wrong-unit", "A quantity cannot be read", detail, path=path)


def _out_of_range(problem: ErrorDetails, _spot: Spot, path: ConfigPath) -> Diagnostic:
    name, words = _BOUNDS[problem["type"]]
    bound = problem.get("ctx", {}).get(name)
    limit = f"{bound:g}" if isinstance(bound, int | float) else str(bound)
    said = words.format(limit)
    if bound == 1 and name.endswith("_length"):
        said = said.replace("items", "item").replace("characters", "character")
    return error("out-of-range", "A value is out of range", said, path=path)


def _not_finite(_problem: ErrorDetails, _spot: Spot, path: ConfigPath) -> Diagnostic:
    return error("out-of-range", "A value is out of range", "It must be a finite number.", path=path)


def _not_a_choice(problem: ErrorDetails, spot: Spot, path: ConfigPath) -> Diagnostic:
    return _choice(problem["input"], shape.choices(spot.type_), path)


def _wrong_tag(problem: ErrorDetails, spot: Spot, path: ConfigPath) -> Diagnostic:
    context = problem.get("ctx", {})
    key = str(context.get("discriminator", "")).strip("'")
    given = problem["input"].get(key) if isinstance(problem["input"], Mapping) else None
    return _choice(given, shape.tags(spot.type_, key), (*path, key))


def _missing_tag(problem: ErrorDetails, spot: Spot, path: ConfigPath) -> Diagnostic:
    if not isinstance(problem["input"], Mapping):
        return _wrong_type("a mapping", problem, path)
    key = str(problem.get("ctx", {}).get("discriminator", "")).strip("'")
    detail = f'The key "{key}" of {_dotted(path)} is required. It is {_quoted(shape.tags(spot.type_, key))}.'
    return error("missing-key", "A required key is missing", detail, path=(*path, key))


def _name(_problem: ErrorDetails, spot: Spot, path: ConfigPath) -> Diagnostic:
    return error("bad-name", "A name is not allowed", _NAME_RULE, path=path, on_key=spot.on_key)


def _type(problem: ErrorDetails, _spot: Spot, path: ConfigPath) -> Diagnostic:
    return _wrong_type(_EXPECTED[problem["type"]], problem, path)


def _other(problem: ErrorDetails, spot: Spot, path: ConfigPath) -> Diagnostic:
    """What has no words of its own yet, for instance a provider's own validator."""
    said = problem["msg"].removeprefix("Value error, ")
    return error("invalid-value", "A value is not allowed", _sentence(said), path=path, on_key=spot.on_key)


_TELL: dict[str, Callable[[ErrorDetails, Spot, ConfigPath], Diagnostic]] = {
    **dict.fromkeys(_EXPECTED, _type),
    **dict.fromkeys(_BOUNDS, _out_of_range),
    UNIT_ERROR: _unit,
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "unexpected_keyword_argument": _unknown_key,
    "finite_number": _not_finite,
    "literal_error": _not_a_choice,
    "enum": _not_a_choice,
    "union_tag_invalid": _wrong_tag,
    "union_tag_not_found": _missing_tag,
    "string_pattern_mismatch": _name,
}


def _wrong_type(expected: str, problem: ErrorDetails, path: ConfigPath) -> Diagnostic:
    given = problem["input"]
    detail = f"{expected} belongs here, not {_kind(given)}."
    if isinstance(given, str) and expected in ("a number", "a whole number", "true or false"):
        detail += " Write it without quotes. A value from the environment needs a variable with that type."
    elif expected == "a mapping" and given is None:
        detail += " Write {} for an empty one."
    elif expected == "a list" and isinstance(given, str | int | float):
        detail += " For a list of one, put it in brackets."
    elif expected == "text" and isinstance(given, str | int | float):
        detail += " Put it in quotes."
    return error("wrong-type", "A value has the wrong type", _sentence(detail), path=path)


def _choice(given: Any, allowed: tuple[str, ...], path: ConfigPath) -> Diagnostic:
    near = did_you_mean(given, allowed) if isinstance(given, str) else ""
    detail = f"{_found(given)} is not one of the choices. It is {_quoted(allowed)}. {near}".rstrip()
    return error("not-a-choice", "A value is not one of the choices", _sentence(detail), path=path)


def _kind(value: Any) -> str:
    """What sort of thing the user wrote, without showing it."""
    if value is None:
        return "nothing"
    for types_, words in (
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number with decimals"),
        (str, "text"),
        (list | tuple, "a list"),
        (Mapping, "a mapping"),
    ):
        if isinstance(value, types_):
            return words
    return "this"


def _found(value: Any) -> str:
    """A short value as it was written, a long one by its sort."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _kind(value)
    if len(str(value)) > _LONGEST_ECHO:
        return _kind(value)
    return f'"{value}"' if isinstance(value, str) else f"{value}"


def _quoted(allowed: tuple[str, ...]) -> str:
    return listed([f'"{choice}"' for choice in allowed], last="or")


def _dotted(path: ConfigPath) -> str:
    return ".".join(str(step) for step in path)


def _sentence(text: str) -> str:
    """``text`` with a capital first letter."""
    return text[:1].upper() + text[1:]
