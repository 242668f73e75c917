"""One machine as a linear program of three rows: what its CPU, memory and accelerators are worth."""

from __future__ import annotations

import numpy as np

from dcplan.placement.lp import Floats

PIVOTS = 60
"""More than three rows ever need in practice; prices after fewer are still prices, only not the best."""
TINY = 1e-9


def resource_prices(need: Floats, worth: Floats) -> Floats:
    """Dual values of max ``worth`` x subject to ``need`` x <= 1, x >= 0.

    ``need`` is (3, n), shares of a machine.  Primal simplex with the inverse of
    the basis kept dense (Chvátal, "Linear Programming", 1983, chapter 7):
    three rows need no solver.
    """
    rows = len(need)
    inverse, basic, basic_worth = np.eye(rows), np.ones(rows), np.zeros(rows)
    for _ in range(PIVOTS):
        prices = basic_worth @ inverse
        gain = worth - prices @ need
        enter, slack = int(gain.argmax()), int(prices.argmin())
        if gain[enter] <= TINY and prices[slack] >= -TINY:
            break
        if -prices[slack] > gain[enter]:
            column, entering = inverse[:, slack].copy(), 0.0
        else:
            column, entering = inverse @ need[:, enter], float(worth[enter])
        positive = column > TINY
        if not positive.any():
            break
        ratio = np.where(positive, basic / np.where(positive, column, 1.0), np.inf)
        leave = int(ratio.argmin())
        step = ratio[leave]
        pivot_row = inverse[leave] / column[leave]
        inverse = inverse - np.outer(column, pivot_row)
        inverse[leave] = pivot_row
        basic = np.maximum(basic - step * column, 0.0)
        basic[leave] = step
        basic_worth[leave] = entering
    found: Floats = np.maximum(basic_worth @ inverse, 0.0)
    return found
