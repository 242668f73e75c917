"""Large neighbourhood search (Shaw 1998): free some workloads, hold the others, and take what is better."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.placement.cpsat import Effort, run

if TYPE_CHECKING:
    from dcplan.placement.clock import Clock
    from dcplan.placement.cpsat import Terms, Var
    from dcplan.placement.model import Builder

EACH = 0.2
"""Deterministic time of one try."""
TRY_UNTIL = 0.85
"""Of the time that there is; what is left is for ties."""
SAME_GAP = 1e-5
"""What a try may leave: it is one of many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Improved:
    """The best that was found."""

    values: tuple[int, ...]
    objective: int
    wall_s: float


def improve(  # noqa: PLR0913 - how long and how far
    b: Builder,
    terms: Terms,
    start: Improved,
    *,
    tries: int,
    size: int,
    enough: int,
    clock: Clock | None = None,
) -> Improved:
    """Better values of the model after so many tries with ``size`` workloads free each time.

    Ends early at an objective of ``enough`` or less, and when half of the tries in a row found nothing.
    """
    mine = _variables(b)
    names = sorted(mine)
    rng = random.Random(b.problem.seed)  # noqa: S311 - no secret: the same every time
    best, idle, wall_s = start, 0, start.wall_s
    for number in range(tries):
        if best.objective <= enough or idle > tries // 2 or (clock is not None and clock.late(TRY_UNTIL)):
            break
        free = set(rng.sample(names, min(size, len(names))))
        held = dict.fromkeys(b.rules, 1)
        for name in names:
            if name not in free:
                held.update((var, best.values[var]) for var in mine[name])
        answer = run(
            b.model,
            Effort(
                seed=number, limit=EACH, gap=SAME_GAP, time_s=None if clock is None else clock.share_s(1.0)
            ),
            minimise=terms,
            fixed=held,
            hint=dict(enumerate(best.values)),
        )
        wall_s += answer.wall_s
        idle += 1
        if answer.found and answer.objective < best.objective:
            best = Improved(values=answer.values, objective=answer.objective, wall_s=wall_s)
            idle = 0
    return Improved(values=best.values, objective=best.objective, wall_s=wall_s)


def _variables(b: Builder) -> dict[str, list[Var]]:
    """By workload, the variables that say what it takes and where."""
    workload = {c.id: c.workload for c in b.problem.choices}
    mine: defaultdict[str, list[Var]] = defaultdict(list)
    for choice, var in b.take.items():
        mine[workload[choice]].append(var)
    for counts in (b.replicas, b.beside):
        for (choice, _), var in counts.items():
            mine[workload[choice]].append(var)
    return mine
