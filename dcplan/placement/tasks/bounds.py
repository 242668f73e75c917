"""A first placement, a lower bound beside it, and what these two rule out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from dcplan.placement.tasks.tables import Tables

ROUNDS = 500
"""Rounds of raising the bound at the most."""

STALL = 1e-5
"""The bound is raised as long as a round adds this share of what is missing.  Numerical guard."""

NEAR = 1e-9
"""Relative.  Numerical guard: sums of floats."""


def first(tables: Tables) -> tuple[list[int], float]:
    """The cheapest of some placements, each improved task by task, and its cost.

    They begin with each task where it is cheapest by itself, and with all tasks
    in one place, for each place that all know.
    """
    places = [[option.place for option in rows] for rows in tables.options]
    everywhere = sorted(set(places[0]).intersection(*places[1:]))
    starts = [[int(np.argmin(one)) for one in tables.alone]]
    starts += [[rows.index(place) for rows in places] for place in everywhere]
    # Improving costs more than looking: only the best few are worth it.
    starts.sort(key=lambda choice: cost_of(tables, choice))
    improved = [_improved(tables, choice) for choice in starts[:4]]
    best = min(improved, key=lambda choice: (cost_of(tables, choice), choice))
    return best, cost_of(tables, best)


def cost_of(tables: Tables, choice: list[int]) -> float:
    """USD of a placement."""
    alone = sum(float(usd[at]) for usd, at in zip(tables.alone, choice, strict=True))
    return alone + sum(float(usd[choice[a], choice[b]]) for (a, b), usd in tables.pairs.items())


def _improved(tables: Tables, choice: list[int]) -> list[int]:
    """Each task in turn where it is cheapest beside the others, until none moves."""
    choice = list(choice)
    for _ in range(len(choice)):
        before = list(choice)
        for task, alone in enumerate(tables.alone):
            usd = alone.copy()
            for (a, b), cost in tables.pairs.items():
                if task == a:
                    usd += cost[:, choice[b]]
                elif task == b:
                    usd += cost[choice[a], :]
            choice[task] = int(np.argmin(usd))
        if choice == before:
            break
    return choice


def within(tables: Tables, usd: float) -> tuple[list[npt.NDArray[np.int64]], float]:
    """Of each task the options that a placement of at most ``usd`` can have, and a bound on all placements.

    Costs are shifted between tasks and edges, which changes no placement's cost,
    so that ``sum_t min_r cost(t, r)``, the bound, grows; option r is ruled out
    when ``bound - min cost(t) + cost(t, r) > usd``.  Source: Globerson and
    Jaakkola 2007 (NeurIPS), max-product linear programming; the shift is its
    update of one edge.
    """
    alone = [one.copy() for one in tables.alone]
    rest = {pair: cost.copy() for pair, cost in tables.pairs.items()}
    bound = _sum(one.min() for one in alone)
    for _ in range(ROUNDS):
        for (a, b), cost in rest.items():
            together = cost + alone[a][:, None] + alone[b][None, :]
            alone[a], alone[b] = together.min(axis=1) / 2, together.min(axis=0) / 2
            cost[:] = together - alone[a][:, None] - alone[b][None, :]
        raised = _sum(one.min() for one in alone)
        stalled = raised - bound <= STALL * max(usd - raised, NEAR * usd)
        bound = max(bound, raised)
        if stalled or raised > usd * (1 + NEAR):
            break
    # What is left on edges is not below 0 but for the rounding of floats.
    bound = raised = _sum(one.min() for one in alone) + _sum(min(0.0, c.min()) for c in rest.values())
    limit = usd * (1 + NEAR)
    kept = [np.flatnonzero(raised - one.min() + one <= limit) for one in alone]
    return kept, bound


def _sum(values: Iterable[float]) -> float:
    return float(sum(values))
