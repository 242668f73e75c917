"""The problem as arrays: one cost for each task and place, one matrix for each edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcplan.placement.tasks.types import Option, TaskProblem

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tables:
    """Costs by place; only a task's cheapest row of each place is left."""

    options: tuple[tuple[Option, ...], ...]
    """Of each task, one for each place that it can be in."""
    alone: tuple[Floats, ...]
    """Of each task: USD of each of these options."""
    pairs: dict[tuple[int, int], Floats]
    """Of each two tasks that hand on anything (smaller index first): USD of egress, all edges together."""


def tables_of(problem: TaskProblem) -> tuple[Tables, list[tuple[str, str]]]:
    """The tables, and pairs of places whose egress price is not known."""
    cheapest: dict[int, tuple[Option, ...]] = {}
    options = []
    for task in problem.tasks:
        # Tasks that ask for the same machines share their rows, often thousands.
        key = id(task.options)
        if key not in cheapest:
            cheapest[key] = _cheapest(task.options)
        options.append(cheapest[key])
    places = sorted({option.place for rows in options for option in rows})
    number = {place: at for at, place in enumerate(places)}
    price = np.full((len(places), len(places)), np.nan)
    np.fill_diagonal(price, 0.0)
    for (sender, receiver), each in problem.egress_usd_per_byte.items():
        if sender in number and receiver in number:
            price[number[sender], number[receiver]] = each
    where = [np.array([number[option.place] for option in rows], dtype=np.int64) for rows in options]
    task_number = {task.name: at for at, task in enumerate(problem.tasks)}
    pairs: dict[tuple[int, int], Floats] = {}
    unknown: set[tuple[str, str]] = set()
    for edge in problem.edges:
        a, b = task_number[edge.sender], task_number[edge.receiver]
        if edge.size_bytes == 0:
            continue
        usd: Floats = price[np.ix_(where[a], where[b])]
        unknown |= {
            (places[where[a][i]], places[where[b][j]]) for i, j in np.argwhere(np.isnan(usd)).tolist()
        }
        cost = usd * edge.size_bytes
        both, cost = ((a, b), cost) if a < b else ((b, a), cost.T)
        pairs[both] = pairs[both] + cost if both in pairs else cost
    alone = tuple(np.array([option.usd for option in rows]) for rows in options)
    return Tables(tuple(options), alone, pairs), sorted(unknown)


def _cheapest(options: tuple[Option, ...]) -> tuple[Option, ...]:
    """Of each place the row that costs least; of equal ones the first by name."""
    best: dict[str, Option] = {}
    for option in options:
        known = best.get(option.place)
        if known is None or (option.usd, option.row) < (known.usd, known.row):
            best[option.place] = option
    return tuple(best[place] for place in sorted(best))


def without_dominated(tables: Tables) -> Tables:
    """Only options that none other of the same task beats whatever its neighbours do.

    r is dropped for q when ``cost(q) + sum over neighbours max_o (egress(q, o) -
    egress(r, o)) <= cost(r)``: moving the task from r to q never costs more.
    Source: dead-end elimination, Desmet et al. 1992 (Nature 356, 539), in the
    form of Goldstein 1994.
    """
    kept = [np.arange(len(one)) for one in tables.alone]
    changed = set(range(len(kept)))
    while changed:
        task = min(changed)
        changed.discard(task)
        better = _better(tables, kept, task)
        left = _undominated(better, tables.alone[task][kept[task]])
        if len(left) < len(kept[task]):
            kept[task] = kept[task][left]
            changed |= {b if a == task else a for a, b in tables.pairs if task in (a, b)}
    return only(tables, kept)


def _better(tables: Tables, kept: list[npt.NDArray[np.int64]], task: int) -> npt.NDArray[np.bool_]:
    """``[q, r]``: q never costs more than r."""
    alone = tables.alone[task][kept[task]]
    worse = alone[:, None] - alone[None, :]
    for (a, b), cost in tables.pairs.items():
        if task in (a, b):
            own = cost[np.ix_(kept[a], kept[b])]
            own = own if a == task else own.T
            worse = worse + (own[:, None, :] - own[None, :, :]).max(axis=2)
    better: npt.NDArray[np.bool_] = worse <= 0
    return better


def _undominated(better: npt.NDArray[np.bool_], alone: Floats) -> npt.NDArray[np.int64]:
    """What is left when each dominated option is dropped for one that stays, the dearest first."""
    alive = np.ones(len(alone), dtype=bool)
    for at in np.argsort(-alone, kind="stable").tolist():
        alive[at] = False
        if not (better[:, at] & alive).any():
            alive[at] = True
    return np.flatnonzero(alive)


def only(tables: Tables, kept: list[npt.NDArray[np.int64]]) -> Tables:
    """The tables with these options alone."""
    return Tables(
        tuple(
            tuple(rows[at] for at in some.tolist()) for rows, some in zip(tables.options, kept, strict=True)
        ),
        tuple(one[some] for one, some in zip(tables.alone, kept, strict=True)),
        {(a, b): cost[np.ix_(kept[a], kept[b])] for (a, b), cost in tables.pairs.items()},
    )
