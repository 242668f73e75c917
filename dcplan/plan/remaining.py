"""What is left of a plan that an interrupted apply has begun."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.plan.diff import same_attributes
from dcplan.resources import Change, digest_of

if TYPE_CHECKING:
    from dcplan.plan.types import Plan
    from dcplan.state.types import State


def remaining(plan: Plan, state: State) -> Plan:
    """The plan without the changes that have been made since it was.

    A change counts as made when its address is no longer as the plan found it
    but as the plan wants it.  Anything else that differs is for the staleness
    check to refuse.
    """
    believed = {entry.address: entry.digest for entry in plan.read_set}
    made = {str(c.address) for c in plan.changes if _is_made(c, believed.get(str(c.address)), state)}
    if not made:
        return plan
    return replace(
        plan,
        changes=tuple(c for c in plan.changes if str(c.address) not in made),
        unchanged=plan.unchanged + sum(c.after is not None for c in plan.changes if str(c.address) in made),
        read_set=tuple(entry for entry in plan.read_set if entry.address not in made),
        inputs=replace(plan.inputs, lineage=state.lineage, serial=state.serial),
    )


def _is_made(change: Change, believed: str | None, state: State) -> bool:
    now = state.resources.get(change.address)
    if digest_of(now) == believed:
        return False
    if change.after is None:
        return now is None
    return (
        now is not None
        and same_attributes(now.attributes, change.after.attributes)
        and set(now.needs) == set(change.after.needs)
    )
