"""From fractions of machines to whole ones: dive, then plan some machines anew."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dcplan.placement.lp import Floats, Ints, LpEffort
from dcplan.placement.pack.generate import CLASSES_A_ROUND, Asked, price_classes
from dcplan.placement.pack.master import Master, Prices
from dcplan.placement.pack.types import Instance, Pattern, Search

WHOLE = 1e-6
NEAR_WHOLE = 5e-4
"""Repairs end when whole machines are within this share of the bound."""
SURE = 0.6
"""A fraction of a machine that is rounded up beside others."""
STEP = 0.1
"""Share of the machines left that a step of the dive settles at least one of."""
DIVE_ROUNDS, DIVE_PATTERNS, DIVE_POOL = 2, 3, 800
REPAIRED_MACHINES = 40
REPAIR_PATTERNS = 300
REPAIR_ROUNDS = 3
REPAIR_NODES = 10
REPAIR_GAP = 1e-5
REPAIR_WALL_S = 20.0
"""Never reached on the problems measured; nodes of branch and bound end a repair."""


@dataclass(slots=True)
class Choice:
    """Whole machines: patterns, and on how many machines of their class each stands."""

    times: dict[tuple[int, bytes], int] = field(default_factory=dict)
    patterns: dict[tuple[int, bytes], Pattern] = field(default_factory=dict)

    def put(self, pattern: Pattern, times: int) -> None:
        """So many machines more (or fewer) with this pattern."""
        self.patterns[pattern.key] = pattern
        self.times[pattern.key] = self.times.get(pattern.key, 0) + times
        if not self.times[pattern.key]:
            del self.times[pattern.key]

    def items(self) -> list[tuple[Pattern, int]]:
        """Patterns with their machines."""
        return [(self.patterns[key], times) for key, times in self.times.items()]

    def copy(self) -> Choice:
        """One that can be changed apart."""
        return Choice(dict(self.times), dict(self.patterns))


def places(instance: Instance, choice: Choice) -> Ints:
    """(T) places for each shape."""
    total = np.zeros(len(instance.shapes), np.int64)
    for pattern, times in choice.items():
        total += times * pattern.counts.astype(np.int64)
    return total


def admitted(instance: Instance, covered: Ints) -> Ints:
    """(groups) whole jobs that these places take: worth most a part first, of equal ones the largest."""
    left = covered.copy()
    jobs = np.zeros(len(instance.groups), np.int64)
    ranked = sorted(
        range(len(instance.groups)),
        key=lambda g: (-instance.groups[g].worth / instance.groups[g].parts, -instance.groups[g].parts),
    )
    for index in ranked:
        group = instance.groups[index]
        jobs[index] = min(len(group.jobs), int(left[group.shape]) // group.parts)
        left[group.shape] -= jobs[index] * group.parts
    return jobs


def worth_of(instance: Instance, covered: Ints) -> float:
    """What the jobs are worth that these places take."""
    worth = np.array([g.worth for g in instance.groups])
    return float(worth @ admitted(instance, covered))


def dive(search: Search, master: Master) -> Choice:
    """Settle the whole part of every pattern, then the surest fractions; solve again, to the last machine."""
    instance, choice, pool = search.instance, Choice(), master
    count, covered = instance.count.copy(), np.zeros(len(instance.shapes), np.int64)
    while count.any():
        prices = _priced(search, pool, count, covered, DIVE_ROUNDS)
        if prices.machines.sum() < WHOLE:
            break
        taken = _settled(prices.machines, int(count.sum()))
        for index in np.flatnonzero(taken):
            pattern = pool.patterns[index]
            times = int(min(taken[index], count[pattern.node_class]))
            if times:
                choice.put(pattern, times)
                count[pattern.node_class] -= times
                covered += times * pattern.counts.astype(np.int64)
        # Few patterns stay in question once most machines are settled.
        pool = Master(instance, _likely(pool, prices, count, DIVE_POOL))
    return choice


def _likely(pool: Master, prices: Prices, count: Ints, most: int) -> list[Pattern]:
    """Patterns for machines that are left, those first that are worth most beside their machine."""
    gain = pool.counts() @ prices.slot - prices.machine[pool.class_of()]
    open_ = np.flatnonzero(count[pool.class_of()] > 0)
    return [pool.patterns[i] for i in open_[np.argsort(-gain[open_], kind="stable")[:most]]]


def _priced(search: Search, pool: Master, count: Ints, covered: Ints, rounds: int) -> Prices:
    """Prices for the machines left, after a few rounds of patterns made for what is left to place."""
    left = np.maximum(search.instance.demand - covered, 0)
    prices = pool.solve(count, covered)
    width = max(search.effort.width // 2, 1)
    for _ in range(rounds):
        classes = search.random.permutation(np.flatnonzero(count))[:CLASSES_A_ROUND]
        asked = Asked(prices.slot, left, classes, width, DIVE_PATTERNS)
        if not price_classes(search, pool, prices, asked):
            break
        prices = pool.solve(count, covered)
    return prices


def _settled(machines: Floats, left: int) -> Ints:
    """How many machines of each pattern this step settles: the whole ones, or the surest fractions."""
    taken = np.floor(machines + WHOLE).astype(np.int64)
    if taken.sum() >= STEP * left:
        return taken
    fraction = machines - taken
    for index in np.argsort(-fraction, kind="stable")[: max(1, int(STEP * left))]:
        if fraction[index] < SURE and taken.any():
            break
        taken[index] += 1
    return taken


def repair(search: Search, pool: Master, choice: Choice) -> Choice:
    """Plan some machines anew in whole numbers, until the bound is near or the tries are used up."""
    instance = search.instance
    for _ in range(search.effort.repairs):
        covered = places(instance, choice)
        worth = worth_of(instance, covered)
        if search.bound.worth - worth <= NEAR_WHOLE * search.bound.worth:
            break
        freed = _freed(search, choice, covered)
        if not freed:
            break
        better = _replanned(search, pool, choice, freed)
        if better is not None and worth_of(instance, places(instance, better)) > worth:
            choice = better
    return choice


def _freed(search: Search, choice: Choice, covered: Ints) -> list[tuple[Pattern, int]]:
    """Machines to plan anew, likelier those with idle accelerators; one of each pattern at a time."""
    instance = search.instance
    items = choice.items()
    useful = instance.need[2] * (covered > 0)
    waste = np.array([instance.room[2, p.node_class] - p.counts @ useful for p, _ in items])
    size = np.array([instance.room[2, p.node_class] for p, _ in items])
    likely = search.random.random(len(items)) - waste / np.maximum(size, 1.0)
    picked = np.argsort(likely, kind="stable")[:REPAIRED_MACHINES]
    return [(items[i][0], 1) for i in picked]


def _replanned(
    search: Search, pool: Master, choice: Choice, freed: list[tuple[Pattern, int]]
) -> Choice | None:
    """The choice with ``freed`` machines planned anew in whole numbers; None when nothing was found."""
    instance = search.instance
    rest = choice.copy()
    count = np.zeros(len(instance.classes), np.int64)
    for pattern, times in freed:
        rest.put(pattern, -times)
        count[pattern.node_class] += times
    covered = places(instance, rest)
    # What idle machines could take is not looked at: they are few, and the filling afterwards uses them.
    prices = pool.solve(count, covered)
    part = Master(instance, _likely(pool, prices, count, REPAIR_PATTERNS))
    part.add(pattern for pattern, _ in freed)
    _priced(search, part, count, covered, REPAIR_ROUNDS)
    answer = part.solve_whole(
        count, covered, LpEffort(wall_s=REPAIR_WALL_S, nodes=REPAIR_NODES, gap=REPAIR_GAP)
    )
    if not answer.found:
        return None
    machines = np.round(answer.values[len(instance.groups) :]).astype(np.int64)
    for index in np.flatnonzero(machines):
        rest.put(part.patterns[index], int(machines[index]))
    pool.add(part.patterns[i] for i in np.flatnonzero(machines))
    return rest
