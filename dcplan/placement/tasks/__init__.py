"""Tasks: where each task of a graph runs, so that machines and egress together cost least.

Takes: TaskProblem (tasks, edges with bytes, the catalogue's rows that fit each task, egress prices).
Gives: Result[TaskPlan]; proven to be the cheapest, or with a bound.
Knows: the door to CP-SAT.
Never: how long a task takes (its caller says), clouds.
"""

from dcplan.placement.tasks.solve import place_tasks
from dcplan.placement.tasks.types import Edge, Option, Placed, Task, TaskPlan, TaskProblem
from dcplan.placement.tasks.verify import broken

__all__ = [
    "Edge",
    "Option",
    "Placed",
    "Task",
    "TaskPlan",
    "TaskProblem",
    "broken",
    "place_tasks",
]
