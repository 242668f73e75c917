"""What need not be modelled because no best placement uses it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dcplan.placement.domains import in_order
from dcplan.placement.pairs import Pairs, joined, possible
from dcplan.placement.permitted import permitted, weighed
from dcplan.placement.scale import money_down, money_up
from dcplan.placement.timing import bought_alike, timely

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.placement.types import Beside, Choice, Pool, Problem


def useful(problem: Problem) -> Pairs:
    """What is left of ``possible`` once hopeless pairs and dominated pools are gone."""
    budget = None if problem.budget is None else money_down(problem.budget.usd_per_h)
    affordable = {
        pool.id: None if budget is None else _at_most(budget, money_up(pool.usd_per_h))
        for pool in problem.pools
    }
    pairs = timely(problem, permitted(problem, possible(problem)))
    keep = {pool.id for pool in problem.pools} - _dominated(problem, pairs)
    mixing = {w.name for w in problem.workloads if w.fleet is not None}
    # ``pairs`` holds the tuples of pools, so that their ids stay theirs; most choices share them.
    fits: dict[tuple[int, int, int, int], tuple[Pool, ...]] = {}
    left: list[tuple[Choice, list[tuple[Pool, ...]]]] = []
    for choice in problem.choices:
        if choice.id not in pairs.own:
            continue
        parts: list[tuple[Pool, ...]] = []
        for part, pools in pairs.of(choice):
            gang = choice.replicas if choice.one_pool and part is choice else 1
            key = (id(pools), part.machines, part.devices, gang)
            if key not in fits:
                fits[key] = tuple(
                    p for p in pools if p.id in keep and _holds_some(part, gang, p, affordable[p.id])
                )
            kept = fits[key]
            together = 1 if choice.workload in mixing else choice.replicas
            parts.append(kept if _holds_all(part, together, kept) else ())
        left.append((choice, parts))
    return joined(left)


def _at_most(budget: int, price: int) -> int | None:
    return budget // price if price > 0 else None


def _holds_some(part: Choice | Beside, gang: int, pool: Pool, affordable: int | None) -> bool:
    """The pool has, and the budget pays, the machines of so many replicas that must be in one pool."""
    need = part.machines * gang if part.machines > 0 else -(-gang // (pool.devices // part.devices))
    return all(limit is None or need <= limit for limit in (pool.machines, affordable))


def _holds_all(part: Choice | Beside, replicas: int, pools: Iterable[Pool]) -> bool:
    """The pools together have room for all replicas."""
    room = 0
    for pool in pools:
        if pool.machines is None:
            return True
        if part.machines > 0:
            room += pool.machines // part.machines
        else:
            room += pool.machines * (pool.devices // part.devices)
    return room >= replicas


def _dominated(problem: Problem, pairs: Pairs) -> set[str]:
    """Pools whose whole use could move to another at no more cost and against no rule.

    The other pool takes the same choices, has machines (and racks) for everything, is no
    dearer, and lies in the same place (or no rule asks for places).  Pools in
    use today stay, because moving away from them counts, and so do those that are pinned.
    """
    users: defaultdict[str, list[tuple[str, bool]]] = defaultdict(list)
    for choice, beside, pools in pairs.users():
        for pool in pools:
            users[pool.id].append((choice, beside))
    places_matter = bool(pairs.beside) or any(
        w.spread or w.affinity or w.survive or w.pins for w in problem.workloads
    )
    today = {allotment.pool for allotment in (*problem.current, *problem.current_beside)}
    today |= problem.idle
    today |= {pin.place for w in problem.workloads for pin in w.pins if pin.kind == "pool"}
    crowded = {rule.pool for rule in problem.racks}
    alike: defaultdict[tuple[object, ...], list[Pool]] = defaultdict(list)
    bought = bought_alike(problem)
    for pool in problem.pools:
        place = (pool.provider, pool.region, pool.zone) if places_matter else ()
        alike[(tuple(users[pool.id]), pool.devices, place, bought(pool), weighed(problem, pool))].append(pool)
    need = _most_machines(problem, pairs)
    dominated: set[str] = set()
    order = {pool.id: i for i, pool in enumerate(in_order(problem.pools))}
    for group in alike.values():
        best: dict[bool, tuple[float, int]] = {}
        for pool in group:
            if pool.id not in crowded and (pool.machines is None or pool.machines >= need):
                mark = (pool.usd_per_h, order[pool.id])
                best[pool.spot] = min(best.get(pool.spot, mark), mark)
        for pool in group:
            # Spot may be forbidden, so only a spot pool may lean on either kind.
            rivals = [best[spot] for spot in ({False, pool.spot}) if spot in best]
            if pool.id not in today and any(r < (pool.usd_per_h, order[pool.id]) for r in rivals):
                dominated.add(pool.id)
    return dominated


def _most_machines(problem: Problem, pairs: Pairs) -> int:
    """No sensible placement has more machines than this, whatever it chooses."""
    mixing = {w.name for w in problem.workloads if w.fleet is not None}
    most: dict[str, int] = {}
    for choice in problem.choices:
        if choice.id in pairs.own:
            machines = sum(max(part.machines, 1) for part in choice.parts) * choice.most
            before = most.get(choice.workload, 0)
            most[choice.workload] = before + machines if choice.workload in mixing else max(before, machines)
    return sum(most.values())
