"""State the placement problem: demand, candidates and offerings in the solver's own nouns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.catalog.power import carbon_kg_per_h, machine_power
from dcplan.catalog.types import Purchase
from dcplan.demand.types import TrainDemand
from dcplan.placement.aims import MovesRule, PinRule
from dcplan.placement.fleets import with_fleets
from dcplan.placement.narrowed import narrowings
from dcplan.placement.places import Atlas, cap_rule, rules_of, site_rules
from dcplan.placement.purchase_types import SurviveRule
from dcplan.placement.purchases import ends_in_s, is_over, starts_in_s
from dcplan.placement.spans import spans_of
from dcplan.placement.types import (
    AffinityRule,
    Allotment,
    Beside,
    BudgetRule,
    Choice,
    Pool,
    Problem,
    SpotRule,
    SpreadRule,
    Workload,
)
from dcplan.sharding.types import Within

if TYPE_CHECKING:
    from dcplan.catalog.types import Accelerator, Machine, Offering
    from dcplan.demand.types import Demand, WorkloadDemand
    from dcplan.placement.places import Placing
    from dcplan.sharding.types import Candidate, PrefillMachines

NOWHERE = Atlas()
"""Nothing is known of places, and nothing asks for it."""


def pools_of(
    offerings: Iterable[Offering],
    machines: Mapping[str, Machine],
    accelerators: Mapping[str, Accelerator],
    now_s: float = 0.0,
) -> tuple[Pool, ...]:
    """The pools that can be paid for and had, with their windows as seen at ``now_s`` (Unix time).

    An offering without a known price cannot be weighed against the others: it
    is left out, and the caller says so.
    """
    priced = [o for o in offerings if o.available and o.usd_per_h is not None and not is_over(o, now_s)]
    drawn = {o.pool: _drawn(o, machines[o.machine], accelerators) for o in priced}
    return tuple(
        Pool(
            id=offering.pool,
            provider=offering.provider,
            region=offering.region,
            zone=offering.zone,
            machine=offering.machine,
            accelerator=machines[offering.machine].accelerator,
            devices=machines[offering.machine].devices,
            domain=max(1, machines[offering.machine].scale_up_domain // machines[offering.machine].devices),
            machines=offering.machines,
            usd_per_h=offering.usd_per_h,
            spot=offering.purchase is Purchase.SPOT,
            purchase=offering.purchase.value,
            starts_in_s=starts_in_s(offering, now_s),
            ends_in_s=ends_in_s(offering.window, now_s),
            longest_s=offering.longest_s,
            origin=offering.origin,
            power_w=drawn[offering.pool][0],
            kgco2_per_h=drawn[offering.pool][1],
        )
        for offering in priced
        if offering.usd_per_h is not None
    )


def _drawn(
    offering: Offering, machine: Machine, accelerators: Mapping[str, Accelerator]
) -> tuple[float | None, float | None]:
    """Watts and kilograms of CO2e per hour of one machine, as far as they are known."""
    accelerator = accelerators.get(machine.accelerator)
    power = None if accelerator is None else machine_power(machine, accelerator)
    return None if power is None else power.watts, carbon_kg_per_h(power, offering.place)


def state_problem(  # noqa: PLR0913, PLR0917 - all that a problem is made of
    demand: Demand,
    candidates: Sequence[Candidate],
    pools: tuple[Pool, ...],
    current: tuple[Allotment, ...] = (),
    current_beside: tuple[Allotment, ...] = (),
    atlas: Atlas = NOWHERE,
) -> Problem:
    """The problem whose solution says where everything runs.

    ``current``: where replicas are today, ``current_beside``: where their parts on other machines are.
    """
    demands = {w.name: w for w in demand.workloads}
    rules = {w.name: rules_of(w, atlas) for w in demand.workloads}
    known = {w: {pool.id for pool in pools} - rule.unpriced for w, rule in rules.items()}
    problem = Problem(
        workloads=tuple(_workload(w, rules[w.name]) for w in demand.workloads),
        pools=pools,
        choices=tuple(
            _promised(
                _choice(_everywhere(c, atlas), demand.horizon_s / 3600, known[c.workload]),
                demands[c.workload],
            )
            for c in candidates
        ),
        carbon=cap_rule(demand.carbon),
        power=cap_rule(demand.power),
        sites=site_rules(atlas.sites, atlas.offerings),
        budget=None
        if demand.budget is None
        else BudgetRule(usd_per_h=demand.budget.usd_per_h, origin=demand.budget.origin),
        current=current,
        current_beside=current_beside,
        goals=demand.goals,
        max_moves=None
        if demand.max_moves is None
        else MovesRule(at_most=demand.max_moves.at_most, origin=demand.max_moves.origin),
    )
    return with_fleets(problem, demand, candidates)


def _everywhere(candidate: Candidate, atlas: Atlas) -> Candidate:
    """The candidate with pools that a rule of places forbids: explanations then name the rule."""
    more = atlas.elsewhere.get((candidate.workload, candidate.pools), ())
    return replace(candidate, pools=(*candidate.pools, *more)) if more else candidate


def _workload(demand: WorkloadDemand, places: Placing) -> Workload:
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
        survive=_survive(demand),
        pins=tuple(
            PinRule(kind=p.kind, place=p.place, replicas=p.replicas, origin=p.origin) for p in limits.pins
        ),
        stay=limits.stay,
        required=demand.required,
        priority=demand.priority,
        residency=places.residency,
        users=places.users,
        network=places.network,
        egress_usd_per_h=places.egress_usd_per_h,
        narrowed=narrowings(limits),
        unpriced=frozenset(places.unpriced),
    )


def _choice(candidate: Candidate, horizon_h: float, pools: set[str]) -> Choice:
    hours = candidate.hours
    return Choice(
        id=candidate.id,
        workload=candidate.workload,
        pools=tuple(p for p in candidate.pools if p in pools),
        replicas=candidate.replicas,
        spares=candidate.spares,
        devices=candidate.devices,
        machines=candidate.machines,
        hours=horizon_h if hours is None else hours,
        one_pool=hours is not None,
        one_rack=candidate.within is Within.RACK,
        sent_bytes_per_s=_sent(candidate),
        spans=spans_of(candidate),
        between=candidate.between,
        beside=None
        if candidate.apart is None
        else _beside(candidate.apart, pools, same_pool=candidate.beside is None),
        time_s=candidate.time_s,
        sla_share=candidate.sla_share,
        slack_bytes=candidate.memory_slack_bytes,
    )


def _sent(candidate: Candidate) -> float | None:
    """Bytes per second from one machine of a gang to its others."""
    if candidate.sent_bytes_per_s is None or candidate.machines == 0:
        return None
    return candidate.sent_bytes_per_s * candidate.devices / candidate.machines


def _promised(choice: Choice, demand: WorkloadDemand) -> Choice:
    """The choice with what its workload's promises make of it: a deadline, and room for more replicas.

    A loss can be survived with at most twice the replicas that are needed: where there are more, one can go
    from the fullest unit, and what is left without any one unit is still enough.
    """
    if isinstance(demand, TrainDemand):
        return replace(choice, must_end_s=demand.deadline_s)
    if demand.limits.survive is None:
        return choice
    return replace(choice, extra=max(0, 2 * choice.needed - choice.replicas))


def _survive(demand: WorkloadDemand) -> SurviveRule | None:
    """What must be survived; jobs start again instead."""
    told = demand.limits.survive
    if told is None or isinstance(demand, TrainDemand):
        return None
    return SurviveRule(units=told.units, origin=told.origin)


def _beside(part: PrefillMachines, pools: set[str], *, same_pool: bool) -> Beside:
    return Beside(
        pools=tuple(p for p in part.pools if p in pools),
        devices=part.devices,
        machines=part.machines,
        same_pool=same_pool,
    )
