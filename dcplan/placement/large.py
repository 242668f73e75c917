"""Large problems are solved around their prices (``large_search``), with and without optional workloads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.placement.large_optional import without_some
from dcplan.placement.large_search import Large
from dcplan.placement.prices.columns import priced

if TYPE_CHECKING:
    from dcplan.placement.clock import Clock
    from dcplan.placement.minimise import Outcome
    from dcplan.placement.model import Builder
    from dcplan.placement.pairs import Pairs
    from dcplan.placement.types import Problem

MANY_PAIRS = 6_000
"""With fewer pairs of choice and pool, one model holds all of them."""


def solve_large(
    problem: Problem, pairs: Pairs, clock: Clock, *, always: bool = False
) -> tuple[Builder, Outcome] | None:
    """A good placement and its bound; None where this way is not for the problem, or finds nothing.

    ``pairs``: what is left of the problem by ``prune.useful``; ``always``: however few these are.
    """
    count = sum(len(pools) for pools in (*pairs.own.values(), *pairs.beside.values()))
    if (count < MANY_PAIRS and not always) or not count or not all(priced(goal) for goal in problem.goals):
        return None
    have = {c.workload for c in problem.choices if c.id in pairs.own}
    missing = [w for w in problem.workloads if w.name not in have]
    if any(w.required for w in missing):
        return None
    if not missing:
        # What need not run mostly does: then nothing is left out, and the bound is that of everything.
        every = replace(problem, workloads=tuple(replace(w, required=True) for w in problem.workloads))
        found = Large(every, pairs, clock).solve()
        if found is not None or every == problem:
            return found
    return without_some(problem, pairs, clock)
