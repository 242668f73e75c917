"""The laws of placement: one function each, listed in ``CONSTRAINTS``.

Each docstring gives the law in a sentence, then as a formula, then the label
its rules carry in explanations.  In the formulas c is a choice, p a pool, w a
workload; ``N[c]`` are the replicas of c, ``n[c, p]`` those of them in p, and
``take[c]`` is 1 when c is taken.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.placement.model import DOMAIN_OF, Builder, Rule
from dcplan.placement.scale import exact, money_down, money_up, part_down, part_each

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.placement.types import AffinityRule, Pool, SpreadRule, Workload

WHOLE = 1_000_000
"""What stretching a limit to its double weighs; parts of it weigh in proportion."""


def usd_per_h(amount: float) -> str:
    """``$100/h``, ``$12.40/h``."""
    return f"${amount:,.2f}".removesuffix(".00") + "/h"


def every_workload_runs(b: Builder) -> None:
    r"""Every workload runs, in one of its ways.

        sum over choices c of w of  take[c]   =   1

    Label: ``demand[w]``.  More than one is impossible by the meaning of choice.
    """
    for w in b.problem.workloads:
        choices = b.choices_of[w.name]
        takes = [(1, b.take[c.id]) for c in choices]
        b.define(takes, high=1)
        says = f'"{w.name}" has no choice that fits on any machine on offer'
        if choices:
            least = min(choices, key=lambda c: (c.replicas * c.devices, c.id))
            size = f"{plural(least.replicas, 'replica')} of {plural(least.devices, 'device')}"
            ways = f"{len(choices)} ways, the smallest with {size}" if len(choices) > 1 else size
            says = f'"{w.name}" must run ({ways})'
        rule = Rule(law="demand", label=f"demand[{w.name}]", says=says, origins=(w.origin,))
        b.require(takes, rule, at_least=1)


def a_choice_brings_all_its_replicas(b: Builder) -> None:
    r"""A choice that is taken has all its replicas somewhere; one that is not has none.

        sum over pools p of  n[c, p]   =   N[c] * take[c]

    No label: this is what a choice means.
    """
    for choices in b.choices_of.values():
        for c in choices:
            b.define([*b.placed(c, lambda _: True), (-c.replicas, b.take[c.id])], low=0, high=0)


def shared_machines_hold_their_replicas(b: Builder) -> None:
    r"""Replicas that share machines fit into them.

        sum over c of shelf s of  devices[c] * n[c, p]   <=   devices[s] * shared[p, s]

    No label: this is what a machine means.  See ``packing`` for why counting
    devices is enough.
    """
    for pool, shelves in b.shelves.items():
        for i, shelf in enumerate(shelves):
            load = [(c.devices, b.replicas[c.id, pool]) for c in b.sharing(pool, shelf)]
            b.define([*load, (-shelf.devices, b.shared[pool, i])], high=0)


def pool_capacity(b: Builder) -> None:
    r"""A pool never gives more machines than it has.

        sum over c of  machines[c] * n[c, p]  +  sum over s of  shared[p, s]   <=   machines[p]

    Label: ``pool-capacity[p]``.  Comes from the offerings (no line of the document).
    """
    for p in b.pools:
        if p.machines is not None:
            rule = Rule(
                law="pool-capacity",
                label=f"pool-capacity[{p.id}]",
                says=f"pool {p.id} has {plural(p.machines, 'machine')}",
                origins=(),
                stretch=max(1, WHOLE // max(p.machines, 1)),
            )
            b.require(b.machines(p.id), rule, at_most=p.machines)


def one_pool(b: Builder) -> None:
    r"""The replicas of a gang are all in one pool.

        n[c, p]   <=   N[c] * at[c, p],      sum over p of  at[c, p]   <=   1

    Label: ``one-pool[w]``.
    """
    for w in b.problem.workloads:
        rule = Rule(
            law="one-pool",
            label=f"one-pool[{w.name}]",
            says=f'all machines of "{w.name}" are in one pool',
            origins=(w.origin,),
        )
        for c in b.choices_of[w.name]:
            if c.one_pool and c.replicas > 1:
                at = {p.id: b.model.boolean() for p in b.pairs[c.id]}
                b.require([(1, var) for var in at.values()], rule, at_most=1)
                for pool, var in at.items():
                    b.require([(1, b.replicas[c.id, pool]), (-c.replicas, var)], rule, at_most=0)


def spread(b: Builder) -> None:
    r"""Replicas sit in at least k zones (or regions), none of which holds more than its share.

        sum over p in d of  n[c, p]   <=   ceil(N[c] / k) * take[c]      for each zone d
        sum over d of  present[w, d]  >=   k * sum over c of w of  take[c]

    Label: ``spread[w, zone]``.
    """
    for w in b.problem.workloads:
        for s in w.spread:
            _spread_one(b, w, s)


def _spread_one(b: Builder, w: Workload, s: SpreadRule) -> None:
    rule = Rule(
        law="spread",
        label=f"spread[{w.name}, {s.over}]",
        says=f'"{w.name}" is spread evenly over at least {plural(s.at_least, s.over)}',
        origins=(s.origin,),
    )
    domains = b.domains([w], s.over)
    of = DOMAIN_OF[s.over]
    for c in b.choices_of[w.name]:
        for d in domains:
            here = b.placed(c, lambda p, d=d: of(p) == d)  # type: ignore[misc]
            if here:
                share = part_each(c.replicas, s.at_least)
                b.require([*here, (-share, b.take[c.id])], rule, at_most=0)
    sites = [(1, b.present(w.name, s.over, d)) for d in domains]
    b.require([*sites, *((-s.at_least, b.take[c.id]) for c in b.choices_of[w.name])], rule, at_least=0)


def affinity(b: Builder) -> None:
    r"""Replicas are only where another workload has some, or, apart, only where it has none.

        n[w, d]   <=   N[w] * present[other, d]            for each zone (or region) d
        n[w, d]   <=   N[w] * (1 - present[other, d])      when apart

    Label: ``affinity[w, other]``.
    """
    for w in b.problem.workloads:
        for a in w.affinity:
            _affinity_one(b, w, a)


def _affinity_one(b: Builder, w: Workload, a: AffinityRule) -> None:
    words = f'in no {a.at} where "{a.other}" runs' if a.apart else f'only in {a.at}s where "{a.other}" runs'
    rule = Rule(
        law="affinity",
        label=f"affinity[{w.name}, {a.other}, {a.at}]",
        says=f'"{w.name}" runs {words}',
        origins=(a.origin,),
    )
    most = b.most_replicas(w.name)
    for d in b.domains([w], a.at):
        here, other = b.in_domain(w.name, a.at, d), b.present(a.other, a.at, d)
        if a.apart:
            b.require([*here, (most, other)], rule, at_most=most)
        else:
            b.require([*here, (-most, other)], rule, at_most=0)


def spot_share(b: Builder) -> None:
    r"""At most a share of a workload's replicas runs on spot machines.

        sum over spot pools p of  n[c, p]   <=   floor(share * N[c]) * take[c]

    Label: ``spot-share[w]``.
    """

    def is_spot(pool: Pool) -> bool:
        return pool.spot

    for w in b.problem.workloads:
        if w.spot is None:
            continue
        percent = float(exact(w.spot.share) * Fraction(100))
        part = f"at most {percent:g} %" if percent else "none"
        rule = Rule(
            law="spot-share",
            label=f"spot-share[{w.name}]",
            says=f'{part} of the replicas of "{w.name}" runs on spot machines',
            origins=() if w.spot.origin is None else (w.spot.origin,),
        )
        for c in b.choices_of[w.name]:
            here = b.placed(c, is_spot)
            if here:
                share = part_down(w.spot.share, c.replicas)
                stretched = _with_stretch(rule, c.replicas) if w.spot.origin is not None else rule
                b.require([*here, (-share, b.take[c.id])], stretched, at_most=0)


def _with_stretch(rule: Rule, replicas: int) -> Rule:
    """The rule, stretchable: all replicas on spot weigh as much as a doubled limit."""
    return Rule(
        law=rule.law,
        label=rule.label,
        says=rule.says,
        origins=rule.origins,
        stretch=max(1, WHOLE // replicas),
    )


def budget(b: Builder) -> None:
    r"""All machines together cost no more than the budget.

        sum over p of  usd_per_h[p] * machines in use in p   <=   budget

    Label: ``budget``.  Money in micro-dollars an hour.
    """
    if b.problem.budget is None:
        return
    limit = money_down(b.problem.budget.usd_per_h)
    bill = [
        (count * price, var)
        for p in b.pools
        if (price := money_up(p.usd_per_h)) > 0
        for count, var in b.machines(p.id)
    ]
    step = max(1, limit // WHOLE)
    rule = Rule(
        law="budget",
        label="budget",
        says=f"all machines together cost at most {usd_per_h(b.problem.budget.usd_per_h)}",
        origins=(b.problem.budget.origin,),
        stretch=max(1, WHOLE * step // max(limit, WHOLE)),
    )
    b.require(bill, rule, at_most=limit, step=step)


CONSTRAINTS: tuple[Callable[[Builder], None], ...] = (
    every_workload_runs,
    a_choice_brings_all_its_replicas,
    shared_machines_hold_their_replicas,
    pool_capacity,
    one_pool,
    spread,
    affinity,
    spot_share,
    budget,
)
"""Every law there is, in the order in which they are added."""
