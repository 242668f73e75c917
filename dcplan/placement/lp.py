"""The door to linear programs, with or without whole numbers: arrays go in, arrays come out.

``model_builder_helper`` is the part of OR-Tools below its public Python
modules (ortools 9.15): it imports in 0.06 s and without pandas.  GLOP solves
linear programs and gives dual values; SCIP solves those with whole numbers.
HiGHS is left out on purpose: behind this door (9.15) it prints to standard
output, gives row activities as dual values, and loses what it found when its
time is up.
"""

from __future__ import annotations

import importlib
import math
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from dcplan.diag.log import log

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


SCIP_INFINITY = 1e20
"""What SCIP writes for "no bound"."""
TOLERANCE = 1e-6
"""Of the solvers, as a share of the objective."""


class LpStatus(StrEnum):
    """How a run ended."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    """Something was found; a limit came before the proof."""
    INFEASIBLE = "infeasible"
    """Or unbounded, where the solver's presolve did not look which."""
    UNBOUNDED = "unbounded"
    UNKNOWN = "unknown"
    """A limit came before anything was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Maximise ``objective`` times x, with ``lower <= x <= upper`` and ``row_lower <= A x <= row_upper``.

    A is given by its entries: ``value[i]`` stands in ``row[i]``, ``column[i]``;
    none twice.  Infinite bounds are ``-inf`` and ``inf``.
    """

    objective: Floats
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    row: Ints
    column: Ints
    value: Floats
    whole: Bools | None = None
    """Which variables are whole numbers; none: no variable is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LpEffort:
    """When to stop; only ``nodes`` and ``gap`` end equally on every machine."""

    wall_s: float = 60.0
    nodes: int | None = None
    """Of branch and bound; none: as many as it takes."""
    gap: float = 0.0
    """Stop at a solution proven to be this near to the best, as a share of it."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LpAnswer:
    """What came out of one run; arrays are empty where there is nothing."""

    status: LpStatus
    values: Floats
    duals: Floats
    """Of each row: what one unit more of its binding bound is worth; of linear programs alone."""
    objective: float
    bound: float
    """No solution is worth more; ``inf`` where nothing is proven."""

    @property
    def found(self) -> bool:
        """There is a solution."""
        return self.status in (LpStatus.OPTIMAL, LpStatus.FEASIBLE)


def solve_program(program: Program, effort: LpEffort | None = None) -> LpAnswer:
    """Solve ``program``: by GLOP, or by SCIP where a variable is whole.

    Raises RuntimeError when the solver refuses the program, which is our bug.
    """
    effort = effort or LpEffort()
    native = importlib.import_module("ortools.linear_solver.python.model_builder_helper")
    whole = program.whole is not None and bool(program.whole.any())
    solver = native.ModelSolverHelper("scip" if whole else "glop")
    solver.enable_output(False)
    solver.set_time_limit_in_seconds(effort.wall_s)
    if whole:
        solver.set_solver_specific_parameters(_scip_parameters(effort))
    began_s = time.monotonic()
    solver.solve(_built(native.ModelBuilderHelper(), program))
    answer = _answer(native.SolveStatus, solver, whole=whole)
    log(
        "debug",
        "solver",
        "SCIP" if whole else "GLOP",
        variables=len(program.objective),
        rows=len(program.row_lower),
        duration_s=time.monotonic() - began_s,
        outcome=answer.status.value,
        objective=answer.objective if answer.found else None,
    )
    return answer


def _scip_parameters(effort: LpEffort) -> str:
    """SCIP's own names (https://www.scipopt.org/doc/html/PARAMETERS.php)."""
    lines = [f"limits/gap={effort.gap}", f"randomization/randomseedshift={effort.seed}"]
    if effort.nodes is not None:
        lines.append(f"limits/nodes={effort.nodes}")
    return "\n".join(lines)


def _built(model: Any, program: Program) -> Any:
    """The program in the solver's own form; scalar calls, which every version has, cost under 1 us each."""
    whole = np.zeros(len(program.objective), bool) if program.whole is None else program.whole
    model.set_maximize(True)
    columns = (program.lower, program.upper, program.objective, whole)
    for low, high, worth, is_whole in zip(*(c.tolist() for c in columns), strict=True):
        var = model.add_var()
        model.set_var_lower_bound(var, low)
        model.set_var_upper_bound(var, high)
        model.set_var_objective_coefficient(var, worth)
        model.set_var_integrality(var, is_whole)
    for low, high in zip(program.row_lower.tolist(), program.row_upper.tolist(), strict=True):
        row = model.add_linear_constraint()
        model.set_constraint_lower_bound(row, low)
        model.set_constraint_upper_bound(row, high)
    entries = (program.row.tolist(), program.column.tolist(), program.value.tolist())
    for row, column, value in zip(*entries, strict=True):
        model.add_term_to_constraint(row, column, value)
    return model


def _answer(statuses: Any, solver: Any, *, whole: bool) -> LpAnswer:
    """Read what the solver has; the statuses are those of MPSolverResponseStatus."""
    status = solver.status()
    if status in (statuses.OPTIMAL, statuses.FEASIBLE):
        proven = status == statuses.OPTIMAL
        objective = float(solver.objective_value())
        bound = float(solver.best_objective_bound()) if whole else objective if proven else math.inf
        bound = math.inf if bound >= SCIP_INFINITY else max(bound, objective)
        # Within the gap that was asked for, SCIP says optimal as well.
        proven = proven and bound - objective <= TOLERANCE * max(1.0, abs(objective))
        return LpAnswer(
            status=LpStatus.OPTIMAL if proven else LpStatus.FEASIBLE,
            values=np.asarray(solver.variable_values(), float),
            duals=np.empty(0) if whole else np.asarray(solver.dual_values(), float),
            objective=objective,
            bound=bound,
        )
    known = {
        statuses.INFEASIBLE: LpStatus.INFEASIBLE,
        statuses.UNBOUNDED: LpStatus.UNBOUNDED,
        statuses.NOT_SOLVED: LpStatus.UNKNOWN,
        statuses.UNKNOWN_STATUS: LpStatus.UNKNOWN,
        statuses.ABNORMAL: LpStatus.UNKNOWN,
    }
    if status not in known:
        msg = f"The solver refuses a program: {solver.status_string()}. This is a bug in dcplan."
        raise RuntimeError(msg)
    empty = np.empty(0)
    return LpAnswer(status=known[status], values=empty, duals=empty, objective=-math.inf, bound=math.inf)
