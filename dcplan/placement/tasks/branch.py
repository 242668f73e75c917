"""Splitting what is left: one task at a time is fixed, until bounds or elimination settle each part."""

from __future__ import annotations

import numpy as np

from dcplan.placement.tasks.bounds import NEAR, within
from dcplan.placement.tasks.eliminate import eliminated, order_of
from dcplan.placement.tasks.tables import Tables, only

MOST_PARTS = 100
"""Parts that are looked at before somebody else is asked."""


def split(tables: Tables, best: list[int], usd: float, largest: int) -> tuple[list[int], float, bool]:
    """The best placement found, its cost, and whether it is proven; ``best`` costs ``usd`` and is the start.

    ``largest`` is how many numbers elimination may hold in one table.
    """
    parts = [[np.arange(len(one)) for one in tables.alone]]
    for _ in range(MOST_PARTS):
        if not parts:
            break
        kept = parts.pop()
        inside, bound = within(only(tables, kept), usd)
        kept = [some[left] for some, left in zip(kept, inside, strict=True)]
        if bound >= usd * (1 - NEAR) or not all(map(len, kept)):
            continue
        part = only(tables, kept)
        order, size = order_of(part)
        if size <= largest:
            choice, cost = eliminated(part, order)
            if cost < usd:
                best, usd = [int(some[at]) for some, at in zip(kept, choice, strict=True)], cost
            continue
        task = _busiest(part)
        # The cheapest option is put on last and so looked at first.
        parts += [
            [*kept[:task], kept[task][[at]], *kept[task + 1 :]]
            for at in np.argsort(-part.alone[task], kind="stable").tolist()
        ]
    return best, usd, not parts


def _busiest(tables: Tables) -> int:
    """Of the tasks that can be in several places the one with the most neighbours, then the most places."""
    open_to = [len(one) for one in tables.alone]
    near = [sum(task in pair for pair in tables.pairs) for task in range(len(open_to))]
    return max(range(len(open_to)), key=lambda task: (open_to[task] > 1, near[task], open_to[task]))
