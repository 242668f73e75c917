"""A large problem in which everything must run: a bound by prices, a model of cheap pairs, and search.

A model with every pair of choice and pool is what small problems are solved by, and proven.  Of a large one
most pairs are useless, but only prices show which: what a workload costs beyond the bound when it uses a pair
is known (``prices.excess``), so that pairs can be left out and the bound still holds for all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.cpsat import Effort, Status, run
from dcplan.placement.large_pairs import asked_for, cheapest, plain, standing, thresholds, united
from dcplan.placement.laws import CONSTRAINTS
from dcplan.placement.measures import in_units, micro_terms
from dcplan.placement.minimise import GOOD_GAP, Minimiser, Outcome, Step, all_goals
from dcplan.placement.model import Builder
from dcplan.placement.prices import (
    ascend,
    charges_of,
    columns_of,
    excess,
    least_outside,
    limits_of,
    relaxed,
    within,
)
from dcplan.placement.prices.greedy import greedy
from dcplan.placement.prices.improve import Improved, improve

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import numpy.typing as npt

    from dcplan.placement.aims import Goal
    from dcplan.placement.clock import Clock
    from dcplan.placement.cpsat import Answer, Terms, Var
    from dcplan.placement.pairs import Pairs
    from dcplan.placement.prices.columns import Columns, Floats
    from dcplan.placement.prices.greedy import Counts
    from dcplan.placement.prices.relax import Limits, Relaxed
    from dcplan.placement.types import Problem

STEPS = 150
"""Of the search for charges, each about a millisecond for a thousand workloads."""
ROUNDS = 2
"""Of three times such steps, while today's placement is not proven to be good."""
PAIRS = 4_000
"""That the model of a large problem has, or ``EACH`` for each workload where that is more."""
EACH = 8
LEAST = 24
"""Pairs that every workload keeps, however dear: rules that prices do not see may ask for them."""
TRIES = 24
FREE = (6, 20)
"""Workloads that one try may move: a tenth of all, but at least and at most so many."""
WORTH_MOVING = 0.02
"""All is placed anew only when today's placement may cost, and then does cost, this much more."""
NEAR = 0.9 * GOOD_GAP
"""From what a placement costs, a bound is near enough to stop the search for charges."""
ENOUGH = 5e-4
"""Proven this near to the least, nobody looks further."""

CHARGES_UNTIL = 0.15
"""Of the time that there is, the search for charges ends here,"""
LINEAR_UNTIL = 0.2
"""no linear program is begun after this,"""
HURRY_AFTER = 0.4
"""a model that is begun after this has a quarter of the pairs,"""
FREE_UNTIL = 0.9
"""and what is known is not searched around after this."""
LINEAR_SHARE = 0.2
"""Of the time that is left, for a linear program."""
RUN_SHARE = 0.5
"""Of the time that is left, for one run of CP-SAT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """A model of some pairs, and what is minimised."""

    builder: Builder
    terms: Terms
    unit: int
    outside: float
    """What a placement that uses other pairs costs beyond the bound; millionths of the goal's unit."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A placement."""

    model: _Model
    answer: Answer
    held: Mapping[Var, int]
    """Values that ties are not to change."""

    @property
    def cost(self) -> int:
        """In millionths of the goal's unit."""
        return self.answer.objective * self.model.unit


