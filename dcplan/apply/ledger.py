"""What is known while applying: rows as they are now, and which token comes next."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.plan.sold_out import noted
from dcplan.provider.types import clean_outputs
from dcplan.resources import STATE_ACTIONS, Action, Address, Resource
from dcplan.state import Operation, Phase, Tries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.resources import JsonValue
    from dcplan.state import StateReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An operation to start."""

    address: Address
    action: Action
    """CREATE, UPDATE or DELETE; FORGET or IMPORT where an owner tag changes."""
    resource: Resource
    """What is wanted, or goes away."""
    purpose: str = ""
    """``cleanup`` or ``rollback``: no change of the plan, but what a failure asks for."""


class Ledger:
    """The state in memory, moved on with each outcome once it is written."""

    def __init__(self, store: StateReader) -> None:
        state = store.read()
        self.lineage = state.lineage
        self.deployment: Mapping[str, JsonValue] = state.deployment
        self.rows: dict[Address, Resource] = dict(state.resources)
        self._holder = {(a.provider, r.outputs.get("id")): a for a, r in state.resources.items()}
        self._deleted: set[tuple[str, JsonValue]] = set()
        self._tries: dict[Address, Tries] = dict(store.tries())
        self.refused: set[str] = set()
        """``provider/pool`` that had no machines left when some were asked for."""

    def operation(self, wish: Wish, *, run_id: str, epoch: int, now_s: float) -> Operation:
        """The next operation at an address, with a token that was never used before.

        The token is a uuid5 of lineage, address, action, generation and attempt, and never of
        the time: two runs in one second must not get each other's object.
        """
        before = self._tries.get(wish.address, Tries())
        tries = replace(before, attempt=before.attempt + 1)
        self._tries[wish.address] = tries
        generation = tries.generation + (1 if wish.action is Action.CREATE else 0)
        name = f"{self.lineage}/{wish.address}/{wish.action}/{generation}/{tries.attempt}"
        return Operation(
            op_id=str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
            epoch=epoch,
            run_id=run_id,
            address=wish.address,
            action=wish.action,
            generation=generation,
            attempt=tries.attempt,
            phase=Phase.INTENT,
            resource=self._with_identity(wish),
            needs={
                str(need): dict(self.rows[need].outputs) for need in wish.resource.needs if need in self.rows
            },
            intent_at_s=now_s,
        )

    def holder(self, provider: str, object_id: str) -> Address | None:
        """The address at which the state has this object; safe to ask from any thread."""
        return self._holder.get((provider, object_id))

    def was_deleted(self, provider: str, object_id: str) -> bool:
        """Whether this object went away since this began; safe to ask from any thread."""
        return (provider, object_id) in self._deleted

    def outcome(self, operation: Operation, outputs: Mapping[str, JsonValue]) -> Resource | None:
        """Move on: the operation came to this; its address's row from now on, None for gone."""
        if operation.action is Action.DELETE:
            self.rows.pop(operation.address, None)
            self._deleted.add((operation.address.provider, operation.resource.outputs.get("id")))
            return None
        # No secret that a provider tells gets into journal and state, whichever way it came here.
        outputs = clean_outputs(outputs)
        made = replace(operation.resource, outputs=outputs)
        self._holder[made.address.provider, outputs.get("id")] = made.address
        self.rows[operation.address] = made
        if operation.action is Action.CREATE:
            self._tries[operation.address] = Tries(generation=operation.generation)
        return made

    def sold_out(self, found: Mapping[str, float], now_s: float) -> Mapping[str, JsonValue]:
        """The state's deployment with these pools as sold out from now on."""
        self.refused |= found.keys()
        self.deployment = noted(self.deployment, found, now_s)
        return self.deployment

    def _with_identity(self, wish: Wish) -> Resource:
        """The resource with the outputs that the state knows: the object to update or delete."""
        row = self.rows.get(wish.address)
        if wish.action is Action.CREATE:
            return replace(wish.resource, outputs={})
        if wish.action in STATE_ACTIONS:
            return wish.resource  # What stands at this address may be something else, which leaves.
        return wish.resource if row is None else replace(wish.resource, outputs=row.outputs)
