"""What all may cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.laws.stretch import WHOLE, usd_per_h
from dcplan.placement.model import Rule
from dcplan.placement.scale import money_down, money_up, shared_up
from dcplan.placement.usage import paid_anyway_per_h

if TYPE_CHECKING:
    from dcplan.placement.model import Builder


def budget(b: Builder) -> None:
    r"""All machines, and the traffic that leaves them, cost no more than the budget.

        sum over p of  usd_per_h[p] * machines in use in p
          +  sum over c, p of  egress_usd_per_h[w, p] / N[c] * n[c, p]
          +  paid anyway                                                    <=   budget

    Reservations, open capacity blocks and commitments are paid for whether they are used or not.
    Label: ``budget``.  Money in micro-dollars an hour.
    """
    if b.problem.budget is None:
        return
    paid = float(paid_anyway_per_h(b.problem))
    limit = money_down(b.problem.budget.usd_per_h) - money_up(paid)
    bill = [
        (count * price, var)
        for p in b.pools
        if (price := money_up(p.usd_per_h)) > 0
        for count, var in b.machines(p.id)
    ]
    bill += [
        (shared_up(w.egress_usd_per_h[p.id], c.replicas), b.replicas[c.id, p.id])
        for w in b.problem.workloads
        if w.egress_usd_per_h
        for c in b.choices_of[w.name]
        for p in b.pairs.own[c.id]
        if p.id in w.egress_usd_per_h
    ]
    step = max(1, abs(limit) // WHOLE)
    anyway = f", {usd_per_h(paid)} of which is paid anyway" if paid else ""
    rule = Rule(
        law="budget",
        label="budget",
        says=f"all machines together cost at most {usd_per_h(b.problem.budget.usd_per_h)}{anyway}",
        origins=(b.problem.budget.origin,),
        stretch=max(1, WHOLE * step // max(limit, WHOLE)),
    )
    b.require(bill, rule, at_most=limit, step=step)
