"""Solve a placement problem: build, minimise term by term, verify, or explain why nothing fits."""

from __future__ import annotations

from dcplan.diag import Diagnostic, Result, error
from dcplan.placement.aims import Measure, Proof
from dcplan.placement.clock import Clock
from dcplan.placement.contradictions import contradictions, unweighed
from dcplan.placement.cpsat import Status, solver_name
from dcplan.placement.explain import explain
from dcplan.placement.large import solve_large
from dcplan.placement.laws import CONSTRAINTS
from dcplan.placement.measures import unit_of, value
from dcplan.placement.minimise import SECOND_CHANCE, Minimiser, Outcome, all_goals
from dcplan.placement.model import Builder, allotments_in, beside_in
from dcplan.placement.prune import useful
from dcplan.placement.scale import MICRO
from dcplan.placement.types import Allotment, PoolUse, Problem, Solution, SolverReport
from dcplan.placement.usage import egress_per_h, machines_in_use, price_per_h
from dcplan.placement.verify import verify


def solve(problem: Problem) -> Result[Solution]:
    """The best placement that satisfies every rule, or an explanation why there is none.

    Pure and, without a time limit, deterministic: equal problems have equal
    solutions, apart from the wall time in the report.  Raises RuntimeError when the solution does not
    stand an independent check, and ValueError when two pools, choices or
    workloads share a name; both are our bugs.
    """
    _check_names(problem)
    wrong = contradictions(problem)
    if wrong:
        return Result(None, wrong)
    b, outcome = _best(problem)
    if outcome.status is Status.INFEASIBLE:
        return Result(None, explain(problem) if problem.explained else (_nothing_fits(),))
    if outcome.status is Status.UNKNOWN:
        return Result(None, (_gave_up(problem),))
    solution = _solution(b, outcome)
    verify(problem, solution)
    return Result(solution, unweighed(problem))


def _best(problem: Problem) -> tuple[Builder, Outcome]:
    """The best values, from one model of everything, or from prices where that would be large."""
    clock = Clock(problem.time_limit_s)
    pairs = useful(problem)
    found = solve_large(problem, pairs, clock)
    if found is not None:
        return found
    b = Builder(problem, pairs)
    for add in CONSTRAINTS:
        add(b)
    spent_s = 0.0 if clock.limit_s is None else clock.spent_s
    outcome = Minimiser(b, spent_s=spent_s).minimise()
    if outcome.status is Status.UNKNOWN:
        # Its limit came before any placement: what is found workload by workload is better than nothing.
        return solve_large(problem, pairs, clock, always=True) or (b, outcome)
    return b, outcome


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


def _nothing_fits() -> Diagnostic:
    """Nobody asked why."""
    return error("nothing-fits", "Nothing fits", "There is no placement that keeps every rule.")


def _gave_up(problem: Problem) -> Diagnostic:
    """The limit came before the first placement and before a proof that there is none."""
    limit = f"{problem.deterministic_limit * SECOND_CHANCE:g} units of work"
    if problem.time_limit_s is not None:
        limit = f"{problem.time_limit_s:g} s"
    return error(
        "placement-limit",
        "No placement found within the limit",
        f"The solver stopped at its limit of {limit}, without a placement and without a proof "
        "that there is none. Offer fewer pools, zones or accelerators, or loosen the budget.",
    )


def _solution(b: Builder, outcome: Outcome) -> Solution:
    """Counts and money of the solver's values.

    Machines are counted from the replicas again: where they cost nothing, the
    solver may leave more of them than it needs.
    """
    problem = b.problem
    allotments, beside = allotments_in(b, outcome.values), beside_in(b, outcome.values)
    used = {pool: sum(parts) for pool, parts in machines_in_use(problem, allotments, beside).items()}
    proofs = _proofs(problem, outcome, allotments, beside)
    cost = next(proof for proof in proofs if proof.goal == Measure.COST)
    return Solution(
        allotments=allotments,
        beside=beside,
        pools=tuple(PoolUse(pool=pool, machines=count) for pool, count in used.items()),
        usd_per_h=float(price_per_h(problem, used)),
        egress_usd_per_h=float(egress_per_h(problem, allotments)),
        report=SolverReport(
            solver=solver_name(),
            status=cost.status,
            objective_usd=cost.value,
            bound_usd=cost.bound or 0.0,
            gap=1.0 if cost.gap is None else cost.gap,
            proofs=proofs,
            seed=problem.seed,
            wall_s=outcome.wall_s,
        ),
    )


def _proofs(
    problem: Problem, outcome: Outcome, allotments: tuple[Allotment, ...], beside: tuple[Allotment, ...]
) -> tuple[Proof, ...]:
    """How good the placement is in each goal: the solver's bounds beside values counted anew."""
    steps = {step.goal.name: step for step in outcome.steps}
    proofs = []
    for goal in all_goals(problem):
        reached = value(problem, goal, allotments, beside)
        step = steps.get(goal.name)
        proven = step is None or step.answer.status is Status.OPTIMAL
        bound = reached
        if step is not None and not proven:
            bound = min(max(step.answer.bound * step.unit / MICRO, 0.0), reached)
        proofs.append(
            Proof(
                goal=goal.name,
                unit=unit_of(goal),
                value=reached,
                bound=bound,
                status=(Status.OPTIMAL if proven else Status.FEASIBLE).value,
            )
        )
    return tuple(proofs)
