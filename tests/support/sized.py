"""Kinds whose ``size`` cannot be changed in place, and the changes that a plan of such things has."""

from __future__ import annotations

from collections.abc import Mapping

from dcplan.provider.types import Idempotency, Kind
from dcplan.resources import Action, Address, Change, Resource
from dcplan.state import State

HOW = {"token": Idempotency.TOKEN, "name": Idempotency.NAME, "tag": Idempotency.TAG}
"""How a repeated create is told from a new one, by kind."""


def sized_kinds(token_ttl_s: float) -> dict[str, Kind]:
    """A kind for each way to tell creates apart; new objects are seen at once."""
    return {
        name: Kind(
            name=name,
            outputs=("id",),
            replace_on=("size",),
            idempotency=how,
            token_ttl_s=token_ttl_s if how is Idempotency.TOKEN else 0.0,
            consistency_window_s=0.0,
            spends_money=False,
        )
        for name, how in HOW.items()
    }


def changes(state: State, wanted: Mapping[Address, Resource]) -> list[Change]:
    """What leads from the state to what is wanted."""
    found = []
    for address in sorted({*state.resources, *wanted}):
        before, after = state.resources.get(address), wanted.get(address)
        if before is None:
            action = Action.CREATE
        elif after is None:
            action = Action.DELETE
        elif before.attributes == after.attributes and before.needs == after.needs:
            continue
        elif before.attributes["size"] != after.attributes["size"]:
            action = Action.REPLACE
        else:
            action = Action.UPDATE
        found.append(Change(address=address, action=action, before=before, after=after))
    return found
