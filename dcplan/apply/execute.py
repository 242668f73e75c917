"""Make the changes of a plan, and no others."""

from __future__ import annotations

import contextlib
import graphlib
import threading
import time
from typing import TYPE_CHECKING

from dcplan.apply import messages
from dcplan.apply.engine import Engine
from dcplan.apply.ledger import Wish
from dcplan.apply.order import Step, order_of, steps_of
from dcplan.apply.setting import Setting
from dcplan.apply.types import (
    ApplyOptions,
    ApplyReport,
    ChangeResult,
    Event,
    Failed,
    Skipped,
    Status,
)
from dcplan.diag import Diagnostic, Result
from dcplan.resources import Action, Address, Change
from dcplan.state import StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dcplan.provider import Provider
    from dcplan.state import Operation, StateStore

_WORST_FIRST = (Status.FAILED, Status.IN_PROGRESS, Status.SKIPPED, Status.NOT_STARTED, Status.DONE)
_CUT_SHORT = {Status.IN_PROGRESS, Status.NOT_STARTED}


def execute(  # noqa: PLR0913 - everything it meets is handed in, so that tests can
    changes: Iterable[Change],
    *,
    store: StateStore,
    providers: Mapping[str, Provider],
    run_id: str,
    options: ApplyOptions | None = None,
    report: Callable[[Event], None] = lambda _: None,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Result[ApplyReport]:
    """Make these changes at their providers, and say what came of each.

    Call it under the store's lease, after ``recover``.  Steps that do not
    depend on each other run side by side; what depends on a failure is skipped,
    the rest goes on.  An address with an unresolved operation is left alone.
    Once ``stop`` is set nothing more is started, waits end, calls under way
    finish; the value then says ``interrupted``, and the journal holds what is
    in progress.

    The value is always there; the result is ``ok`` when nothing failed.
    """
    stopped = stop or threading.Event()
    wanted = tuple(change for change in changes if change.action is not Action.NOOP)
    walk = _Walk(wanted, store.open_operations(), report)
    setting = Setting(
        store=store,
        providers=providers,
        options=options or ApplyOptions(),
        report=report,
        stop=stopped.is_set,
        clock=clock,
        sleep=sleep,
        run_id=run_id,
    )
    engine = Engine(setting, walk)
    engine.run()
    with contextlib.suppress(StateError):  # It is only tidying up; why it cannot write was told above.
        store.compact()
    results = walk.results()
    value = ApplyReport(
        results=results,
        interrupted=stopped.is_set() and any(r.status in _CUT_SHORT for r in results),
        serial=store.read().serial,
    )
    return Result(value, (*walk.problems, *engine.problems))


class _Walk:
    """The steps in order: a step is taken once all before it are done, skipped when one was not."""

    def __init__(
        self, changes: Sequence[Change], unresolved: Sequence[Operation], report: Callable[[Event], None]
    ) -> None:
        self._changes = {change.address: change for change in changes}
        self._before = order_of(changes)
        self._report = report
        self._blocked = {operation.address: operation for operation in unresolved}
        self._status: dict[Step, Status] = {}
        self._because: dict[Step, Address] = {}
        self.problems: list[Diagnostic] = []
        self._sorter: graphlib.TopologicalSorter[Step] = graphlib.TopologicalSorter(self._before)
        self._sorter.prepare()
        self._ready: list[Step] = []

    def take(self, room: int) -> list[Wish]:
        """At most ``room`` steps that may be made now."""
        taken: list[Wish] = []
        while len(taken) < room:
            if not self._ready:
                self._ready = sorted(self._sorter.get_ready(), reverse=True)
                if not self._ready:
                    break
            step = self._ready.pop()
            if self._may(step):
                taken.append(self._wish(step))
        return taken

    def ended(self, address: Address, action: Action, status: Status) -> None:
        """A step taken before has ended so."""
        step = Step(address, action)
        if step not in self._status:
            self._sorter.done(step)
        self._status[step] = status

    def results(self) -> tuple[ChangeResult, ...]:
        """What came of each change, in order of address; that of a replace is its worse step's."""
        return tuple(self._result(self._changes[address]) for address in sorted(self._changes))

    def _may(self, step: Step) -> bool:
        """Whether to make this step; if not, it ends here."""
        if step.address in self._blocked:
            problem = messages.blocked(self._blocked[step.address])
            self.problems.append(problem)
            self._report(Failed(address=step.address, action=step.action, diagnostic=problem))
            self.ended(step.address, step.action, Status.FAILED)
            return False
        for earlier in sorted(self._before[step]):
            status = self._status[earlier]
            if status is Status.DONE:
                continue
            if status in {Status.FAILED, Status.SKIPPED}:
                because = self._because.get(earlier, earlier.address)
                self._because[step] = because
                self._report(Skipped(address=step.address, action=step.action, because=because))
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
        return Wish(address=step.address, action=step.action, resource=resource)

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
