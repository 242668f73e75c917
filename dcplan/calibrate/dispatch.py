"""All measurements of a file, each kind to whom can fit it, from the hardware up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from dcplan.calibrate.calibration import Calibration
from dcplan.calibrate.fit import solver_missing
from dcplan.calibrate.kernels import calibrate_kernels
from dcplan.calibrate.peaks import believable
from dcplan.calibrate.profile import over, table_of
from dcplan.calibrate.serving import fit_serving
from dcplan.calibrate.training import calibrate_training
from dcplan.calibrate.types import KERNELS, Rows, ServeRow, TrainRow
from dcplan.catalog.efficiency import Efficiencies
from dcplan.diag import Diagnostic, Result, agreeing, error, has_errors, listed, plural, warning

Fitter: TypeAlias = Callable[[Rows, Efficiencies], Result[tuple[Calibration, ...]]]
"""From rows of its kinds and what is believed before, to calibrations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrator:
    """Who fits which kinds of rows."""

    kinds: tuple[str, ...]
    fit: Fitter


CALIBRATORS: tuple[Calibrator, ...] = (
    Calibrator(kinds=KERNELS, fit=calibrate_kernels),
    Calibrator(kinds=(TrainRow.kind,), fit=calibrate_training),
    Calibrator(kinds=(ServeRow.kind,), fit=fit_serving),
)
"""In this order: what one finds is believed by the next."""


def calibrate(
    rows: Rows, table: Efficiencies, calibrators: tuple[Calibrator, ...] = CALIBRATORS
) -> Result[tuple[Calibration, ...]]:
    """What ``rows`` say of every figure in ``table`` that they can tell.

    Errors where nothing can be fitted; rows that beat their hardware's datasheet and kinds that nobody fits
    are left out with a warning.
    """
    said: list[Diagnostic] = list(solver_missing())
    if said:
        return Result(None, tuple(said))
    possible = believable(rows)
    said += possible.diagnostics
    found: list[Calibration] = []
    for one in calibrators:
        mine = replace(rows, rows=tuple(row for row in possible.unwrap().rows if row.kind in one.kinds))
        if not len(mine):
            continue
        result = one.fit(mine, over(table, table_of(found)))
        said += result.diagnostics
        found += result.value or ()
    said += _left_out(rows, {kind for one in calibrators for kind in one.kinds})
    if not found and not has_errors(tuple(said)):
        detail = f"No row of {rows.file} can be used to fit a figure; the warnings tell why."
        said.append(error("nothing-to-fit", "There is nothing to calibrate with", detail))
    return Result(None if has_errors(tuple(said)) else tuple(found), tuple(said))


def _left_out(rows: Rows, known: set[str]) -> list[Diagnostic]:
    """A warning for rows of kinds that nobody fits."""
    strangers = [row for row in rows.rows if row.kind not in known]
    if not strangers:
        return []
    kinds = listed(sorted({row.kind for row in strangers}))
    detail = (
        f"{plural(len(strangers), 'row')} of {rows.file}, the first in line {strangers[0].line}, "
        f"{agreeing(len(strangers), 'are')} of kind {kinds}, which can be read but not be fitted yet."
    )
    return [warning("kind-not-fitted", "Some measurements are left out", detail)]
