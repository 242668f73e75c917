"""What is minimised, one term after the other: each later term only decides what the earlier leave open.

Order: unmet demand (only when not all can be met, see ``explain``), cost,
moves from today, machines, names.  All after cost make ties stable, so that planning
again does not reshuffle machines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.scale import coarse_unit, paid_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.placement.cpsat import Terms
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Pool


def unmet_demand(b: Builder) -> Terms:
    """Workloads that do not run, less a constant: minus the sum of ``take[c]``."""
    return [(-1, var) for var in b.take.values()]


def shared_hours(b: Builder) -> float:
    """How long shared machines are paid for: the longest that any replica on them could stay.

    Only serving shares machines, and all serving is weighed over one horizon,
    so in practice this is that horizon.
    """
    return max((c.hours for c in b.problem.choices if c.machines == 0), default=0.0)


def cost(b: Builder) -> Terms:
    r"""Money paid for all machines over the time they are needed, in ``cost_unit`` micro-dollars.

    sum over p of  usd_per_h[p] * (sum over c of  hours[c] * machines[c] * n[c, p]
                                   +  shared_hours * sum over s of  shared[p, s])
    """
    unit = cost_unit(b)
    return [(-(-micro // unit), var) for micro, var in _micro_cost(b)]


def cost_unit(b: Builder) -> int:
    """Micro-dollars in one unit of ``cost``: 1, or a power of ten for sums beyond 64-bit integers."""
    return coarse_unit(micro * b.model.bounds[var][1] for micro, var in _micro_cost(b))


def _micro_cost(b: Builder) -> list[tuple[int, int]]:
    hours = shared_hours(b)
    return [term for p in b.pools for term in _pool_cost(b, p, hours) if term[0] > 0]


def _pool_cost(b: Builder, p: Pool, hours: float) -> list[tuple[int, int]]:
    prices = {c.hours: paid_up(p.usd_per_h, c.hours) for c in b.used_by[p.id] if c.machines > 0}
    whole = [
        (c.machines * prices[c.hours], b.replicas[c.id, p.id]) for c in b.used_by[p.id] if c.machines > 0
    ]
    price = paid_up(p.usd_per_h, hours)
    return whole + [(price, b.shared[p.id, i]) for i in range(len(b.shelves[p.id]))]


def moves(b: Builder) -> Terms:
    r"""Replicas of today that do not stay where they are, less a constant.

    minus the sum over allotments of today of  kept,    kept <= n[c, p],  kept <= replicas today
    """
    kept = []
    for today in b.problem.current:
        now = b.replicas.get((today.choice, today.pool))
        if now is not None and today.replicas > 0:
            var = b.model.integer(0, today.replicas)
            b.define([(1, var), (-1, now)], high=0)
            kept.append((-1, var))
    return kept


def machines(b: Builder) -> Terms:
    """Machines in use, which matters where they cost nothing."""
    return [term for p in b.pools for term in b.machines(p.id)]


def names(b: Builder) -> Terms:
    """Choices, then pools, whose names come first: arbitrary, but always the same."""
    rank = {pool.id: i for i, pool in enumerate(sorted(b.pools, key=lambda p: p.id))}
    order = {choice: i for i, choice in enumerate(sorted(b.take))}
    places = [(rank[pool], var) for (_, pool), var in b.replicas.items() if rank[pool]]
    return [*((order[c], var) for c, var in b.take.items() if order[c]), *places]


OBJECTIVE: tuple[Callable[[Builder], Terms], ...] = (cost, moves, machines, names)
"""The terms in their order, once all demand can be met."""
