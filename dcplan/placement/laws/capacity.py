"""Pools give no more than they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.placement.laws.stretch import WHOLE
from dcplan.placement.model import Rule

if TYPE_CHECKING:
    from dcplan.placement.model import Builder


def pool_capacity(b: Builder) -> None:
    r"""A pool never gives more machines than it has.

        sum over c of  machines[c] * n[c, p]  +  sum over s of  shared[p, s]   <=   machines[p]

    Parts beside count like replicas.
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
