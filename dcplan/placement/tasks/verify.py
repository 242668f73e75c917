"""The laws of a placement of tasks, in plain Python: shares nothing with the search."""

from __future__ import annotations

from dcplan.placement.tasks.types import TaskPlan, TaskProblem

TOLERANCE = 1e-9
"""Relative.  Numerical guard: sums of floats."""


def broken(problem: TaskProblem, plan: TaskPlan) -> tuple[str, ...]:
    """The laws that a plan breaks, in words; none for a right one.

    Each task is placed once, on a row that fits it; the cost is ``sum usd + sum
    size x egress(sender's place, receiver's place)`` and not below the bound.
    """
    said = []
    where = {placed.task: placed.option for placed in plan.placed}
    if [placed.task for placed in plan.placed] != [task.name for task in problem.tasks]:
        said.append("not every task is placed once")
    said += [
        f"{task.name} runs on a row that does not fit it"
        for task in problem.tasks
        if task.name in where and where[task.name] not in task.options
    ]
    machines = sum(option.usd for option in where.values())
    egress = 0.0
    for edge in problem.edges:
        if edge.sender in where and edge.receiver in where:
            pair = (where[edge.sender].place, where[edge.receiver].place)
            free = 0.0 if pair[0] == pair[1] else None
            price = problem.egress_usd_per_byte.get(pair, free)
            if price is None:
                said.append(f"nobody knows what egress from {pair[0]} to {pair[1]} costs")
            else:
                egress += edge.size_bytes * price
    near = TOLERANCE * max(1.0, machines + egress)
    for name, expected, told in (
        ("machines", machines, plan.machines_usd),
        ("egress", egress, plan.egress_usd),
        ("all", machines + egress, plan.usd),
    ):
        if abs(expected - told) > near:
            said.append(f"{name} cost {expected} and {told} is said")
    if plan.bound_usd > plan.usd + near:
        said.append(f"the cost {plan.usd} is below the bound {plan.bound_usd}")
    return tuple(said)
