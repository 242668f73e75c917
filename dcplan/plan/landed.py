"""A plan as it came to be: with what was had in other pools than it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.placement.types import Allotment, PoolUse
from dcplan.plan.fallbacks import AT_HOME
from dcplan.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.plan.fallbacks import Fallback, Unit
    from dcplan.plan.types import PlacedWorkload, Plan
    from dcplan.resources import Address, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Machines that are in another pool than was planned."""

    from_pool: str
    pool: str
    machines: int
    usd_per_h: float
    """What all of them cost more; negative is less."""


def landed(plan: Plan, resources: Mapping[Address, Resource]) -> tuple[Plan, tuple[Moved, ...]]:
    """``plan`` with pools, places and costs as ``resources`` have them, and what is elsewhere."""
    moved: Counter[tuple[int, int]] = Counter()
    units: list[tuple[Fallback, Unit, int]] = []
    for number, fallback in enumerate(plan.fallbacks):
        for unit in fallback.units:
            target = _target(fallback, unit, resources)
            if target != AT_HOME:
                moved[number, target] += len(unit.machines)
                units.append((fallback, unit, target))
    if not units:
        return plan, ()
    moves = tuple(
        Moved(
            from_pool=plan.fallbacks[number].pool,
            pool=plan.fallbacks[number].pool_at(target),
            machines=count,
            usd_per_h=plan.fallbacks[number].usd_per_h_at(target) * count,
        )
        for (number, target), count in sorted(moved.items())
    )
    return (
        replace(
            plan,
            workloads=tuple(_workload(w, units) for w in plan.workloads),
            pools=_pools(plan.pools, moves),
            usd_per_h=None if plan.usd_per_h is None else plan.usd_per_h + sum(m.usd_per_h for m in moves),
        ),
        moves,
    )


def _target(fallback: Fallback, unit: Unit, resources: Mapping[Address, Resource]) -> int:
    """Where the unit is; at home as long as it is not wholly elsewhere."""
    rows = [resources.get(machine) for machine in unit.machines]
    targets = {None if row is None else fallback.target_of(row.attributes.get("pool")) for row in rows}
    only = targets.pop() if len(targets) == 1 else None
    return AT_HOME if only is None else only


def _pools(uses: Iterable[PoolUse], moves: Iterable[Moved]) -> tuple[PoolUse, ...]:
    count = Counter({use.pool: use.machines for use in uses})
    for move in moves:
        count[move.from_pool] -= move.machines
        count[move.pool] += move.machines
    return tuple(PoolUse(pool=pool, machines=n) for pool, n in sorted(count.items()) if n > 0)


def _workload(placed: PlacedWorkload, units: list[tuple[Fallback, Unit, int]]) -> PlacedWorkload:
    """The workload with what of it is elsewhere."""
    counts = {
        beside: Counter({(a.choice, a.pool): a.replicas for a in allotments})
        for beside, allotments in ((False, placed.allotments), (True, placed.beside))
    }
    more_usd_per_h = 0.0
    regions: dict[str, str] = {}
    touched = False
    for fallback, unit, target in units:
        for share in unit.shares:
            if share.workload != placed.name:
                continue
            touched = True
            other = fallback.alternatives[target]
            counts[share.beside][share.choice, fallback.pool] -= share.replicas
            counts[share.beside][share.choice, other.pool] += share.replicas
            more_usd_per_h += other.usd_per_h * len(unit.machines) * share.of_price
            regions |= {fallback.pool: fallback.region, other.pool: other.region}
    if not touched:
        return placed
    here = _allotments(placed.name, counts[False])
    known = [regions.get(a.pool) for a in here]
    exact = tuple(dict.fromkeys(r for r in known if r is not None))
    cost = None if placed.usd_per_h is None else placed.usd_per_h + more_usd_per_h
    hours = placed.candidate.hours
    return replace(
        placed,
        allotments=here,
        beside=_allotments(placed.name, counts[True]),
        regions=exact if None not in known else tuple(dict.fromkeys((*placed.regions, *exact))),
        usd_per_h=cost,
        usd_per_month=None if cost is None else cost * HOURS_PER_MONTH,
        usd_for_job=None if hours is None or cost is None else cost * hours,
        ranks=None,
    )


def _allotments(workload: str, counts: Counter[tuple[str, str]]) -> tuple[Allotment, ...]:
    return tuple(
        Allotment(workload=workload, choice=choice, pool=pool, replicas=count)
        for (choice, pool), count in counts.items()
        if count > 0
    )
