"""An independent check of a solution: plain Python, from the problem alone, no code of the model.

It reads the rules as a person would: it packs replicas into machines instead
of dividing device counts, and looks at each zone, pool and price in turn.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from dcplan.placement.types import Allotment, Choice, Pool, Problem, Solution, Workload
from dcplan.placement.verify_fleets import carries
from dcplan.placement.verify_goals import goal_violations
from dcplan.placement.verify_places import egress_usd_per_h, place_violations
from dcplan.placement.verify_purchases import (
    in_time,
    paid_usd_per_h,
    replicas_are_right,
    survives,
    within_quotas,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NEAR_USD = 0.01
"""Reported money may be off by rounding to micro-dollars, but not by a cent in a million dollars."""


def verify(problem: Problem, solution: Solution) -> None:
    """Nothing, when ``solution`` satisfies every rule; RuntimeError, because it is our bug, when not."""
    found = violations(problem, solution)
    if found:
        msg = f"The placement breaks its own rules: {'; '.join(found)}. This is a bug in dcplan."
        raise RuntimeError(msg)


def violations(problem: Problem, solution: Solution) -> tuple[str, ...]:
    """Every way in which ``solution`` fails ``problem``, in words."""
    pools = {pool.id: pool for pool in problem.pools}
    choices = {choice.id: choice for choice in problem.choices}
    unknown = [
        f"unknown choice or pool in {a.workload}: {a.choice} in {a.pool}"
        for a in solution.allotments
        if a.pool not in pools or a.choice not in choices or a.pool not in choices[a.choice].pools
    ]
    unknown += [
        f"unknown choice or pool beside {a.workload}: {a.choice} in {a.pool}"
        for a in solution.beside
        if a.pool not in pools or a.choice not in choices or a.pool not in _pools_beside(choices[a.choice])
    ]
    if unknown:
        return tuple(unknown)

    def sites_of(allotments: tuple[Allotment, ...]) -> dict[str, list[Site]]:
        there: dict[str, list[Site]] = {w.name: [] for w in problem.workloads}
        for a in allotments:
            there[a.workload].append((choices[a.choice], pools[a.pool], a.replicas))
        return there

    sites, beside = sites_of(solution.allotments), sites_of(solution.beside)
    found: list[str] = []
    for workload in problem.workloads:
        found += _complete(workload, sites[workload.name])
        found += _beside(workload, sites[workload.name], beside[workload.name])
        found += _spread(workload, sites[workload.name])
        found += _affinity(workload, sites)
        found += _spot(workload, sites[workload.name], beside[workload.name])
        found += survives(workload, sites[workload.name], beside[workload.name])
    found += goal_violations(problem, solution)
    found += in_time(problem, solution)
    found += within_quotas(problem, {use.pool: use.machines for use in solution.pools})
    found += _machines(solution, pools, choices)
    found += _money(problem, solution, pools)
    found += place_violations(problem, solution)
    return tuple(found)


Site = tuple[Choice, Pool, int]


def _complete(workload: Workload, sites: list[Site]) -> Iterator[str]:
    """One choice, all its replicas, and a gang in one pool."""
    taken = {choice.id for choice, _, _ in sites}
    if not taken and not workload.required:
        return
    if taken and workload.fleet is not None:
        yield from carries(workload, sites)
        return
    if len(taken) != 1:
        yield f"{workload.name} takes {len(taken)} choices instead of one"
        return
    choice = sites[0][0]
    if choice.workload != workload.name:
        yield f"{workload.name} takes a choice of {choice.workload}"
    if any(replicas <= 0 for _, _, replicas in sites):
        yield f"{workload.name} has an allotment without replicas"
    yield from replicas_are_right(workload, choice, sum(replicas for _, _, replicas in sites))
    if choice.one_pool and len({pool.id for _, pool, _ in sites}) > 1:
        yield f"{workload.name} must be in one pool"


def _pools_beside(choice: Choice) -> tuple[str, ...]:
    return () if choice.beside is None else choice.beside.pools


def _beside(workload: Workload, sites: list[Site], beside: list[Site]) -> Iterator[str]:
    """Every replica whose choice has a part beside finds one in its zone, and none is left over."""
    waiting: Counter[tuple[str, ...]] = Counter()
    taken = {choice.id for choice, _, _ in sites}
    for choice, pool, replicas in sites:
        if choice.beside is not None:
            waiting[choice.id, *_home(choice, pool)] += replicas
    for choice, pool, replicas in beside:
        waiting[choice.id, *_home(choice, pool)] -= replicas
        if choice.id not in taken:
            yield f"{workload.name} has parts of {choice.id}, which it does not take"
        if replicas <= 0:
            yield f"{workload.name} has an allotment beside without parts"
    for zone, left in waiting.items():
        if left:
            yield f"{workload.name} has {left} replicas more than parts beside in {zone[-1]}"


def _home(choice: Choice, pool: Pool) -> tuple[str, ...]:
    """Where both parts of a replica are: a zone, or the very pool for machines that stand by."""
    return (pool.id,) if choice.beside and choice.beside.same_pool else _where(pool, "zone")


def _where(pool: Pool, over: str) -> tuple[str, ...]:
    region = (pool.provider, pool.region)
    return region if over == "region" else (*region, pool.zone)


def _spread(workload: Workload, sites: list[Site]) -> Iterator[str]:
    if not sites:
        return
    total = sum(replicas for _, _, replicas in sites)
    for rule in workload.spread:
        held: Counter[tuple[str, ...]] = Counter()
        for _, pool, replicas in sites:
            held[_where(pool, rule.over)] += replicas
        if len(held) < rule.at_least:
            yield f"{workload.name} sits in {len(held)} {rule.over}s instead of {rule.at_least}"
        fair = total // rule.at_least + (total % rule.at_least > 0)
        if any(replicas > fair for replicas in held.values()):
            yield f"{workload.name} has more than {fair} replicas in one {rule.over}"


def _affinity(workload: Workload, sites: dict[str, list[Site]]) -> Iterator[str]:
    for rule in workload.affinity:
        there = {_where(pool, rule.at) for _, pool, _ in sites.get(rule.other, [])}
        here = {_where(pool, rule.at) for _, pool, _ in sites[workload.name]}
        if rule.apart and here & there:
            yield f"{workload.name} shares a {rule.at} with {rule.other}"
        if not rule.apart and here - there:
            yield f"{workload.name} sits in a {rule.at} without {rule.other}"


def _spot(workload: Workload, sites: list[Site], beside: list[Site]) -> Iterator[str]:
    """Of two parts of a replica it is enough that one is on a spot machine; such parts belong together.

    Replicas of a mixed fleet count by what they carry.
    """
    if workload.spot is None:
        return
    mixed = workload.fleet is not None
    total = sum(n * (choice.weight if mixed else 1) for choice, _, n in sites)
    on_spot: Counter[tuple[str, tuple[str, ...], bool]] = Counter()
    for side in (sites, beside):
        for choice, pool, n in side:
            if pool.spot:
                key = (choice.id, _where(pool, "zone"), side is beside)
                on_spot[key] += n * (choice.weight if mixed else 1)
    used = sum(
        max(on_spot[choice, zone, False], on_spot[choice, zone, True])
        for choice, zone in {key[:2] for key in on_spot}
    )
    if used > Fraction(str(workload.spot.share)) * total:
        what = "parts of its load" if mixed else "replicas"
        yield f"{workload.name} has {used} of {total} {what} on spot machines"


def _machines(solution: Solution, pools: dict[str, Pool], choices: dict[str, Choice]) -> Iterator[str]:
    """Replicas fit on the machines that are counted, and the pools have these machines."""
    counted = {use.pool: use.machines for use in solution.pools}
    if len(counted) < len(solution.pools):
        yield "a pool is counted twice"
    by_pool: dict[str, list[tuple[int, int, int]]] = {pool: [] for pool in counted}
    for pool_id, machines, devices, count, _ in _taken(solution, choices):
        by_pool.setdefault(pool_id, []).append((machines, devices, count))
    for name, parts in by_pool.items():
        pool = pools.get(name)
        if pool is None:
            yield f"machines of an unknown pool {name}"
            continue
        whole = sum(machines * count for machines, _, count in parts)
        sizes: Counter[int] = Counter()
        for machines, devices, count in parts:
            if machines == 0:
                sizes[devices] += count
        if any(size > pool.devices for size in sizes):
            yield f"a replica is larger than a machine of {name}"
        elif whole + _packed(sizes, pool.devices) > counted.get(name, 0):
            yield f"the replicas in {name} do not fit on {counted.get(name, 0)} machines"
        if pool.machines is not None and counted.get(name, 0) > pool.machines:
            yield f"{name} has {pool.machines} machines, not {counted[name]}"


def _taken(solution: Solution, choices: dict[str, Choice]) -> Iterator[tuple[str, int, int, int, float]]:
    """(pool, machines, devices, how often, hours) of all that stands somewhere."""
    for a in solution.allotments:
        choice = choices[a.choice]
        yield a.pool, choice.machines, choice.devices, a.replicas, choice.hours
    for a in solution.beside:
        choice = choices[a.choice]
        if choice.beside is not None:
            yield a.pool, choice.beside.machines, choice.beside.devices, a.replicas, choice.hours


def _packed(sizes: Counter[int], devices: int) -> int:
    """Machines that really hold the replicas: the best of three packings."""
    nested: list[int] = [devices]
    for size in sorted(sizes, reverse=True):
        if nested[-1] % size == 0:
            nested.append(size)
    chain = Counter({size: count for size, count in sizes.items() if size in nested})
    apart = {size: -(-count // (devices // size)) for size, count in sizes.items()}
    others = sum(count for size, count in apart.items() if size not in nested)
    return min(_filled(sizes, devices), sum(apart.values()), _filled(chain, devices) + others)


def _filled(sizes: Counter[int], devices: int) -> int:
    """Machines that hold the replicas when each, largest first, goes where it leaves least room."""
    free: Counter[int] = Counter()
    machines = 0
    for size in sorted(sizes, reverse=True):
        left = sizes[size]
        for room in sorted(r for r in free if r >= size):
            while left and free[room]:
                # All machines with this room take equally many; a last one may take fewer.
                each = min(left, room // size)
                count = min(free[room], left // each)
                free[room] -= count
                free[room - each * size] += count
                left -= count * each
        each = devices // size
        full, rest = divmod(left, each)
        free[devices - each * size] += full
        free[devices - rest * size] += rest > 0
        machines += full + (rest > 0)
    return machines


def _money(problem: Problem, solution: Solution, pools: dict[str, Pool]) -> Iterator[str]:
    known = [use for use in solution.pools if use.pool in pools]
    bill = sum((Fraction(str(pools[use.pool].usd_per_h)) * use.machines for use in known), start=Fraction(0))
    if abs(float(bill) - solution.usd_per_h) > NEAR_USD:
        yield f"the machines cost ${float(bill):.2f}/h, not ${solution.usd_per_h:.2f}/h"
    sent = egress_usd_per_h(problem, solution)
    if abs(float(sent) - solution.egress_usd_per_h) > NEAR_USD:
        yield f"the traffic costs ${float(sent):.2f}/h, not ${solution.egress_usd_per_h:.2f}/h"
    bill += sent
    spent = bill + paid_usd_per_h(problem)
    if problem.budget is not None and spent > Fraction(str(problem.budget.usd_per_h)):
        yield f"${float(spent):.2f}/h is over the budget"
    report = solution.report
    if report.bound_usd > report.objective_usd:
        yield "the bound lies above the cost"
    cost = _cost(problem, solution)
    if abs(report.objective_usd - cost) > NEAR_USD * (1 + cost / 1e6):
        yield f"the placement costs ${cost:.2f}, not ${report.objective_usd:.2f}"


def _cost(problem: Problem, solution: Solution) -> float:
    """Dollars over the time that is paid for."""
    choices = {choice.id: choice for choice in problem.choices}
    price = {pool.id: pool.usd_per_h for pool in problem.pools}
    horizon = max(
        (c.hours for c in problem.choices if 0 in {c.machines, c.beside.machines if c.beside else 1}),
        default=0.0,
    )
    left = {use.pool: use.machines for use in solution.pools if use.pool in price}
    total = 0.0
    for pool, each, _, count, hours in _taken(solution, choices):
        left[pool] = left.get(pool, 0) - each * count
        total += price[pool] * hours * each * count
    traffic = {w.name: w.egress_usd_per_h for w in problem.workloads}
    for a in solution.allotments:
        choice = choices[a.choice]
        total += traffic[a.workload].get(a.pool, 0.0) * choice.hours * a.replicas / choice.replicas
    return total + sum(price[pool] * count * horizon for pool, count in left.items())
