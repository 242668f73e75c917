"""What binds a workload, and what it would cost elsewhere, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.cli.views.plan import WIDTH
from dcplan.cli.views.width import wrapped
from dcplan.units import format_usd_per_h

if TYPE_CHECKING:
    from dcplan.placement.marginal import Binding, Prices
    from dcplan.workflow.why_not import Elsewhere


def prices_text(prices: Prices) -> str:
    """The rules that bind, one a line."""
    if not prices.binding:
        said = "no rule that was loosened makes the plan cheaper" if prices.tried else "no rule is tight"
        return wrapped(f"What binds: nothing; {said} ({_tried(prices)}).", WIDTH)
    lines = [wrapped(_binding(one), WIDTH, first="  ", indent="    ") for one in prices.binding]
    return "\n".join([f"What binds, and what a unit more would save ({_tried(prices)})", *lines])


def _tried(prices: Prices) -> str:
    more = f", {prices.left_out} more not tried" if prices.left_out else ""
    return f"{prices.tried} rules loosened and solved again{more}"


def _binding(one: Binding) -> str:
    per_h = f", {format_usd_per_h(one.saves_usd_per_h)}" if one.saves_usd_per_h > 0 else ""
    proof = "" if one.proven else "; not proven"
    return f"{one.label} binds: {one.unit} saves ${one.saves_usd:,.0f} over the time paid for{per_h}{proof}"


def elsewhere_text(answer: Elsewhere, layout: str) -> str:
    """Why a workload does not run on what was asked for."""
    head = f"Why not {answer.workload} on {answer.asked}?"
    if answer.reasons:
        lines = [wrapped(reason, WIDTH, first="  ", indent="    ") for reason in answer.reasons]
        return "\n".join([f"{head} It cannot run there.", *lines])
    where = ", ".join(f"{count} in {pool}" for pool, count in answer.pools)
    if answer.runs_there:
        return wrapped(f"{head} It does: {layout}, {where}.", WIDTH)
    return wrapped(f"{head} It would run as {layout}, {where}. {_cost(answer)}", WIDTH)


def _cost(answer: Elsewhere) -> str:
    more, per_h = answer.more_usd or 0.0, answer.more_usd_per_h or 0.0
    proof = "" if answer.proven else " (of the placements found; neither is proven to be the cheapest)"
    if more > 0:
        rate = f", {format_usd_per_h(per_h)} more" if per_h > 0 else ""
        return f"All together would cost ${more:,.0f} more over the time paid for{rate}{proof}."
    if more < 0:
        return f"That would cost ${-more:,.0f} less{proof}, but other goals come before cost."
    return f"That costs the same{proof}; fewer moves, fewer machines and more free memory decide."