class Large:
    """One large problem, and the best bound so far."""

    def __init__(self, problem: Problem, pairs: Pairs, clock: Clock, start: Counts | None = None) -> None:
        """``pairs``: what ``prune.useful`` leaves of the problem; ``start``: a placement to start from."""
        self.problem = problem
        self.pairs = pairs
        self.clock = clock
        self.goal = all_goals(problem)[0]
        self.cols: Columns = columns_of(problem, pairs, self.goal)
        self.limits: Limits = limits_of(problem, used_pools(self.cols))
        self.charges: Floats = np.zeros(len(self.limits.names))
        self.best: Relaxed = relaxed(self.cols, self.limits, self.charges)[0]
        self.wall_s = 0.0
        self._start_at = start

    def solve(self) -> tuple[Builder, Outcome] | None:
        """What runs today and what must be placed with it, or all anew where that is clearly cheaper.

        None where nothing is found.
        """
        if not np.isfinite(self.best.bound):
            return None
        today = self._from_today()
        if today is not None and self._gap(today.answer, today.model) <= WORTH_MOVING:
            return self._finished(today)
        anew = self._from_nothing()
        if today is None:
            return None if anew is None else self._finished(anew)
        return self._finished(today if anew is None or anew.cost > today.cost * (1 - WORTH_MOVING) else anew)

    def _from_today(self) -> _Found | None:
        """Only what cannot stay is placed, and as few others as make room for it; None where little stays."""
        stays = standing(self.problem, self.pairs)
        if len(stays) * 2 < len(self.problem.workloads):
            return None
        moving = [w.name not in stays for w in self.problem.workloads]
        beyond = self._beyond()
        today = {(a.choice, a.pool): a.replicas for a in self.problem.current if a.workload in stays}
        near = thresholds(self.cols, beyond, EACH * LEAST)
        while True:
            model = self._model(beyond, np.where(moving, near, -1.0))
            held = {w.name for w, moves in zip(self.problem.workloads, moving, strict=True) if not moves}
            answer = self._run(model, today, held=held)
            if answer.found:
                answer = replace(answer, status=Status.FEASIBLE, bound=0)
                break
            more = self._easiest(beyond, moving, 4 * sum(moving) + 4)
            if more == moving or self.clock.late():
                return None
            moving = more
        for _ in range(ROUNDS):
            if self._gap(answer, model) <= GOOD_GAP:
                break
            self._ascend(3 * STEPS, self.charges, float(answer.objective * model.unit))
        return _Found(model, answer, self._held(model, dict(enumerate(answer.values)), held))

    def _from_nothing(self) -> _Found | None:
        """Charges from a first model, a second model by these, and search around its first answer."""
        start = self._start_at
        if start is None and self.clock.limit_s is not None:
            start = self._greedy()
        self._ascend(STEPS, self.charges)
        wanted = max(PAIRS, EACH * len(self.problem.workloads))
        if not self.clock.late(LINEAR_UNTIL):
            self._tighten(self._model(*self._cheapest(2 * wanted)))
        if self._start_at is None:
            start = self._greedy() or start
        hurry = 4 if self.clock.late(HURRY_AFTER) else 1
        model = self._model(*self._cheapest(wanted // hurry, LEAST // hurry), also=(start or {}).keys())
        answer = self._start(model, start or {})
        if not answer.found:
            return None
        first = Improved(values=answer.values, objective=answer.objective, wall_s=0.0)
        enough = math.floor(self.best.bound / model.unit * (1 + ENOUGH))
        size = min(max(FREE[0], len(self.problem.workloads) // 10), FREE[1])
        found = improve(
            model.builder, model.terms, first, tries=TRIES, size=size, enough=enough, clock=self.clock
        )
        self.wall_s += found.wall_s
        better = replace(answer, status=Status.FEASIBLE, values=found.values, objective=found.objective)
        return _Found(model, better, {})

    def _greedy(self) -> Counts | None:
        return greedy(self.cols, self.limits, self.charges, self.best)

    def _cheapest(self, count: int, least: int = LEAST) -> tuple[list[Floats], Floats]:
        """So many pairs with the least excess, and of each workload some."""
        beyond = self._beyond()
        return beyond, cheapest(self.cols, beyond, count, least)

    def _beyond(self) -> list[Floats]:
        return excess(self.cols, self.limits, self.charges, self.best)

    def _easiest(self, beyond: list[Floats], moving: list[bool], count: int) -> list[bool]:
        """The same and more workloads that may move: those that are nearly as cheap elsewhere."""
        second = thresholds(self.cols, beyond, 1)
        second[np.array(moving)] = -1.0
        order = np.argsort(second, kind="stable")[:count]
        return (np.isin(np.arange(len(moving)), order) | np.array(moving)).tolist()  # type: ignore[no-any-return]

    def _model(self, beyond: list[Floats], limit: Floats, also: Iterable[tuple[str, str]] = ()) -> _Model:
        """The model of the pairs within the limits, and of those of today, of pins, and of ``also``."""
        always = asked_for(self.problem, self.cols.choices, self.pairs, set(also))
        kept = united(self.problem, within(self.cols, beyond, limit), always)
        b = Builder(self.problem, kept)
        for add in CONSTRAINTS:
            add(b)
        terms, unit = in_units(b, micro_terms(b, self.goal))
        return _Model(
            builder=b, terms=terms, unit=unit, outside=least_outside(self.cols, beyond, limit, kept)
        )

    def _run(
        self, model: _Model, start: Mapping[tuple[str, str], int], *, held: Collection[str] = ()
    ) -> Answer:
        """CP-SAT on one model, from so many replicas by choice and pool; ``held`` workloads stay there."""
        b, problem = model.builder, self.problem
        hint = hint_of(b, start)
        fixed = {**self._held(model, hint, held), **dict.fromkeys(b.rules, 1)}
        effort = self.clock.effort(problem.seed, problem.deterministic_limit, RUN_SHARE)
        if len(held) == len(problem.workloads):
            # Nothing is left to decide: cut short, this would lose what is known.
            effort = Effort(seed=problem.seed, limit=problem.deterministic_limit)
        answer = run(b.model, effort, minimise=model.terms, fixed=fixed, hint=hint if start else None)
        self.wall_s += answer.wall_s
        return answer

    def _held(self, model: _Model, values: Mapping[Var, int], names: Collection[str]) -> dict[Var, int]:
        """The values of the choices and replicas of some workloads."""
        b = model.builder
        workload = {choice.id: choice.workload for choice in self.cols.choices}
        taken = {var: values[var] for choice, var in b.take.items() if workload[choice] in names}
        return taken | {
            var: values[var] for (choice, _), var in b.replicas.items() if workload[choice] in names
        }

    def _start(self, model: _Model, start: Mapping[tuple[str, str], int]) -> Answer:
        """The best of a first placement and of what CP-SAT makes of it."""
        known = None
        if start:
            known = self._run(model, start, held={w.name for w in self.problem.workloads})
            if not known.found:
                known = self._run(model, start, held=plain(self.problem))
        if known is not None and known.found and self.clock.late(FREE_UNTIL):
            return replace(known, status=Status.FEASIBLE, bound=0)
        answer = self._run(model, start)
        if known is None or not known.found or (answer.found and answer.objective <= known.objective):
            return answer
        # Of a model with everything held, the bound says nothing.
        return replace(known, status=Status.FEASIBLE, bound=answer.bound if answer.found else 0)

    def _tighten(self, model: _Model) -> None:
        """Better charges, from the linear relaxation of a model."""
        wall_s = self.clock.share_s(LINEAR_SHARE)
        charges = charges_of(model.builder, model.terms, self.limits, math.inf if wall_s is None else wall_s)
        if charges is not None:
            charges = charges * model.unit
            better = relaxed(self.cols, self.limits, charges)[0].bound > self.best.bound
            self._ascend(STEPS // 3, charges if better else self.charges, until=LINEAR_UNTIL + LINEAR_SHARE)

    def _ascend(
        self, steps: int, start: Floats, target: float | None = None, until: float = CHARGES_UNTIL
    ) -> None:
        """Better charges, from ``start``; ``target``: what a placement is known to cost."""
        until = until if target is None else 1.0
        found, charges = ascend(
            self.cols, self.limits, steps=steps, target=target, start=start, gap=NEAR,
            late=lambda: self.clock.late(until),
        )  # fmt: skip
        if found.bound > self.best.bound:
            self.best, self.charges = found, charges

    def _bound(self, answer: Answer, model: _Model) -> int:
        """What no placement costs less than, in the unit of the model: what prices and the model prove."""
        least = self.best.bound - slack(self.best, self.limits, self.charges)
        prices = math.floor(least / model.unit)
        outside = least + model.outside
        if not math.isfinite(outside):
            return max(prices, answer.bound)
        return max(prices, min(answer.bound, math.floor(outside / model.unit)))

    def _gap(self, answer: Answer, model: _Model) -> float:
        return (answer.objective - self._bound(answer, model)) / max(answer.objective, 1)

    def _finished(self, found: _Found) -> tuple[Builder, Outcome]:
        """The outcome, with ties decided among the pairs of the model and what is not held."""
        bound = min(self._bound(found.answer, found.model), found.answer.objective)
        status = Status.OPTIMAL if bound == found.answer.objective else Status.FEASIBLE
        first = replace(found.answer, bound=bound, status=status)
        spent_s = self.wall_s if self.clock.limit_s is None else self.clock.spent_s
        b = found.model.builder
        outcome = Minimiser(b, first, found.held, spent_s=spent_s).minimise()
        steps = (outcome.steps[0], *(self._honest(step) for step in outcome.steps[1:]))
        return b, replace(outcome, steps=steps)

    def _honest(self, step: Step) -> Step:
        """A later goal with a bound that holds for all pairs, not only for those of the model."""
        least = price_bound(self.problem, self.pairs, step.goal, self.clock)
        bound = min(math.floor(least / step.unit), step.answer.objective)
        proven = bound == step.answer.objective
        status = Status.OPTIMAL if proven else Status.FEASIBLE
        return replace(step, answer=replace(step.answer, bound=bound, status=status))


def price_bound(problem: Problem, pairs: Pairs, goal: Goal, clock: Clock) -> float:
    """What any placement has of a goal at least, in millionths of its unit."""
    cols = columns_of(problem, pairs, goal)
    limits = limits_of(problem, used_pools(cols))
    best, charges = ascend(cols, limits, steps=STEPS, late=clock.late)
    return max(best.bound - slack(best, limits, charges), 0.0)


def slack(best: Relaxed, limits: Limits, charges: Floats) -> float:
    """What rounding may have added to a bound: sums of thousands of floats are exact to twelve digits."""
    if not charges.any() and float(best.bound).is_integer():
        return 0.0
    return 1e-11 * (abs(best.bound) + float(charges @ limits.at_most))


def used_pools(cols: Columns) -> npt.NDArray[np.int64]:
    """Indices of the pools that some choice may use."""
    return np.unique(np.concatenate([group.pools for group in cols.groups]))


def hint_of(b: Builder, start: Mapping[tuple[str, str], int]) -> dict[Var, int]:
    """Values of a model at so many replicas by choice and pool."""
    taken = {choice for choice, _ in start}
    hint = {var: start.get(pair, 0) for pair, var in b.replicas.items()}
    return hint | {var: int(choice in taken) for choice, var in b.take.items()}
