"""Workloads beside each other, or apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.model import Rule

if TYPE_CHECKING:
    from dcplan.placement.model import Builder
    from dcplan.placement.types import AffinityRule, Workload


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
