"""Numbers that are one or many: every formula takes a float or an array of floats alike."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Num: TypeAlias = float | Array
"""One number, or one for each layout."""

Parts: TypeAlias = dict[str, Num]
"""Seconds by the name of what they go to; their sum is the whole."""


def larger(a: Num, b: Num) -> Num:
    """The larger of two, for each layout."""
    out: Num = np.maximum(a, b)
    return out


def smaller(a: Num, b: Num) -> Num:
    """The smaller of two, for each layout."""
    out: Num = np.minimum(a, b)
    return out


def power(a: Num, b: Num) -> Num:
    """``a`` to the power ``b``, for each layout."""
    out: Num = np.power(a, b)
    return out


def root(a: Num) -> Num:
    """The square root, for each layout."""
    out: Num = np.sqrt(a)
    return out


def log2(a: Num) -> Num:
    """The logarithm to base 2, for each layout."""
    out: Num = np.log2(a)
    return out


def up(a: Num) -> Num:
    """The next whole number, for each layout."""
    out: Num = np.ceil(a)
    return out


def where(condition: Any, yes: Num, no: Num) -> Num:
    """``yes`` where the condition holds, else ``no``, for each layout."""
    out: Num = np.where(condition, yes, no)
    return out


def total(parts: Parts) -> Num:
    """The sum of all parts."""
    out: Num = 0.0
    for seconds in parts.values():
        out = out + seconds
    return out


def row(value: Num, index: int) -> float:
    """The number of one layout; a number that is the same for all stands for each."""
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else float(array[index])
