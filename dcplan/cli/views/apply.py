"""How applying looks: a line an event, or one line that counts when there are many."""

from __future__ import annotations

import sys
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, TextIO

import click

from dcplan.apply import Done, Event, Failed, Retry, Skipped, Started, Status
from dcplan.cli.logs import log_diagnostics, log_event
from dcplan.cli.options import show_diagnostics
from dcplan.cli.views.events import Stream
from dcplan.cli.views.fallbacks import moved_lines
from dcplan.cli.views.scope import again_text
from dcplan.cli.views.told import DID, event_text, shown
from dcplan.cli.views.width import fitted, wrapped
from dcplan.diag import Diagnostics, listed, plural
from dcplan.resources import Action
from dcplan.units import format_usd_per_h

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcplan.apply import ApplyReport
    from dcplan.diag import Result
    from dcplan.plan.outputs import Told
    from dcplan.plan.types import Plan
    from dcplan.workflow.rounds import PlanAnew
    from dcplan.workflow.types import Applied

MANY = 60
"""From so many changes on, people want a count, not a stream."""


class Teller:
    """Tells events as they come: JSON lines for programs, lines or a counter for people.

    ``into``: a file that gets the JSON lines while people read; ``concise``: people hear only of
    what goes wrong, and of the end.
    """

    def __init__(self, *, as_json: bool, into: TextIO | None = None, concise: bool = False) -> None:
        self.as_json = as_json
        self._streams = [Stream()] if as_json else []
        if into is not None:
            self._streams.append(Stream(into))
        self._concise = concise
        self._stopping: Callable[[], bool] = lambda: False
        self._total = 0
        self._begun = 0
        self._done = 0
        self._told = 0
        self._counting = False
        self._spoke = False

    def version(self) -> None:
        """The first line for programs: who speaks."""
        for stream in self._streams:
            stream.version()

    def diagnose(self, diagnostics: Diagnostics, *, more: bool = False) -> None:
        """Problems: a line each for programs, to standard error for people; ``more``: the plan follows."""
        if self.as_json:
            log_diagnostics(diagnostics)  # For people ``show_diagnostics`` does it.
        for stream in self._streams:
            stream.diagnose(diagnostics)
        if not self.as_json:
            self._spoke |= bool(diagnostics) and not more
            show_diagnostics(diagnostics, as_json=False, more=more)

    def stage(self, text: str) -> None:
        """What the planning is at; people have a line of their own for it."""
        for stream in self._streams:
            stream.stage(text)

    def plan(self, plan: Plan, *, saved: bool = False) -> None:
        """What will be done; people have seen a ``saved`` plan as it was made."""
        for stream in self._streams:
            stream.plan(plan)
        if not self.as_json and not saved:
            from dcplan.cli.views.plan import as_text  # noqa: PLC0415 - only for people

            click.echo(as_text(plan, concise=self._concise) + ("\n" if plan.acts else ""))

    def anew(self, anew: PlanAnew, ended: Result[Applied]) -> None:
        """A round has ended for want of machines: what is missing, and that another plan is made.

        Whether that is a failure, the last round says; people have heard of each machine already.
        """
        from dcplan.cli.views.anew import anew_text  # noqa: PLC0415 - only where machines are sold out
        from dcplan.workflow.rounds import as_warnings  # noqa: PLC0415 - as above

        if self.as_json:
            log_diagnostics(as_warnings(ended.diagnostics))
        for stream in self._streams:
            stream.diagnose(as_warnings(ended.diagnostics))
            stream.anew(anew, ended, anew_text(anew))
        if not self.as_json:
            self._spoke = False
            click.echo("\n" + anew_text(anew) + "\n")

    def outcome(
        self,
        applied: Applied,
        *,
        quiet: bool = False,
        outputs: Mapping[str, Told] = MappingProxyType({}),
        rounds: int = 1,
    ) -> None:
        """The last word, and what the document's outputs are now.

        ``quiet``: people have heard already that nothing was to be done; ``rounds``: plans that were begun.
        """
        for stream in self._streams:
            if outputs:
                stream.outputs(outputs)
            stream.outcome(applied, outcome_text(applied), rounds=rounds)
        if self.as_json or quiet:
            return
        # The plan ends with an empty line: a second one only where something was told since.
        text = outcome_text(applied)
        click.echo(fitted(text if self._spoke else text.removeprefix("\n")))
        if outputs and not self._concise:
            from dcplan.cli.views.outputs import block  # noqa: PLC0415 - only where a document names some

            click.echo("\n" + block("Outputs", outputs))

    def summary(self, report: ApplyReport, text: str, *, recovered: int = 0) -> None:
        """The last word where there was no plan; ``recovered``: operations that came to their end."""
        for stream in self._streams:
            stream.summary(report, text, recovered=recovered)
        if not self.as_json:
            click.echo(fitted(text))

    def expect(self, changes: int, stopping: Callable[[], bool]) -> None:
        """How many changes will come, and how to see that the user wants to stop."""
        self._total = changes
        self._stopping = stopping
        self._begun = self._done = self._told = 0

    def say(self, text: str) -> None:
        """A sentence in between."""
        for stream in self._streams:
            stream.say(text)
        if not self.as_json:
            self._spoke = True
            click.echo(fitted(text))

    def tell(self, event: Event) -> None:
        """One event."""
        if isinstance(event, Retry) and self._stopping():
            return  # It will not be tried again.
        log_event(event)
        for stream in self._streams:
            stream.tell(event)
        if self.as_json or not shown(event):
            return
        self._begun += isinstance(event, Started | Skipped)
        self._done += isinstance(event, Done | Failed | Skipped)
        counted = self._total >= MANY or self._concise
        self._spoke |= not self._concise or isinstance(event, Failed)
        if not counted or isinstance(event, Failed):
            self.finish()
            click.echo(wrapped(event_text(event), sys.maxsize, indent=" " * 6))
        if self._total >= MANY and not self._concise:
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


