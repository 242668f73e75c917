"""Large problems: a bound by prices, a model of the pairs that cost little more, and search around it.

A model with every pair of choice and pool is what small problems are solved by, and proven.  Of a large one
most pairs are useless, but only prices show which: what a workload costs beyond the bound when it uses a pair
is known (``prices.excess``), so that pairs can be left out and the bound still holds for all of them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.aims import Measure, only
from dcplan.placement.cpsat import Effort, Status, run
from dcplan.placement.laws import CONSTRAINTS
from dcplan.placement.laws.pins import is_at
from dcplan.placement.measures import in_units, micro_terms
from dcplan.placement.minimise import GOOD_GAP, Minimiser, Outcome, all_goals
from dcplan.placement.model import Builder
from dcplan.placement.pairs import joined
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

    from dcplan.placement.cpsat import Answer, Terms, Var
    from dcplan.placement.pairs import Pairs
    from dcplan.placement.prices.columns import Columns, Floats
    from dcplan.placement.types import Allotment, Choice, Pool, Problem

MANY_PAIRS = 6_000
"""With fewer pairs of choice and pool, one model holds all of them."""
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


def solve_large(problem: Problem, pairs: Pairs) -> tuple[Builder, Outcome] | None:
    """A good placement and its bound; None where this way is not for the problem, or finds nothing.

    ``pairs``: what is left of the problem by ``prune.useful``.
    """
    count = sum(len(pools) for pools in (*pairs.own.values(), *pairs.beside.values()))
    plain = all(w.required for w in problem.workloads) and problem.time_limit_s is None
    if count < MANY_PAIRS or not plain or all_goals(problem) != (only(Measure.COST),):
        return None
    have = {c.workload for c in problem.choices if c.id in pairs.own}
    if len(have) < len(problem.workloads):
        return None
    return _Large(problem, pairs).solve()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """A model of some pairs, and what is minimised."""

    builder: Builder
    terms: Terms
    unit: int
    outside: float
    """What a placement costs beyond the bound, at least, that uses other pairs; micro-dollars."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A placement."""

    model: _Model
    answer: Answer
    held: Mapping[Var, int]
    """Values that ties are not to change."""

    @property
    def cost(self) -> int:
        """In micro-dollars."""
        return self.answer.objective * self.model.unit


