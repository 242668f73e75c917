"""The only door to OR-Tools: a model as plain data goes in, plain numbers come out.

The model is data so that laws and objectives read without a solver at hand,
and so that OR-Tools is imported by the first solve, never by an import of
this package.

CP-SAT's public module ``cp_model`` imports pandas, which nothing here needs
and which costs about a second (ortools 9.15: 1.2 s against 0.06 s).  The
bindings below it take the same model, so they are used where they are found
(9.15), and ``cp_model`` where they are not.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import version
from typing import Any

from dcplan.diag.log import log

Var = int
"""A variable is its index in the model."""
Terms = Sequence[tuple[int, Var]]
"""A linear expression: the sum of coefficient times variable."""

FAR = 1 << 60
"""Beyond every value of a row: no bound on that side."""


class Status(StrEnum):
    """How a run of the solver ended."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Row:
    """``low <= terms <= high``, binding only while ``guard`` is true (or always, without one)."""

    terms: Terms
    low: int
    high: int
    guard: Var | None = None


@dataclass(slots=True)
class Model:
    """Integer variables with bounds, rows over them, and what to minimise."""

    bounds: list[tuple[int, int]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def integer(self, low: int, high: int) -> Var:
        """A new variable from ``low`` to ``high``."""
        self.bounds.append((low, high))
        return len(self.bounds) - 1

    def boolean(self) -> Var:
        """A new variable that is 0 or 1."""
        return self.integer(0, 1)

    def add(self, terms: Terms, low: int = -FAR, high: int = FAR, guard: Var | None = None) -> None:
        """A new row."""
        self.rows.append(Row(terms, low, high, guard))


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard and how the solver tries; equal efforts on equal models end equally."""

    seed: int
    limit: float
    """CP-SAT's deterministic time, near seconds on a fast core."""
    gap: float = 0.0
    """Stop at a solution that is proven to be this near to the best: (objective - bound) / objective."""
    presolve: bool = True
    time_s: float | None = None
    """Wall time; with it, equal runs may end unequally."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came out of one run."""

    status: Status
    values: tuple[int, ...]
    """One for each variable; empty without a solution."""
    objective: int
    bound: int
    """No solution has a smaller objective."""
    wall_s: float
    spent: float
    """Deterministic time that it took, in the measure of ``Effort.limit``."""
    core: tuple[Var, ...]
    """Assumptions that cannot hold together, when infeasible under assumptions."""

    @property
    def found(self) -> bool:
        """There is a solution."""
        return self.status in (Status.OPTIMAL, Status.FEASIBLE)


def run(  # noqa: PLR0913 - each is one thing that CP-SAT can be told
    model: Model,
    effort: Effort,
    *,
    minimise: Terms = (),
    fixed: Mapping[Var, int] | None = None,
    assume: Iterable[Var] = (),
    hint: Mapping[Var, int] | None = None,
) -> Answer:
    """Solve ``model`` with some variables fixed, some booleans assumed true and a start to try first.

    Raises RuntimeError when CP-SAT refuses the model, which is our bug.
    """
    solve, proto, parameters = _engine()
    _fill(proto, model, minimise, fixed or {})
    proto.assumptions.extend(list(assume))
    if hint:
        proto.solution_hint.vars.extend(list(hint))
        proto.solution_hint.values.extend(list(hint.values()))
    parameters.num_workers = 1
    parameters.random_seed = effort.seed
    parameters.max_deterministic_time = effort.limit
    if effort.time_s is not None:
        parameters.max_time_in_seconds = effort.time_s
    parameters.relative_gap_limit = effort.gap
    parameters.cp_model_presolve = effort.presolve
    # Half of the time of large placements, and never a better answer.
    parameters.cp_model_probing_level = 0
    parameters.symmetry_level = 0
    # CP-SAT would take Ctrl-C as "the best so far will do", and switch off our own handler when it ends.
    parameters.catch_sigint_signal = False
    response = solve()
    status = _STATUS.get(int(response.status))
    if status is None:
        msg = "CP-SAT calls the placement model invalid. This is a bug in dcplan."
        raise RuntimeError(msg)
    found = status in (Status.OPTIMAL, Status.FEASIBLE)
    values = tuple(response.solution) if found else ()
    objective = sum(coefficient * values[var] for coefficient, var in minimise) if found else 0
    # Within the gap that was asked for, CP-SAT says optimal as well.
    near = status is Status.OPTIMAL and effort.gap > 0
    proven = (status is Status.OPTIMAL and not near) or not minimise
    bound = objective if proven or not found else _round_up(response.best_objective_bound)
    if near and bound < objective:
        status = Status.FEASIBLE
    answer = Answer(
        status=status,
        values=values,
        objective=objective,
        bound=bound,
        wall_s=response.wall_time,
        spent=response.deterministic_time,
        core=tuple(response.sufficient_assumptions_for_infeasibility),
    )
    _tell(model, effort, answer)
    return answer


def _tell(model: Model, effort: Effort, answer: Answer) -> None:
    log(
        "debug",
        "solver",
        "CP-SAT",
        variables=len(model.bounds),
        rows=len(model.rows),
        seed=effort.seed,
        limit=effort.limit,
        duration_s=answer.wall_s,
        spent=answer.spent,
        outcome=answer.status.value,
        objective=answer.objective if answer.found else None,
        bound=answer.bound if answer.found else None,
    )


def solver_name() -> str:
    """Name and version of the solver, as it stands in reports."""
    return f"OR-Tools CP-SAT {version('ortools')}"


_STATUS = {0: Status.UNKNOWN, 2: Status.FEASIBLE, 3: Status.INFEASIBLE, 4: Status.OPTIMAL}
"""CpSolverStatus of ortools/sat/cp_model.proto; 1 is MODEL_INVALID."""


def _round_up(bound: float) -> int:
    """The least whole number not below ``bound``: objectives are whole, so it bounds them too."""
    return math.ceil(bound - 1e-6)


def _fill(proto: Any, model: Model, minimise: Terms, fixed: Mapping[Var, int]) -> None:
    """Write the model into CP-SAT's own form (ortools/sat/cp_model.proto)."""
    for var, (low, high) in enumerate(model.bounds):
        value = fixed.get(var)
        proto.variables.add().domain.extend([low, high] if value is None else [value, value])
    for row in model.rows:
        constraint = proto.constraints.add()
        if row.guard is not None:
            constraint.enforcement_literal.append(row.guard)
        linear = constraint.linear
        linear.vars.extend([var for _, var in row.terms])
        linear.coeffs.extend([coefficient for coefficient, _ in row.terms])
        linear.domain.extend([row.low, row.high])
    proto.objective.vars.extend([var for _, var in minimise])
    proto.objective.coeffs.extend([coefficient for coefficient, _ in minimise])


def _engine() -> tuple[Any, Any, Any]:
    """A solve function, and the empty model and parameters that it will read."""
    try:
        native = importlib.import_module("ortools.sat.python.cp_model_helper")
        wrapper, proto, parameters = native.SolveWrapper(), native.CpModelProto(), native.SatParameters()
    except (ImportError, AttributeError):
        return _public_engine()

    def solve() -> Any:
        wrapper.set_parameters(parameters)
        return wrapper.solve(proto)

    return solve, proto, parameters


def _public_engine() -> tuple[Any, Any, Any]:
    """The same by way of ``cp_model``, which every version has."""
    cp_model = importlib.import_module("ortools.sat.python.cp_model")
    model, solver = cp_model.CpModel(), cp_model.CpSolver()

    def solve() -> Any:
        solver.solve(model)
        return solver.response_proto

    return solve, model.proto, solver.parameters
