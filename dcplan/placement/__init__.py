"""Placement: choose how each workload runs, in which pools, on which machines.

Takes: Problem (and, to name machines, the Assignment of today).
Gives: Result[Solution], Assignment.
Knows: OR-Tools, in ``cpsat`` alone and only once something is solved.
Never: clouds, YAML, clocks, randomness without a seed.
"""

from dcplan.placement.assign import assign
from dcplan.placement.solve import solve
from dcplan.placement.types import (
    AffinityRule,
    Allotment,
    Assignment,
    Beside,
    BudgetRule,
    Choice,
    MachineSlot,
    Pool,
    PoolUse,
    Problem,
    ReplicaSlot,
    Solution,
    SolverReport,
    SpotRule,
    SpreadRule,
    Workload,
)
from dcplan.placement.verify import verify

__all__ = [
    "AffinityRule",
    "Allotment",
    "Assignment",
    "Beside",
    "BudgetRule",
    "Choice",
    "MachineSlot",
    "Pool",
    "PoolUse",
    "Problem",
    "ReplicaSlot",
    "Solution",
    "SolverReport",
    "SpotRule",
    "SpreadRule",
    "Workload",
    "assign",
    "solve",
    "verify",
]
