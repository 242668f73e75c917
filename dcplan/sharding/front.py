"""Fronts: rows that no other beats in every respect, and a few of them that stand for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from dcplan.perf.numbers import Array
    from dcplan.sharding.legal import Mask

    Rows = npt.NDArray[np.intp]


def on_front(*goods: Array) -> Mask:
    """Rows that no other is as good as in everything and better in something; larger is better.

    The best left in the first good, and of equals in the next, is on the front,
    and what it beats is not; so that it takes rows x front.  Equal rows are all
    on it, or none.
    """
    table = np.stack(goods, axis=1)
    out = np.zeros(len(table), dtype=bool)
    left = np.lexsort([-column for column in reversed(goods)])
    while len(left):
        best, left = left[0], left[1:]
        out[best] = True
        as_good, better = table[best] >= table[left], table[best] > table[left]
        left = left[~(as_good.all(axis=1) & better.any(axis=1))]
    return out


def front_rows(*goods: Array) -> Rows:
    """The rows of ``on_front`` in their order, of equal ones only the first."""
    rows = np.flatnonzero(on_front(*goods))
    table = np.stack(goods, axis=1)[rows]
    _, first = np.unique(table, axis=0, return_index=True)
    out: Rows = rows[np.sort(first)]
    return out


def steps(*goods: Array) -> Rows:
    """The front of the first two goods alone, best in the first; of equals the best in the others."""
    order = np.lexsort([-column for column in reversed(goods)])
    second = goods[1][order]
    before = np.concatenate([[-np.inf], np.maximum.accumulate(second)[:-1]]) if len(order) else second
    out: Rows = order[second > before]
    return out


def thinned(most: int, *goods: Array, first: Rows) -> Rows:
    """At most ``most`` rows that stand for all, in their order; larger is better.

    The best in each good comes first, of equals the best in the goods that
    follow, so that all of these are among them where ``most`` is no smaller than
    the number of goods.  Then come those of ``first``, and then again and again
    the row that is farthest from all that were kept, where far is the largest
    difference in any good as a share of that good's range.
    """
    if not len(goods[0]):
        return np.zeros(0, dtype=np.intp)
    count = len(goods)
    turned = ([goods[(start + i) % count] for i in range(count)] for start in range(count))
    kept = [int(np.lexsort([-column for column in reversed(columns)])[0]) for columns in turned]
    kept = list(dict.fromkeys([*kept, *(int(row) for row in first)]))[:most]
    table = np.stack(goods, axis=1)
    span = np.ptp(table, axis=0)
    table = (table - table.min(axis=0)) / np.where(span > 0, span, 1.0)
    away = np.min([np.abs(table - table[row]).max(axis=1) for row in kept], axis=0)
    while len(kept) < most and away.max() > 0:
        farthest = int(np.argmax(away))
        kept.append(farthest)
        away = np.minimum(away, np.abs(table - table[farthest]).max(axis=1))
    return np.array(sorted(kept), dtype=np.intp)
