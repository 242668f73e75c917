"""How many replicas of today do not stay where they are: as an expression, and of a finished placement.

A replica stays when the solution has its choice in its pool.  Those of one
choice are interchangeable, so of today's replicas of a choice in a pool as
many stay as the solution has there.  A choice that needs fewer replicas than
today moves none by that: only those count that are wanted and are not where
they were.  When another choice is taken, all of today's are gone.  A mixed
fleet has no number that it needs, so all of today's count that do not stay.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.placement.cpsat import Var
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Allotment, Problem


def might_move(problem: Problem) -> dict[str, int]:
    """Choice to the replicas of today, and their parts beside, that move if it is taken and none stays.

    Only choices for which this is not 0; those of mixed fleets are in ``fleet_might_move``.
    """
    mixed = {w.name for w in problem.workloads if w.fleet is not None}
    found: Counter[str] = Counter()
    for there in (problem.current, problem.current_beside):
        of_workload: Counter[str] = Counter()
        of_choice: Counter[str] = Counter()
        for today in there:
            of_workload[today.workload] += today.replicas
            of_choice[today.choice] += today.replicas
        for choice in problem.choices:
            if choice.workload not in mixed:
                mine = of_choice[choice.id]
                found[choice.id] += of_workload[choice.workload] - mine + min(mine, choice.replicas)
    return {choice: count for choice, count in found.items() if count}


def fleet_might_move(problem: Problem) -> dict[str, int]:
    """Workload with a mixed fleet to its replicas and parts beside of today, as far as they may stay."""
    mixed = {w.name for w in problem.workloads if w.fleet is not None}
    most = {choice.id: choice.most for choice in problem.choices}
    found: Counter[str] = Counter()
    for there in (problem.current, problem.current_beside):
        of_choice: Counter[tuple[str, str]] = Counter()
        for today in there:
            if today.workload in mixed:
                of_choice[today.workload, today.choice] += today.replicas
        for (workload, choice), count in of_choice.items():
            found[workload] += min(count, most.get(choice, count))
    return {workload: count for workload, count in found.items() if count}


def going(b: Builder) -> dict[str, list[tuple[int, Var]]]:
    """Workload to its replicas of today, and their parts beside, that move, as an expression."""
    single, fleet = might_move(b.problem), fleet_might_move(b.problem)
    found: dict[str, list[tuple[int, Var]]] = {}
    for name, choices in b.choices_of.items():
        terms = [(single[c.id], b.take[c.id]) for c in choices if c.id in single]
        terms += [(fleet[name] * k, var) for k, var in b.runs(name)] if name in fleet else []
        if terms:
            found[name] = terms
    for workload, var in b.kept():
        if workload in found:
            found[workload].append((-1, var))
    return found


def moved(
    problem: Problem, allotments: Iterable[Allotment], beside: Iterable[Allotment] = ()
) -> Counter[str]:
    """Workload to its replicas of today, and their parts beside, that move."""
    mixed = {w.name for w in problem.workloads if w.fleet is not None}
    needed = {choice.id: choice.replicas for choice in problem.choices}
    found: Counter[str] = Counter()
    runs: set[str] = set()
    for now, there in ((allotments, problem.current), (beside, problem.current_beside)):
        placed = {(one.choice, one.pool): one.replicas for one in now}
        taken = {(one.workload, one.choice) for one in now}
        runs |= {workload for workload, _ in taken}
        before: Counter[tuple[str, str]] = Counter()
        kept: Counter[tuple[str, str]] = Counter()
        for today in there:
            key = today.workload, today.choice
            before[key] += today.replicas
            kept[key] += min(today.replicas, placed.get((today.choice, today.pool), 0))
        for (workload, choice), count in before.items():
            if workload in mixed:
                found[workload] -= kept[workload, choice]
            elif (workload, choice) in taken:
                found[workload] += max(0, min(count, needed[choice]) - kept[workload, choice])
            else:
                found[workload] += count
    for workload, count in fleet_might_move(problem).items():
        found[workload] += count
    return Counter({workload: count for workload, count in found.items() if count and workload in runs})
