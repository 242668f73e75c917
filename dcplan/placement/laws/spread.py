"""Replicas over zones or regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import agreeing, plural
from dcplan.placement.domains import DOMAIN_OF
from dcplan.placement.model import Rule
from dcplan.placement.scale import part_each

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dcplan.placement.domains import Domain
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Pool, SpreadRule, Workload


def spread(b: Builder) -> None:
    r"""Replicas sit in at least k zones (or regions), none of which holds more than its share.

        sum over p in d of  n[c, p]   <=   ceil(N[c] / k) * take[c]      for each zone d
        sum over d of  present[w, d]  >=   k * sum over c of w of  take[c]

    Where there may be more replicas, the first is
    k * (sum over p in d of n[c, p])  <=  (sum over p of n[c, p]) + (k - 1) * take[c].
    In a mixed fleet it is that over all choices together, and the second asks for k * (whether w runs).

    Label: ``spread[w, zone]``.
    """
    for w in b.problem.workloads:
        for s in w.spread:
            _spread_one(b, w, s)


def on_offer(domains: Sequence[Domain], over: str) -> str:
    """How many zones or regions a workload could use."""
    return f"{plural(len(domains), over)} {agreeing(len(domains), 'are')} on offer to it"


def _spread_one(b: Builder, w: Workload, s: SpreadRule) -> None:
    domains = b.domains([w], s.over)
    rule = Rule(
        law="spread",
        label=f"spread[{w.name}, {s.over}]",
        says=f'"{w.name}" is spread evenly over at least {plural(s.at_least, s.over)} '
        f"({on_offer(domains, s.over)})",
        origins=(s.origin,),
    )
    of = DOMAIN_OF[s.over]
    if w.name in b.mixing:
        for d in domains:
            _fair_in_fleet(b, w, s.at_least, d, rule, of)
    for c in () if w.name in b.mixing else b.choices_of[w.name]:
        for d in domains:
            here = b.placed(c, lambda p, d=d: of(p) == d)  # type: ignore[misc]
            if here and c.extra:
                k = s.at_least
                of_all = [(-1, var) for _, var in b.placed(c, lambda _: True)]
                mine = [(k * each, var) for each, var in here]
                b.require([*mine, *of_all, (1 - k, b.take[c.id])], rule, at_most=0)
            elif here:
                share = part_each(c.replicas, s.at_least)
                b.require([*here, (-share, b.take[c.id])], rule, at_most=0)
    sites = [(1, b.present(w.name, s.over, d)) for d in domains]
    b.require([*sites, *((-s.at_least * k, var) for k, var in b.runs(w.name))], rule, at_least=0)


def _fair_in_fleet(  # noqa: PLR0913, PLR0917 - what the row is made of
    b: Builder, w: Workload, at_least: int, domain: Domain, rule: Rule, of: Callable[[Pool], Domain]
) -> None:
    """No more than its share of all replicas of a mixed fleet is in one domain."""
    choices = b.choices_of[w.name]
    here = [(at_least, var) for c in choices for _, var in b.placed(c, lambda p: of(p) == domain)]
    of_all = [(-1, var) for c in choices for _, var in b.placed(c, lambda _: True)]
    b.require([*here, *of_all], rule, at_most=at_least - 1)
