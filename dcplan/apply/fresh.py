"""Whether a saved plan still speaks of the state that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Diagnostics, error, listed
from dcplan.resources import Address, digest_of

if TYPE_CHECKING:
    from dcplan.plan.types import Plan
    from dcplan.state import State

_SHOWN = 8
"""Addresses named in one message."""


def check_fresh(plan: Plan, state: State) -> Diagnostics:
    """Errors when the plan was made for another state, or for resources that have changed since.

    Only what the plan read counts (its ``read_set``): a change elsewhere does
    not make it stale.  A plan made before there was any state has no lineage;
    it fits only a state that nothing was applied to.
    """
    if plan.inputs.lineage and plan.inputs.lineage != state.lineage:
        detail = (
            "The plan was made from another state (another project, or one that was set up anew since). "
            "Nothing was changed. Plan again."
        )
        return (error("plan-foreign", "The plan belongs to another state", detail),)
    changed = [
        entry.address
        for entry in plan.read_set
        if digest_of(state.resources.get(Address.parse(entry.address))) != entry.digest
    ]
    if changed:
        return (_stale(f"{_names(changed)} changed since the plan was made."),)
    if not plan.inputs.lineage and state.serial > 0:
        return (_stale("Something was applied since the plan was made; it was the first plan of all."),)
    return ()


def _stale(why: str) -> Diagnostic:
    detail = f"{why} Applied now, it could undo that. Nothing was changed. Plan again."
    return error("plan-stale", "The plan is out of date", detail)


def _names(addresses: list[str]) -> str:
    more = len(addresses) - _SHOWN
    return listed([*addresses[:_SHOWN], f"{more} more"] if more > 0 else addresses)
