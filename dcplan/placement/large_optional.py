"""Large problems in which not everything fits: what is left out is chosen first, then the rest is placed."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.cpsat import Effort, Status, run
from dcplan.placement.large_pairs import asked_for, cheapest, united
from dcplan.placement.large_search import EACH, LEAST, NEAR, PAIRS, STEPS, Large, hint_of, slack, used_pools
from dcplan.placement.laws import CONSTRAINTS
from dcplan.placement.minimise import all_goals, left_out
from dcplan.placement.model import Builder, allotments_in
from dcplan.placement.pairs import Pairs
from dcplan.placement.prices import ascend, columns_of, excess, limits_of, relaxed, with_left_out, within
from dcplan.placement.prices.greedy import greedy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.placement.clock import Clock
    from dcplan.placement.cpsat import Terms, Var
    from dcplan.placement.minimise import Outcome, Step
    from dcplan.placement.prices.columns import Floats
    from dcplan.placement.prices.greedy import Counts
    from dcplan.placement.types import Allotment, Problem

DEAR = 10.0
"""Times what any workload costs, to leave one out of the lowest priority; of the next, as much again."""
RANKS = 6
"""Priorities that are told apart so; more would not be seen beside the others in floats."""
CHOOSE_UNTIL = 0.3
"""Of the time that there is, for charges."""
CHOOSE_SHARE = 0.4
"""Of the time that is left, for one run that chooses what is left out."""


def without_some(problem: Problem, pairs: Pairs, clock: Clock) -> tuple[Builder, Outcome] | None:
    """A good placement that leaves out as little as is found; None where nothing is found.

    The bound holds for all placements that leave out as many of each priority.
    """
    chosen = _chosen(problem, pairs, clock)
    if chosen is None:
        return None
    running = {a.workload for a in chosen}
    names = {c.id for c in problem.choices if c.workload in running}
    rest = replace(
        problem,
        workloads=tuple(replace(w, required=True) for w in problem.workloads if w.name in running),
        current=tuple(a for a in problem.current if a.workload in running),
        current_beside=tuple(a for a in problem.current_beside if a.workload in running),
    )
    kept = Pairs(
        {choice: pools for choice, pools in pairs.own.items() if choice in names},
        {choice: pools for choice, pools in pairs.beside.items() if choice in names},
    )
    if not kept.own:
        return None
    found = Large(rest, kept, clock, {(a.choice, a.pool): a.replicas for a in chosen}).solve()
    if found is None:
        return None
    b, outcome = found
    out = Counter(w.priority for w in problem.workloads if w.name not in running)
    steps = tuple(_bounded(problem, pairs, clock, out, step) for step in outcome.steps)
    return b, replace(outcome, steps=steps)


def _chosen(problem: Problem, pairs: Pairs, clock: Clock) -> tuple[Allotment, ...] | None:
    """A placement that leaves out little, whatever it costs: by priority, in a model of cheap pairs."""
    goal = all_goals(problem)[0]
    cols = columns_of(problem, pairs, goal)
    limits = limits_of(problem, used_pools(cols))
    zero = np.zeros(len(limits.names))
    cols = replace(cols, out=_dear(problem, relaxed(cols, limits, zero)[0].workload))
    if not np.isfinite(relaxed(cols, limits, zero)[0].bound):
        return None
    best, charges = ascend(cols, limits, steps=STEPS, late=lambda: clock.late(CHOOSE_UNTIL))
    start = greedy(cols, limits, charges, best)
    beyond = excess(cols, limits, charges, best)
    near = cheapest(cols, beyond, max(PAIRS, EACH * len(problem.workloads)), LEAST)
    also = asked_for(problem, cols.choices, pairs, set(start or ()))
    b = Builder(problem, united(problem, within(cols, beyond, near), also))
    for add in CONSTRAINTS:
        add(b)
    values = _least_left(b, start or {}, clock)
    return None if values is None else allotments_in(b, values)


def _dear(problem: Problem, each: Floats) -> Floats:
    """What it costs to leave out a workload while charges are searched for: more than any of them costs."""
    most = float(each[np.isfinite(each)].max(initial=1.0))
    ranks = sorted({w.priority for w in problem.workloads if not w.required})
    rank = {priority: min(at, RANKS) for at, priority in enumerate(ranks, start=1)}
    return np.array([np.inf if w.required else most * DEAR ** rank[w.priority] for w in problem.workloads])


def _least_left(b: Builder, start: Counts, clock: Clock) -> tuple[int, ...] | None:
    """The values of a placement that leaves out as little as is found in time; None where none is found."""
    problem = b.problem
    fixed: Mapping[Var, int] = dict.fromkeys(b.rules, 1)
    values: tuple[int, ...] | None = None
    hint = hint_of(b, start)
    if start:
        # Nothing is left to decide, so that no clock is asked.
        effort = Effort(seed=problem.seed, limit=problem.deterministic_limit)
        known = run(b.model, effort, fixed={**fixed, **hint})
        values = known.values if known.found else None
    for terms in left_out(b):
        effort = clock.effort(problem.seed, problem.deterministic_limit, CHOOSE_SHARE)
        answer = run(
            b.model, effort, minimise=terms, fixed=fixed, hint=dict(enumerate(values)) if values else hint
        )
        if answer.status is Status.INFEASIBLE:
            return None
        if answer.found and (values is None or answer.objective <= _sum(terms, values)):
            values = answer.values
        if values is None:
            return None
        b.model.add(terms, high=_sum(terms, values))
    return values


def _sum(terms: Terms, values: tuple[int, ...]) -> int:
    return sum(k * values[var] for k, var in terms)


def _bounded(problem: Problem, pairs: Pairs, clock: Clock, out: Mapping[int, int], step: Step) -> Step:
    """A step with a bound of all placements that leave out no more workloads of each priority."""
    cols = columns_of(problem, pairs, step.goal)
    every = {w.priority: out.get(w.priority, 0) for w in problem.workloads if not w.required}
    limits = with_left_out(limits_of(problem, used_pools(cols)), problem, every)
    reached = float(step.answer.objective * step.unit)
    best, charges = ascend(cols, limits, steps=4 * STEPS, target=reached, gap=NEAR, late=clock.late)
    least = max(best.bound - slack(best, limits, charges), 0.0)
    bound = min(math.floor(least / step.unit), step.answer.objective)
    status = Status.OPTIMAL if bound == step.answer.objective else Status.FEASIBLE
    return replace(step, answer=replace(step.answer, bound=bound, status=status))
