"""What is left of a plan that an interrupted apply has begun."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.plan.diff import same_attributes
from dcplan.plan.fallbacks import by_machine, elsewhere
from dcplan.plan.state_changes import settled
from dcplan.resources import Action, Change, digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.plan.fallbacks import Fallback
    from dcplan.plan.types import Plan
    from dcplan.resources import Address
    from dcplan.state.types import State


def remaining(plan: Plan, state: State) -> Plan:
    """The plan without the changes that have been made since it was.

    A change counts as made when its address is no longer as the plan found it
    but as the plan wants it, there or in a pool that the plan names instead.  Of a
    replace whose delete was made, the create is left.  Anything else that differs
    is for the staleness check to refuse.
    """
    plan = settled(plan, state.resources)
    believed = {entry.address: entry.digest for entry in plan.read_set}
    fallbacks = by_machine(plan.fallbacks)
    made = {
        str(c.address) for c in plan.changes if _is_made(c, believed.get(str(c.address)), state, fallbacks)
    }
    half = {str(c.address) for c in plan.changes if _is_half_made(c, plan, state)}
    if not made and not half:
        return plan
    left = [c for c in plan.changes if str(c.address) not in made]
    return replace(
        plan,
        changes=tuple(
            replace(c, action=Action.CREATE, before=None) if str(c.address) in half else c for c in left
        ),
        unchanged=plan.unchanged + sum(c.after is not None for c in plan.changes if str(c.address) in made),
        read_set=tuple(entry for entry in plan.read_set if entry.address not in made | half),
        inputs=replace(plan.inputs, lineage=state.lineage, serial=state.serial),
    )


def superseded(plan: Plan, state: State) -> bool:
    """Whether something was applied after ``plan`` was made; ISO times in UTC compare as text."""
    applied_at = state.deployment.get("applied_at")
    return isinstance(applied_at, str) and applied_at > plan.created_at


def _is_made(
    change: Change, believed: str | None, state: State, fallbacks: Mapping[Address, Fallback]
) -> bool:
    now = state.resources.get(change.address)
    if digest_of(now) == believed:
        return False
    if change.after is None:
        return now is None
    return (
        now is not None
        and any(
            same_attributes(now.attributes, one.attributes)
            for one in (change.after, *elsewhere(change.after, fallbacks))
        )
        and set(now.needs) == set(change.after.needs)
    )


def _is_half_made(change: Change, plan: Plan, state: State) -> bool:
    """A replace was cut short between its delete and its create, and no other plan came in between."""
    gone = change.action is Action.REPLACE and change.address not in state.resources
    return gone and not superseded(plan, state)
