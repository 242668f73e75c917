"""Which lines of the user's document clash, when no layout satisfies them all."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from dcplan.diag import ConfigPath, Related

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.perf.numbers import Array
    from dcplan.sharding.legal import Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the document that rules out layouts."""

    says: str
    """As a person reads it: ``TTFT p95 is at most 20ms``."""
    origin: ConfigPath
    keeps: Mask
    """The layouts that it leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLine(Line):
    """A line that bounds a time."""

    what: str
    """``TTFT p95``, ``the job``."""
    bound_s: float
    seconds: Array
    """What each layout reaches at best."""


def smallest_clash(possible: Mask, lines: Sequence[Line]) -> tuple[Line, ...] | None:
    """The smallest set of lines that leaves nothing of ``possible``; None when all of them leave something.

    No subset of it leaves nothing, so that dropping any one of its lines would
    leave layouts.  Of several equally small sets the first in the order of the lines.
    """
    for size in range(len(lines) + 1):
        for some in combinations(lines, size):
            if not left(possible, some).any():
                return some
    return None


def left(possible: Mask, lines: Sequence[Line]) -> Mask:
    """The layouts that all these lines leave."""
    rows = possible.copy()
    for line in lines:
        rows &= line.keeps
    return rows


def nearest(possible: Mask, lines: Sequence[Line], bounds: Sequence[TimeLine]) -> tuple[int, TimeLine] | None:
    """The layout that comes nearest to keeping all the bounds, and the bound that it misses most.

    Only layouts that the other lines leave; None when they leave none.
    """
    others = [line for line in lines if not isinstance(line, TimeLine)]
    rows = left(possible, others)
    if not rows.any() or not bounds:
        return None
    ratios = np.stack([bound.seconds / max(bound.bound_s, 1e-12) for bound in bounds])
    worst = np.where(rows, ratios.max(axis=0), np.inf)
    index = int(np.argmin(worst))
    return index, bounds[int(np.argmax(ratios[:, index]))]


def related(lines: Sequence[Line], but: ConfigPath) -> tuple[Related, ...]:
    """The other lines of a clash, as notes beside the one at ``but``."""
    return tuple(
        Related(note=f"{line.says}; without this line there would be a layout", path=line.origin)
        for line in lines
        if line.origin != but
    )
