"""Charges that make the bound good, by subgradient steps (Held, Wolfe and Crowder 1974)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.prices.relax import relaxed

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.placement.prices.columns import Columns, Floats
    from dcplan.placement.prices.relax import Limits, Relaxed

HOPE = 1.02
"""Times the bound, what is aimed at while no placement is known."""
PATIENCE = 8
"""Steps without a better bound, after which they become shorter."""
SHORTER = 0.6
INERTIA = 0.7
"""Of the direction of the last step, in the next: it keeps steps from going to and fro."""
NOTHING = 1e-18


def ascend(  # noqa: PLR0913 - where to begin and when to stop
    cols: Columns,
    limits: Limits,
    *,
    steps: int,
    target: float | None = None,
    start: Floats | None = None,
    gap: float = 0.0,
    late: Callable[[], bool] | None = None,
) -> tuple[Relaxed, Floats]:
    """The best bound after so many steps, and its charges.

    ``target``: what a placement is known to cost, in millionths of the goal's unit; a bound within ``gap`` of
    it is enough.  ``late`` says when to stop before that.
    """
    scale = np.maximum(limits.at_most, 1.0)
    charges = np.zeros(len(limits.names)) if start is None else start.copy()
    best, used = relaxed(cols, limits, charges)
    best_charges, best_at = charges, 0
    pace, mean = 1.0, np.zeros(len(charges))
    for step in range(steps):
        over = (used - limits.at_most) / scale
        over[(charges <= 0) & (over < 0)] = 0.0
        mean = (1 - INERTIA) * over + INERTIA * mean
        mean[(charges <= 0) & (mean < 0)] = 0.0
        norm = float(mean @ mean)
        if late is not None and late():
            break
        if norm <= NOTHING or (target is not None and best.bound >= target * (1 - gap)):
            break
        goal = target if target is not None else best.bound * HOPE
        stride = pace * max(goal - best.bound, 1e-6 * abs(best.bound)) / norm
        charges = np.maximum(charges + stride * mean / scale, 0.0)
        now, used = relaxed(cols, limits, charges)
        if now.bound > best.bound:
            best, best_charges, best_at = now, charges, step
        elif step - best_at >= PATIENCE:
            pace *= SHORTER
            best_at = step
            charges = best_charges
            _, used = relaxed(cols, limits, charges)
            mean = np.zeros(len(charges))
    return best, best_charges
