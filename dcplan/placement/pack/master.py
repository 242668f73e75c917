"""The master program: how many machines of each class hold which pattern, and which jobs that admits.

Maximise the worth of jobs taken, y of each group, with x machines of each
pattern: for each shape, parts of jobs taken <= places in patterns; for each
class, patterns <= machines.  Places may stay empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dcplan.placement.lp import Floats, Ints, LpAnswer, LpEffort, LpStatus, Program, solve_program
from dcplan.placement.pack.types import Instance, Pattern

MOST_PATTERNS = 3000
"""Beyond it, those that the linear program values least are dropped."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The answer of the linear program."""

    worth: float
    taken: Floats
    """(groups) jobs."""
    machines: Floats
    """(patterns) that hold it."""
    slot: Floats
    """(T) worth of one more place."""
    machine: Floats
    """(K) worth of one more machine."""


class Master:
    """Patterns so far, and the programs over them."""

    def __init__(self, instance: Instance, patterns: Iterable[Pattern] = ()) -> None:
        self.instance = instance
        self.patterns: list[Pattern] = []
        self._known: set[tuple[int, bytes]] = set()
        self.add(patterns)

    def add(self, patterns: Iterable[Pattern]) -> int:
        """Take in patterns; gives how many are new."""
        before = len(self.patterns)
        for pattern in patterns:
            if pattern.key not in self._known:
                self._known.add(pattern.key)
                self.patterns.append(pattern)
        return len(self.patterns) - before

    def solve(self, count: Ints, covered: Ints) -> Prices:
        """The linear program with ``count`` (K) machines, ``covered`` (T) places being there already."""
        answer = solve_program(self._program(count, covered))
        if answer.status is not LpStatus.OPTIMAL:
            msg = f"The master program of a packing is {answer.status.value}. This is a bug in dcplan."
            raise RuntimeError(msg)
        groups, shapes = len(self.instance.groups), len(self.instance.shapes)
        return Prices(
            worth=answer.objective,
            taken=answer.values[:groups],
            machines=answer.values[groups:],
            slot=np.maximum(answer.duals[:shapes], 0.0),
            machine=np.maximum(answer.duals[shapes:], 0.0),
        )

    def solve_whole(self, count: Ints, covered: Ints, effort: LpEffort) -> LpAnswer:
        """The same in whole numbers; values are jobs of each group, then machines of each pattern."""
        program = self._program(count, covered, whole=True)
        return solve_program(program, effort)

    def trim(self, prices: Prices) -> None:
        """Drop the patterns that are worth least beside their machine, when there are too many."""
        if len(self.patterns) <= MOST_PATTERNS:
            return
        gain = self.counts() @ prices.slot - prices.machine[self.class_of()]
        gain[prices.machines > 0] = np.inf
        kept = np.sort(np.argsort(-gain, kind="stable")[: MOST_PATTERNS * 2 // 3])
        self.patterns = [self.patterns[i] for i in kept]
        self._known = {p.key for p in self.patterns}

    def counts(self) -> Ints:
        """(patterns, T) parts."""
        shapes = len(self.instance.shapes)
        stacked: Ints = np.array([p.counts for p in self.patterns], np.int64).reshape(-1, shapes)
        return stacked

    def class_of(self) -> Ints:
        """(patterns) class."""
        return np.array([p.node_class for p in self.patterns], np.int64)

    def _program(self, count: Ints, covered: Ints, *, whole: bool = False) -> Program:
        instance = self.instance
        groups, shapes, patterns = len(instance.groups), len(instance.shapes), len(self.patterns)
        parts, class_of = self.counts(), self.class_of()
        pattern, shape = np.nonzero(parts)
        rows = (np.array([g.shape for g in instance.groups]), shape, shapes + class_of)
        columns = (np.arange(groups), groups + pattern, groups + np.arange(patterns))
        taken = np.array([g.parts for g in instance.groups], float)
        values = (taken, -parts[pattern, shape].astype(float), np.ones(patterns))
        jobs = np.array([len(g.jobs) for g in instance.groups], float)
        return Program(
            objective=np.concatenate([[g.worth for g in instance.groups], np.zeros(patterns)]),
            lower=np.zeros(groups + patterns),
            upper=np.concatenate([jobs, count[class_of].astype(float)]),
            row_lower=np.full(shapes + len(count), -np.inf),
            row_upper=np.concatenate([covered, count]).astype(float),
            row=np.concatenate(rows),
            column=np.concatenate(columns),
            value=np.concatenate(values),
            whole=np.ones(groups + patterns, bool) if whole else None,
        )
