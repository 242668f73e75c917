"""Minimise goal by goal: each is held where it came to before the next is tried."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.placement.aims import Goal, Measure, only
from dcplan.placement.clock import LEAST_TIME_S
from dcplan.placement.cpsat import Answer, Effort, Status, Terms, run
from dcplan.placement.measures import in_units, micro_terms
from dcplan.placement.objective import TIES, moves
from dcplan.placement.scale import LARGEST_SUM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcplan.placement.cpsat import Var
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Problem

LATER_SHARE = 0.25
"""Of the deterministic limit, for each tie: a tie is not worth the wait."""

GOOD_GAP = 0.005
"""Proven this near to the least, a placement is good enough not to be worth a second chance."""

SECOND_CHANCE = 10.0
"""Times the limit, when it came before a placement with a good gap; ends as soon as there is one."""

GOAL_TIME = 0.8
"""Of the time that is left, for the first goal; what it leaves is for the others and for ties."""

TIE_TIME = 0.3
"""Of the time that is left, for each tie."""


@dataclass(frozen=True, slots=True)
class Step:
    """What came out for one goal."""

    goal: Goal
    answer: Answer
    unit: int
    """Millionths of the goal's unit in one unit of the answer."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The best values found, and the runs that decided the goals."""

    status: Status
    values: tuple[int, ...]
    steps: tuple[Step, ...]
    wall_s: float


def all_goals(problem: Problem) -> tuple[Goal, ...]:
    """The problem's goals; cost, where it is not one of them, decides what they leave open."""
    last = only(Measure.COST)
    there = any(goal.name == last.name for goal in problem.goals)
    return problem.goals if there else (*problem.goals, last)


def left_out(b: Builder) -> Iterator[Terms]:
    """Workloads that are left out, those of a higher priority before any number of lower ones.

    sum over w of  weight[priority of w] * left[w],    weight = 1 + all that the lower ones weigh together

    In one term, or in several where the weights would become too large.
    """
    by_priority: dict[int, list[Var]] = {}
    for w in b.problem.workloads:
        if w.name in b.left:
            by_priority.setdefault(w.priority, []).append(b.left[w.name])
    terms: list[list[tuple[int, Var]]] = []
    weight = 1
    for priority in sorted(by_priority):
        alike = by_priority[priority]
        if not terms or weight * (len(alike) + 1) > LARGEST_SUM >> 8:
            terms.append([])
            weight = 1
        terms[-1] += [(weight, var) for var in alike]
        weight *= len(alike) + 1
    yield from reversed(terms)


class Minimiser:
    """Runs the solver step by step, within the effort that the problem allows."""

    def __init__(
        self,
        b: Builder,
        first: Answer | None = None,
        held: Mapping[Var, int] | None = None,
        *,
        spent_s: float = 0.0,
    ) -> None:
        """``b``: the model with all its laws.

        ``first``: the answer to the first goal, where it is known, so that later ones get no second chance;
        ``held``: values that are not to change; ``spent_s``: of the time that the problem allows.
        """
        self._b = b
        self._first = first
        self._fixed = {**(held or {}), **dict.fromkeys(b.rules, 1)}
        self._wall_s = spent_s
        self._values: tuple[int, ...] = ()
        self._found = False
        self._proven = True

    def minimise(self) -> Outcome:
        """Lexicographic: what may be left out, then the goals, then ties."""
        # All variables are made before the first run, so that its values are values of each goal.
        goals = [
            (goal, *in_units(self._b, micro_terms(self._b, goal))) for goal in all_goals(self._b.problem)
        ]
        for terms in left_out(self._b):
            answer = self._least(terms)
            if not answer.found:
                return Outcome(answer.status, (), (), self._wall_s)
            self._hold(terms, answer)
        steps: list[Step] = []
        for goal, terms, unit in goals:
            if self._found and not terms:
                continue
            known = self._first if not steps else None
            answer = known or self._least(terms)
            if not answer.found:
                if not self._found:
                    return Outcome(answer.status, (), (), self._wall_s)
                break
            self._hold(terms, answer)
            steps.append(Step(goal, answer, unit))
        self._ties({measure for step in steps if not step.goal.weighted for measure, _ in step.goal.weights})
        return Outcome(Status.FEASIBLE, self._values, tuple(steps), self._wall_s)

    def _ties(self, decided: set[Measure]) -> None:
        """Terms that make equal placements stable; without a proof of the goals, only what runs stays."""
        for term in TIES:
            if (not self._proven and term is not moves) or (term is moves and Measure.MOVES in decided):
                continue
            terms = term(self._b)
            if terms:
                limit = self._b.problem.deterministic_limit * LATER_SHARE
                answer = self._run(terms, limit, share=TIE_TIME)
                if not answer.found:
                    break
                self._hold(terms, answer, proof=False)

    def _hold(self, terms: Terms, answer: Answer, *, proof: bool = True) -> None:
        """Keep the values, and nothing worse from now on."""
        self._values, self._found = answer.values, True
        self._b.model.add(terms, high=sum(k * answer.values[var] for k, var in terms))
        if proof and answer.status is not Status.OPTIMAL:
            self._proven = False

    def _least(self, terms: Terms) -> Answer:
        """The answer to one goal; starts from what is known, or from what runs today."""
        problem = self._b.problem
        answer = self._run(terms, problem.deterministic_limit)
        once = problem.time_limit_s is not None or self._first is not None
        if once or answer.status in (Status.OPTIMAL, Status.INFEASIBLE):
            return self._or_known(terms, answer)
        if answer.found and answer.objective - answer.bound <= GOOD_GAP * answer.objective:
            return answer
        second = self._run(
            terms, problem.deterministic_limit * SECOND_CHANCE, gap=GOOD_GAP, start=answer.values
        )
        if not second.found:
            return self._or_known(terms, answer)
        return replace(second, bound=max(answer.bound, second.bound))

    def _or_known(self, terms: Terms, answer: Answer) -> Answer:
        """The answer, or, when the limit came before it found what is known already, that."""
        if answer.found or not self._found or answer.status is Status.INFEASIBLE:
            return answer
        values = self._values
        return replace(
            answer,
            status=Status.FEASIBLE,
            values=values,
            objective=sum(k * values[var] for k, var in terms),
            bound=sum(
                min(k * low, k * high) for k, var in terms for low, high in (self._b.model.bounds[var],)
            ),
        )

    def _run(
        self,
        terms: Terms,
        limit: float,
        *,
        gap: float = 0.0,
        share: float = GOAL_TIME,
        start: tuple[int, ...] = (),
    ) -> Answer:
        """One run, from ``start``, or the values so far, or what runs today."""
        problem = self._b.problem
        effort = Effort(seed=problem.seed, limit=limit, gap=gap)
        if problem.time_limit_s is not None:
            left_s = max(problem.time_limit_s - self._wall_s, 0.0)
            effort = replace(effort, limit=math.inf, time_s=max(left_s * share, LEAST_TIME_S))
        hint = dict(enumerate(start or self._values)) or self._today()
        answer = run(self._b.model, effort, minimise=terms, fixed=self._fixed, hint=hint)
        self._wall_s += answer.wall_s
        return answer

    def _today(self) -> dict[Var, int]:
        """Where replicas are today."""
        b = self._b
        counts: Counter[Var] = Counter()
        for now, there in ((b.replicas, b.problem.current), (b.beside, b.problem.current_beside)):
            counts.update({now[t.choice, t.pool]: t.replicas for t in there if (t.choice, t.pool) in now})
        return dict(counts)
