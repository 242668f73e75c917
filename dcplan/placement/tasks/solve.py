"""Placing tasks: drop what cannot be best, then eliminate task by task; CP-SAT where that grows too large."""

from __future__ import annotations

import math

import numpy as np

from dcplan.diag import Result
from dcplan.placement.cpsat import FAR, Answer, Effort, Model, Var, run, solver_name
from dcplan.placement.tasks.bounds import first, within
from dcplan.placement.tasks.branch import split
from dcplan.placement.tasks.checks import unanswerable, unknown_prices
from dcplan.placement.tasks.eliminate import eliminated, order_of
from dcplan.placement.tasks.tables import Tables, only, tables_of, without_dominated
from dcplan.placement.tasks.types import Placed, TaskPlan, TaskProblem
from dcplan.placement.tasks.verify import broken

LARGEST = 10**15
"""CP-SAT's costs are whole numbers up to about this."""

SURE = 1e-9
"""Relative.  Numerical guard: sums of floats."""


def place_tasks(problem: TaskProblem) -> Result[TaskPlan]:
    """The row for each task with which machines and egress together cost least, verified.

    Errors: ``no-tasks``, ``wrong-task``, ``no-option``, ``wrong-cost``,
    ``unknown-task``, ``wrong-size``, ``circle`` and ``unknown-egress``.
    """
    wrong = unanswerable(problem)
    if wrong:
        return Result(None, wrong)
    tables, unknown = tables_of(problem)
    if unknown:
        return Result(None, (unknown_prices(unknown),))
    tables = without_dominated(tables)
    start, usd = first(tables)
    kept, bound = within(tables, usd)
    if bound < usd * (1 - SURE):
        start = [int(np.flatnonzero(some == at)[0]) for some, at in zip(kept, start, strict=True)]
        tables = only(tables, kept)
        return Result(_searched(problem, tables, start, usd, bound))
    return Result(_told(problem, tables, start, usd, "bound"))


def _searched(problem: TaskProblem, tables: Tables, start: list[int], usd: float, bound: float) -> TaskPlan:
    """The best of what is left, of which ``start`` is a placement."""
    order, largest = order_of(tables)
    if largest <= problem.largest_table:
        choice, least = eliminated(tables, order)
        return _told(problem, tables, choice, least, "elimination")
    start, usd, sure = split(tables, start, usd, problem.largest_table)
    if sure:
        return _told(problem, tables, start, usd, "branching")
    choice, proven = _asked(problem, tables, start)
    return _told(problem, tables, choice, max(bound, proven), solver_name())


def _asked(problem: TaskProblem, tables: Tables, hint: list[int]) -> tuple[list[int], float]:
    """Options by CP-SAT, and a bound on the cost.

    ``sum_r x[t, r] = 1``; for two tasks with egress ``sum_o y[r, o] = x[t, r]`` and
    ``sum_r y[r, o] = x[u, o]``, so that y is 1 for the pair that is taken, even
    where x is not whole.
    """
    model = Model()
    minimise: list[tuple[int, Var]] = []
    scale = _scale(tables)
    chosen = [[model.boolean() for _ in one] for one in tables.alone]
    for variables, usd in zip(chosen, tables.alone, strict=True):
        model.add([(1, var) for var in variables], 1, 1)
        minimise += [(round(float(cost) * scale), var) for cost, var in zip(usd, variables, strict=True)]
    for (a, b), usd in tables.pairs.items():
        both = [[model.boolean() for _ in chosen[b]] for _ in chosen[a]]
        for r, var in enumerate(chosen[a]):
            model.add([(1, pair) for pair in both[r]] + [(-1, var)], 0, 0)
        for o, var in enumerate(chosen[b]):
            model.add([(1, row[o]) for row in both] + [(-1, var)], 0, 0)
        minimise += [
            (round(float(usd[r, o]) * scale), pair)
            for r, row in enumerate(both)
            for o, pair in enumerate(row)
        ]
    start = {
        var: int(at == there)
        for there, variables in zip(hint, chosen, strict=True)
        for at, var in enumerate(variables)
    }
    effort = Effort(seed=problem.seed, limit=problem.deterministic_limit)
    answer = run(model, effort, minimise=minimise, hint=start)
    if not answer.found:
        return hint, 0.0
    choice = [max(range(len(v)), key=lambda at: answer.values[v[at]]) for v in chosen]
    return choice, _bound(answer, scale, len(tables.alone) + len(tables.pairs))


def _bound(answer: Answer, scale: float, terms: int) -> float:
    """CP-SAT's bound in USD; each of the costs that a placement adds up was rounded by half at the most."""
    return max(0.0, (min(answer.bound, FAR) - terms / 2) / scale)


def _scale(tables: Tables) -> float:
    """Parts of a USD that CP-SAT counts in, as fine as its whole numbers allow."""
    most = sum(float(one.max()) for one in (*tables.alone, *tables.pairs.values()))
    return LARGEST / most if most > 0 else 1.0


def _told(problem: TaskProblem, tables: Tables, choice: list[int], bound: float, method: str) -> TaskPlan:
    """The plan with its costs; raises RuntimeError when it breaks a law, which is our bug."""
    machines = math.fsum(float(one[at]) for one, at in zip(tables.alone, choice, strict=True))
    egress = math.fsum(float(cost[choice[a], choice[b]]) for (a, b), cost in tables.pairs.items())
    usd = machines + egress
    near = SURE * max(1e-9, usd)
    plan = TaskPlan(
        placed=tuple(
            Placed(task=task.name, option=rows[at])
            for task, rows, at in zip(problem.tasks, tables.options, choice, strict=True)
        ),
        usd=usd,
        machines_usd=machines,
        egress_usd=egress,
        bound_usd=min(bound, usd),
        method=method,
        status="optimal" if bound >= usd - near else "feasible",
        considered=sum(map(len, tables.alone)),
    )
    laws = broken(problem, plan)
    if laws:
        raise RuntimeError(
            f"The placement of tasks breaks a law: {'; '.join(laws)}. This is a bug in dcplan."
        )
    return plan
