"""The part of the independent check that looks at places: residency, users, carbon, power, traffic."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

from dcplan.placement.fleet_types import WHOLE_LOAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dcplan.placement.types import Allotment, Pool, Problem, Solution, Workload

NEARLY = Fraction(1, 1000)
"""The model rounds what a replica answers up to a millionth of the load."""


def _decimal(value: float) -> Fraction:
    """The number as it prints."""
    return Fraction(str(value))


def place_violations(problem: Problem, solution: Solution) -> Iterator[str]:
    """Every rule about places that the solution breaks, in words."""
    pools = {pool.id: pool for pool in problem.pools}
    for workload in problem.workloads:
        yield from _residents(workload, (*solution.allotments, *solution.beside))
        yield from _answered(problem, workload, solution.allotments)
    machines = {use.pool: use.machines for use in solution.pools if use.machines and use.pool in pools}
    if problem.carbon is not None:
        yield from _capped(
            machines, pools, lambda p: p.kgco2_per_h, problem.carbon.at_most, "kg of CO2e an hour"
        )
    if problem.power is not None:
        yield from _capped(machines, pools, lambda p: p.power_w, problem.power.at_most, "W")
    for site in problem.sites:
        here = {pool: count for pool, count in machines.items() if pool in site.pools}
        yield from _capped(here, pools, lambda p: p.power_w, site.watts, f"W in {site.site}")


def _residents(workload: Workload, allotments: Iterable[Allotment]) -> Iterator[str]:
    rule = workload.residency
    if rule is not None:
        for one in allotments:
            if one.workload == workload.name and one.pool not in rule.pools:
                yield f"{workload.name} is in {one.pool}, outside of {', '.join(rule.names)}"


def _capped(
    machines: Mapping[str, int],
    pools: Mapping[str, Pool],
    of: Callable[[Pool], float | None],
    at_most: float,
    unit: str,
) -> Iterator[str]:
    total = Fraction(0)
    for name, count in machines.items():
        each = of(pools[name])
        if each is None:
            yield f"nobody knows the {unit} of {name}"
        else:
            total += _decimal(each) * count
    if total > _decimal(at_most):
        yield f"{float(total):g} {unit} is over the cap of {at_most:g}"


def _answered(problem: Problem, workload: Workload, allotments: Iterable[Allotment]) -> Iterator[str]:
    """For each bound by itself: as much of the load as it says can flow to replicas within it."""
    mine = [a for a in allotments if a.workload == workload.name] if workload.network else []
    if not mine:
        return
    choices = {c.id: c for c in problem.choices}
    room: defaultdict[str, Fraction] = defaultdict(Fraction)
    for a in mine:
        choice = choices[a.choice]
        each = max(Fraction(1, choice.replicas), Fraction(choice.weight, WHOLE_LOAD))
        room[a.pool] += each * a.replicas
    for rule in workload.network:
        near = {
            i: {p for p in room if user.rtt_s.get(p, float("inf")) <= rule.bound_s}
            for i, user in enumerate(workload.users)
        }
        served = _flow({i: _decimal(u.share) for i, u in enumerate(workload.users)}, near, room)
        if served < _decimal(rule.quantile) - NEARLY:
            yield f"{workload.name} answers {float(served):.1%} of its users within {rule.bound_s:g} s"


def _flow(supply: dict[int, Fraction], near: dict[int, set[str]], room: dict[str, Fraction]) -> Fraction:
    """The most that flows from users to pools near them (Ford and Fulkerson 1956)."""
    sent: defaultdict[tuple[int, str], Fraction] = defaultdict(Fraction)
    free = dict(room)
    total = Fraction(0)
    for user, amount in supply.items():
        left = amount
        while left > 0:
            path = _augmenting(user, near, sent, free)
            if not path:
                break
            # Even steps of the path send, odd ones take back what another user sends.
            step = min([left, free[path[-1][1]], *(sent[pair] for pair in path[1::2])])
            for i in range(0, len(path), 2):
                sent[path[i]] += step
            for i in range(1, len(path), 2):
                sent[path[i]] -= step
            free[path[-1][1]] -= step
            left -= step
            total += step
    return total


def _augmenting(
    start: int,
    near: dict[int, set[str]],
    sent: Mapping[tuple[int, str], Fraction],
    free: Mapping[str, Fraction],
) -> list[tuple[int, str]]:
    """Pairs (user, pool) from ``start`` to a pool with room, sending and taking back by turns; or nothing."""
    paths: dict[int, list[tuple[int, str]]] = {start: []}
    queue = [start]
    for user in queue:
        for pool in sorted(near[user]):
            here = [*paths[user], (user, pool)]
            if free[pool] > 0:
                return here
            for other in near:
                if other not in paths and sent.get((other, pool), 0) > 0:
                    paths[other] = [*here, (other, pool)]
                    queue.append(other)
    return []


def egress_usd_per_h(problem: Problem, solution: Solution) -> Fraction:
    """Dollars per hour of the traffic that leaves: each replica of a choice sends its part."""
    replicas = {choice.id: choice.replicas for choice in problem.choices}
    prices = {workload.name: workload.egress_usd_per_h for workload in problem.workloads}
    return sum(
        (
            _decimal(prices[a.workload].get(a.pool, 0.0)) * a.replicas / replicas[a.choice]
            for a in solution.allotments
        ),
        start=Fraction(0),
    )
