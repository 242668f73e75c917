"""Which pairs of choice and pool the model of a large problem holds, and which workloads can stay."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.laws.pins import is_at
from dcplan.placement.pairs import joined

if TYPE_CHECKING:
    from dcplan.placement.pairs import Pairs
    from dcplan.placement.prices.columns import Columns, Floats
    from dcplan.placement.types import Allotment, Choice, Pool, Problem


def standing(problem: Problem, pairs: Pairs) -> set[str]:
    """Workloads that can go on as they run today, as far as that can be seen of each alone."""
    choices = {choice.id: choice for choice in problem.choices}
    today: defaultdict[str, list[Allotment]] = defaultdict(list)
    for one in problem.current:
        today[one.workload].append(one)
    found = set()
    for w in problem.workloads:
        mine = today.get(w.name, [])
        there = all(
            one.choice in pairs.own and any(p.id == one.pool for p in pairs.own[one.choice]) for one in mine
        )
        if not mine or not there:
            continue
        count = sum(one.replicas for one in mine)
        [*kinds] = {one.choice for one in mine}
        alike = len(kinds) == 1 and choices[kinds[0]].replicas <= count <= choices[kinds[0]].most
        if alike or w.fleet is not None:
            found.add(w.name)
    return found


def united(problem: Problem, one: Pairs, other: Pairs) -> Pairs:
    """The pairs of either."""
    left: list[tuple[Choice, list[tuple[Pool, ...]]]] = []
    for choice in problem.choices:
        own = {p.id: p for pairs in (one, other) for p in pairs.own.get(choice.id, ())}
        beside = {p.id: p for pairs in (one, other) for p in pairs.beside.get(choice.id, ())}
        if own:
            parts = [tuple(own[p] for p in sorted(own))]
            if choice.beside is not None:
                parts.append(tuple(beside[p] for p in sorted(beside)))
            left.append((choice, parts))
    return joined(left)


def asked_for(
    problem: Problem, choices: tuple[Choice, ...], pairs: Pairs, also: set[tuple[str, str]]
) -> Pairs:
    """Pairs of today, to pools that are pinned, and ``also``."""
    today = also | {(a.choice, a.pool) for a in problem.current}
    beside = {(a.choice, a.pool) for a in problem.current_beside}
    pins = {w.name: w.pins for w in problem.workloads if w.pins}
    left: list[tuple[Choice, list[tuple[Pool, ...]]]] = []
    for choice in choices:
        parts = []
        for part, pools in pairs.of(choice):
            there = today if part is choice else beside
            mine = pins.get(choice.workload, ())
            parts.append(
                tuple(p for p in pools if (choice.id, p.id) in there or any(is_at(pin, p) for pin in mine))
            )
        if parts[0]:
            left.append((choice, parts))
    return joined(left)


def thresholds(cols: Columns, beyond: list[Floats], count: int) -> Floats:
    """Of each workload, the excess that so many of its pairs do not go beyond."""
    mine: list[list[Floats]] = [[] for _ in cols.workloads]
    for group, over in zip(cols.groups, beyond, strict=True):
        for part, row in zip(group.parts.tolist(), over, strict=True):
            mine[int(cols.of_workload[cols.choice_of[part]])].append(row)
    limits = []
    for rows in mine:
        every = np.concatenate(rows) if rows else np.empty(0)
        every = every[np.isfinite(every)]
        limits.append(float(np.partition(every, count)[count]) if count < len(every) else np.inf)
    return np.array(limits)


def cheapest(cols: Columns, beyond: list[Floats], count: int, least: int) -> Floats:
    """Of each workload, the excess within which are so many pairs of all, and of each workload some."""
    every = np.concatenate([over.ravel() for over in beyond])
    every = every[np.isfinite(every)]
    common = float(np.partition(every, count)[count]) if count < len(every) else np.inf
    return np.maximum(thresholds(cols, beyond, least), common)


def plain(problem: Problem) -> set[str]:
    """Workloads of which a first placement knows all rules."""
    others = {a.other for w in problem.workloads for a in w.affinity}
    return {
        w.name
        for w in problem.workloads
        if w.name not in others
        and not (w.affinity or w.survive or w.network or w.spread)
        and w.fleet is None
        and w.stay is None
    }
