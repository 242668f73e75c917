"""Charges from the linear relaxation of a model: what one unit more of each limit is worth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.cpsat import FAR
from dcplan.placement.lp import LpEffort, LpStatus, Program, solve_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.placement.cpsat import Row, Terms
    from dcplan.placement.model import Builder
    from dcplan.placement.prices.columns import Floats
    from dcplan.placement.prices.relax import Limits


def charges_of(b: Builder, minimise: Terms, limits: Limits, wall_s: float = math.inf) -> Floats | None:
    """Charges at which the bound is near that of the linear relaxation; None where it has no answer in time.

    Any charges give a bound, so nothing depends on how exactly the linear program was solved.
    """
    program, labels, scale = _program(b, minimise)
    answer = solve_program(program, LpEffort(wall_s=wall_s))
    if answer.status is not LpStatus.OPTIMAL:
        return None
    found: dict[str, float] = {}
    for label, dual in zip(labels, answer.duals.tolist(), strict=True):
        if label is not None:
            # One rule may have several rows; the limit is the one that machines are counted in.
            found[label] = max(found.get(label, 0.0), dual * scale)
    return np.array([max(found.get(name, 0.0), 0.0) for name in limits.names])


def _program(b: Builder, minimise: Terms) -> tuple[Program, list[str | None], float]:
    """The relaxation, with every rule in force; the label of each row; what the objective was divided by."""
    bounds = np.array(
        [(1, 1) if v in b.rules else low_high for v, low_high in enumerate(b.model.bounds)], float
    )
    rows = [one for row in b.model.rows for one in _plain(b, row)]
    objective = np.zeros(len(bounds))
    for k, var in minimise:
        objective[var] -= k
    scale = max(float(np.abs(objective).max(initial=0.0)), 1.0)
    entries = [(i, var, k) for i, (terms, _, _, _) in enumerate(rows) for var, k in terms.items()]
    number, column, value = zip(*entries, strict=True) if entries else ((), (), ())
    program = Program(
        objective=objective / scale,
        lower=bounds[:, 0],
        upper=bounds[:, 1],
        row_lower=np.array([low for _, low, _, _ in rows]),
        row_upper=np.array([high for _, _, high, _ in rows]),
        row=np.array(number, np.int64),
        column=np.array(column, np.int64),
        value=np.array(value, float),
    )
    return program, [label for _, _, _, label in rows], scale


def _plain(b: Builder, row: Row) -> Iterator[tuple[dict[int, int], float, float, str | None]]:
    """A row without its guard: that of a rule is true, any other is moved into the row."""
    terms: dict[int, int] = {}
    for k, var in row.terms:
        terms[var] = terms.get(var, 0) + k
    low = -math.inf if row.low <= -FAR else float(row.low)
    high = math.inf if row.high >= FAR else float(row.high)
    if row.guard is None or row.guard in b.rules:
        yield terms, low, high, None if row.guard is None else b.rules[row.guard].label
        return
    ends = [(k * b.model.bounds[v][0], k * b.model.bounds[v][1]) for v, k in terms.items()]
    most, least = sum(map(max, ends)), sum(map(min, ends))
    if high < most:
        yield {**terms, row.guard: terms.get(row.guard, 0) + int(most - high)}, -math.inf, float(most), None
    if low > least:
        yield {**terms, row.guard: terms.get(row.guard, 0) - int(low - least)}, float(least), math.inf, None
