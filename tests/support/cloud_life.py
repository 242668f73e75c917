"""A whole life of resources on a provider, and the same as deeds: for tests of permissions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dcplan.provider import Provider, request_of
from dcplan.provider.permissions import Deed
from dcplan.resources import Action, Address, JsonValue, Resource

WHOLE = (Action.CREATE, Action.UPDATE, Action.DELETE)


def deeds_of_life(resources: Sequence[Resource], actions: Sequence[Action] = WHOLE) -> tuple[Deed, ...]:
    """All of these done to all of them."""
    return tuple(Deed(action=action, resource=one) for one in resources for action in actions)


def live(
    provider: Provider,
    resources: Sequence[Resource],
    lineage: str,
    updates: Mapping[str, Mapping[str, JsonValue]],
) -> None:
    """Make all of it in its order, look at it, change it, and delete it in the other order."""
    built: dict[Address, Resource] = {}
    for resource in resources:
        made = dict(_done(provider, resource, Action.CREATE, lineage, built))
        built[resource.address] = replace(resource, outputs=made)
    provider.refresh(list(built.values()))
    provider.owned(lineage)
    for resource in resources:
        other = updates.get(resource.address.kind)
        if other is not None:
            there = built[resource.address]
            changed = replace(there, attributes={**there.attributes, **other})
            _done(provider, changed, Action.UPDATE, lineage, built)
    for resource in reversed(resources):
        _done(provider, built[resource.address], Action.DELETE, lineage, built)


def _done(
    provider: Provider, resource: Resource, action: Action, lineage: str, built: Mapping[Address, Resource]
) -> Mapping[str, Any]:
    needs = {str(need): built[need].outputs for need in resource.needs}
    token = f"{action.value}-{resource.address.kind}-{resource.address.name}"
    request = request_of(resource, action, token=token, lineage=lineage, needs=needs)
    return provider.wait(request, provider.begin(request), lambda: False)
