"""The only place where floats become whole numbers: what we have rounds down, what we need rounds up.

A float counts as the decimal number that it prints as: 0.29 of 100 replicas
is 29, although the nearest binary fraction lies below.  Whatever holds in
whole numbers holds in the numbers they came from, so rounding may refuse a
placement that fits by less than a millionth of a dollar for each machine, but
never lets one through that does not fit.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MICRO = 1_000_000
"""Money is counted in micro-dollars."""

MIB = 1 << 20
"""Bytes."""

LARGEST_SUM = 1 << 58
"""CP-SAT refuses objectives whose value may leave 64-bit integers; this leaves room for its own sums."""


def exact(value: float) -> Fraction:
    """The decimal number that ``value`` prints as; ValueError for infinity and NaN."""
    return Fraction(repr(value))


def money_up(usd: float) -> int:
    """Micro-dollars of something that must be paid."""
    return math.ceil(exact(usd) * MICRO)


def money_down(usd: float) -> int:
    """Micro-dollars of something that may be spent."""
    return math.floor(exact(usd) * MICRO)


def micro_up(amount: float) -> int:
    """Millionths of something that is taken: kilograms, watts."""
    return math.ceil(exact(amount) * MICRO)


def micro_down(amount: float) -> int:
    """Millionths of something that there is."""
    return math.floor(exact(amount) * MICRO)


def paid_up(usd_per_h: float, hours: float) -> int:
    """Micro-dollars that one machine costs over ``hours``."""
    return math.ceil(exact(usd_per_h) * exact(hours) * MICRO)


def shared_up(usd_per_h: float, replicas: int, hours: float = 1.0) -> int:
    """Micro-dollars of one of so many replicas that share a cost equally, over ``hours``."""
    return math.ceil(exact(usd_per_h) * exact(hours) * MICRO / replicas)


def part_down(share: float, count: int) -> int:
    """How many of ``count`` a share allows."""
    return math.floor(exact(share) * count)


def part_up(share: float, count: int) -> int:
    """How many of ``count`` a share asks for."""
    return math.ceil(exact(share) * count)


def part_each(count: int, domains: int) -> int:
    """The largest part when ``count`` replicas are spread evenly over ``domains``: ceil(count / domains)."""
    return -(-count // domains)


def usd(micro: int) -> float:
    """Micro-dollars as dollars."""
    return micro / MICRO


def whole_mib(count_bytes: float) -> int:
    """Bytes in MiB, rounded: finer differences of predicted memory mean nothing."""
    return round(count_bytes / MIB)


def coarse_unit(terms: Iterable[int]) -> int:
    """The least power of ten in whose units the sum of ``terms`` stays within what CP-SAT can add up."""
    total, unit = sum(terms), 1
    while total // unit > LARGEST_SUM:
        unit *= 10
    return unit
