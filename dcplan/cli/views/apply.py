"""How applying looks: a line an event, or one line that counts when there are many."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING

import click

from dcplan import __version__
from dcplan.apply import Acknowledged, Done, Event, Failed, Progress, Retry, Skipped, Started, Status
from dcplan.cli.options import show_diagnostics
from dcplan.diag import Diagnostics, plural
from dcplan.resources import Action
from dcplan.units import format_duration, format_usd_per_h

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.plan.types import Plan
    from dcplan.workflow.types import Applied

MANY = 60
"""From so many changes on, people want a count, not a stream."""

DOING = {Action.CREATE: "creating", Action.UPDATE: "updating", Action.DELETE: "deleting"}
DID = {Action.CREATE: "created", Action.UPDATE: "updated", Action.DELETE: "deleted"}
TYPES = {
    Started: "apply_start",
    Acknowledged: "apply_acknowledged",
    Progress: "apply_progress",
    Done: "apply_complete",
    Failed: "apply_errored",
    Skipped: "apply_skipped",
    Retry: "apply_retry",
}


class Teller:
    """Tells events as they come: JSON lines for programs, lines or a counter for people."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._stopping: Callable[[], bool] = lambda: False
        self._total = 0
        self._begun = 0
        self._done = 0
        self._told = 0
        self._counting = False

    def version(self) -> None:
        """The first line for programs: who speaks."""
        if self.as_json:
            _line({"type": "version", "dcplan": __version__, "format_version": "1.0"})

    def diagnose(self, diagnostics: Diagnostics, *, more: bool = False) -> None:
        """Problems: a line each for programs, to standard error for people; ``more``: the plan follows."""
        if not self.as_json:
            show_diagnostics(diagnostics, as_json=False, more=more)
        elif diagnostics:
            from dcplan.cli.views.diagnostics import to_data  # noqa: PLC0415 - only when something is wrong

            for diagnostic in diagnostics:
                _line({"type": "diagnostic", **to_data(diagnostic)})

    def plan(self, plan: Plan) -> None:
        """What will be done."""
        if not self.as_json:
            from dcplan.cli.views.plan import as_text  # noqa: PLC0415 - only for people

            click.echo(as_text(plan) + ("\n" if plan.changes else ""))
            return
        for change in plan.changes:
            _line(
                {
                    "type": "planned_change",
                    "address": str(change.address),
                    "action": change.action.value,
                    "reason": change.reason.value,
                }
            )
        counts = Counter(c.action.value for c in plan.changes)
        _line(
            {
                "type": "plan_summary",
                "changes": dict(counts),
                "unchanged": plan.unchanged,
                "usd_per_h": plan.usd_per_h,
                "before_usd_per_h": plan.before_usd_per_h,
            }
        )

    def outcome(self, applied: Applied) -> None:
        """The last word."""
        if self.as_json:
            _line(outcome_data(applied))
        else:
            click.echo(outcome_text(applied))

    def expect(self, changes: int, stopping: Callable[[], bool]) -> None:
        """How many changes will come, and how to see that the user wants to stop."""
        self._total = changes
        self._stopping = stopping
        self._begun = self._done = self._told = 0

    def say(self, text: str) -> None:
        """A sentence in between."""
        if self.as_json:
            _line({"type": "log", "message": text})
        else:
            click.echo(text)

    def tell(self, event: Event) -> None:
        """One event."""
        if isinstance(event, Retry) and self._stopping():
            return  # It will not be tried again.
        if self.as_json:
            _line(event_data(event))
            return
        self._begun += isinstance(event, Started | Skipped)
        self._done += isinstance(event, Done | Failed | Skipped)
        text = event_text(event)
        if self._total < MANY or isinstance(event, Failed):
            self.finish()
            if text:
                click.echo(text)
        if self._total >= MANY:
            self._count()

    def _count(self) -> None:
        """The counter: over itself on a terminal, every tenth part elsewhere."""
        # What is finished for an earlier apply is told here, too, but is not among the changes.
        done = min(self._done, self._total)
        if sys.stdout.isatty():
            self._counting = True
            under_way = self._begun - self._done
            more = f", {under_way:,} under way" if under_way > 0 else ""
            click.echo(f"\r\x1b[K  {done:,} of {self._total:,} done{more}", nl=False)
        elif done * 10 // self._total > self._told:
            self._told = done * 10 // self._total
            click.echo(f"  {done:,} of {self._total:,} done")

    def finish(self) -> None:
        """End the line of the counter, if it is being written."""
        if self._counting:
            self._counting = False
            click.echo("")


