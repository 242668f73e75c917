"""What is minimised, one term after the other: each later term only decides what the earlier leave open.

Order: workloads that are left out (``minimise``), the document's goals and cost (``measures``), then ties:
moves from today, machines, devices, memory that is lacking, names.  Ties make plans stable, so that
planning again does not reshuffle machines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.domains import in_order
from dcplan.placement.scale import paid_up, shared_up, whole_mib

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.placement.cpsat import Terms
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Pool, Problem


def unmet_demand(b: Builder) -> Terms:
    """Required workloads that do not run, less a constant: minus the sum of ``take[c]``."""
    return [(-k, var) for w in b.problem.workloads if w.required for k, var in b.runs(w.name)]


def shared_hours(problem: Problem) -> float:
    """How long shared machines are paid for: the longest that any replica on them could stay.

    Only serving shares machines, and all serving is weighed over one horizon,
    so in practice this is that horizon.
    """
    sharing = (c.hours for c in problem.choices if any(part.machines == 0 for part in c.parts))
    return max(sharing, default=0.0)


def micro_cost(b: Builder) -> list[tuple[int, int]]:
    r"""Money paid for all machines over the time they are needed, in micro-dollars.

    sum over p of  usd_per_h[p] * (sum over c of  hours[c] * machines[c] * n[c, p]
                                   +  shared_hours * sum over s of  shared[p, s])

    + sum over c, p of  hours[c] * egress_usd_per_h[w, p] / N[c] * n[c, p]

    Parts beside count like replicas; traffic leaves from the replicas alone.
    """
    hours = shared_hours(b.problem)
    machines = [term for p in b.pools for term in _pool_cost(b, p, hours)]
    return [term for term in (*machines, *_egress_cost(b)) if term[0] > 0]


def _egress_cost(b: Builder) -> list[tuple[int, int]]:
    """Each replica sends an equal part of its workload's traffic."""
    return [
        (shared_up(traffic[p.id], c.replicas, c.hours), b.replicas[c.id, p.id])
        for w in b.problem.workloads
        if (traffic := w.egress_usd_per_h)
        for c in b.choices_of[w.name]
        for p in b.pairs.own[c.id]
        if p.id in traffic
    ]


def _pool_cost(b: Builder, p: Pool, hours: float) -> list[tuple[int, int]]:
    loads = b.whole(p.id)
    prices = {one.choice.hours: paid_up(p.usd_per_h, one.choice.hours) for one in loads}
    whole = [(one.part.machines * prices[one.choice.hours], one.count) for one in loads]
    price = paid_up(p.usd_per_h, hours)
    return whole + [(price, b.shared[p.id, i]) for i in range(len(b.shelves[p.id]))]


def moves(b: Builder) -> Terms:
    r"""Replicas of today, and their parts beside, that do not stay where they are, less a constant.

    minus the sum over allotments of today of  kept,    kept <= n[c, p],  kept <= replicas today
    """
    return [(-1, var) for _, var in b.kept(wanted=False)]


def kinds(b: Builder) -> Terms:
    """Choices in mixed fleets: at equal cost, a fleet of one kind is easier to run."""
    return [(1, b.take[c.id]) for workload in sorted(b.mixing) for c in b.choices_of[workload]]


def machines(b: Builder) -> Terms:
    """Machines in use, which matters where they cost nothing."""
    return [term for p in b.pools for term in b.machines(p.id)]


def devices(b: Builder) -> Terms:
    """Devices in use: what is left of a machine that is paid for anyway may serve others."""
    return [
        (part.devices, counts[c.id, pool.id])
        for choices in b.choices_of.values()
        for c in choices
        for part, pools in b.pairs.of(c)
        for counts in (b.replicas if part is c else b.beside,)
        for pool in pools
    ]


def tightness(b: Builder) -> Terms:
    r"""Memory that the choices leave less than the roomiest choice of their workload, in MiB of a device.

    sum over c of  lack[c] * take[c],    lack[c] = (max over c' of w of  slack[c']) - slack[c]

    Room for longer requests and larger batches than were planned, at no price.
    What is unknown comes after all that is known of the workload.
    """
    terms: list[tuple[int, int]] = []
    for choices in b.choices_of.values():
        known = [c.slack_bytes for c in choices if c.slack_bytes is not None]
        if known:
            unknown = whole_mib(max(known) - min(known)) + 1
            lacks = [
                unknown if c.slack_bytes is None else whole_mib(max(known) - c.slack_bytes) for c in choices
            ]
            terms += [(lack, b.take[c.id]) for c, lack in zip(choices, lacks, strict=True) if lack]
    return terms


def names(b: Builder) -> Terms:
    """Choices, then pools, whose names come first (``in_order``): arbitrary, but always the same.

    Pools with idle machines come before the others: what was had there is not given back for its equal.
    """
    idle = b.problem.idle
    by_name = sorted(in_order(b.pools), key=lambda pool: pool.id not in idle)
    rank = {pool.id: i for i, pool in enumerate(by_name)}
    order = {choice: i for i, choice in enumerate(sorted(b.take))}
    counts = [*b.replicas.items(), *b.beside.items()]
    places = [(rank[pool], var) for (_, pool), var in counts if rank[pool]]
    return [*((order[c], var) for c, var in b.take.items() if order[c]), *places]


TIES: tuple[Callable[[Builder], Terms], ...] = (moves, kinds, machines, devices, tightness, names)
"""What decides between placements that are equally good, in this order."""
