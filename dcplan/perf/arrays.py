"""Structures of arrays: many values of one dataclass as one value whose numbers are arrays."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


def stack(items: Sequence[T]) -> T:
    """One value whose numbers are arrays with one entry for each of ``items``.

    What is no number (names, bases) is the first one's.
    """
    first: Any = items[0]
    columns: dict[str, Any] = {}
    for field in fields(first):
        values = [getattr(item, field.name) for item in items]
        if is_dataclass(values[0]):
            columns[field.name] = stack(values)
        elif isinstance(values[0], int | float | np.number):
            columns[field.name] = np.array(values, dtype=np.float64)
    out: T = replace(first, **columns)
    return out


def take(value: T, rows: Any) -> T:
    """Only these rows of a structure of arrays: a mask, indices or a slice; single numbers stay."""
    found: Any = value
    columns: dict[str, Any] = {}
    for field in fields(found):
        part = getattr(found, field.name)
        if is_dataclass(part) and not isinstance(part, type):
            columns[field.name] = take(part, rows)
        elif isinstance(part, np.ndarray) and part.ndim:
            columns[field.name] = part[rows]
    out: T = replace(found, **columns)
    return out
