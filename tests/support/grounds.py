"""Placements on paper, with the provider that would hold them, for failover."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.catalog.types import Offering, Purchase, Source
from dcplan.placement import solve
from dcplan.placement.assign import assign
from dcplan.placement.seats import Hall
from dcplan.placement.types import Assignment, MachineSlot
from dcplan.plan.alternatives import Ground, fallbacks_of
from dcplan.plan.lower import machine_groups
from dcplan.provider.local.kinds import KINDS
from dcplan.provider.lowering import lower
from dcplan.provider.types import Placement
from dcplan.resources import Action, Address, Change, Resource

if TYPE_CHECKING:
    from collections.abc import Collection

    from dcplan.placement.types import Pool, Problem
    from dcplan.plan.fallbacks import Fallback

PROJECT = "p"
SOURCE = Source(name="a test", date="2026-01-01")


def offering_of(pool: Pool) -> Offering:
    """What opens such a pool."""
    return Offering(
        provider=pool.provider,
        region=pool.region,
        zone=pool.zone,
        machine=pool.machine,
        purchase=Purchase.SPOT if pool.spot else Purchase.ON_DEMAND,
        usd_per_h=pool.usd_per_h,
        machines=pool.machines,
        available=True,
        source=SOURCE,
        block=pool.id,
    )


def resources_for(provider: str, placement: Placement) -> tuple[Resource, ...]:
    """What a provider of that name makes of it."""
    return lower(placement, provider=provider, machine_kind="machine", kinds=KINDS)


def ground_of(problem: Problem) -> Ground:
    """The best placement of the problem, with names."""
    solution = solve(problem).unwrap()
    return Ground(
        project=PROJECT,
        problem=problem,
        solution=solution,
        assignment=assign(solution, problem, Assignment()),
        offerings={pool.id: offering_of(pool) for pool in problem.pools},
        free={},
        today={},
        hall=lambda _: Hall(),
    )


def machines_of(ground: Ground, slots: Collection[MachineSlot]) -> dict[Address, Resource]:
    """The machines as their provider makes them."""
    providers = {pool.id: pool.provider for pool in ground.problem.pools}
    made = {}
    for provider in sorted({providers[slot.pool] for slot in slots}):
        mine = [slot for slot in slots if providers[slot.pool] == provider]
        groups = machine_groups(mine, ground.offerings, ())
        placement = Placement(project=PROJECT, machines=groups, workloads=())
        made.update({r.address: r for r in resources_for(provider, placement)})
    return made


def fallbacks_on(ground: Ground, *, standing: Collection[str] = ()) -> tuple[Fallback, ...]:
    """Where the machines may be had instead that are not ``standing``."""
    wanted = machines_of(ground, ground.assignment.machines)
    changes = [
        Change(address=a, action=Action.CREATE, before=None, after=r)
        for a, r in wanted.items()
        if a.name not in standing
    ]
    return fallbacks_of(ground, changes, wanted, resources_for)


def elsewhere(ground: Ground, moves: dict[str, str]) -> Assignment:
    """The placement with these machines in these pools."""
    return replace(
        ground.assignment,
        machines=tuple(replace(m, pool=moves.get(m.name, m.pool)) for m in ground.assignment.machines),
    )
