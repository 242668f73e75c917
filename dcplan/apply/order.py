"""In which order changes are made: a graph of steps, each one call.

A replace is two steps, delete and create, so that a thing and what stands on
it can both be replaced: the upper goes first and comes last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.resources import Action, Address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.resources import Change


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
    * What deletes a thing follows the updates by which others stop needing it,
      unless that would close a circle (the update waits for a replace that
      waits for this delete): then the delete comes first, as it must.
    """
    by_address = {change.address: change for change in changes}
    order: dict[Step, set[Step]] = {
        step: set() for change in by_address.values() for step in steps_of(change)
    }
    for change in by_address.values():
        _follow_needs(change, by_address, order)
        _precede_needs(change, order)
    for change in by_address.values():
        if change.action is Action.UPDATE:
            _let_go(change, order)
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


def _let_go(change: Change, order: dict[Step, set[Step]]) -> None:
    if change.before is None or change.after is None:
        return
    update = Step(change.address, Action.UPDATE)
    for need in change.before.needs:
        deletion = Step(need, Action.DELETE)
        dropped = need not in change.after.needs
        if dropped and deletion in order and not _waits_for(update, deletion, order):
            order[deletion].add(update)


def _waits_for(step: Step, other: Step, order: Mapping[Step, set[Step]]) -> bool:
    """Whether ``step`` comes after ``other`` already."""
    seen: set[Step] = set()
    ahead = [step]
    while ahead:
        current = ahead.pop()
        if current == other:
            return True
        if current not in seen:
            seen.add(current)
            ahead.extend(order[current])
    return False
