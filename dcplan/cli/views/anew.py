"""How a plan tells what is planned anew when machines are sold out everywhere that it may have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.cli.views.fallbacks import WIDTH, price_difference
from dcplan.cli.views.width import wrapped
from dcplan.diag import agreeing, listed, plural
from dcplan.plan.next_best import MOST_ROUNDS

if TYPE_CHECKING:
    from dcplan.plan.next_best import Instead, NextBest
    from dcplan.plan.types import Plan
    from dcplan.workflow.rounds import PlanAnew

SHOWN = 6
"""Pools named in one sentence."""


def next_best_lines(plan: Plan) -> list[str]:
    """One line for each type of machine that is bought, or for all of them."""
    return [wrapped(_line(one), WIDTH, indent="  ") for one in plan.next_best]


def _line(one: NextBest) -> str:
    sold_out = f"{listed(one.machines)} {agreeing(len(one.machines), 'are')} sold out"
    head = f"If {sold_out} in {listed(one.regions)} ({plural(one.count, 'new machine')})"
    if one.ended == "not-computed" and not one.steps:
        return f"{head}, dcplan plans anew: what that is, is not computed for so many machines and pools."
    if not one.steps:
        return f"{head}, nothing else fits."
    ways = ", else ".join(_way(step) for step in one.steps)
    last = "; then nothing else fits" if one.ended == "nothing-fits" else ""
    return f"{head}, dcplan plans anew: {ways}{last}."


def _way(step: Instead) -> str:
    bought = [f"{b.machines:,} x {b.machine} in {b.region}" for b in step.buys]
    words = listed(bought) if bought else "with the machines that are left"
    notes = []
    if step.leaves_out:
        notes.append(f"without {listed(step.leaves_out)}")
    if step.lets_go:
        notes.append(f"letting go of {plural(step.lets_go, 'machine')} that {agreeing(step.lets_go, 'run')}")
    more = f" ({', '.join(notes)})" if notes else ""
    return f"{words} {price_difference(step.usd_per_h)}{more}"


def anew_text(anew: PlanAnew) -> str:
    """That a new plan is made, and why."""
    pools = [name.partition("/")[2] for name in anew.sold_out]
    some = pools[:SHOWN] + ([f"{len(pools) - SHOWN:,} more"] if len(pools) > SHOWN else [])
    them = "it" if len(pools) == 1 else "them"
    told = (
        f"Sold out, and no other pool of the plan is left: {listed(some)}. What could be had is kept. "
        f"Planning anew without {them}, round {anew.round} of {MOST_ROUNDS} at most."
    )
    return wrapped(told, WIDTH, indent="  ")
