"""The law of units on two machine types: each replica's parts are in one zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.domains import zone_of
from dcplan.placement.model import Rule

if TYPE_CHECKING:
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Choice, Workload


def parts_beside(b: Builder) -> None:
    r"""Each zone holds as many parts beside as replicas of a choice that has such parts.

        sum over p in z of  n[c, p]   =   sum over p in z of  b[c, p]      for each zone z

    ``b[c, p]`` are the parts beside of c in p.  They hand caches to each other, and between zones that is
    slow and has its price.  Which part belongs to which replica of its zone makes no difference.
    Machines that stand by for a job are parts beside in its own pool:

        n[c, p]   =   b[c, p]      for each pool p

    Label: ``beside[w]``.
    """
    for w in b.problem.workloads:
        choices = [c for c in b.choices_of[w.name] if c.beside is not None]
        rule = Rule(
            law="beside",
            label=f"beside[{w.name}]",
            says=f'both parts of each unit of "{w.name}" are in one zone',
            origins=(w.origin,),
        )
        for c in choices:
            if c.beside is not None and c.beside.same_pool:
                _stand_by(b, c, w)
                continue
            for zone in sorted({zone_of(p) for _, pools in b.pairs.of(c) for p in pools}):
                own = b.placed(c, lambda p, zone=zone: zone_of(p) == zone)  # type: ignore[misc]
                others = b.placed_beside(c, lambda p, zone=zone: zone_of(p) == zone)  # type: ignore[misc]
                b.require([*own, *((-k, var) for k, var in others)], rule, at_least=0, at_most=0)


def _stand_by(b: Builder, c: Choice, w: Workload) -> None:
    """As many machines that stand by as the job has, in its own pool."""
    rule = Rule(
        law="beside",
        label=f"beside[{w.name}]",
        says=f'the machines that stand by for "{w.name}" are in its pool',
        origins=(w.origin,),
    )
    for p in {p.id: p for _, pools in b.pairs.of(c) for p in pools}.values():
        own = b.placed(c, lambda q, p=p: q.id == p.id)  # type: ignore[misc]
        others = b.placed_beside(c, lambda q, p=p: q.id == p.id)  # type: ignore[misc]
        b.require([*own, *((-k, var) for k, var in others)], rule, at_least=0, at_most=0)
