"""In which order changes are made: a graph of steps, each one call.

A replace is two steps, delete and create, so that a thing and what stands on
it can both be replaced: the upper goes first and comes last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.resources import Action, Address
from dcplan.resources.machines import is_group
from dcplan.resources.seats import seats_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from dcplan.resources import Change, JsonValue


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One call of a change."""

    address: Address
    action: Action
    """CREATE, UPDATE or DELETE."""


def steps_of(change: Change) -> tuple[Step, ...]:
    """The steps of one change, in order; none for a no-op."""
    if change.action is Action.NOOP:
        return ()
    if change.action is Action.REPLACE:
        return (Step(change.address, Action.DELETE), Step(change.address, Action.CREATE))
    return (Step(change.address, change.action),)


def order_of(changes: Iterable[Change]) -> dict[Step, set[Step]]:
    """For each step, those that must be done before it.

    * What makes or changes a thing follows what makes or changes its needs.
    * What deletes a thing follows what deletes its dependants.
    * The create of a replace follows its delete.
    * What comes to run on a device follows the delete of what ran there.
    * What deletes a thing follows the updates by which others stop needing it,
      unless that would close a circle (the update waits for a replace that
      waits for this delete): then the delete comes first, as it must.
    * What comes to have a name follows what takes that name from something else.
    * What is replaced is deleted only once all the new things that its successor needs
      are there, unless these wait for it: machines may be sold out.
    * So is a machine group that goes, once those of its workload in other pools are there.
    """
    by_address = {change.address: change for change in changes}
    order: dict[Step, set[Step]] = {
        step: set() for change in by_address.values() for step in steps_of(change)
    }
    for change in by_address.values():
        _follow_needs(change, by_address, order)
        _precede_needs(change, order)
    _free_devices(by_address.values(), order)
    _free_names(by_address.values(), order)
    for change in by_address.values():
        if change.action is Action.UPDATE:
            _let_go(change, order)
    for change in by_address.values():
        if change.action is Action.REPLACE:
            _hold_first(change, by_address, order)
    _hold_groups(by_address.values(), order)
    return order


def _follow_needs(change: Change, by_address: Mapping[Address, Change], order: dict[Step, set[Step]]) -> None:
    if change.after is None or change.action is Action.NOOP:
        return
    made = steps_of(change)[-1]
    order[made].update(steps_of(change)[:-1])
    for need in change.after.needs:
        needed = by_address.get(need)
        if needed is not None and needed.action not in {Action.NOOP, Action.DELETE}:
            order[made].add(steps_of(needed)[-1])


def _precede_needs(change: Change, order: dict[Step, set[Step]]) -> None:
    if change.before is None or change.action not in {Action.DELETE, Action.REPLACE}:
        return
    for need in change.before.needs:
        deletion = Step(need, Action.DELETE)
        if deletion in order:
            order[deletion].add(Step(change.address, Action.DELETE))


def _free_devices(changes: Collection[Change], order: dict[Step, set[Step]]) -> None:
    """What leaves a device goes before what comes to it: its memory holds only one of them."""
    makers = [c for c in changes if c.after is not None and c.action in {Action.CREATE, Action.REPLACE}]
    leaver: dict[tuple[str, JsonValue, JsonValue], Step] = {}
    for change in changes:
        if change.before is not None and change.action in {Action.DELETE, Action.REPLACE}:
            leaver.update(dict.fromkeys(seats_of(change.before), Step(change.address, Action.DELETE)))
    for change in makers:
        left = {leaver[seat] for seat in seats_of(change.after) if seat in leaver}
        order[Step(change.address, Action.CREATE)].update(left)


def _free_names(changes: Collection[Change], order: dict[Step, set[Step]]) -> None:
    """A name that its provider has for something else is free once that is renamed, or gone."""
    for change in changes:
        if change.previous_address is None or change.before is None:
            continue
        frees, takes = steps_of(change)[0], Step(change.previous_address, Action.CREATE)
        if takes in order and takes not in all_before(frees, order):
            order[takes].add(frees)


def _let_go(change: Change, order: dict[Step, set[Step]]) -> None:
    if change.before is None or change.after is None:
        return
    update = Step(change.address, Action.UPDATE)
    kept = set(change.after.needs)
    deletions = {Step(need, Action.DELETE) for need in change.before.needs if need not in kept}
    deletions &= order.keys()
    if deletions:
        # Letting these go adds nothing to what comes before the update, so it is looked up once.
        for deletion in deletions - all_before(update, order):
            order[deletion].add(update)


def _hold_first(change: Change, by_address: Mapping[Address, Change], order: dict[Step, set[Step]]) -> None:
    """Let go of what runs only once there is ground for what comes after it."""
    deletion = Step(change.address, Action.DELETE)
    for need in change.after.needs if change.after is not None else ():
        needed = by_address.get(need)
        if needed is not None and needed.action is Action.CREATE:
            creation = Step(need, Action.CREATE)
            if deletion not in all_before(creation, order):
                order[deletion].add(creation)


def _hold_groups(changes: Collection[Change], order: dict[Step, set[Step]]) -> None:
    """Let go of a machine group only once its workload has the machines that it gets in other pools."""
    new = [
        (change.after.attributes, Step(change.address, Action.CREATE))
        for change in changes
        if change.action is Action.CREATE and change.after is not None and is_group(change.after.attributes)
    ]
    for change in changes:
        before, deletion = change.before, Step(change.address, Action.DELETE)
        if change.action is not Action.DELETE or before is None or not is_group(before.attributes):
            continue
        for attributes, creation in new:
            same = attributes.get("workload") == before.attributes.get("workload")
            moved = same and attributes["pool"] != before.attributes["pool"]
            if moved and deletion not in all_before(creation, order):
                order[deletion].add(creation)


def all_before(step: Step, order: Mapping[Step, set[Step]]) -> set[Step]:
    """Everything that comes before ``step``, however far."""
    seen: set[Step] = set()
    ahead = [step]
    while ahead:
        for earlier in order[ahead.pop()] - seen:
            seen.add(earlier)
            ahead.append(earlier)
    return seen
