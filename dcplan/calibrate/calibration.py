"""What a calibration comes to: figures before and after, and how well they predict what they did not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog import Source
from dcplan.catalog.efficiency import ANY, Figure, Profile

if TYPE_CHECKING:
    from dcplan.calibrate.fit import Fitted
    from dcplan.calibrate.judge import Errors
    from dcplan.calibrate.study import Study
    from dcplan.calibrate.types import Row
    from dcplan.catalog.efficiency import Efficiency

DIGITS = 4
"""Significant digits of what is written: more than any measurement has."""

NO_RANGE = frozenset({"line", "time_s", "tpot_s", "ttft_s"})
"""Numbers of a row that say nothing about what it covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure before and after."""

    figure: str
    before: Figure
    after: float
    low: float
    high: float
    """One standard deviation to either side of ``after``."""
    rows: int
    """Measurements that depend on it."""
    moved: bool
    """False where the rows say too little, so that ``before`` stays in force."""
    errors: Errors | None
    """Held-out errors of those rows; None where none could be kept apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How well one sort of rows is predicted."""

    metric: str
    """gemm, all_reduce, step, tpot, ttft..."""
    precision: str
    errors: Errors
    """Held out by group."""
    source_errors: Errors | None
    """Held out by source; None where there are not two sources with enough rows."""
    range: Mapping[str, tuple[float, float]]
    """Smallest and largest value of what the rows cover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What measurements of one accelerator, under one software, came to."""

    accelerator: str
    software: str
    """``any`` for figures of the hardware by itself."""
    method: str
    """How it was fitted and judged, in a few words."""
    source: Source
    """Who measured, and the latest date."""
    rows: int
    changes: tuple[Change, ...]
    judged: tuple[Judged, ...]
    converged: bool

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The judgements as the catalogue's table holds them."""
        return tuple(
            Profile(
                accelerator=self.accelerator,
                software=self.software,
                precision=one.precision,
                metric=one.metric,
                date=self.source.date,
                rows=one.errors.rows,
                groups=one.errors.groups,
                median=rounded(one.errors.median),
                p90=rounded(one.errors.p90),
                bias=rounded(one.errors.bias),
                slow80=rounded(one.errors.slow80),
                range=one.range,
                source=self.source,
            )
            for one in self.judged
        )


def calibration_of(  # noqa: PLR0913, PLR0917 - the parts of the whole
    accelerator: str, software: str, done: Study, rows: Sequence[Row], efficiency: Efficiency, method: str
) -> Calibration:
    """A study of ``rows`` (one accelerator, one software) as figures and judgements.

    Constants that no row depends on are left out, as are those that are no figure of
    the table, which only take from the rows what is no figure's.  Slices are named
    METRIC or METRIC/PRECISION.
    """
    changes = tuple(
        change_of(one, efficiency[one.parameter.name], done.errors_where(done.fit.depends[:, index]))
        for index, one in enumerate(done.fit.fitted)
        if one.rows and efficiency.get(one.parameter.name) is not None
    )
    return Calibration(
        accelerator=accelerator,
        software=software,
        method=method,
        source=source_of(rows),
        rows=len(rows),
        changes=changes,
        judged=judged_of(done, rows),
        converged=done.fit.converged,
    )


def judged_of(done: Study, rows: Sequence[Row]) -> tuple[Judged, ...]:
    """The judgement of each slice of a study that could be judged."""
    apart = done.source_errors
    out = []
    for label, errors in done.errors.items():
        metric, _, precision = label.partition("/")
        members = [row for row, own in zip(rows, done.question.slices, strict=True) if own == label]
        out.append(
            Judged(
                metric=metric,
                precision=precision or ANY,
                errors=errors,
                source_errors=apart.get(label),
                range=range_of(members),
            )
        )
    return tuple(out)


def source_of(rows: Sequence[Row]) -> Source:
    """Who measured these rows, and their latest date; ``undated`` where none has one."""
    dates = sorted({row.date for row in rows} - {"undated"})
    names = sorted({" ".join(w for w in (row.source, row.software, row.version) if w) for row in rows})
    return Source(name="; ".join(names), date=dates[-1] if dates else "undated")


def range_of(rows: Sequence[Row]) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of each number that says what the rows cover."""
    out: dict[str, tuple[float, float]] = {}
    for one in fields(rows[0]):
        values = [getattr(row, one.name) for row in rows]
        numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if one.name not in NO_RANGE and numbers:
            out[one.name] = (min(numbers), max(numbers))
    return out


def rounded(value: float) -> float:
    """``value`` to the digits that are written."""
    return float(np.format_float_scientific(value, precision=DIGITS - 1)) if value else 0.0


def change_of(one: Fitted, before: Figure, errors: Errors | None, figure: str = "") -> Change:
    """A fitted constant as a figure, by its own name or by ``figure``; ``before`` is what was believed."""
    return Change(
        figure=figure or one.parameter.name,
        before=before,
        after=rounded(one.value),
        low=rounded(one.low),
        high=rounded(one.high),
        rows=one.rows,
        moved=one.moved,
        errors=errors,
    )
