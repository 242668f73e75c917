"""The law of correlated loss: what fails together takes no more than the spares."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dcplan.placement.domains import DOMAIN_OF, zone_of
from dcplan.placement.fleet_types import WHOLE_LOAD
from dcplan.placement.laws.spread import on_offer
from dcplan.placement.model import Rule

if TYPE_CHECKING:
    from collections.abc import Hashable

    from dcplan.placement.model import Builder
    from dcplan.placement.purchase_types import SurviveRule
    from dcplan.placement.types import Pool, Workload


def survive(b: Builder) -> None:
    r"""With any one unit gone, as many replicas are left as carry the load.

        sum over c of w, p not in u of  n[c, p]   >=   sum over c of w of  needed[c] * take[c]
                                                                          for each unit u

    ``needed[c]`` are the replicas without spares.  A unit is all spot machines of one type in one zone, a
    zone, or a region.  A replica with a part beside is gone when either part is: parts beside that are lost
    count like replicas, and the loss of one unit is the loss of one type.  In a mixed fleet each replica
    counts ``weight[c]``, and ``WHOLE_LOAD`` is what must be left.
    Label: ``survive[w, zone]``.
    """
    for w in b.problem.workloads:
        if w.survive is not None:
            for kind in w.survive.units:
                _survive_one(b, w, w.survive, kind)


def unit_of(pool: Pool, kind: str) -> Hashable | None:
    """What a pool is lost with; None when it is never lost in this way."""
    if kind == "spot":
        return (*zone_of(pool), pool.machine) if pool.spot else None
    return DOMAIN_OF[kind](pool)


def _survive_one(b: Builder, w: Workload, s: SurviveRule, kind: str) -> None:
    what = "all spot machines of one type in a zone" if kind == "spot" else f"any one {kind}"
    more = "" if kind == "spot" else f" ({on_offer(b.domains([w], kind), kind)})"
    rule = Rule(
        law="survive",
        label=f"survive[{w.name}, {kind}]",
        says=f'"{w.name}" keeps enough replicas when {what} is lost{more}',
        origins=(s.origin,),
    )
    lost: defaultdict[tuple[Hashable, bool], list[tuple[int, int]]] = defaultdict(list)
    left = []
    mixing = w.name in b.mixing
    if mixing:
        left += [(-WHOLE_LOAD * k, var) for k, var in b.runs(w.name)]
    for c in b.choices_of[w.name]:
        each = c.weight if mixing else 1
        left += [(each * k, var) for k, var in b.placed(c, lambda _: True)]
        left += [] if mixing else [(-c.needed, b.take[c.id])]
        for part, pools in b.pairs.of(c):
            counts = b.replicas if part is c else b.beside
            for p in pools:
                unit = unit_of(p, kind)
                if unit is not None:
                    lost[unit, part is c].append((-each, counts[c.id, p.id]))
    for gone in lost.values():
        b.require([*left, *gone], rule, at_least=0)
