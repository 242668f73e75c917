"""What can be minimised, each measured twice: as a term of the model, and from a finished placement.

All are counted in millionths of their unit, so that weights can be put to
them: micro-dollars, milligrams, micro-hours, millionths of a share and of a move.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dcplan.placement.aims import Goal, Measure
from dcplan.placement.moving import going, moved
from dcplan.placement.objective import micro_cost, shared_hours
from dcplan.placement.scale import MICRO, coarse_unit, exact, paid_up
from dcplan.placement.usage import machine_hours, paid_micro

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.placement.cpsat import Terms
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Allotment, Choice, Problem

UNITS: dict[Measure, str] = {
    Measure.COST: "USD",
    Measure.CARBON: "kgCO2e",
    Measure.TIME: "h",
    Measure.LATENCY: "share",
    Measure.MOVES: "replicas",
}
HOUR_S = 3600


def unit_of(goal: Goal) -> str:
    """The unit of a goal's value."""
    return "USD" if goal.weighted else UNITS[goal.weights[0][0]]


def micro_terms(b: Builder, goal: Goal) -> list[tuple[int, int]]:
    """A goal in millionths of its unit; a weighted sum is rounded up, term by term."""
    if not goal.weighted:
        return TERMS[goal.weights[0][0]](b)
    return [
        (math.ceil(exact(weight) * micro), var)
        for measure, weight in goal.weights
        for micro, var in TERMS[measure](b)
    ]


def in_units(b: Builder, micro: Terms) -> tuple[Terms, int]:
    """The terms in a unit in which CP-SAT can add them up, and the millionths in that unit."""
    unit = coarse_unit(abs(k) * b.model.bounds[var][1] for k, var in micro)
    return [(-(-k // unit), var) for k, var in micro], unit


def carbon(b: Builder) -> list[tuple[int, int]]:
    r"""CO2e of all machines over the time they are paid for; see ``cost``.

    sum over p of  kgco2_per_h[p] * (sum over c of  hours[c] * machines[c] * n[c, p]
                                     +  shared_hours * sum over s of  shared[p, s])

    Pools of which it is not known are not there: ``goals.weighable`` takes them out.
    """
    hours = shared_hours(b.problem)
    terms: list[tuple[int, int]] = []
    for p in b.pools:
        if not p.kgco2_per_h:
            continue
        kg, shared = p.kgco2_per_h, paid_up(p.kgco2_per_h, hours)
        terms += [(one.part.machines * paid_up(kg, one.choice.hours), one.count) for one in b.whole(p.id)]
        terms += [(shared, b.shared[p.id, i]) for i in range(len(b.shelves[p.id]))]
    return terms


def time(b: Builder) -> list[tuple[int, int]]:
    r"""Hours of all jobs together.

    sum over c of  time_s[c] / 3600 * take[c]
    """
    return [
        (micro, b.take[c.id])
        for choices in b.choices_of.values()
        for c in choices
        if (micro := _micro_hours(c))
    ]


def latency(b: Builder) -> list[tuple[int, int]]:
    r"""The worst share of an SLA's bound that any serving workload uses.

    worst,    worst >= sum over c of w of  sla_share[c] * take[c]    for each w
              worst >= sla_share[c] * take[c]                        for each c of a mixed fleet
    """
    shares = {
        workload: [(micro, b.take[c.id]) for c in choices if (micro := _micro_share(c))]
        for workload, choices in b.choices_of.items()
    }
    most = max((micro for terms in shares.values() for micro, _ in terms), default=0)
    if not most:
        return []
    worst = b.model.integer(0, most)
    for workload, terms in shares.items():
        for together in [[one] for one in terms] if workload in b.mixing else [terms]:
            b.define([*together, (-1, worst)], high=0)
    return [(1, worst)]


def moves(b: Builder) -> list[tuple[int, int]]:
    r"""Replicas of today, and their parts beside, that do not stay where they are; see ``moving``.

    sum over c of  might_move[c] * take[c]  -  sum over allotments of today of  kept

    See also the law ``max_moves``.
    """
    return [(MICRO * k, var) for terms in going(b).values() for k, var in terms]


TERMS: dict[Measure, Callable[[Builder], list[tuple[int, int]]]] = {
    Measure.COST: micro_cost,
    Measure.CARBON: carbon,
    Measure.TIME: time,
    Measure.LATENCY: latency,
    Measure.MOVES: moves,
}


def value(
    problem: Problem, goal: Goal, allotments: tuple[Allotment, ...], beside: tuple[Allotment, ...]
) -> float:
    """What a finished placement has in a goal, in the goal's unit."""
    total = sum(
        exact(weight) * _micro_value(problem, measure, allotments, beside) for measure, weight in goal.weights
    )
    return float(total / MICRO)


def _micro_value(
    problem: Problem, measure: Measure, allotments: tuple[Allotment, ...], beside: tuple[Allotment, ...]
) -> int:
    taken = {a.choice for a in allotments}
    chosen = [choice for choice in problem.choices if choice.id in taken]
    if measure is Measure.TIME:
        return sum(_micro_hours(c) for c in chosen)
    if measure is Measure.LATENCY:
        return max((_micro_share(c) for c in chosen), default=0)
    if measure is Measure.MOVES:
        return MICRO * sum(moved(problem, allotments, beside).values())
    hours = shared_hours(problem)
    if measure is Measure.COST:
        return paid_micro(problem, allotments, beside, hours)
    known = {pool.id: pool.kgco2_per_h or 0.0 for pool in problem.pools}
    return sum(
        count * paid_up(known[pool], time_h)
        for pool, count, time_h in machine_hours(problem, allotments, beside, hours)
    )


def _micro_hours(choice: Choice) -> int:
    return 0 if choice.time_s is None else math.ceil(exact(choice.time_s) * MICRO / HOUR_S)


def _micro_share(choice: Choice) -> int:
    return 0 if choice.sla_share is None else math.ceil(exact(choice.sla_share) * MICRO)
