"""How a plan says that it is not all of it: confined, or only of the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dcplan.cli.views.drift import drifts_text
from dcplan.cli.views.width import wrapped
from dcplan.diag import listed, plural
from dcplan.units import format_usd_per_h

if TYPE_CHECKING:
    from dcplan.plan.types import ForRoom, Partial, Plan

WIDTH = 100
_SHOWN = 6
"""Addresses that are named."""


def partial_text(plan: Plan) -> str:
    """What a confined plan leaves for another time; empty for a plan of everything."""
    partial = plan.partial
    if partial is None:
        return ""
    count = sum(partial.left.values())
    head = click.style("Partial plan", fg="yellow", bold=True) + f" ({_named(partial)}): "
    text = f"{head}nothing else is wanted, so it is the whole plan."
    if count:
        kinds = listed([f"{n:,} to {action}" for action, n in partial.left.items()])
        text = f"{head}{plural(count, 'further change')} ({kinds}) left for another time."
    if count and partial.unfinished and plan.mode != "destroy":
        text += f" Until then {listed(partial.unfinished)} will not run as told above."
    return "\n".join(
        wrapped(one, WIDTH) for one in (text, *(_room_text(r, partial) for r in partial.for_room))
    )


def _room_text(one: ForRoom, partial: Partial) -> str:
    """Why something goes that nobody named, or what may be refused because something stays."""
    many = len(one.frees) > 1
    why = f"{_some(one.makes)} while {_some(one.frees)} {'stay' if many else 'stays'}"
    if partial.targets:
        return f"{one.within} has no room for {why}, so {'these go' if many else 'that goes'}, too."
    return (
        click.style("No room: ", fg="yellow", bold=True)
        + f"{one.within} is short of {one.missing:,} for {why}. What is made there will be had elsewhere, or "
        "refused, as long as that is left: exclude it as well, or exclude less."
    )


def _some(addresses: tuple[str, ...]) -> str:
    more = len(addresses) - _SHOWN
    return listed([*addresses[:_SHOWN], f"{more:,} more"] if more > 0 else list(addresses))


def partial_cost(plan: Plan) -> str:
    """What the machines cost once only these changes are made; empty for a plan of everything."""
    if plan.partial is None or not plan.partial.left or plan.mode == "destroy":
        return ""
    cost = plan.partial.usd_per_h
    told = "unknown" if cost is None else format_usd_per_h(cost)
    return f"Cost after these changes alone: {told}."


def again_text(plan: Plan) -> str:
    """The command that makes such a plan again, and no other."""
    command = {"destroy": "dcplan destroy", "refresh-only": "dcplan apply -refresh-only"}.get(
        plan.mode, "dcplan apply"
    )
    return command if plan.partial is None else f"{command} {_named(plan.partial).replace(',', '')}"


def _named(partial: Partial) -> str:
    option, names = ("-target", partial.targets) if partial.targets else ("-exclude", partial.excludes)
    return ", ".join(f"{option}={name}" for name in names)


def refresh_text(plan: Plan) -> str:
    """A refresh-only plan: what goes into the state, and nothing else."""
    if not plan.drift:
        return "Nothing to bring up to date: the state is as the providers say."
    count = plural(len(plan.drift), "resource")
    return (
        f"Into the state\n{drifts_text(plan.drift)}\n\n"
        + click.style("Plan: ", bold=True)
        + f"the state of {count} is brought up to date; nothing is made, changed or deleted."
    )


def unrefreshed_text(plan: Plan) -> str:
    """That the state was believed; empty where the providers were asked."""
    if plan.refreshed:
        return ""
    return "The providers were not asked what is there (-refresh=false): the state was believed."
