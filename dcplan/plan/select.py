"""Take a part of the changes, so that the part can be made without the rest: pure functions of values.

The changes are always worked out for everything; here some are only left for another time.  So a part
never contradicts the whole, and the parts of several such plans add up to it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dcplan.resources import Action, Address, Change, Reason, Resource
from dcplan.resources.seats import seats_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from dcplan.resources import JsonValue

Requirements = dict[Address, set[Address]]
"""For each change, the changes without which it must not be made."""


def requirements(changes: Iterable[Change]) -> Requirements:
    """What each change must not be made without.

    * What it needs afterwards is made or changed, too.
    * What is deleted, or made anew, takes along what stands on it today: that goes, lets go of it, or is
      made anew itself.
    * What comes to run on a device needs that what runs there today leaves.
    * What is made by a name needs that what its provider calls so today is renamed, or goes.
    """
    by_address = {change.address: change for change in changes}
    required: Requirements = {address: set() for address in by_address}
    leaver: dict[tuple[str, JsonValue, JsonValue], Address] = {}
    for change in by_address.values():
        if change.before is not None and (change.after is None or change.action is Action.REPLACE):
            leaver.update(dict.fromkeys(seats_of(change.before), change.address))
    for address, change in by_address.items():
        for need in change.after.needs if change.after is not None else ():
            if need in by_address and by_address[need].after is not None:
                required[address].add(need)
        for ground in _let_go(change):
            if ground in by_address and _takes_along(by_address[ground], change):
                required[ground].add(address)
        if change.action in {Action.CREATE, Action.REPLACE}:
            required[address].update(leaver[seat] for seat in seats_of(change.after) if seat in leaver)
        old = change.previous_address
        if old in by_address and change.before is not None and by_address[old].action is Action.CREATE:
            required[old].add(address)
        required[address].discard(address)
    return required


def _let_go(change: Change) -> tuple[Address, ...]:
    """What it stands on today."""
    return change.before.needs if change.before is not None else ()


def _takes_along(ground: Change, upper: Change) -> bool:
    """Whether ``ground`` cannot be changed while ``upper``, which stands on it today, stays as it is."""
    if ground.after is None:
        return True
    anew = ground.action is Action.REPLACE or ground.reason is Reason.GONE
    return anew and (upper.after is None or upper.action is Action.REPLACE)


def only(changes: Iterable[Change], wanted: Collection[Address]) -> tuple[Change, ...]:
    """The changes at ``wanted`` and all that these must not be made without, in their order."""
    listed = tuple(changes)
    required = requirements(listed)
    taken = reachable(required, (address for address in required if address in wanted))
    return tuple(change for change in listed if change.address in taken)


def without(changes: Iterable[Change], unwanted: Collection[Address]) -> tuple[Change, ...]:
    """All changes but those at ``unwanted`` and what must not be made without them, in their order."""
    listed = tuple(changes)
    dependants: Requirements = defaultdict(set)
    for address, needs in requirements(listed).items():
        for need in needs:
            dependants[need].add(address)
    left = reachable(dependants, (change.address for change in listed if change.address in unwanted))
    return tuple(change for change in listed if change.address not in left)


def reachable(edges: Mapping[Address, set[Address]], start: Iterable[Address]) -> set[Address]:
    """These, and all that the edges lead to from them."""
    seen = set(start)
    todo = list(seen)
    while todo:
        for further in edges.get(todo.pop(), set()) - seen:
            seen.add(further)
            todo.append(further)
    return seen


def workloads_of(*graphs: Mapping[Address, Resource]) -> dict[Address, frozenset[str]]:
    """For each address the workloads that it is for, today or tomorrow.

    What names a workload is for that one; anything else is for those of all that stands on it.
    """
    uppers: dict[Address, set[Address]] = defaultdict(set)
    own: dict[Address, set[str]] = defaultdict(set)
    for graph in graphs:
        for address, resource in graph.items():
            name = resource.attributes.get("workload")
            own[address].update({name} if isinstance(name, str) else ())
            for need in resource.needs:
                uppers[need].add(address)
    return {
        address: frozenset(
            own[address] or {name for upper in reachable(uppers, (address,)) for name in own[upper]}
        )
        for address in own
    }


def after(prior: Mapping[Address, Resource], changes: Iterable[Change]) -> dict[Address, Resource]:
    """The resources once these changes are made."""
    resources = dict(prior)
    for change in changes:
        if change.after is None:
            resources.pop(change.address, None)
        else:
            resources[change.address] = change.after
    return resources