class _Large:
    """One large problem, and the best bound so far."""

    def __init__(self, problem: Problem, pairs: Pairs) -> None:
        self.problem = problem
        self.pairs = pairs
        self.cols: Columns = columns_of(problem, pairs)
        used = np.unique(np.concatenate([group.pools for group in self.cols.groups]))
        self.limits = limits_of(problem, used)
        self.charges: Floats = np.zeros(len(self.limits.names))
        self.best = relaxed(self.cols, self.limits, self.charges)[0]
        self.wall_s = 0.0

    def solve(self) -> tuple[Builder, Outcome] | None:
        """What runs today and what must be placed with it, or all anew where that is clearly cheaper."""
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
        cheapest = self._thresholds(beyond, EACH * LEAST)
        while True:
            limit = np.where(moving, cheapest, -1.0)
            model = self._model(beyond, limit)
            held = {w.name for w, moves in zip(self.problem.workloads, moving, strict=True) if not moves}
            answer = self._run(model, today, held=held)
            if answer.found:
                answer = replace(answer, status=Status.FEASIBLE, bound=0)
                break
            more = self._easiest(beyond, moving, 4 * sum(moving) + 4)
            if more == moving:
                return None
            moving = more
        for _ in range(ROUNDS):
            if self._gap(answer, model) <= GOOD_GAP:
                break
            self._ascend(3 * STEPS, self.charges, float(answer.objective * model.unit))
        return _Found(model, answer, self._held(model, dict(enumerate(answer.values)), held))

    def _from_nothing(self) -> _Found | None:
        """Charges from a first model, a second model by these, and search around its first answer."""
        self._ascend(STEPS, self.charges)
        wanted = max(PAIRS, EACH * len(self.problem.workloads))
        self._tighten(self._model(*self._cheapest(2 * wanted)))
        start = greedy(self.cols, self.limits, self.charges, self.best) or {}
        model = self._model(*self._cheapest(wanted), also=start.keys())
        answer = self._start(model, start)
        if not answer.found:
            return None
        first = Improved(values=answer.values, objective=answer.objective, wall_s=0.0)
        enough = math.floor(self.best.bound / model.unit * (1 + ENOUGH))
        size = min(max(FREE[0], len(self.problem.workloads) // 10), FREE[1])
        found = improve(model.builder, model.terms, first, tries=TRIES, size=size, enough=enough)
        self.wall_s += found.wall_s
        better = replace(answer, status=Status.FEASIBLE, values=found.values, objective=found.objective)
        return _Found(model, better, {})

    def _cheapest(self, count: int) -> tuple[list[Floats], Floats]:
        """So many pairs with the least excess, and of each workload some."""
        beyond = self._beyond()
        every = np.concatenate([over.ravel() for over in beyond])
        every = every[np.isfinite(every)]
        common = float(np.partition(every, count)[count]) if count < len(every) else math.inf
        return beyond, np.maximum(self._thresholds(beyond, LEAST), common)

    def _beyond(self) -> list[Floats]:
        return excess(self.cols, self.limits, self.charges, self.best)

    def _thresholds(self, beyond: list[Floats], count: int) -> Floats:
        """Of each workload, the excess that so many of its pairs do not go beyond."""
        mine: list[list[Floats]] = [[] for _ in self.cols.workloads]
        for group, over in zip(self.cols.groups, beyond, strict=True):
            for part, row in zip(group.parts.tolist(), over, strict=True):
                mine[int(self.cols.of_workload[self.cols.choice_of[part]])].append(row)
        limits = []
        for rows in mine:
            every = np.concatenate(rows)
            every = every[np.isfinite(every)]
            limits.append(float(np.partition(every, count)[count]) if count < len(every) else np.inf)
        return np.array(limits)

    def _easiest(self, beyond: list[Floats], moving: list[bool], count: int) -> list[bool]:
        """The same and more workloads that may move: those that are nearly as cheap elsewhere."""
        second = self._thresholds(beyond, 1)
        second[np.array(moving)] = -1.0
        order = np.argsort(second, kind="stable")[:count]
        return (np.isin(np.arange(len(moving)), order) | np.array(moving)).tolist()  # type: ignore[no-any-return]

    def _model(self, beyond: list[Floats], limit: Floats, also: Iterable[tuple[str, str]] = ()) -> _Model:
        """The model of the pairs within the limits, and of those of today, of pins, and of ``also``."""
        always = self._always(set(also))
        kept = _united(self.problem, within(self.cols, beyond, limit), always)
        b = Builder(self.problem, kept)
        for add in CONSTRAINTS:
            add(b)
        terms, unit = in_units(b, micro_terms(b, only(Measure.COST)))
        return _Model(
            builder=b, terms=terms, unit=unit, outside=least_outside(self.cols, beyond, limit, kept)
        )

    def _always(self, also: set[tuple[str, str]]) -> Pairs:
        """Pairs of today, to pools that are pinned, and others that are asked for."""
        today = also | {(a.choice, a.pool) for a in self.problem.current}
        beside = {(a.choice, a.pool) for a in self.problem.current_beside}
        pins = {w.name: w.pins for w in self.problem.workloads if w.pins}
        left: list[tuple[Choice, list[tuple[Pool, ...]]]] = []
        for choice in self.cols.choices:
            parts = []
            for part, pools in self.pairs.of(choice):
                there = today if part is choice else beside
                mine = pins.get(choice.workload, ())
                parts.append(
                    tuple(
                        p for p in pools if (choice.id, p.id) in there or any(is_at(pin, p) for pin in mine)
                    )
                )
            if parts[0]:
                left.append((choice, parts))
        return joined(left)

    def _run(
        self, model: _Model, start: Mapping[tuple[str, str], int], *, held: Collection[str] = ()
    ) -> Answer:
        """CP-SAT on one model, from so many replicas by choice and pool; ``held`` workloads stay there."""
        b, problem = model.builder, self.problem
        taken = {choice for choice, _ in start}
        hint = {var: start.get(pair, 0) for pair, var in b.replicas.items()}
        hint |= {var: int(choice in taken) for choice, var in b.take.items()}
        fixed = {**self._held(model, hint, held), **dict.fromkeys(b.rules, 1)}
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
        names = {w.name for w in self.problem.workloads}
        known = self._run(model, start, held=names) if start else None
        answer = self._run(model, start)
        if known is None or not known.found or (answer.found and answer.objective <= known.objective):
            return answer
        # Of a model with everything held, the bound says nothing.
        return replace(known, status=Status.FEASIBLE, bound=answer.bound if answer.found else 0)

    def _tighten(self, model: _Model) -> None:
        """Better charges, from the linear relaxation of a model."""
        charges = charges_of(model.builder, model.terms, self.limits)
        if charges is not None:
            charges = charges * model.unit
            better = relaxed(self.cols, self.limits, charges)[0].bound > self.best.bound
            self._ascend(STEPS // 3, charges if better else self.charges)

    def _ascend(self, steps: int, start: Floats, target: float | None = None) -> None:
        """Better charges, from ``start``; ``target``: what a placement is known to cost."""
        found, charges = ascend(self.cols, self.limits, steps=steps, target=target, start=start, gap=NEAR)
        if found.bound > self.best.bound:
            self.best, self.charges = found, charges

    def _bound(self, answer: Answer, model: _Model) -> int:
        """What no placement costs less than, in the unit of the model: what prices and the model prove.

        Floats are rounded down: sums of some thousands of them are exact to fewer than twelve digits.
        """
        whole = not self.charges.any() and float(self.best.bound).is_integer()
        slack = 0.0 if whole else 1e-11 * (abs(self.best.bound) + float(self.charges @ self.limits.at_most))
        prices = math.floor((self.best.bound - slack) / model.unit)
        outside = self.best.bound - slack + model.outside
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
        outcome = Minimiser(found.model.builder, first, found.held).minimise()
        return found.model.builder, replace(outcome, wall_s=outcome.wall_s + self.wall_s)


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


def _united(problem: Problem, one: Pairs, other: Pairs) -> Pairs:
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
