"""The laws of quotas and commitments: numbers that pools share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.placement.laws.stretch import WHOLE
from dcplan.placement.model import Rule

if TYPE_CHECKING:
    from dcplan.placement.model import Builder


def quotas(b: Builder) -> None:
    r"""Machines that count against a quota, or are covered by a commitment, use no more than there is.

        sum over p of  each[q, p] * machines in use in p   <=   at_most[q]      for each quota q

    ``each`` are the vCPUs or devices of one machine, or 1 where machines are counted.  Pools of reservations
    and capacity blocks are in no quota.
    Label: ``quota[q]`` or ``commitment[q]``.
    """
    for q in b.problem.quotas:
        here = {pool.id for pool in b.pools}
        use = [(each * k, var) for pool, each in q.each if pool in here for k, var in b.machines(pool)]
        if not use:
            continue
        step = max(1, q.at_most // WHOLE)
        what = "the quota of" if q.law == "quota" else "the commitment"
        rule = Rule(
            law=q.law,
            label=f"{q.law}[{q.name}]",
            says=f"{what} {q.name} is {plural(q.at_most, q.unit.removesuffix('s'))}{_by(q.told)}",
            origins=(q.origin,),
            stretch=max(1, WHOLE * step // max(q.at_most, 1)),
        )
        b.require(use, rule, at_most=q.at_most, step=step)


def _by(told: str) -> str:
    """Who says so, in brackets."""
    return f" ({told})" if told else ""
