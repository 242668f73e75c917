"""Which gangs get a seat when not all can: the most nodes of the highest priority, then of the next.

Decided on the relaxation alone, because whatever counts it gives to children can
be filled stage after stage: what it admits fits.  With a boolean ``out`` for each
piece, ``nodes in children + nodes * out = nodes``; for each priority in turn

    min sum over its pieces of nodes * out,

kept as a law for the next one; quotas are rows over the nodes that are not out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement import cpsat
from dcplan.placement.gangs.model import build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.placement.gangs.pieces import Deal
    from dcplan.placement.gangs.types import GangEffort


def refused(deal: Deal, quotas: Mapping[str, int], effort: GangEffort) -> set[int]:
    """Indices of the pieces that get no seat."""
    if not _doubtful(deal, quotas):
        return set()
    built = build(deal, unit=1.0, exact=False, free_of_cost=True)
    out = [v.out for v in built.pieces]
    for name, nodes in quotas.items():
        own = [(p.nodes, o) for p, o in zip(deal.pieces, out, strict=True) if p.gang.quota == name]
        built.model.add(own, low=sum(n for n, _ in own) - nodes)
    values: tuple[int, ...] = ()
    for priority in sorted({p.gang.priority for p in deal.pieces}, reverse=True):
        terms = [(p.nodes, o) for p, o in zip(deal.pieces, out, strict=True) if p.gang.priority == priority]
        start = dict(enumerate(values)) if values else dict.fromkeys(out, 1)
        answer = cpsat.run(
            built.model, cpsat.Effort(seed=effort.seed, limit=effort.limit / 4), minimise=terms, hint=start
        )
        if not answer.found:
            break
        values = answer.values
        built.model.add(terms, high=answer.objective)
    if not values:
        return set(range(len(out)))
    return {index for index, var in enumerate(out) if values[var]}


def _doubtful(deal: Deal, quotas: Mapping[str, int]) -> bool:
    """Whether it takes a solver to know that everything fits."""
    for name, nodes in quotas.items():
        if sum(p.nodes for p in deal.pieces if p.gang.quota == name) > nodes:
            return True
    ruled = any(p.whole or p.barred or p.with_ or p.apart or p.most is not None for p in deal.pieces)
    return ruled or sum(p.nodes for p in deal.pieces) > sum(deal.free)
