"""The changes of a plan as steps in their order: which may start, and what follows from how they end."""

from __future__ import annotations

import graphlib
from typing import TYPE_CHECKING

from dcplan.apply import messages
from dcplan.apply.leaving import Leaving
from dcplan.apply.ledger import Wish
from dcplan.apply.order import Step, all_before, order_of, steps_of
from dcplan.apply.setting import Elsewhere
from dcplan.apply.types import ChangeResult, Event, Failed, OnError, Skipped, Status
from dcplan.resources import Action, Address, Change

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dcplan.apply.detours import Detours, Ends
    from dcplan.diag import Diagnostic
    from dcplan.state import Operation

_WORST_FIRST = (Status.FAILED, Status.IN_PROGRESS, Status.SKIPPED, Status.NOT_STARTED, Status.DONE)


class Walk:
    """The steps in order: a step is taken once all before it are done, skipped when one was not."""

    def __init__(  # noqa: PLR0913 - the plan's changes, what is open, and how they are to be made
        self,
        changes: Sequence[Change],
        unresolved: Sequence[Operation],
        *,
        detours: Detours | None = None,
        on_error: OnError = OnError.CONTINUE,
        purpose: str = "",
        kept: Collection[Address] = (),
    ) -> None:
        """``kept``: machines that are not let go of unless all that the plan buys are there."""
        self._changes = {change.address: change for change in changes}
        self._before = order_of(changes)
        self._news: list[Event] = []
        self._blocked = {operation.address: operation for operation in unresolved}
        self._status: dict[Step, Status] = {}
        self._because: dict[Step, Address] = {}
        self._detours = detours
        self._on_error = on_error
        self._purpose = purpose
        self.problems: list[Diagnostic] = []
        self.failed = False
        """Whether a step could not be made."""
        self._sorter: graphlib.TopologicalSorter[Step] = graphlib.TopologicalSorter(self._before)
        self._sorter.prepare()
        self._ready: list[Step] = []
        self._waiting: dict[Step, set[Step]] = {}
        """Creates that were refused, and the deletes after which each is tried once more."""
        self._waited: set[Step] = set()
        self._leaving = Leaving(changes, self._before, kept)

    def take(self, room: int) -> list[Wish]:
        """At most ``room`` steps that may be made now."""
        if self.failed and self._on_error is not OnError.CONTINUE:
            return []
        taken = self._detours.due(room) if self._detours else []
        wanted = self._wanted()
        self._ready += self._leaving.released(self._status, wanted)
        for step in [s for s, gone in self._waiting.items() if gone <= self._status.keys()][
            : room - len(taken)
        ]:
            del self._waiting[step]
            taken.append(self._wish(step))
        while len(taken) < room:
            if not self._ready:
                self._ready = sorted(self._sorter.get_ready(), reverse=True)
                if not self._ready:
                    break
            step = self._ready.pop()
            if self._leaving.holds(step, self._status, wanted):
                continue
            if self._may(step):
                held_back = self._detours.held_back(step) if self._detours else None
                if held_back is not None:
                    self._end(held_back)
                    continue
                taken.append(self._wish(step))
        return taken

    def ended(self, address: Address, action: Action, status: Status) -> None:
        """A step taken before has ended so."""
        step = Step(address, action)
        self._end(self._detours.ended(step, status) if self._detours else [(step, status, None)])

    def news(self) -> tuple[Event, ...]:
        """What was skipped, or could not even be begun, since it was last asked."""
        news, self._news = tuple(self._news), []
        return news

    def elsewhere(self, operation: Operation, why: str) -> Elsewhere | None:
        """How a create that was refused for want of machines goes on; None: it fails."""
        if self._waits(Step(operation.address, operation.action)):
            return Elsewhere(event=None, waits=True)
        if self._detours is None:
            return None
        goes_on, event = self._detours.sold_out(operation.address, why)
        if not goes_on:
            return None
        self._end(self._detours.withdrawn(operation.address))
        return Elsewhere(event=event)

    def _waits(self, step: Step) -> bool:
        """Whether machines leave meanwhile, for which a create that was refused waits once, before all else.

        What cannot leave before something that waits itself is not waited for.
        """
        if step not in self._before or step in self._waited:
            return False
        leaving = {s for s in self._before.keys() - self._status.keys() if self._is_machine_leaving(s, step)}
        held = {step, *self._waiting}
        leaving = {s for s in leaving if not held & all_before(s, self._before)} - self._leaving.kept
        if leaving:
            self._waited.add(step)
            self._waiting[step] = leaving
        return bool(leaving)

    def _wanted(self) -> set[Step]:
        """Deletes that creates wait for which were refused."""
        return {step for gone in self._waiting.values() for step in gone}

    def _is_machine_leaving(self, step: Step, other: Step) -> bool:
        before = self._changes[step.address].before
        here = step.address.provider == other.address.provider
        return step.action is Action.DELETE and here and before is not None and "pool" in before.attributes

    def _end(self, ends: Ends) -> None:
        """These steps have ended so; what is no step of the plan's has no say."""
        for step, status, because in ends:
            if step not in self._before:
                continue
            if because is not None:
                self._because[step] = because
                self._news.append(Skipped(address=step.address, action=step.action, because=because))
            self.failed = self.failed or status is Status.FAILED
            if step not in self._status:
                self._sorter.done(step)
            self._status[step] = status

    def results(self) -> tuple[ChangeResult, ...]:
        """What came of each change, in order of address; that of a replace is its worse step's."""
        for step, status, _ in self._detours.left_over() if self._detours else ():
            self._status.setdefault(step, status)
        return tuple(self._result(self._changes[address]) for address in sorted(self._changes))

    def _may(self, step: Step) -> bool:
        """Whether to make this step; if not, it ends here."""
        if step.address in self._blocked:
            problem = messages.blocked(self._blocked[step.address])
            self.problems.append(problem)
            self._news.append(Failed(address=step.address, action=step.action, diagnostic=problem))
            self.ended(step.address, step.action, Status.FAILED)
            return False
        for earlier in sorted(self._before[step] | self._leaving.lacking(step, self._status)):
            status = self._status[earlier]
            if status is Status.DONE:
                continue
            if status in {Status.FAILED, Status.SKIPPED}:
                because = self._because.get(earlier, earlier.address)
                self._because[step] = because
                self._news.append(Skipped(address=step.address, action=step.action, because=because))
                self.ended(step.address, step.action, Status.SKIPPED)
            else:
                self.ended(step.address, step.action, Status.NOT_STARTED)
            return False
        return True

    def _wish(self, step: Step) -> Wish:
        change = self._changes[step.address]
        resource = change.before if step.action is Action.DELETE else change.after
        if resource is None:
            msg = f"the {change.action} of {change.address} lacks its resource. This is a bug in dcplan."
            raise ValueError(msg)
        if step.action is Action.CREATE and self._detours is not None:
            resource = self._detours.resource(step.address, resource)
        return Wish(address=step.address, action=step.action, resource=resource, purpose=self._purpose)

    def _result(self, change: Change) -> ChangeResult:
        statuses = {step: self._status.get(step, Status.NOT_STARTED) for step in steps_of(change)}
        worst = min(statuses.values(), key=_WORST_FIRST.index)
        because = next((self._because[step] for step in statuses if step in self._because), None)
        return ChangeResult(
            address=change.address,
            action=change.action,
            status=worst,
            because=because if worst is Status.SKIPPED else None,
        )
