"""How applying looks to programs: one JSON object a line, format ``event.v1``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import click

from dcplan import __version__
from dcplan.apply import (
    Acknowledged,
    Done,
    Event,
    Failed,
    IntentRecorded,
    IntentResolved,
    LockAcquired,
    LockWaiting,
    Progress,
    Retry,
    Skipped,
    Started,
)
from dcplan.apply.types import CapacityAttempt
from dcplan.cli.views.told import event_text
from dcplan.diag import Severity, plural

if TYPE_CHECKING:
    from dcplan.apply import ApplyReport
    from dcplan.diag import Diagnostics, Result
    from dcplan.plan.outputs import Told
    from dcplan.plan.types import Plan
    from dcplan.workflow.rounds import PlanAnew
    from dcplan.workflow.types import Applied

FORMAT_VERSION = "1.1"
"""Readers ignore keys and types that they do not know; the first number changes when that is not enough."""

TYPES: Mapping[type[Event], str] = {
    Started: "apply_start",
    Acknowledged: "apply_acknowledged",
    Progress: "apply_progress",
    Done: "apply_complete",
    Failed: "apply_errored",
    Skipped: "apply_skipped",
    Retry: "apply_retry",
    CapacityAttempt: "capacity_attempt",
    IntentRecorded: "intent_recorded",
    IntentResolved: "intent_resolved",
    LockAcquired: "lock_acquired",
    LockWaiting: "lock_waiting",
}
LEVELS = {"apply_errored": "error", "apply_skipped": "warn", "apply_retry": "warn", "lock_lost": "error"}


class Stream:
    """Writes lines of JSON to a file, or to standard output."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file

    def line(self, type_: str, message: str, data: Mapping[str, object], *, level: str = "info") -> None:
        """One line; it is there at once, for whoever follows the file."""
        text = json.dumps(
            {
                "@level": level,
                "@message": message,
                "@module": "dcplan",
                "@timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "type": type_,
                **data,
            }
        )
        click.echo(text, file=self._file)
        if self._file is not None:
            self._file.flush()

    def version(self) -> None:
        """The first line: who speaks."""
        self.line(
            "version", f"dcplan {__version__}", {"dcplan": __version__, "format_version": FORMAT_VERSION}
        )

    def say(self, text: str) -> None:
        """A sentence in between."""
        self.line("log", text, {})

    def stage(self, text: str) -> None:
        """What the planning is at."""
        self.line("solver_progress", f"{text}...", {"stage": text})

    def diagnose(self, diagnostics: Diagnostics) -> None:
        """Problems; one that means that the lock is another's is told as such, too."""
        from dcplan.cli.views.diagnostics import to_data  # noqa: PLC0415 - only when something is wrong

        for diagnostic in diagnostics:
            if diagnostic.code == "state-fenced":
                self.line("lock_lost", diagnostic.summary, {"why": diagnostic.detail}, level="error")
            level = "error" if diagnostic.severity is Severity.ERROR else "warn"
            self.line("diagnostic", diagnostic.summary, to_data(diagnostic), level=level)

    def plan(self, plan: Plan) -> None:
        """What will be done, and what that changes of the cost."""
        for type_, message, data in plan_lines(plan):
            self.line(type_, message, data)

    def tell(self, event: Event) -> None:
        """One event."""
        type_ = TYPES[type(event)]
        self.line(
            type_,
            click.unstyle(event_text(event)).strip(),
            event_data(event),
            level=LEVELS.get(type_, "info"),
        )

    def outputs(self, told: Mapping[str, Told]) -> None:
        """What the document's outputs are now; what is sensitive is left out."""
        values = {
            name: {"sensitive": one.sensitive, "value": None if one.sensitive else one.value}
            for name, one in told.items()
        }
        self.line("outputs", plural(len(values), "output"), {"outputs": values})

    def summary(self, report: ApplyReport, message: str, *, recovered: int = 0) -> None:
        """The last line where there was no plan."""
        self.line("change_summary", message.strip(), report_data(report, recovered=recovered))

    def anew(self, anew: PlanAnew, ended: Result[Applied], message: str) -> None:
        """A round has ended for want of machines; the lines of the next plan follow."""
        report = None if ended.value is None else ended.value.report
        counts: dict[str, object] = {} if report is None else report_data(report)
        data: dict[str, object] = {"round": anew.round, "sold_out": list(anew.sold_out)}
        data |= {name: counts[name] for name in ("done", "failed", "skipped", "serial") if name in counts}
        self.line("plan_anew", " ".join(message.split()), data, level="warn")

    def outcome(self, applied: Applied, message: str, *, rounds: int = 1) -> None:
        """The last line; ``rounds``: plans that were begun, of which this is about the last."""
        self.line("change_summary", message.strip(), {**outcome_data(applied), "rounds": rounds})