def event_text(event: Event) -> str:  # noqa: PLR0911 - one line an event
    """One line for people; empty for what they need not see."""
    name = str(event.address)
    doing = DOING.get(event.action, event.action.value)
    match event:
        case Started():
            return f"  {name}: {doing}..."
        case Acknowledged(adopted=True):
            return f"  {name}: found from an earlier attempt, not made twice"
        case Progress():
            return f"  {name}: still {doing}, {format_duration(event.elapsed_s)}"
        case Done():
            word = click.style(DID.get(event.action, "done"), fg="green")
            return f"  {name}: {word} after {format_duration(event.elapsed_s)}"
        case Failed():
            return click.style(f"  {name}: failed", fg="red") + f"  {event.diagnostic.summary}"
        case Skipped():
            return click.style(f"  {name}: skipped", fg="yellow") + f", because {event.because} was not done"
        case Retry():
            return f"  {name}: {event.why} Again in {format_duration(event.delay_s)}."
    return ""


def event_data(event: Event) -> dict[str, object]:
    """One event for programs; the types are Terraform's where it has the thing."""
    data: dict[str, object] = {
        "type": TYPES[type(event)],
        "address": str(event.address),
        "action": event.action.value,
    }
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
    return data


def outcome_data(applied: Applied) -> dict[str, object]:
    """The last line for programs."""
    report = applied.report
    return {
        "type": "change_summary",
        "done": report.done,
        "failed": report.failed,
        "skipped": report.skipped,
        "in_progress": report.in_progress,
        "not_started": report.not_started,
        "already_made": applied.already_made,
        "recovered": applied.recovered,
        "interrupted": report.interrupted,
        "serial": report.serial,
    }


def outcome_text(applied: Applied) -> str:
    """The last lines for people."""
    report, plan = applied.report, applied.plan
    command = "dcplan destroy" if plan.mode == "destroy" else "dcplan apply"
    counts = Counter(r.status for r in report.results)
    words = ", ".join(f"{counts[status]:,} {status.value}" for status in Status if counts[status])
    if report.interrupted:
        return (
            f"\nStopped: {words or 'nothing begun'}. What is under way goes on by itself; "
            f"run {command} to go on from here."
        )
    if report.failed or report.skipped:
        return f"\nNot complete: {words}. Mend the errors above, then run {command} again."
    if not report.results:
        return _nothing_done(applied)
    cost = "" if plan.usd_per_h is None else f" It costs {format_usd_per_h(plan.usd_per_h)}."
    if plan.mode == "destroy":
        return f"\nDestroyed: {plural(report.done, 'resource')}. Nothing of this project is left."
    already = (
        f" {plural(applied.already_made, 'change')} had been made before." if applied.already_made else ""
    )
    return f"\nApplied: {plural(report.done, 'change')}.{already}{cost}"


def _nothing_done(applied: Applied) -> str:
    """Why an apply had nothing to do."""
    if applied.already_made:
        count = plural(applied.already_made, "change")
        return f"Nothing to do: the {count} of this plan had been made before."
    return "Nothing to do: the plan has no changes."


def _line(data: dict[str, object]) -> None:
    """One line of JSON."""
    click.echo(json.dumps(data))
