"""``history``: the journal of runs, and how a run is noted in it."""

from __future__ import annotations

import os
import platform
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dcplan import __version__
from dcplan.diag import Result
from dcplan.state import StateError
from dcplan.state.types import RunNoted
from dcplan.workflow.leasing import run_url
from dcplan.workflow.stores import open_state

if TYPE_CHECKING:
    from dcplan.apply import ApplyReport
    from dcplan.plan.types import Plan
    from dcplan.resources import JsonValue
    from dcplan.state import StateStore
    from dcplan.state.store import Locker
    from dcplan.workflow.types import Project


BY_HAND = "changed by hand"
"""What came of rows that no plan changed."""


class Ended(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    """By its user; what was under way is in the journal of calls."""
    REFUSED = "refused"
    """Nothing was begun, for example because the plan was out of date."""
    INTERRUPTED = "interrupted"
    """It never said how it ended: killed, or its machine is gone."""
    RUNNING = "running"
    """Its process lives, on this machine."""
    UNKNOWN = "not ended"
    """It is the last one, of another machine, and has not said that it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A command that held the lock on the state."""

    run_id: str
    operation: str
    """``apply``, ``destroy``, ``refresh-only``, ``recover``, or a command that changes the state by hand."""
    who: str
    """``user@host``."""
    pid: int
    run_url: str | None = None
    """Of the CI job that it was, where it was one."""
    epoch: int
    """Of its lease: the order of runs."""
    dcplan: str
    """Its version."""
    began_at: str
    """ISO 8601 in UTC, as ``ended_at``."""
    ended_at: str | None = None
    ended: str | None = None
    """One of ``Ended``; None as long as it has not said so."""
    planned: dict[str, int] = field(default_factory=dict)
    """Changes of its plan, by action."""
    came: dict[str, int] = field(default_factory=dict)
    """What came of them, by status."""
    recovered: int = 0
    """Calls of earlier runs that it brought to an end."""
    partial: bool = False
    before_usd_per_h: float | None = None
    after_usd_per_h: float | None = None
    """None is unknown: of a run that did not make all of its plan, for one."""
    serial: int | None = None
    """Of the state afterwards."""


class Noting:
    """A run that is being noted: told of its end by ``end``."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def end(self, report: ApplyReport | None, recovered: int = 0, drift: int = 0) -> None:
        """What came of it; None: it was refused.  ``drift``: rows that a refresh brought up to date."""
        if report is None:
            self.run = replace(self.run, ended=Ended.REFUSED.value, after_usd_per_h=None)
            return
        from dcplan.apply.types import Status  # noqa: PLC0415 - who only reads a history does without

        came = Counter(result.status.value for result in report.results)
        if drift:
            came["done"] += drift
        # Of a recovery, what is closed because nothing was made has come to its end as well.
        ends = {"done", Status.NOT_STARTED.value} if self.run.operation == "recover" else {"done"}
        whole = not set(came) - ends
        stopped, failed = report.interrupted, bool(report.failed or report.skipped)
        ended = Ended.STOPPED if stopped else Ended.FAILED if failed or not whole else Ended.DONE
        self.run = replace(
            self.run,
            ended=ended.value,
            came=dict(came),
            recovered=recovered,
            serial=report.serial,
            after_usd_per_h=self.run.after_usd_per_h if ended is Ended.DONE else None,
        )


@contextmanager
def journaled(store: StateStore, *, operation: str, who: str, plan: Plan | None = None) -> Iterator[Noting]:
    """Note a run that holds the lease of ``store``: as it begins, and as it ends.

    One that ends by an exception, or is killed, is found without an end, and so counts as interrupted.
    """
    begun = Run(
        run_id=str(uuid.uuid4()),
        operation=operation,
        who=who,
        pid=os.getpid(),
        run_url=run_url(os.environ),
        epoch=store.epoch,
        dcplan=__version__,
        began_at=_now(),
        **({} if plan is None else _of_plan(plan)),
    )
    store.write([RunNoted(run_id=begun.run_id, content=_content(begun))])
    noting = Noting(begun)
    yield noting
    if noting.run.ended is None:
        noting.end(None)
    run = replace(noting.run, ended_at=_now())
    with suppress(StateError):  # Why the state cannot be written any more was told by whoever met it.
        store.write([RunNoted(run_id=run.run_id, content=_content(run))])


def note_by_hand(store: StateStore, *, operation: str, who: str, rows: int) -> None:
    """Note that somebody changed ``rows`` records of the state by hand, under the lease of ``store``."""
    now = _now()
    run = Run(
        run_id=str(uuid.uuid4()),
        operation=operation,
        who=who,
        pid=os.getpid(),
        run_url=run_url(os.environ),
        epoch=store.epoch,
        dcplan=__version__,
        began_at=now,
        ended_at=now,
        ended=Ended.DONE.value,
        came={BY_HAND: rows},
        serial=store.read().serial,
    )
    store.write([RunNoted(run_id=run.run_id, content=_content(run))])


def _of_plan(plan: Plan) -> dict[str, Any]:
    """What a run's plan says of it."""
    partial = plan.partial is not None and bool(plan.partial.left)
    if plan.mode == "refresh-only":
        after = None
    elif plan.partial is not None and partial:
        after = plan.partial.usd_per_h
    else:
        after = 0.0 if plan.mode == "destroy" else plan.usd_per_h
    return {
        "planned": dict(Counter(c.action.value for c in (*plan.state_changes, *plan.changes)))
        | ({"refresh": len(plan.drift)} if plan.drift else {}),
        "partial": partial,
        "before_usd_per_h": plan.before_usd_per_h,
        "after_usd_per_h": after,
    }


def history(project: Project, newest: int | None = None) -> Result[tuple[Run, ...]]:
    """The ``newest`` runs (None: all that are kept), the last one first; none before the first apply."""
    opened = open_state(project, create=False)
    if opened.value is None:
        if [d.code for d in opened.diagnostics] == ["state-missing"]:
            return Result(())
        return Result(None, opened.diagnostics)
    try:
        found = [run for content in opened.value.runs(newest) if (run := _run(content)) is not None]
    except StateError as problem:
        return Result(None, (*opened.diagnostics, problem.diagnostic()))
    finally:
        opened.value.close()
    last = max((run.epoch for run in found), default=0)
    return Result(tuple(_judged(run, last=run.epoch == last) for run in found), opened.diagnostics)


def _judged(run: Run, *, last: bool) -> Run:
    """A run without an end, with what can be told of it."""
    if run.ended is not None:
        return run
    if not last:
        # A later one had the lock, so this one has it no more.
        return replace(run, ended=Ended.INTERRUPTED.value)
    if run.who.rpartition("@")[2] != platform.node():
        return replace(run, ended=Ended.UNKNOWN.value)
    return replace(run, ended=(Ended.RUNNING if lives(run.pid) else Ended.INTERRUPTED).value)


def lives(pid: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # There, but another user's.
        return True
    return True


def at_work(store: Locker) -> str | None:
    """Who holds the lock and goes on with what is open, in words; None for nobody, as far as can be told.

    A process of this machine that was killed holds nothing, whatever it has left written.
    """
    holder = store.holder()
    if holder is None or (holder.who.rpartition("@")[2] == platform.node() and not lives(holder.pid)):
        return None
    return f"{holder.who} (process {holder.pid}, {holder.operation} since {holder.since})"


def _content(run: Run) -> dict[str, JsonValue]:
    return asdict(run)


def _run(content: Mapping[str, Any]) -> Run | None:
    """The run of a record; None for one that another version wrote in other words."""
    known = {f.name for f in fields(Run)}
    try:
        return Run(**{name: value for name, value in content.items() if name in known})
    except TypeError:
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