def plan_lines(plan: Plan) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Type, message and content of each line that tells of a plan."""
    from collections import Counter  # noqa: PLC0415 - only for a plan

    from dcplan.cli.views.changes import sides_of  # noqa: PLC0415 - as above
    from dcplan.cli.views.drift import drift_data  # noqa: PLC0415 - as above

    changes = (*plan.state_changes, *plan.changes)
    for drift in plan.drift:
        yield "resource_drift", f"{drift.address}: not as the state says", drift_data(drift)
    for change in changes:
        told = {"address": str(change.address), "action": change.action.value, "reason": change.reason.value}
        message = f"{change.address}: to {change.action.value}, {change.reason.value}"
        values = {name: {"before": old, "after": new} for name, (old, new) in sides_of(change).items()}
        names = {"changed": list(change.changed), "forced_by": list(change.forced_by)}
        yield "planned_change", message, {**told, **names, "values": values}
    partial = plan.partial
    yield (
        "plan_summary",
        f"Plan: {plural(len(changes), 'change')}, {plan.unchanged:,} unchanged",
        {
            "mode": plan.mode,
            "changes": dict(Counter(c.action.value for c in changes)),
            "unchanged": plan.unchanged,
            "left": None if partial is None else partial.left,
            "usd_per_h": plan.usd_per_h,
            "before_usd_per_h": plan.before_usd_per_h,
        },
    )
    before, now = plan.before_usd_per_h, plan.usd_per_h if partial is None else partial.usd_per_h
    if plan.mode == "apply":
        delta = None if before is None or now is None else now - before
        told_delta = "unknown" if delta is None else f"{delta:+,.2f} USD/h"
        yield (
            "cost_delta",
            f"Cost: {told_delta}",
            {"before_usd_per_h": before, "after_usd_per_h": now, "delta_usd_per_h": delta},
        )


def event_data(event: Event) -> dict[str, object]:  # noqa: C901 - one case an event
    """The content of one event; the types are Terraform's where it has the thing."""
    if isinstance(event, LockAcquired):
        return {"epoch": event.epoch, "operation": event.operation}
    if isinstance(event, LockWaiting):
        return {"why": event.why, "delay_s": round(event.delay_s, 3)}
    data: dict[str, object] = {"address": str(event.address), "action": event.action.value}
    match event:
        case Acknowledged():
            data |= {"id": event.object_id, "adopted": event.adopted}
        case Progress() | Done():
            data["elapsed_s"] = round(event.elapsed_s, 3)
        case Failed():
            from dcplan.cli.views.diagnostics import to_data  # noqa: PLC0415 - only when something failed

            data["diagnostic"] = to_data(event.diagnostic)
        case Skipped():
            data["because"] = str(event.because)
        case Retry():
            data |= {"why": event.why, "delay_s": round(event.delay_s, 3), "attempt": event.attempt}
        case IntentRecorded():
            data["op_id"] = event.op_id
        case IntentResolved():
            data |= {"op_id": event.op_id, "done": event.done}
        case CapacityAttempt():
            names = ("from_pool", "pool", "machines", "usd_per_h", "why", "attempt")
            data |= {name: getattr(event, name) for name in names}
    return data


def outcome_data(applied: Applied) -> dict[str, object]:
    """What came of it, counted."""
    return {
        **report_data(applied.report, recovered=applied.recovered),
        "already_made": applied.already_made,
        "moved": [asdict(one) for one in applied.moved],
    }


def report_data(report: ApplyReport, *, recovered: int = 0) -> dict[str, object]:
    """What came of calls that were of no plan, counted."""
    return {
        "done": report.done,
        "failed": report.failed,
        "skipped": report.skipped,
        "rolled_back": report.rolled_back,
        "in_progress": report.in_progress,
        "not_started": report.not_started,
        "already_made": 0,
        "recovered": recovered,
        "moved": [],
        "interrupted": report.interrupted,
        "rounds": 1,
        "serial": report.serial,
    }
