"""What choices and machines mean: true by definition, so never part of a conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.cpsat import FAR

if TYPE_CHECKING:
    from dcplan.placement.model import Builder


def a_choice_brings_all_its_replicas(b: Builder) -> None:
    r"""A choice that is taken has all its replicas somewhere; one that is not has none.

        N[c] * take[c]   <=   sum over pools p of  n[c, p]   <=   (N[c] + extra[c]) * take[c]

    Parts beside are as many.  No label: this is what a choice means.
    """
    for workload, choices in b.choices_of.items():
        for c in choices if workload not in b.mixing else ():
            sides = [side(c, lambda _: True) for side in (b.placed, b.placed_beside)[: len(c.parts)]]
            for here in sides:
                b.define([*here, (-c.replicas, b.take[c.id])], low=0, high=FAR if c.extra else 0)
                if c.extra:
                    b.define([*here, (-c.most, b.take[c.id])], high=0)
            if c.extra and len(sides) > 1:
                b.define([*sides[0], *((-k, var) for k, var in sides[1])], low=0, high=0)


def shared_machines_hold_their_replicas(b: Builder) -> None:
    r"""Replicas that share machines fit into them.

        sum over c of shelf s of  devices[c] * n[c, p]   <=   devices[s] * shared[p, s]

    Parts beside count like replicas.  No label: this is what a machine means.  See ``packing`` for why
    counting devices is enough.
    """
    for pool, shelves in b.shelves.items():
        for i, shelf in enumerate(shelves):
            load = [(one.part.devices, one.count) for one in b.sharing(pool, shelf)]
            b.define([*load, (-shelf.devices, b.shared[pool, i])], high=0)
