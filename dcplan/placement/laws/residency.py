"""On the ground of some countries only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import listed, plural
from dcplan.placement.model import Rule

if TYPE_CHECKING:
    from dcplan.placement.model import Builder
    from dcplan.placement.place_types import ResidencyRule


def residency(b: Builder) -> None:
    r"""Nothing of a workload is outside the countries that it may not leave, or where the country is unknown.

        n[c, p]   =   0         for each pool p that is not known to be in one of them

    Parts beside count like replicas.
    Label: ``residency[w]``.
    """
    for w in b.problem.workloads:
        if w.residency is None:
            continue
        home = w.residency.pools
        outside = [
            term
            for c in b.choices_of[w.name]
            for side in (b.placed, b.placed_beside)
            for term in side(c, lambda p: p.id not in home)  # noqa: B023 - used in this round only
        ]
        if outside:
            rule = Rule(
                law="residency",
                label=f"residency[{w.name}]",
                says=_says(w.name, w.residency),
                origins=(w.residency.origin,),
            )
            b.require(outside, rule, at_most=0)


def _says(workload: str, rule: ResidencyRule) -> str:
    lost = f" ({plural(len(rule.unknown), 'pool')} in an unknown country left out)" if rule.unknown else ""
    return f'"{workload}" does not leave {listed(rule.names, last="or")}{lost}'
