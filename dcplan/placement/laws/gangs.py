"""Gangs stay together: in one pool, in one rack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.model import Rule

if TYPE_CHECKING:
    from dcplan.placement.model import Builder


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
            if c.one_pool and c.most > 1:
                at = {p.id: b.model.boolean() for p in b.pairs.own[c.id]}
                b.require([(1, var) for var in at.values()], rule, at_most=1)
                for pool, var in at.items():
                    b.require([(1, b.replicas[c.id, pool]), (-c.most, var)], rule, at_most=0)


def rack_room(b: Builder) -> None:
    r"""Gangs that must each be behind one switch are no more than were seen to fit into the racks of a pool.

        sum over these c of  n[c, p]   <=   what fits

    Label: ``rack-room[p]``.  Comes from the inventory (no line of the document); learned, rule by rule,
    from solutions whose gangs could not be seated.
    """
    says = "the racks of {} hold no more such gangs in one piece"
    _learned(b, "rack-room", says)


def scale_up_domain(b: Builder) -> None:
    r"""Gangs with groups wider than a machine are no more than the scale-up domains of a pool hold.

        sum over these c of  n[c, p]   <=   what fits

    That is, machines ``k * span .. (k + 1) * span - 1`` of each gang, which hold one tensor, context or
    expert group, lie in one rack whose scale-up links join them.  Label: ``scale-up-domain[p]``.  Comes from
    the inventory (no line of the document); learned as ``rack_room`` is (``placement.groups``).
    """
    says = "the scale-up domains of {} hold no more gangs with groups wider than a machine"
    _learned(b, "scale-up-domain", says)


def cut_bandwidth(b: Builder) -> None:
    r"""Gangs whose traffic shares uplinks of racks are no more than these carry.

        sum over these c of  n[c, p]   <=   what fits

    That is, of each rack r whose machines take part in several gangs

        sum over gangs g of  sent_bytes_per_s[g] * min(inside[g, r], outside[g, r])   <=   uplink[r]

    Label: ``cut-bandwidth[p]``.  Comes from the inventory (no line of the document); learned as ``rack_room``
    is, where no seats of the gangs keep it (``placement.cuts``).
    """
    says = "the uplinks of racks in {} carry no more such gangs together"
    _learned(b, "cut-bandwidth", says)


def _learned(b: Builder, law: str, says: str) -> None:
    """The rules of one law that seating has found."""
    for r in b.problem.racks:
        if r.law == law:
            terms = [(1, b.replicas[c, r.pool]) for c in r.choices if (c, r.pool) in b.replicas]
            rule = Rule(law=law, label=f"{law}[{r.pool}]", says=says.format(r.pool), origins=())
            b.require(terms, rule, at_most=r.at_most)
