"""Basis: a number, its parts and how much it can be trusted.

Takes: nothing.        Gives: Basis, Part, Estimate.
Knows: the standard library.       Never: a formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """Where a number comes from, best first."""

    MEASURED = "measured"
    CALIBRATED = "calibrated"
    ROOFLINE = "roofline"
    ASSUMED = "assumed"

    @property
    def rank(self) -> int:
        """0 for the best; sums take the largest."""
        return _RANKS[self]

    @staticmethod
    def weakest(bases: list[Basis]) -> Basis:
        """The basis of a sum of numbers with these bases; measured for none."""
        return max(bases, key=_RANKS.__getitem__, default=Basis.MEASURED)


_RANKS = {basis: rank for rank, basis in enumerate(Basis)}
"""A topology of a hundred thousand machines asks this a million times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One named share of an estimate, seconds."""

    name: str
    seconds: float
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A predicted time with its parts.  ``seconds`` is their sum, ``basis`` the weakest of theirs."""

    seconds: float
    parts: tuple[Part, ...]
    basis: Basis
