"""What a cell of a CSV of measurements may hold, and what it means."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field
from functools import cache, partial
from typing import Any

from dcplan.catalog import canonical_accelerator, catalog_model_names, load_accelerators
from dcplan.catalog.formats import formats
from dcplan.diag import did_you_mean, listed

CHOICES: Mapping[str, tuple[str, ...]] = {
    "operation": ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send"),
    "direction": ("forward", "both"),
    "recompute": ("none", "selective", "full"),
}
"""Columns that hold one of a few words."""

BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

FROM_ZERO = {"zero": 3, "drafts": 16}
"""Counts that may be 0, with the largest that there is."""


def reader_of(one: Field[Any]) -> Callable[[str], Any]:
    """What reads a cell of this field's type; raises ValueError with the words for the user."""
    if one.name in CHOICES:
        return partial(_choice, choices=CHOICES[one.name])
    if one.name in FROM_ZERO:
        return partial(_count, least=0, most=FROM_ZERO[one.name])
    words = str(one.type)
    if words.startswith("int"):
        return _count
    if words.startswith("float"):
        return _positive
    return _boolean if words == "bool" else str


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        msg = f'"{text}" is not a number. Write for example 0.0125 or 4096, without units and commas.'
        raise ValueError(msg)
    return number


def _positive(text: str) -> float:
    number = _number(text)
    if number <= 0:
        msg = f"{text} is not above 0. What was not measured is left empty, never written as 0."
        raise ValueError(msg)
    return number


def _count(text: str, *, least: int = 1, most: int | None = None) -> int:
    number = _number(text)
    if number != int(number) or number < least or (most is not None and number > most):
        span = f"from {least} to {most}" if most is not None else f"of at least {least}"
        msg = f"{text} is not a whole number {span}."
        raise ValueError(msg)
    return int(number)


def _boolean(text: str) -> bool:
    if text.lower() not in BOOLEANS:
        msg = f'"{text}" is neither true nor false.'
        raise ValueError(msg)
    return BOOLEANS[text.lower()]


def _choice(text: str, *, choices: Iterable[str]) -> str:
    word = text.lower().replace("-", "_")
    if word not in choices:
        hint = did_you_mean(word, choices) or f"There are {listed(list(choices))}."
        msg = f'"{text}" is not known. {hint}'
        raise ValueError(msg)
    return word


@cache
def names() -> Mapping[str, Callable[[str], str | None]]:
    """By column: from what users write to the catalogue's name, None for a stranger."""

    def among(names: Iterable[str]) -> Callable[[str], str | None]:
        canonical = {name.lower(): name for name in names}
        return lambda text: canonical.get(text.lower())

    written = among(spellings("precision"))
    return {
        "accelerator": canonical_accelerator,
        "model": among(spellings("model")),
        "precision": written,
        "kv_precision": written,
    }


@cache
def spellings(column: str) -> tuple[str, ...]:
    """Names that a column may hold."""
    if column == "accelerator":
        return tuple(load_accelerators())
    if column == "model":
        return catalog_model_names()
    return (*formats(), "fp32")
