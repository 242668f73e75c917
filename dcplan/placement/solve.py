"""Solve a placement problem: build, minimise term by term, verify, or explain why nothing fits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dcplan.diag import Diagnostic, Result, error
from dcplan.placement.constraints import CONSTRAINTS
from dcplan.placement.cpsat import Answer, Effort, Status, Terms, Var, run, solver_name
from dcplan.placement.explain import explain
from dcplan.placement.model import Builder, allotments_in
from dcplan.placement.objective import OBJECTIVE, cost, cost_unit, moves, shared_hours
from dcplan.placement.prune import useful
from dcplan.placement.scale import usd
from dcplan.placement.types import PoolUse, Problem, Solution, SolverReport
from dcplan.placement.usage import machines_in_use, paid_micro, price_per_h
from dcplan.placement.verify import verify

LATER_SHARE = 0.25
"""Of the deterministic limit, for each term after the cost: a tie is not worth the wait."""

GOOD_GAP = 0.005
"""Proven this near to the least cost, a placement is good enough not to be worth a second chance."""

SECOND_CHANCE = 10.0
"""Times the limit, when it came before a placement with a good gap; ends as soon as there is one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The best values found, and the run that decided their cost."""

    values: tuple[int, ...]
    cost: Answer
    unit: int
    """Micro-dollars in one unit of cost."""
    wall_s: float


def solve(problem: Problem) -> Result[Solution]:
    """The cheapest placement that satisfies every rule, or an explanation why there is none.

    Pure and deterministic: equal problems have equal solutions, apart from the
    wall time in the report.  Raises RuntimeError when the solution does not
    stand an independent check, and ValueError when two pools, choices or
    workloads share a name; both are our bugs.
    """
    _check_names(problem)
    b = Builder(problem, useful(problem))
    for add in CONSTRAINTS:
        add(b)
    outcome = _minimise(b)
    if outcome.cost.status is Status.INFEASIBLE:
        return Result(None, explain(problem))
    if not outcome.cost.found:
        return Result(None, (_gave_up(problem),))
    solution = _solution(b, outcome)
    verify(problem, solution)
    return Result(solution)


def _check_names(problem: Problem) -> None:
    named = {
        "pools": [pool.id for pool in problem.pools],
        "choices": [choice.id for choice in problem.choices],
        "workloads": [workload.name for workload in problem.workloads],
    }
    for what, ids in named.items():
        if len(set(ids)) < len(ids):
            msg = f"Two {what} of a placement problem share a name. This is a bug in dcplan."
            raise ValueError(msg)


def _minimise(b: Builder) -> Outcome:
    """Lexicographic: minimise one term, hold it where it is, minimise the next."""
    fixed = dict.fromkeys(b.rules, 1)
    terms = cost(b)
    first, wall_s = _least_cost(b, terms, fixed)
    values = first.values
    for term in OBJECTIVE[1:]:
        if not first.found or (first.status is not Status.OPTIMAL and term is not moves):
            continue  # Without the least cost there are no ties; but what runs should stay all the same.
        b.model.add(terms, high=sum(coefficient * values[var] for coefficient, var in terms))
        terms = term(b)
        if terms:
            effort = Effort(seed=b.problem.seed, limit=b.problem.deterministic_limit * LATER_SHARE)
            answer = run(b.model, effort, minimise=terms, fixed=fixed, hint=dict(enumerate(values)))
            wall_s += answer.wall_s
            if not answer.found:
                break
            values = answer.values
    return Outcome(values, first, cost_unit(b), wall_s)


def _least_cost(b: Builder, terms: Terms, fixed: dict[Var, int]) -> tuple[Answer, float]:
    """The answer to the first term, and the wall time; starts from what runs today."""
    hint = {
        b.replicas[today.choice, today.pool]: today.replicas
        for today in b.problem.current
        if (today.choice, today.pool) in b.replicas
    }
    limit = b.problem.deterministic_limit
    answer = run(b.model, Effort(seed=b.problem.seed, limit=limit), minimise=terms, fixed=fixed, hint=hint)
    if answer.status in (Status.OPTIMAL, Status.INFEASIBLE):
        return answer, answer.wall_s
    if answer.found and answer.objective - answer.bound <= GOOD_GAP * answer.objective:
        return answer, answer.wall_s
    effort = Effort(seed=b.problem.seed, limit=limit * SECOND_CHANCE, gap=GOOD_GAP)
    hint = dict(enumerate(answer.values)) or hint
    second = run(b.model, effort, minimise=terms, fixed=fixed, hint=hint)
    if answer.found and not second.found:
        return answer, answer.wall_s + second.wall_s
    return replace(second, bound=max(answer.bound, second.bound)), answer.wall_s + second.wall_s


def _gave_up(problem: Problem) -> Diagnostic:
    """The limit came before the first placement and before a proof that there is none."""
    work = problem.deterministic_limit * SECOND_CHANCE
    return error(
        "placement-limit",
        "No placement found within the limit",
        f"The solver stopped at its limit of {work:g} units of work, without a placement and without a proof "
        "that there is none. Offer fewer pools, zones or accelerators, or loosen the budget.",
    )


def _solution(b: Builder, outcome: Outcome) -> Solution:
    """Counts and money of the solver's values.

    Machines are counted from the replicas again: where they cost nothing, the
    solver may leave more of them than it needs.
    """
    problem, answer = b.problem, outcome.cost
    allotments = allotments_in(b, outcome.values)
    used = {pool: sum(parts) for pool, parts in machines_in_use(problem, allotments).items()}
    objective = usd(paid_micro(problem, allotments, shared_hours(b)))
    bound = objective if answer.status is Status.OPTIMAL else min(usd(answer.bound * outcome.unit), objective)
    return Solution(
        allotments=allotments,
        pools=tuple(PoolUse(pool=pool, machines=count) for pool, count in used.items()),
        usd_per_h=float(price_per_h(problem, used)),
        report=SolverReport(
            solver=solver_name(),
            status=answer.status.value,
            objective_usd=objective,
            bound_usd=bound,
            gap=(objective - bound) / objective if objective > 0 else 0.0,
            seed=problem.seed,
            wall_s=outcome.wall_s,
        ),
    )
