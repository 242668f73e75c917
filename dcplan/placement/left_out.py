"""Which workloads a placement leaves out, and what each of them lacks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.placement.aims import LeftOut
from dcplan.placement.explain import is_infeasible, why_not

if TYPE_CHECKING:
    from dcplan.placement.types import Problem, Solution, Workload

MOST_EXPLAINED = 5
"""Each explanation solves a few models; beyond so many, workloads are only named."""

NOT_EXPLAINED = "Not everything fits, and what runs costs less or comes first."


def left_out(problem: Problem, solution: Solution) -> tuple[LeftOut, ...]:
    """The workloads that ``solution`` leaves out, higher priorities first, then in the document's order.

    Why: what clashes when the workload must run beside those that run and do
    not come after it.
    """
    running = {allotment.workload for allotment in solution.allotments}
    missing = [w for w in problem.workloads if not w.required and w.name not in running]
    missing.sort(key=lambda w: -w.priority)
    today: Counter[str] = Counter()
    for allotment in problem.current:
        today[allotment.workload] += allotment.replicas
    return tuple(
        LeftOut(
            workload=w.name,
            priority=w.priority,
            why=_why(problem, w, running) if i < MOST_EXPLAINED else NOT_EXPLAINED,
            replicas_today=today[w.name],
        )
        for i, w in enumerate(missing)
    )


def _why(problem: Problem, missing: Workload, running: set[str]) -> str:
    """What clashes when it must run, too."""
    beside = [
        w
        for w in problem.workloads
        if w.name == missing.name or w.required or (w.name in running and w.priority >= missing.priority)
    ]
    names = {w.name for w in beside}
    wanted = replace(
        problem,
        workloads=tuple(replace(w, required=True) for w in beside),
        choices=tuple(c for c in problem.choices if c.workload in names),
    )
    return why_not(wanted) if is_infeasible(wanted) else NOT_EXPLAINED
