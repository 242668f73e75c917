"""Carry out operations side by side, each step durable before the next begins.

    intent durable -> begin -> answer durable -> wait -> outcome durable, with the resource's row

One thread, the caller's, decides, writes and reports; worker threads only talk to providers.
Each turn gathers what has arrived since the last one and writes all of it, with the intents of
what may start next, in one transaction.  That is the whole group commit.
"""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from dcplan.apply import calls, messages, types
from dcplan.apply.crash import crash_point
from dcplan.apply.ledger import Ledger, Wish
from dcplan.apply.outcomes import Anew, Nothing, Open, Outcome, Ready, Taken, Unready
from dcplan.apply.talk import Talk, open_talk
from dcplan.diag import Diagnostic
from dcplan.provider import Ack
from dcplan.resources import Action
from dcplan.state import Acknowledged, Finished, Intended, Operation, Phase, StateError, Voided

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcplan.apply.setting import Setting, Source
    from dcplan.apply.types import Event, Status
    from dcplan.provider import ProviderError
    from dcplan.resources import Address, JsonValue
    from dcplan.state import Record

_TICK_S = 0.2
"""How soon a stop is noticed while nothing arrives."""


@dataclass(slots=True)
class _Flight:
    """An operation under way."""

    talk: Talk
    began_s: float
    beat_s: float
    attempts_left: int
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What a worker sends: the outcome of a flight, news of it, or our own bug."""

    op_id: str
    content: Outcome | types.Retry | Diagnostic | BaseException


@dataclass(slots=True)
class _Turn:
    """What one turn writes, and what is done once that is durable."""

    records: list[Record] = field(default_factory=list)
    then: list[Callable[[], None]] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    started: list[Operation] = field(default_factory=list)
    ended: list[Operation] = field(default_factory=list)
    sold_out: dict[str, float] = field(default_factory=dict)
    """``provider/pool`` to when, Unix time."""


class Engine:
    """Runs the operations of one source."""

    def __init__(self, setting: Setting, source: Source) -> None:
        self._set = setting
        self._source = source
        self.ledger = Ledger(setting.store)
        self.problems: list[Diagnostic] = []
        self.made: set[Address] = set()
        """What was created, and not deleted again."""
        self._flights: dict[str, _Flight] = {}
        self._arrivals: queue.SimpleQueue[_Arrival] = queue.SimpleQueue()
        self._broken = False
        self._held_back = False
        self._turn = _Turn()
        self._pool = ThreadPoolExecutor(setting.options.parallelism, thread_name_prefix="dcplan-apply")

    def run(self) -> None:
        """Run until nothing more may start and nothing is under way, or until stopped."""
        stopped_s: float | None = None
        try:
            while True:
                self._one_turn()
                if not self._flights and not self._held_back:
                    break
                if self._stopping():
                    stopped_s = self._set.steady() if stopped_s is None else stopped_s
                    if self._set.steady() - stopped_s > self._set.options.stop_grace_s:
                        break
        finally:
            self._broken = True  # Whatever still waits, ends.
            # Calls that outlive a stop's grace are left behind: the journal knows them.
            self._pool.shutdown(wait=not self._flights, cancel_futures=True)
        for flight in self._flights.values():
            operation = flight.talk.operation
            self._source.ended(operation.address, operation.action, types.Status.IN_PROGRESS)

    def _stopping(self) -> bool:
        """The user wants to stop, or nothing can be written any more."""
        return self._broken or self._set.stop()

    def _one_turn(self) -> None:
        self._turn = _Turn()
        for arrival in self._arrived():
            self._take_in(arrival)
        # While it is not sure that the lease is held, nothing is begun; and a stop is noticed all the same.
        self._held_back = not self._stopping() and self._set.store.wavering
        if self._held_back and not self._flights:
            self._set.sleep(_TICK_S)
        elif not self._held_back and not self._stopping():
            self._start_what_may()
        self._commit()
        self._heartbeat()

    # Starting

    def _start_what_may(self) -> None:
        while (room := self._set.options.parallelism - len(self._flights)) > 0:
            taken = self._source.take(room)
            if not taken:
                return
            for one in taken:
                if isinstance(one, Operation):
                    self._resume(one)
                else:
                    self._start(one, self._set.options.new_attempts)

    def _start(self, wish: Wish, attempts_left: int) -> None:
        """Begin an attempt, with its own token; ``attempts_left`` more may follow it."""
        operation = self.ledger.operation(
            wish, run_id=self._set.run_id, epoch=self._set.store.epoch, now_s=self._set.clock()
        )
        talk = self._talk(operation, resumed=False)
        if isinstance(talk, Diagnostic):
            self._fail(operation, talk)
            return
        self._intend(self._board(talk, attempts_left, wish.purpose))

    def _resume(self, operation: Operation) -> None:
        talk = self._talk(operation, resumed=True)
        if isinstance(talk, Diagnostic):
            self._fail(operation, talk)
            return
        flight = self._board(talk, 0)
        if operation.phase is Phase.ACK and operation.object_id is not None:
            ack = Ack(object_id=operation.object_id, operation_id=operation.operation_id)
            self._turn.then.append(partial(self._submit, flight, partial(calls.wait, talk, ack)))
        else:
            self._turn.then.append(partial(self._submit, flight, partial(calls.begin, talk)))

    def _board(self, talk: Talk, attempts_left: int, purpose: str = "") -> _Flight:
        now_s = self._set.steady()
        flight = _Flight(talk, now_s, now_s, attempts_left, purpose)
        self._flights[talk.operation.op_id] = flight
        return flight

    def _intend(self, flight: _Flight) -> None:
        operation = flight.talk.operation
        self._point("before-intent")
        if flight.purpose:
            self._point(f"before-{flight.purpose}")
        self._turn.records.append(Intended(operation=operation))
        self._turn.points.append("after-intent")
        self._turn.started.append(operation)
        self._tell(types.IntentRecorded.of(operation))
        self._tell(types.Started(address=operation.address, action=operation.action))
        self._turn.then.append(partial(self._submit, flight, partial(calls.begin, flight.talk)))

    def _talk(self, operation: Operation, *, resumed: bool) -> Talk | Diagnostic:
        return open_talk(
            operation,
            self._set,
            stopping=self._stopping,
            notify=lambda news: self._arrivals.put(_Arrival(operation.op_id, news)),
            resumed=resumed,
            ledger=self.ledger,
        )

    def _submit(self, flight: _Flight, work: Callable[[], Outcome]) -> None:
        op_id = flight.talk.operation.op_id

        def job() -> None:
            content: Outcome | BaseException
            try:
                content = work()
            except BaseException as e:  # noqa: BLE001 - raised again in the thread that waits for it
                content = e
            self._arrivals.put(_Arrival(op_id, content))

        self._pool.submit(job)

    # Taking in

    def _arrived(self) -> list[_Arrival]:
        """All that has arrived; while something is under way, waits a tick for the first."""
        arrived: list[_Arrival] = []
        try:
            if self._flights:
                arrived.append(self._arrivals.get(timeout=_TICK_S))
            while True:
                arrived.append(self._arrivals.get_nowait())
        except queue.Empty:
            return arrived

    def _take_in(self, arrival: _Arrival) -> None:
        flight = self._flights[arrival.op_id]
        match arrival.content:
            case BaseException() as bug:
                raise bug
            case types.Retry() as retry:
                self._tell(retry)
            case Diagnostic() as news:
                self.problems += () if news in self.problems else (news,)
            case _ if self._broken:
                self._end(flight.talk.operation, types.Status.IN_PROGRESS)
            case outcome:
                self._conclude(flight, outcome)

    def _conclude(self, flight: _Flight, outcome: Outcome) -> None:
        operation = flight.talk.operation
        match outcome:
            case Taken() as taken:
                self._acknowledge(flight, taken)
            case Ready(outputs=outputs):
                self._point("after-wait")
                self._record_outcome(flight, outputs)
                elapsed_s = self._set.steady() - flight.began_s
                self._tell(
                    types.Done(address=operation.address, action=operation.action, elapsed_s=elapsed_s)
                )
                self._end(operation, types.Status.DONE)
            case Unready(outputs=outputs, problem=problem):
                self._record_outcome(flight, outputs)
                self._fail(operation, problem)
            case Nothing(why=why, problem=problem, sold_out=False):
                self._void(operation, why)
                self._end_or_fail(operation, problem, types.Status.NOT_STARTED)
            case Nothing():
                self._sold_out(operation, outcome)
            case Anew(problem=problem):
                self._again(flight, problem)
            case Open(problem=problem):
                self._end_or_fail(operation, problem, types.Status.IN_PROGRESS)

    def _acknowledge(self, flight: _Flight, taken: Taken) -> None:
        operation = flight.talk.operation
        self._point("after-begin")
        ack = taken.ack
        self._turn.records.append(
            Acknowledged(op_id=operation.op_id, object_id=ack.object_id, operation_id=ack.operation_id)
        )
        self._turn.points.append("after-ack")
        self._tell(
            types.Acknowledged(
                address=operation.address,
                action=operation.action,
                object_id=ack.object_id,
                adopted=taken.adopted,
            )
        )
        if self._stopping():
            self._end(operation, types.Status.IN_PROGRESS)
        else:
            self._turn.then.append(partial(self._submit, flight, partial(calls.wait, flight.talk, ack)))

    def _again(self, flight: _Flight, problem: ProviderError) -> None:
        """Close this attempt and start the next one, with its own token, in the same transaction."""
        operation = flight.talk.operation
        self._void(operation, problem.detail)
        if flight.attempts_left <= 0 or self._stopping():
            self._fail(operation, messages.refused(operation.address, operation.action, problem))
            return
        del self._flights[operation.op_id]
        wish = Wish(address=operation.address, action=operation.action, resource=operation.resource)
        self._start(wish, flight.attempts_left - 1)

    def _sold_out(self, operation: Operation, outcome: Nothing) -> None:
        """Close a create that was refused for want of machines, and go on elsewhere if that can be done."""
        pool = operation.resource.attributes.get("pool")
        elsewhere = None if self._stopping() else self._source.elsewhere(operation, outcome.why)
        if isinstance(pool, str) and not (elsewhere and elsewhere.waits):
            self._turn.sold_out[f"{operation.address.provider}/{pool}"] = self._set.clock()
        if elsewhere is not None:
            self._point("before-failover")
            self._turn.points.append("after-failover")
        self._void(operation, outcome.why)
        if elsewhere is not None:
            self._turn.ended.append(operation)
            del self._flights[operation.op_id]
            if elsewhere.event is not None:
                self._tell(elsewhere.event)
        elif self._set.recovering:
            self.problems.append(messages.sold_out_meanwhile(operation.address, outcome.why))
            self._end(operation, types.Status.NOT_STARTED)
        else:
            self._end_or_fail(operation, outcome.problem, types.Status.NOT_STARTED)

    def _record_outcome(self, flight: _Flight, outputs: Mapping[str, JsonValue]) -> None:
        operation = flight.talk.operation
        row = self.ledger.outcome(operation, outputs)
        if operation.action is Action.CREATE:
            self.made.add(operation.address)
        elif row is None:
            self.made.discard(operation.address)
        if flight.purpose:
            self._turn.points.append(f"after-{flight.purpose}")
        self._turn.records.append(Finished(op_id=operation.op_id, resource=row))
        self._turn.points.append("after-done")
        self._tell(types.IntentResolved.of(operation, done=True))

    def _void(self, operation: Operation, why: str) -> None:
        self._turn.records.append(Voided(op_id=operation.op_id, why=why))
        self._turn.points.append("after-void")
        self._tell(types.IntentResolved.of(operation, done=False))

    # Ending

    def _end_or_fail(self, operation: Operation, problem: Diagnostic | None, status: Status) -> None:
        if problem is None:
            self._end(operation, status)
        else:
            self._fail(operation, problem)

    def _fail(self, operation: Operation, problem: Diagnostic) -> None:
        self.problems.append(problem)
        self._tell(types.Failed(address=operation.address, action=operation.action, diagnostic=problem))
        self._end(operation, types.Status.FAILED)

    def _end(self, operation: Operation, status: Status) -> None:
        self._flights.pop(operation.op_id, None)
        self._turn.ended.append(operation)
        self._source.ended(operation.address, operation.action, status)

    # Writing and telling

    def _commit(self) -> None:
        """Write what the turn gathered; only then do what depends on it."""
        turn, news = self._turn, self._source.news()
        if not self._broken:
            try:
                if turn.sold_out:
                    # Before the refused call is closed: killed in between, a plan knows more, not less.
                    self._set.store.set_deployment(self.ledger.sold_out(turn.sold_out, self._set.clock()))
                self._set.store.write(turn.records)
            except StateError as e:
                self._break_off(e)
                return
        for name in turn.points:
            self._point(name)
        for action in turn.then:
            action()
        for event in news:
            self._set.report(event)

    def _break_off(self, problem: StateError) -> None:
        """Nothing can be written: start nothing, and leave what is under way to the journal."""
        self._broken = True
        self.problems.append(problem.diagnostic())
        for operation in self._turn.ended:
            self._source.ended(operation.address, operation.action, types.Status.IN_PROGRESS)
        for operation in self._turn.started:
            self._end(operation, types.Status.NOT_STARTED)
        for record in self._turn.records:
            # Answered, but its wait is not begun: no outcome will arrive.
            if isinstance(record, Acknowledged) and record.op_id in self._flights:
                self._end(self._flights[record.op_id].talk.operation, types.Status.IN_PROGRESS)

    def _point(self, name: str) -> None:
        crash_point(f"recover-{name}" if self._set.recovering else name)

    def _tell(self, event: Event) -> None:
        """Report it once it is durable."""
        self._turn.then.append(partial(self._set.report, event))

    def _heartbeat(self) -> None:
        now_s = self._set.steady()
        for flight in self._flights.values():
            if now_s - flight.beat_s >= self._set.options.heartbeat_s:
                flight.beat_s = now_s
                operation = flight.talk.operation
                self._set.report(
                    types.Progress(
                        address=operation.address,
                        action=operation.action,
                        elapsed_s=now_s - flight.began_s,
                    )
                )