def outcome_text(applied: Applied) -> str:  # noqa: PLR0911 - one sentence a way to end
    """The last lines for people."""
    report, plan = applied.report, applied.plan
    command = again_text(plan)
    counts = Counter(r.status for r in report.results)
    words = ", ".join(f"{counts[status]:,} {status.value}" for status in Status if counts[status])
    if report.interrupted:
        return (
            f"\nStopped: {words or 'nothing begun'}. What is under way goes on by itself; "
            f"run {command} to go on from here."
        )
    if report.failed or report.skipped or report.in_progress or report.not_started:
        told = f"\nNot complete: {words}. Mend the errors above, then run {command} again."
        return "\n".join([told, *moved_lines(applied.moved)])
    if plan.mode == "refresh-only" and applied.already_made == len(plan.drift):
        return "Nothing to do: the state had been brought up to date before."
    if plan.mode == "refresh-only":
        return (
            f"\nThe state of {plural(len(plan.drift), 'resource')} is up to date. Nothing else was changed."
        )
    if not report.results:
        return _nothing_done(applied)
    left = 0 if plan.partial is None else sum(plan.partial.left.values())
    usd_per_h = plan.partial.usd_per_h if plan.partial is not None and left else plan.usd_per_h
    cost = "" if usd_per_h is None else f" It costs {format_usd_per_h(usd_per_h)}."
    partly = f" The plan was partial: {plural(left, 'change')} left for another time." if left else ""
    if plan.mode == "destroy":
        kept = sum(result.action is Action.FORGET for result in report.results)
        rest = f" Forgotten, and still there: {kept:,}." if kept else ""
        paid = _still_paid(plan)
        return (
            f"\nDestroyed: {plural(report.done - kept, 'resource')}."
            f"{rest}{partly or ('' if kept or paid else ' Nothing of this project is left.')}{paid}"
        )
    already = (
        f" {plural(applied.already_made, 'change')} had been made before." if applied.already_made else ""
    )
    return "\n".join(
        [
            f"\nApplied: {plural(report.done, 'change')}{_done(report)}.{already}{cost}{partly}",
            *moved_lines(applied.moved),
        ]
    )


def _still_paid(plan: Plan) -> str:
    """What a plan lets go of and cannot give back, or not always: it was paid for when it was bought."""
    bought, ordered = _let_go(plan, "most_usd"), _let_go(plan, "expected_usd")
    kept = f" What was bought stays yours and paid for: {listed(bought)}." if bought else ""
    if ordered:
        kept += f" If its cloud had locked it, this stays yours and paid for: {listed(ordered)}."
    return kept


def _let_go(plan: Plan, attribute: str) -> list[str]:
    """What a plan deletes that has this attribute, with its id."""
    return [
        f"{change.address} ({change.before.outputs.get('id')})"
        for change in plan.changes
        if change.action is Action.DELETE
        and change.before is not None
        and attribute in change.before.attributes
    ]


def _done(report: ApplyReport) -> str:
    """``: 2 created, 1 replaced``; of one sort only which; nothing where nothing was done."""
    counts = Counter(DID.get(r.action, "done") for r in report.results if r.status is Status.DONE)
    if len(counts) == 1:
        return f" ({next(iter(counts))})"
    told = [f"{counts[did]:,} {did}" for did in dict.fromkeys((*DID.values(), "done")) if counts[did]]
    return f" ({', '.join(told)})" if told else ""


def _nothing_done(applied: Applied) -> str:
    """Why an apply had nothing to do."""
    if applied.already_made:
        count = plural(applied.already_made, "change")
        return f"Nothing to do: the {count} of this plan had been made before."
    return "Nothing to do: the plan has no changes."
