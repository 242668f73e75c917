"""Prices: charges on what workloads share, a lower bound of the cost, and the pairs that are worth a look.

Takes: a problem and its pairs.     Gives: a bound, charges, fewer pairs.
Knows: numpy, ``placement.lp``.     Never: a pair left out of which it is not known what it costs at least.
"""

from dcplan.placement.prices.ascend import ascend
from dcplan.placement.prices.columns import Columns, columns_of
from dcplan.placement.prices.linear import charges_of
from dcplan.placement.prices.narrow import excess, least_outside, within
from dcplan.placement.prices.relax import Limits, Relaxed, limits_of, relaxed, with_left_out

__all__ = [
    "Columns",
    "Limits",
    "Relaxed",
    "ascend",
    "charges_of",
    "columns_of",
    "excess",
    "least_outside",
    "limits_of",
    "relaxed",
    "with_left_out",
    "within",
]
