"""Exact placement by elimination: one task after the other is decided for all that its neighbours may do.

On chains and trees this is the usual dynamic program; on graphs that are
nearly trees its tables stay small.  Source: Bertele and Brioschi 1972,
Nonserial Dynamic Programming; Dechter 1999 (bucket elimination).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcplan.placement.tasks.tables import Floats, Tables


@dataclass(frozen=True, slots=True)
class _Factor:
    """A cost that depends on the options of some tasks: one axis for each, by rising index."""

    tasks: tuple[int, ...]
    usd: Floats


def order_of(tables: Tables) -> tuple[list[int], int]:
    """Tasks in the order in which they are decided, and numbers in the largest table that this needs.

    Next is always the task with the smallest table: itself with all tasks that
    it depends on by then.
    """
    sizes = [len(one) for one in tables.alone]
    near: dict[int, set[int]] = {task: set() for task in range(len(sizes))}
    for a, b in tables.pairs:
        near[a].add(b)
        near[b].add(a)
    order, largest = [], 0
    while near:
        need = {task: math.prod(sizes[other] for other in (task, *others)) for task, others in near.items()}
        task = min(need, key=lambda one: (need[one], one))
        largest = max(largest, need[task])
        order.append(task)
        others = near.pop(task)
        for other in others:
            near[other] |= others - {other}
            near[other].discard(task)
    return order, largest


def eliminated(tables: Tables, order: Sequence[int]) -> tuple[list[int], float]:
    """The cheapest option of each task, by index, and the cost of all together."""
    factors = [_Factor((task,), usd) for task, usd in enumerate(tables.alone)]
    factors += [_Factor(pair, usd) for pair, usd in tables.pairs.items()]
    decided: list[tuple[int, tuple[int, ...], npt.NDArray[np.intp]]] = []
    for task in order:
        mine = [one for one in factors if task in one.tasks]
        factors = [one for one in factors if task not in one.tasks]
        others = tuple(sorted({other for one in mine for other in one.tasks} - {task}))
        table = _summed((*others, task), mine)
        decided.append((task, others, table.argmin(axis=-1)))
        factors.append(_Factor(others, table.min(axis=-1)))
    choice = [0] * len(tables.alone)
    for task, others, best in reversed(decided):
        choice[task] = int(best[tuple(choice[other] for other in others)])
    return choice, float(sum(float(one.usd) for one in factors))


def _summed(axes: tuple[int, ...], factors: Sequence[_Factor]) -> Floats:
    """The sum of factors as one table with these axes."""
    total: Floats = np.zeros((1,) * len(axes))
    for one in factors:
        # Bring the factor's axes into the table's order, then give it the axes that it lacks.
        present = sorted(range(len(one.tasks)), key=lambda at: axes.index(one.tasks[at]))
        usd = one.usd.transpose(present) if one.tasks else one.usd
        sizes = {one.tasks[at]: one.usd.shape[at] for at in range(len(one.tasks))}
        total = total + usd.reshape([sizes.get(axis, 1) for axis in axes])
    return total
