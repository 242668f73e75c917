"""An independent check of pins, moves and goals: plain Python, no code of the model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dcplan.demand.goals import Measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.demand.goals import Goal
    from dcplan.placement.types import Allotment, Choice, Pool, Problem, Solution, Workload

NEAR = 1e-5
"""What rounding to millionths may add up to, relative and absolute."""


def goal_violations(problem: Problem, solution: Solution) -> Iterator[str]:
    """Pins that do not hold, too many moves, and reported values and bounds that are not so."""
    for workload in problem.workloads:
        if workload.pins:
            yield from _pins(
                problem, workload, [a for a in solution.allotments if a.workload == workload.name]
            )
    if any(workload.stay is not None for workload in problem.workloads):
        moves = _moves(problem, solution)
        yield from (
            f"{w.name} does not stay where it runs"
            for w in problem.workloads
            if w.stay is not None and moves.get(w.name)
        )
    if problem.max_moves is not None:
        count = measured(problem, solution, Measure.MOVES)
        if count > problem.max_moves.at_most:
            yield f"{count:g} replicas move, not {problem.max_moves.at_most}"
    if problem.weighs(Measure.CARBON):
        unknown = {pool.id for pool in problem.pools if pool.kgco2_per_h is None}
        yield from (
            f"{use.pool} is used, whose carbon is not known" for use in solution.pools if use.pool in unknown
        )
    for ceiling in problem.ceilings:
        reached = measured(problem, solution, ceiling.measure)
        if reached > ceiling.at_most * (1 + NEAR) + NEAR:
            yield f"{ceiling.measure.value} is {reached:g}, above {ceiling.at_most:g}"
    yield from _proofs(problem, solution)


def _pins(problem: Problem, workload: Workload, mine: list[Allotment]) -> Iterator[str]:
    pools = {pool.id: pool for pool in problem.pools}
    total = sum(a.replicas for a in mine)
    if not mine:
        return
    for pin in workload.pins:
        here = sum(a.replicas for a in mine if _name(pools[a.pool], pin.kind) == pin.place)
        if here < (total if pin.replicas is None else pin.replicas):
            yield f"{workload.name} has {here} of {total} replicas in {pin.place}, where it is pinned"


def _name(pool: Pool, kind: str) -> str:
    return {"pool": pool.id, "zone": pool.zone, "region": pool.region}[kind]


def _proofs(problem: Problem, solution: Solution) -> Iterator[str]:
    names: dict[str, Goal] = {goal.name: goal for goal in problem.goals}
    for proof in solution.report.proofs:
        near = NEAR * (1 + abs(proof.value))
        if proof.bound is not None and proof.bound > proof.value + near:
            yield f"the bound of {proof.goal} lies above its value"
        goal = names.get(proof.goal)
        if goal is None:
            continue
        reached = sum(weight * measured(problem, solution, measure) for measure, weight in goal.weights)
        if abs(reached - proof.value) > near * sum(weight for _, weight in goal.weights):
            yield f"the goal {proof.goal} comes to {reached:g}, not {proof.value:g}"


def measured(problem: Problem, solution: Solution, measure: Measure) -> float:
    """What a solution has of a measure, in its unit."""
    choices = {choice.id: choice for choice in problem.choices}
    taken = {a.choice: choices[a.choice] for a in solution.allotments}
    if measure is Measure.TIME:
        return sum(c.time_s or 0.0 for c in taken.values()) / 3600
    if measure is Measure.LATENCY:
        return max((c.sla_share or 0.0 for c in taken.values()), default=0.0)
    if measure is Measure.MOVES:
        return float(sum(_moves(problem, solution).values()))
    rate = {p.id: (p.usd_per_h if measure is Measure.COST else p.kgco2_per_h or 0.0) for p in problem.pools}
    total = _over_time(problem, solution, choices, rate)
    return total + (_traffic(problem, solution, choices) if measure is Measure.COST else 0.0)


def _over_time(
    problem: Problem, solution: Solution, choices: dict[str, Choice], rate: dict[str, float]
) -> float:
    """What machines cost or emit: whole ones for the hours of their choice, shared ones for the longest."""
    longest = max((c.hours for c in problem.choices for part in c.parts if part.machines == 0), default=0.0)
    shared = {use.pool: use.machines for use in solution.pools}
    total = 0.0
    for allotments, own in ((solution.allotments, True), (solution.beside, False)):
        for a in allotments:
            choice = choices[a.choice]
            part = choice if own or choice.beside is None else choice.beside
            shared[a.pool] = shared.get(a.pool, 0) - part.machines * a.replicas
            total += rate[a.pool] * choice.hours * part.machines * a.replicas
    return total + sum(rate[pool] * longest * count for pool, count in shared.items())


def _traffic(problem: Problem, solution: Solution, choices: dict[str, Choice]) -> float:
    """What the traffic of the replicas costs over the hours of their choice."""
    prices = {w.name: w.egress_usd_per_h for w in problem.workloads}
    return sum(
        prices[a.workload].get(a.pool, 0.0) * choice.hours * a.replicas / choice.replicas
        for a in solution.allotments
        for choice in (choices[a.choice],)
    )


def _moves(problem: Problem, solution: Solution) -> dict[str, int]:
    """Workload to its replicas and parts of today that move, taken one by one."""
    workloads = {w.name: w for w in problem.workloads}
    choices = {choice.id: choice for choice in problem.choices}
    moves: dict[str, int] = {}
    for now, there in ((solution.allotments, problem.current), (solution.beside, problem.current_beside)):
        mine, before = _by_workload(now), _by_workload(there)
        for name in mine.keys() & before.keys():
            if name in workloads:
                count = _moves_of_fleet if workloads[name].fleet is not None else _moves_of_one
                moves[name] = moves.get(name, 0) + count(choices, mine[name], before[name])
    # A choice without a part beside leaves none of today's parts beside where they are.
    running = {a.workload for a in solution.allotments} - {a.workload for a in solution.beside}
    for today in problem.current_beside:
        if today.workload in running & workloads.keys():
            moves[today.workload] = moves.get(today.workload, 0) + today.replicas
    return moves


def _by_workload(allotments: tuple[Allotment, ...]) -> dict[str, list[Allotment]]:
    found: dict[str, list[Allotment]] = {}
    for allotment in allotments:
        found.setdefault(allotment.workload, []).append(allotment)
    return found


def _moves_of_one(choices: dict[str, Choice], mine: list[Allotment], before: list[Allotment]) -> int:
    """Each replica of today finds one of its own choice in its own pool, or does not, or is not needed."""
    choice = choices[mine[0].choice]
    seats = Counter({a.pool: a.replicas for a in mine})
    same = other = stayed = 0
    for today in before:
        for _ in range(today.replicas):
            if today.choice != choice.id:
                other += 1
                continue
            same += 1
            if seats[today.pool] > 0:
                seats[today.pool] -= 1
                stayed += 1
    return other + max(0, min(same, choice.replicas) - stayed)


def _moves_of_fleet(choices: dict[str, Choice], mine: list[Allotment], before: list[Allotment]) -> int:
    """Each that does not find its own choice in its pool, but for those beyond what its choice may have."""
    seats = Counter({(a.choice, a.pool): a.replicas for a in mine})
    count: Counter[str] = Counter()
    stayed = 0
    for today in before:
        count[today.choice] += today.replicas
        stayed += min(today.replicas, seats[today.choice, today.pool])
    for name in count.keys() & choices.keys():
        count[name] = min(count[name], choices[name].replicas + choices[name].extra)
    return sum(count.values()) - stayed
