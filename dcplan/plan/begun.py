"""Which first plan of all was begun: of two that were made side by side, only one is carried out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dcplan.resources import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.plan.types import Plan
    from dcplan.resources import JsonValue
    from dcplan.state.types import State

KEY = "begun"
"""In the state's deployment, until an apply was carried out whole: the ``identity`` of the first plan."""


def is_first(plan: Plan) -> bool:
    """Whether nothing had ever been applied when the plan was made, which changes something."""
    return (
        plan.inputs.serial == 0
        and bool(plan.read_set)
        and all(entry.digest is None for entry in plan.read_set)
    )


def identity(plan: Plan) -> str:
    """The sha256 of what a plan does; two that do the same are one."""
    done = (f"{c.action} {c.address} {digest_of(c.after)}\n" for c in (*plan.state_changes, *plan.changes))
    return hashlib.sha256("".join(done).encode()).hexdigest()


def begin(plan: Plan, state: State) -> Mapping[str, JsonValue] | None:
    """The deployment to write before ``plan`` is begun; None where it may stay as it is."""
    if not is_first(plan) or state.resources or state.deployment.get(KEY) == identity(plan):
        return None
    return {**state.deployment, KEY: identity(plan)}


def was_begun(plan: Plan, state: State) -> bool:
    """Whether what a state holds can be of this plan; always, for one that is not the first of all."""
    return not is_first(plan) or not state.resources or state.deployment.get(KEY) == identity(plan)
