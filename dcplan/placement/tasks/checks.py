"""What keeps a problem of tasks from being answered, in words for who asked."""

from __future__ import annotations

import graphlib
import math

from dcplan.diag import Diagnostic, did_you_mean, error, listed
from dcplan.placement.tasks.types import Edge, TaskProblem

NAMED = 8
"""Names in one message at the most."""


def unanswerable(problem: TaskProblem) -> tuple[Diagnostic, ...]:
    """Everything that makes no sense, all at once."""
    said: list[Diagnostic] = []
    names = [task.name for task in problem.tasks]
    if not names:
        said.append(error("no-tasks", "There are no tasks", "There is nothing to place. Give a task."))
    for name in sorted({name for name in names if names.count(name) > 1}):
        detail = f'The task "{name}" is given more than once. Give each task once.'
        said.append(error("wrong-task", "A task is given twice", detail))
    for task in problem.tasks:
        if not task.options:
            detail = f'No row of the catalogue fits the task "{task.name}". Allow other machines or places.'
            said.append(error("no-option", "A task can run nowhere", detail))
        for option in task.options:
            if not (math.isfinite(option.usd) and option.usd >= 0):
                detail = (
                    f'"{task.name}" on {option.row} is said to cost {option.usd} USD. Costs are 0 or more '
                    "and finite; leave out a row without a price."
                )
                said.append(error("wrong-cost", "The cost of a task is wrong", detail))
    for edge in problem.edges:
        said.extend(_wrong_edge(edge, names))
    return (*said, *_circle(problem)) if not said else tuple(said)


def _wrong_edge(edge: Edge, names: list[str]) -> list[Diagnostic]:
    said = []
    for end in (edge.sender, edge.receiver):
        if end not in names:
            hint = did_you_mean(end, names)
            detail = (
                f'{edge.sender} hands on to {edge.receiver}, and there is no task "{end}". {hint}'.strip()
            )
            said.append(error("unknown-task", "An edge names no task", detail))
    if not (math.isfinite(edge.size_bytes) and edge.size_bytes >= 0):
        detail = (
            f"{edge.sender} is said to hand {edge.size_bytes} bytes to {edge.receiver}. Give 0 or more bytes."
        )
        said.append(error("wrong-size", "The size of what is handed on is wrong", detail))
    return said


def _circle(problem: TaskProblem) -> list[Diagnostic]:
    """Tasks that wait for each other."""
    before: dict[str, set[str]] = {task.name: set() for task in problem.tasks}
    for edge in problem.edges:
        before[edge.receiver].add(edge.sender)
    try:
        graphlib.TopologicalSorter(before).prepare()
    except graphlib.CycleError as problem_found:
        round_trip = " -> ".join(reversed(problem_found.args[1]))
        detail = (
            f"Each of these tasks waits for the one before it: {round_trip}. Take out one of these edges."
        )
        return [error("circle", "Tasks wait for each other", detail)]
    return []


def unknown_prices(pairs: list[tuple[str, str]]) -> Diagnostic:
    """Pairs of places between which data may go and nobody knows the price."""
    some = [f"{a} to {b}" for a, b in pairs[:NAMED]]
    more = f" and {len(pairs) - NAMED} more pairs" if len(pairs) > NAMED else ""
    detail = (
        f"Nobody says what egress costs from {listed(some)}{more}. An unknown price is not zero: give it, or "
        "leave out the rows of one of the two places."
    )
    return error("unknown-egress", "An egress price is not known", detail)
