"""Machines that leave: none is let go of while machines that the same plan buys are still being had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.apply.order import Step
from dcplan.apply.types import Status
from dcplan.resources import Action

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dcplan.resources import Address, Change


class Leaving:
    """The deletes of machines that wait for creates of machines at their provider.

    They wait until each create has come to its end, or one was refused and waits for them: then a quota, or
    the pool, may be full of them.  What must leave before a create can be made waits for none.
    """

    def __init__(
        self, changes: Sequence[Change], before: Mapping[Step, set[Step]], kept: Collection[Address]
    ) -> None:
        """``kept``: machines that wait for every create, whichever is refused, and stay when one fails."""
        self._creates: dict[str, list[Step]] = {}
        deletes: set[Step] = set()
        for change in changes:
            if change.action in _MAKES and change.after and "pool" in change.after.attributes:
                step = Step(change.address, Action.CREATE)
                self._creates.setdefault(change.address.provider, []).append(step)
            if change.action is Action.DELETE and change.before and "pool" in change.before.attributes:
                deletes.add(Step(change.address, Action.DELETE))
        self._every = {step for some in self._creates.values() for step in some}
        self._deletes = deletes - _all_before(self._every, before) if deletes and self._every else set()
        self.kept = {step for step in self._deletes if step.address in kept}
        """Steps that wait for every create."""
        self._held: list[Step] = []

    def holds(self, step: Step, status: Mapping[Step, Status], wanted: Collection[Step]) -> bool:
        """Whether a step that may be made has to wait; for those ``wanted`` a refused create waits itself."""
        if step not in self._deletes or not self._awaited(step, status, wanted):
            return False
        self._held.append(step)
        return True

    def released(self, status: Mapping[Step, Status], wanted: Collection[Step]) -> list[Step]:
        """Steps that have waited and may be made now."""
        if not self._held:
            return []
        free = [step for step in self._held if not self._awaited(step, status, wanted)]
        self._held = [step for step in self._held if step not in set(free)]
        return free

    def lacking(self, step: Step, status: Mapping[Step, Status]) -> set[Step]:
        """The creates without which a machine that is kept stays."""
        if step not in self.kept:
            return set()
        return {other for other in self._every if status.get(other) is not Status.DONE}

    def _awaited(self, step: Step, status: Mapping[Step, Status], wanted: Collection[Step]) -> bool:
        if step in self.kept:
            return not self._every <= status.keys()
        if step in wanted:
            return False
        mine = self._creates.get(step.address.provider, [])
        while mine and mine[-1] in status:
            mine.pop()  # A step that has ended has ended for good.
        return bool(mine)


_MAKES = {Action.CREATE, Action.REPLACE}


def _all_before(steps: Collection[Step], before: Mapping[Step, set[Step]]) -> set[Step]:
    """Everything that comes before any of ``steps``, however far."""
    seen: set[Step] = set()
    ahead = list(steps)
    while ahead:
        for earlier in before[ahead.pop()] - seen:
            seen.add(earlier)
            ahead.append(earlier)
    return seen
