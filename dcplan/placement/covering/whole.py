"""The whole question in one model: machines and slices in whole numbers.

Slower than choosing machines first where the load is large, and sure to end where it is small: it is asked
when too many sets of machines look cheaper than they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.placement.cpsat import Effort, Model, Status, run
from dcplan.placement.scale import LARGEST_SUM, MICRO, exact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.placement.covering.types import CoverProblem
    from dcplan.placement.cpsat import Answer, Terms, Var
    from dcplan.placement.lp import Floats

Counts = tuple[int, ...]

PARTS = 100_000_000_000
"""Parts of a machine that CP-SAT counts in, where so many can be added up."""
NEARLY = 100_000_000
"""One in so many parts of a machine more fits, too: loads are sums of floats, and 3 x 1/3 is 1."""
HARDER = 4.0
"""Times the effort of one question whether slices fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What came of it."""

    machines: Counts
    """Empty where nothing was found."""
    slices: tuple[Counts, ...]
    bound_usd_per_h: float
    """No cover costs less; infinite where there is proven to be none."""


@dataclass(frozen=True, slots=True)
class Loads:
    """Loads of slices as whole parts of machines."""

    parts: int
    """Of one machine."""
    each: tuple[tuple[int | None, ...], ...]
    """Of one slice of each class on each type, rounded up; None where it cannot run."""

    def most(self, machines: int) -> int:
        """Parts that so many machines carry."""
        return machines * self.parts + self.parts // NEARLY


def in_parts(problem: CoverProblem, loads: Floats) -> Loads:
    """Loads in parts so fine that their sums can still be added up; ``loads``: infinite where none."""
    finite = [[one if math.isfinite(one) else None for one in row] for row in loads.tolist()]
    slices = [one.slices for one in problem.classes]
    total = sum(
        count * max((one for one in row if one is not None), default=0.0)
        for count, row in zip(slices, finite, strict=True)
    )
    parts = PARTS
    while parts > 1 and (total + len(slices)) * parts > LARGEST_SUM:
        parts //= 10
    each = tuple(
        tuple(None if one is None else math.ceil(exact(one) * parts) for one in row) for row in finite
    )
    return Loads(parts, each)


def cheapest(
    problem: CoverProblem, loads: Loads, start: tuple[Counts, tuple[Counts, ...]] | None, least: float
) -> Whole:
    """The cheapest machines and slices on them, from ``start``; ``least``: what is proven already, USD/h.

    minimise  sum_t price[t] n[t],    sum_t x[c, t] = slices[c],    sum_c load[c, t] x[c, t] <= n[t]
    """
    model = Model()
    types = range(len(problem.machines))
    n = [model.integer(0, most) for most in _most(problem, loads)]
    x: dict[tuple[int, int], Var] = {}
    for c, one in enumerate(problem.classes):
        for t in types:
            if loads.each[c][t] is not None and problem.machines[t].most != 0:
                x[c, t] = model.integer(0, one.slices)
        model.add([(1, x[c, t]) for t in types if (c, t) in x], one.slices, one.slices)
    for t in types:
        busy = [(loads.each[c][t] or 0, var) for (c, at), var in x.items() if at == t]
        model.add([*busy, (-loads.parts, n[t])], high=loads.most(0))
    unit, paid = _paid([machine.usd_per_h for machine in problem.machines], n, model)
    model.add(paid, low=math.ceil(least / unit * (1 - 1e-7)) if math.isfinite(least) else 0)
    effort = Effort(seed=problem.seed, limit=problem.deterministic_limit * HARDER)
    answer = run(model, effort, minimise=paid, hint=_hint(n, x, start))
    if not answer.found:
        none = answer.status is Status.INFEASIBLE
        return Whole(machines=(), slices=(), bound_usd_per_h=math.inf if none else least)
    return Whole(
        machines=tuple(answer.values[var] for var in n),
        slices=slices_of(problem, x, answer),
        bound_usd_per_h=max(least, answer.bound * unit),
    )


def slices_of(problem: CoverProblem, where: dict[tuple[int, int], Var], answer: Answer) -> tuple[Counts, ...]:
    """Slices of each class on each type."""
    types = range(len(problem.machines))
    return tuple(
        tuple(answer.values[where[which, at]] if (which, at) in where else 0 for at in types)
        for which in range(len(problem.classes))
    )


def _most(problem: CoverProblem, loads: Loads) -> Iterable[int]:
    """Machines of each type that carry everything that can run there, or as many as there are."""
    for t, machine in enumerate(problem.machines):
        every = sum((loads.each[c][t] or 0) * one.slices for c, one in enumerate(problem.classes))
        needed = -(-every // loads.parts)
        yield needed if machine.most is None else min(needed, machine.most)


def _paid(prices: Sequence[float], n: Sequence[Var], model: Model) -> tuple[float, Terms]:
    """USD/h in one unit of the objective, and the objective; rounded down, so that its bound is one.

    Prices in decimals, as people write them, are counted exactly.
    """
    most = sum(price * model.bounds[var][1] for price, var in zip(prices, n, strict=True))
    units = MICRO * 1000
    while units > 1 and most * units > LARGEST_SUM:
        units //= 10
    return 1 / units, [(math.floor(exact(p) * units), v) for p, v in zip(prices, n, strict=True)]


def _hint(
    n: Sequence[Var], x: dict[tuple[int, int], Var], start: tuple[Counts, tuple[Counts, ...]] | None
) -> dict[Var, int] | None:
    if start is None:
        return None
    machines, slices = start
    return dict(zip(n, machines, strict=True)) | {var: slices[c][t] for (c, t), var in x.items()}
