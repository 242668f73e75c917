"""State the placement problem: demand, candidates and offerings in the solver's own nouns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from dcplan.catalog.types import Purchase
from dcplan.placement.types import (
    AffinityRule,
    Allotment,
    BudgetRule,
    Choice,
    Pool,
    Problem,
    SpotRule,
    SpreadRule,
    Workload,
)

if TYPE_CHECKING:
    from dcplan.catalog.types import Machine, Offering
    from dcplan.demand.types import Demand, WorkloadDemand
    from dcplan.sharding.types import Candidate


def pools_of(offerings: Iterable[Offering], machines: Mapping[str, Machine]) -> tuple[Pool, ...]:
    """The pools that can be paid for and had.

    An offering without a known price cannot be weighed against the others: it
    is left out, and the caller says so.
    """
    return tuple(
        Pool(
            id=offering.pool,
            provider=offering.provider,
            region=offering.region,
            zone=offering.zone,
            machine=offering.machine,
            accelerator=machines[offering.machine].accelerator,
            devices=machines[offering.machine].devices,
            machines=offering.machines,
            usd_per_h=offering.usd_per_h,
            spot=offering.purchase is Purchase.SPOT,
        )
        for offering in offerings
        if offering.available and offering.usd_per_h is not None
    )


def state_problem(
    demand: Demand,
    candidates: Sequence[Candidate],
    pools: tuple[Pool, ...],
    current: tuple[Allotment, ...] = (),
) -> Problem:
    """The problem whose solution says where everything runs."""
    known = {pool.id for pool in pools}
    return Problem(
        workloads=tuple(_workload(w) for w in demand.workloads),
        pools=pools,
        choices=tuple(_choice(c, demand.horizon_s / 3600, known) for c in candidates),
        budget=None
        if demand.budget is None
        else BudgetRule(usd_per_h=demand.budget.usd_per_h, origin=demand.budget.origin),
        current=current,
    )


def _workload(demand: WorkloadDemand) -> Workload:
    limits = demand.limits
    spot = None
    if limits.spot_share is not None:
        spot = SpotRule(share=limits.spot_share, origin=limits.spot_origin)
    return Workload(
        name=demand.name,
        origin=demand.origin,
        spread=tuple(SpreadRule(over=s.over, at_least=s.at_least, origin=s.origin) for s in limits.spread),
        affinity=tuple(
            AffinityRule(other=a.workload, at=a.at, apart=a.apart, origin=a.origin) for a in limits.affinity
        ),
        # Spot machines vanish at two minutes' notice: without a word from the user, none.
        spot=spot or SpotRule(share=0.0, origin=None),
    )


def _choice(candidate: Candidate, horizon_h: float, pools: set[str]) -> Choice:
    hours = candidate.hours
    return Choice(
        id=candidate.id,
        workload=candidate.workload,
        pools=tuple(p for p in candidate.pools if p in pools),
        replicas=candidate.replicas,
        devices=candidate.devices,
        machines=candidate.machines,
        hours=horizon_h if hours is None else hours,
        one_pool=candidate.machines > 1 or hours is not None,
    )
