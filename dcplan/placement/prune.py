"""What need not be modelled because no best placement uses it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from dcplan.placement.scale import money_down, money_up
from dcplan.placement.types import Choice, Pool, Problem

Pairs: TypeAlias = Mapping[str, tuple[Pool, ...]]
"""Choice id to the pools it may use; a choice without pools is not there."""


def possible(problem: Problem) -> Pairs:
    """Every choice with the pools whose machines are large enough for a replica."""
    pools = {pool.id: pool for pool in problem.pools}
    found: dict[str, tuple[Pool, ...]] = {}
    for choice in problem.choices:
        fits = tuple(
            pools[p]
            for p in sorted(set(choice.pools))
            if p in pools and (choice.machines > 0 or choice.devices <= pools[p].devices)
        )
        if fits and choice.replicas > 0:
            found[choice.id] = fits
    return found


def useful(problem: Problem) -> Pairs:
    """What is left of ``possible`` once hopeless pairs and dominated pools are gone."""
    budget = None if problem.budget is None else money_down(problem.budget.usd_per_h)
    affordable = {
        pool.id: None if budget is None else _at_most(budget, money_up(pool.usd_per_h))
        for pool in problem.pools
    }
    pairs = possible(problem)
    keep = {pool.id for pool in problem.pools} - _dominated(problem, pairs)
    by_id = {choice.id: choice for choice in problem.choices}
    left: dict[str, tuple[Pool, ...]] = {}
    for choice, pools in pairs.items():
        kept = tuple(p for p in pools if p.id in keep and _holds_some(by_id[choice], p, affordable[p.id]))
        if kept and _holds_all(by_id[choice], kept):
            left[choice] = kept
    return left


def _at_most(budget: int, price: int) -> int | None:
    return budget // price if price > 0 else None


def _holds_some(choice: Choice, pool: Pool, affordable: int | None) -> bool:
    """The pool has, and the budget pays, the machines of one replica (of a gang: of all)."""
    need = max(choice.machines, 1)
    if choice.one_pool:
        need = _machines(choice, pool)
    return all(limit is None or need <= limit for limit in (pool.machines, affordable))


def _machines(choice: Choice, pool: Pool) -> int:
    """Fewest machines of the pool that hold all replicas."""
    if choice.machines > 0:
        return choice.machines * choice.replicas
    return -(-choice.replicas // (pool.devices // choice.devices))


def _holds_all(choice: Choice, pools: Iterable[Pool]) -> bool:
    """The pools together have room for all replicas."""
    room = 0
    for pool in pools:
        if pool.machines is None:
            return True
        if choice.machines > 0:
            room += pool.machines // choice.machines
        else:
            room += pool.machines * (pool.devices // choice.devices)
    return room >= choice.replicas


def _dominated(problem: Problem, pairs: Pairs) -> set[str]:
    """Pools whose whole use could move to another at no more cost and against no rule.

    The other pool takes the same choices, has machines for everything, is no
    dearer, and lies in the same place (or no rule asks for places).  Pools in
    use today stay, because moving away from them counts.
    """
    users: defaultdict[str, list[str]] = defaultdict(list)
    for choice, pools in pairs.items():
        for pool in pools:
            users[pool.id].append(choice)
    places_matter = any(w.spread or w.affinity for w in problem.workloads)
    today = {allotment.pool for allotment in problem.current}
    alike: defaultdict[tuple[object, ...], list[Pool]] = defaultdict(list)
    for pool in problem.pools:
        place = (pool.provider, pool.region, pool.zone) if places_matter else ()
        alike[(tuple(users[pool.id]), pool.devices, place)].append(pool)
    need = _most_machines(problem, pairs)
    dominated: set[str] = set()
    for group in alike.values():
        best: dict[bool, tuple[float, str]] = {}
        for pool in group:
            if pool.machines is None or pool.machines >= need:
                mark = (pool.usd_per_h, pool.id)
                best[pool.spot] = min(best.get(pool.spot, mark), mark)
        for pool in group:
            # Spot may be forbidden, so only a spot pool may lean on either kind.
            rivals = [best[spot] for spot in ({False, pool.spot}) if spot in best]
            if pool.id not in today and any(r < (pool.usd_per_h, pool.id) for r in rivals):
                dominated.add(pool.id)
    return dominated


def _most_machines(problem: Problem, pairs: Pairs) -> int:
    """No sensible placement has more machines than this, whatever it chooses."""
    most: dict[str, int] = {}
    for choice in problem.choices:
        if choice.id in pairs:
            machines = max(choice.machines, 1) * choice.replicas
            most[choice.workload] = max(most.get(choice.workload, 0), machines)
    return sum(most.values())
