"""The cheapest machines for a mixed load, exactly.

The problem is Melange's (Griggs et al. 2024, arXiv 2404.14527): each slice of
load goes to one machine type, and the machines of a type carry what they get.
Their program has a variable for each slice and type.  Here equal slices are
one number, and the two decisions are taken apart: machines are chosen as if
slices could be divided (a small mixed program), then a question in whole
numbers says whether the slices fit on these machines.  Where they do not,
these machines and all smaller sets of them are ruled out, and the next cheapest
ones are chosen; so the first that fits is the best, and what was asked before
it is the proof.  Large slices on few machines make many sets look cheaper than
they are: when the tries end, both decisions are asked for at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dcplan.diag import Result
from dcplan.placement.covering.checks import too_few, unanswerable
from dcplan.placement.covering.types import Cover, CoverProblem
from dcplan.placement.covering.verify import broken
from dcplan.placement.covering.whole import Loads, cheapest, in_parts, slices_of
from dcplan.placement.cpsat import Effort, Model, Status, run, solver_name
from dcplan.placement.lp import Floats, LpEffort, LpStatus, Program, solve_program

NEARLY = 1e-8
"""Of one machine, that is not counted: loads are sums of floats."""

SURE = 1e-7
"""Relative.  Numerical guard: a bound of a mixed program is this much off at the most."""

Counts = tuple[int, ...]


@dataclass(slots=True)
class _Rows:
    """A sparse matrix while it is written."""

    row: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, terms: Sequence[tuple[int, float]], low: float, high: float) -> None:
        """``low <= sum value x variable <= high``."""
        at = len(self.low)
        for column, value in terms:
            self.row.append(at)
            self.column.append(column)
            self.value.append(value)
        self.low.append(low)
        self.high.append(high)


def cover(problem: CoverProblem) -> Result[Cover]:
    """The cheapest set of machines and which slices go where, verified, with a bound.

    Errors: ``wrong-cover`` for what is no problem, ``no-machine`` for a class
    that nothing carries, ``cover-too-small`` where the limits of machines do not
    let the load through, ``cover-not-found`` where the tries end before that is
    known.
    """
    wrong = unanswerable(problem)
    if wrong:
        return Result(None, wrong)
    loads = _loads(problem)
    roof, parts = _roof(problem, loads), in_parts(problem, loads)
    ruled_out: list[Counts] = []
    divided, proven, sure = 0.0, 0.0, True
    for _ in range(problem.tries):
        answer = solve_program(_divided(problem, loads, ruled_out, roof), LpEffort(seed=problem.seed))
        if not answer.found:
            if sure and answer.status is LpStatus.INFEASIBLE:
                proven = math.inf
            break
        bound = max(0.0, -answer.bound)
        divided = divided if ruled_out else bound
        # What was ruled out without a proof may have been right, and then the bound is that of before.
        proven = max(proven, bound) if sure else proven
        machines = tuple(round(float(value)) for value in answer.values[: len(problem.machines)])
        slices, known = _fitting(problem, parts, machines)
        if slices is not None:
            return Result(_told(problem, machines, slices, divided, proven))
        sure = sure and known
        ruled_out.append(machines)
    if not math.isinf(proven):
        found = cheapest(problem, parts, roof, proven)
        proven = found.bound_usd_per_h
        if found.machines:
            return Result(_told(problem, found.machines, found.slices, divided, proven))
    if roof is None:
        return Result(None, (too_few(problem, certain=math.isinf(proven)),))
    return Result(_told(problem, *roof, divided, proven))


def _loads(problem: CoverProblem) -> Floats:
    """Machines that a slice of each class keeps busy on each type; infinite where it cannot run."""
    loads = np.full((len(problem.classes), len(problem.machines)), np.inf)
    for which in range(len(problem.classes)):
        for at, machine in enumerate(problem.machines):
            load = problem.load(which, at)
            if load is not None and machine.most != 0:
                loads[which, at] = load
    return loads


def _roof(problem: CoverProblem, loads: Floats) -> tuple[Counts, tuple[Counts, ...]] | None:
    """A first cover: each class where it is cheapest, then rounded up; None where limits do not allow it."""
    prices = np.array([machine.usd_per_h for machine in problem.machines])
    # A free machine is as good as any: ties go to the smaller load.
    cost = np.where(np.isfinite(loads), prices * np.where(np.isfinite(loads), loads, 0.0), np.inf)
    counts = [one.slices for one in problem.classes]
    options = [_all_on([int(at) for at in np.argmin(cost, axis=1)], counts, loads)]
    options += [
        _all_on([at] * len(counts), counts, loads)
        for at in range(len(problem.machines))
        if np.isfinite(loads[:, at]).all()
    ]
    fine = [
        one
        for one in options
        if all(m.most is None or c <= m.most for c, m in zip(one[0], problem.machines, strict=True))
    ]
    return min(fine, key=lambda one: (float(np.dot(one[0], prices)), one[0]), default=None)


def _all_on(where: Sequence[int], counts: Sequence[int], loads: Floats) -> tuple[Counts, tuple[Counts, ...]]:
    """Machines and slices when all slices of each class go to one type."""
    types = range(loads.shape[1])
    slices = tuple(
        tuple(count if at == there else 0 for at in types) for there, count in zip(where, counts, strict=True)
    )
    busy = [
        sum(
            count * loads[which, at]
            for which, (there, count) in enumerate(zip(where, counts, strict=True))
            if there == at
        )
        for at in types
    ]
    return tuple(math.ceil(one - NEARLY) for one in busy), slices


def _divided(
    problem: CoverProblem,
    loads: Floats,
    ruled_out: Sequence[Counts],
    roof: tuple[Counts, tuple[Counts, ...]] | None,
) -> Program:
    """The cheapest machines if slices could be divided, but for what is ruled out.

    ``sum_t x[c, t] = 1``, ``sum_c slices load[c, t] x[c, t] <= n[t]``, n whole; of
    each ruled-out set at least one type has more machines.
    """
    prices = [machine.usd_per_h for machine in problem.machines]
    types, rows = len(prices), _Rows()
    highest = [math.inf if m.most is None else float(m.most) for m in problem.machines]
    if roof is not None:
        worth = float(np.dot(roof[0], prices)) * (1 + SURE)
        highest = [min(h, worth // p) if p > 0 else h for h, p in zip(highest, prices, strict=True)]
    pairs = [(int(c), int(t)) for c, t in np.argwhere(np.isfinite(loads)).tolist()]
    var = {pair: types + at for at, pair in enumerate(pairs)}
    size = types + len(pairs)
    for which in range(len(problem.classes)):
        rows.add([(var[which, t], 1.0) for t in range(types) if (which, t) in var], 1.0, 1.0)
    for t in range(types):
        busy = [
            (var[c, t], one.slices * float(loads[c, t]))
            for c, one in enumerate(problem.classes)
            if (c, t) in var
        ]
        rows.add([*busy, (t, -1.0)], -math.inf, 0.0)
    for counts in ruled_out:
        more = range(size, size + types)
        size += types
        for t, flag in enumerate(more):
            rows.add([(t, 1.0), (flag, -(counts[t] + 1.0))], 0.0, math.inf)
        rows.add([(flag, 1.0) for flag in more], 1.0, math.inf)
    lone = np.arange(size)
    objective = np.zeros(size)
    objective[:types] = [-price for price in prices]
    return Program(
        objective=objective,
        lower=np.zeros(size),
        upper=np.concatenate([highest, np.ones(size - types)]),
        row_lower=np.array(rows.low),
        row_upper=np.array(rows.high),
        row=np.array(rows.row, dtype=np.int64),
        column=np.array(rows.column, dtype=np.int64),
        value=np.array(rows.value),
        whole=(lone < types) | (lone >= types + len(pairs)),
    )


def _fitting(problem: CoverProblem, loads: Loads, machines: Counts) -> tuple[tuple[Counts, ...] | None, bool]:
    """Slices on these machines, or None, and whether that is certain."""
    model = Model()
    busy: list[list[tuple[int, int]]] = [[] for _ in machines]
    where: dict[tuple[int, int], int] = {}
    for which, one in enumerate(problem.classes):
        for at, count in enumerate(machines):
            load = loads.each[which][at]
            if load is None:
                continue
            most = min(one.slices, loads.most(count) // load) if load else one.slices
            if most > 0:
                var = where[which, at] = model.integer(0, most)
                busy[at].append((load, var))
        terms = [(1, where[which, at]) for at in range(len(machines)) if (which, at) in where]
        if not terms:
            return None, True
        model.add(terms, one.slices, one.slices)
    for at, count in enumerate(machines):
        model.add(busy[at], high=loads.most(count))
    answer = run(model, Effort(seed=problem.seed, limit=problem.deterministic_limit))
    if not answer.found:
        return None, answer.status is Status.INFEASIBLE
    return slices_of(problem, where, answer), True


def _told(
    problem: CoverProblem, machines: Counts, slices: tuple[Counts, ...], divided: float, proven: float
) -> Cover:
    """The cover with its cost and bound; raises RuntimeError when it breaks a law, which is our bug."""
    prices = [machine.usd_per_h for machine in problem.machines]
    needed = _needed(problem, slices)
    machines = tuple(min(a, b) for a, b in zip(machines, needed, strict=True))
    cost = float(np.dot(machines, prices))
    found = Cover(
        machines=machines,
        slices=slices,
        usd_per_h=cost,
        bound_usd_per_h=min(proven, cost),
        divided_usd_per_h=min(divided, cost),
        status="optimal",
        solver=f"OR-Tools SCIP and {solver_name()}",
    )
    if cost > proven * (1 + SURE) + SURE:
        found = replace(found, status="feasible")
    laws = broken(problem, found)
    if laws:
        raise RuntimeError(f"The cover breaks a law: {'; '.join(laws)}. This is a bug in dcplan.")
    return found


def _needed(problem: CoverProblem, slices: tuple[Counts, ...]) -> Counts:
    """The fewest machines of each type that carry these slices."""
    busy = [0.0] * len(problem.machines)
    for which, row in enumerate(slices):
        for at, count in enumerate(row):
            if count:
                busy[at] += count * (problem.load(which, at) or 0.0)
    return tuple(math.ceil(one - NEARLY) for one in busy)
