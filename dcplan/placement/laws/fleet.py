"""Mixed fleets: replicas of several choices that carry the load of one workload together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.fleet_types import WHOLE_LOAD
from dcplan.sharding.availability import most_with, spares_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.placement.cpsat import Terms, Var
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Choice

MOST_STEPS = 16
"""Numbers of spares that are told apart, beside those of fleets of one choice."""


def mixed_fleets(b: Builder) -> None:
    r"""The replicas of a mixed fleet carry the load, also with its k largest replicas lost.

        sum over c of  min(w[c], w[j]) * n[c]   >=   WHOLE_LOAD + k * w[j]         for some choice j
        take[c]   <=   n[c]   <=   most[c] * take[c]

    ``w[c]`` is what one replica of c carries within its SLA.  The left side less ``k * w[j]`` is what is
    left without the k largest when these are the replicas above ``w[j]``, and less than that for any other
    j; so the law holds for some j exactly when it holds without the k largest (the k largest summands of a
    sum are a linear program, whose dual has its optimum at one of them).

    k is the number of spares with which enough replicas are up, all of them counted like those over most
    machines: for each k that is told apart, and each number m of machines of a choice,

        sum over c of  n[c]   <=   most replicas of m machines with k spares       while k and m are used

    Replicas of one fleet serve one model:  take[c] + take[c']  <=  1  where they do not.
    No label: this is what it means that a fleet serves.
    """
    for w in b.problem.workloads:
        if w.fleet is not None and b.choices_of[w.name]:
            choices = b.choices_of[w.name]
            _counted(b, w.name, choices)
            _one_model(b, choices)
            spares = _spares(b, choices, w.fleet.availability)
            _carried(b, w.name, choices, spares)


def weighed(b: Builder, choices: Sequence[Choice], cap: int = WHOLE_LOAD) -> list[tuple[int, Var]]:
    """What all replicas of these choices carry, each at most ``cap``, as an expression.

    None need carry more than the whole load.
    """
    return [(min(c.weight, cap), var) for c in choices for _, var in b.placed(c, lambda _: True)]


def _counted(b: Builder, workload: str, choices: Sequence[Choice]) -> None:
    """Replicas of a choice are there exactly when it is taken, in all its parts."""
    for c in choices:
        sides = [side(c, lambda _: True) for side in (b.placed, b.placed_beside)[: len(c.parts)]]
        b.define([*sides[0], (-1, b.take[c.id])], low=0)
        b.define([*sides[0], (-c.most, b.take[c.id])], high=0)
        if len(sides) > 1:
            b.define([*sides[0], *((-1, var) for _, var in sides[1])], low=0, high=0)
        b.define([(1, b.take[c.id]), *((-k, var) for k, var in b.runs(workload))], high=0)


def _one_model(b: Builder, choices: Sequence[Choice]) -> None:
    """One boolean for each model; at most one of them is true."""
    models = sorted({c.answers for c in choices})
    if len(models) > 1:
        served = {model: b.model.boolean() for model in models}
        b.define([(1, var) for var in served.values()], high=1)
        for c in choices:
            b.define([(1, b.take[c.id]), (-1, served[c.answers])], high=0)


def _spares(b: Builder, choices: Sequence[Choice], availability: float | None) -> list[tuple[int, Var]]:
    """The spares as an expression, and rows that make them enough; empty where none are asked for."""
    if availability is None:
        return []
    sizes = sorted({machines_of(c) for c in choices})
    uses = {size: b.model.boolean() for size in sizes}
    for c in choices:
        b.define([(1, b.take[c.id]), (-1, uses[machines_of(c)])], high=0)
    replicas = [term for c in choices for term in b.placed(c, lambda _: True)]
    most = sum(c.most for c in choices)
    steps = {k: b.model.boolean() for k in spare_steps(choices, availability)}
    b.define([(1, var) for var in steps.values()], low=1, high=1)
    for k, chosen in steps.items():
        for size in sizes:
            enough = min(most_with(k, size, availability), most)
            if enough < most:
                b.model.add([*replicas, (most - enough, uses[size])], high=most, guard=chosen)
    return [(k, var) for k, var in steps.items() if k]


def spare_steps(choices: Sequence[Choice], availability: float) -> list[int]:
    """The numbers of spares that may be best: those of fleets of one choice, and others between and around.

    A fleet with more replicas than its smallest kind would need alone has one too many.
    """
    alone = {spares_for(c.needed, machines_of(c), availability) for c in choices}
    needed, size = max(c.most for c in choices), max(machines_of(c) for c in choices)
    low = spares_for(min(c.needed for c in choices), min(machines_of(c) for c in choices), availability)
    high = max(spares_for(needed, size, availability), *alone)
    between = range(low, high + 1, -(-(high + 1 - low) // MOST_STEPS))
    return sorted({*alone, *between, high})


def machines_of(choice: Choice) -> int:
    """Machines that must be up for one replica."""
    return sum(max(part.machines, 1) for part in choice.parts) if choice.beside else choice.machines


def _carried(b: Builder, workload: str, choices: Sequence[Choice], spares: Terms) -> None:
    """The rows of the law, one for each weight that the smallest of the lost may have."""
    load = [(-WHOLE_LOAD * k, var) for k, var in b.runs(workload)]
    weights = sorted({min(c.weight, WHOLE_LOAD) for c in choices}, reverse=True)
    if not spares:
        b.define([*weighed(b, choices), *load], low=0)
        return
    # True of every fleet, and what the linear relaxation sees.
    b.define([*weighed(b, choices), *load, *((-weights[-1] * k, var) for k, var in spares)], low=0)
    smallest = {weight: b.model.boolean() for weight in weights}
    b.define([*((1, var) for var in smallest.values()), *((-k, var) for k, var in b.runs(workload))], low=0)
    for weight, chosen in smallest.items():
        lost = [(-weight * k, var) for k, var in spares]
        b.model.add([*weighed(b, choices, weight), *load, *lost], low=0, guard=chosen)
