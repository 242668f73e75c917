"""Carry out a plan in front of people or programs: ask, tell, and stop well."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from dcplan.apply import ApplyOptions, ApplyReport, Event
from dcplan.cli.exit_codes import ERROR, INTERRUPTED, OK, TERMINATED
from dcplan.cli.progress import progress_line
from dcplan.cli.views.apply import Teller
from dcplan.diag import has_errors, plural
from dcplan.workflow.applying import apply, finish_interrupted, providers_of
from dcplan.workflow.planning import plan, plan_destroy, read_state
from dcplan.workflow.types import Applied

if TYPE_CHECKING:
    from dcplan.diag import Result
    from dcplan.plan.types import Plan
    from dcplan.resources import Address
    from dcplan.workflow.types import Project


class Stopper:
    """Turns signals into a wish to stop; the second one ends the process at once."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signal: int | None = None

    def __call__(self) -> bool:
        """Whether the user wants to stop."""
        return self.event.is_set()

    @property
    def exit_code(self) -> int:
        """The shell's code for the signal that came."""
        return TERMINATED if self.signal == signal.SIGTERM else INTERRUPTED

    def handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signal module's signature
        """Called when a signal arrives."""
        if self.event.is_set():
            # The journal knows every call under way, so nothing is lost by leaving now.
            os._exit(self.exit_code)
        self.signal = number
        self.event.set()
        os.write(
            2, b"\nStopping: no new calls; waiting a moment for those under way. Again to leave at once.\n"
        )


@contextmanager
def stopping() -> Iterator[Stopper]:
    """A stopper that listens to SIGINT and SIGTERM while this is entered."""
    stopper = Stopper()
    before = {s: signal.signal(s, stopper.handle) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopper
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_now(code: int) -> NoReturn:
    """End the process without waiting for calls that outlive the stop: the journal knows them."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run_apply(  # noqa: PLR0913 - what the two commands were asked
    project: Project, *, planfile: Path | None, destroy: bool, approved: bool, parallelism: int, as_json: bool
) -> int:
    """Plan if there is no plan, ask if nobody has approved, apply; the exit code."""
    if as_json and not (approved or planfile):
        raise click.UsageError("--json cannot ask: add -auto-approve, or name a saved plan.")
    options = ApplyOptions(parallelism=parallelism)
    teller = Teller(as_json=as_json)
    teller.version()
    if planfile is None:
        ended = _finish_interrupted(project, teller, options)
        if ended is not None:
            return ended
        made = _planned(project, teller, destroy=destroy)
    else:
        made = _saved(planfile, teller)
    if made is None:
        return ERROR
    acts = bool(made.changes or made.interrupted)
    if destroy and not acts:
        if as_json:
            teller.outcome(Applied(plan=made, report=ApplyReport(results=()), recovered=0))
        return OK
    # Before anybody is asked: what cannot be done need not be agreed to.
    opened = providers_of(project, made)
    if opened.value is None:
        teller.diagnose(opened.diagnostics)
        return ERROR
    what = "delete all of these" if destroy else "make these changes"
    if acts and planfile is None and not approved and not agreed(f"Shall dcplan {what}?"):
        return ERROR
    with stopping() as stop:
        teller.expect(len(made.changes), stop)
        # Also without changes: what the state says of the workloads is brought up to date.
        applied = apply(project, made, report=teller.tell, stop=stop.event, options=options)
        return _ending(applied, teller, stop, quiet=not acts and planfile is None)


def _finish_interrupted(project: Project, teller: Teller, options: ApplyOptions) -> int | None:
    """End what an earlier apply left open, before anything is planned; a code to end with, or none."""
    view = read_state(project)
    if view.value is None or not view.value.interrupted:
        return None  # What is wrong with the state, planning will say.
    count = plural(len(view.value.interrupted), "interrupted operation")
    code = run_recovery(project, teller, options, saying=f"Resolving {count} of an earlier apply first.")
    return None if code == OK else code


def run_recovery(
    project: Project,
    teller: Teller,
    options: ApplyOptions,
    *,
    saying: str,
    choices: Mapping[Address, str | None] | None = None,
) -> int:
    """Resolve interrupted operations, with the user's answers if there are any; the exit code."""
    told: list[str] = []

    def report(event: Event) -> None:
        if not told:
            # Only now is it certain that the earlier apply does not run any more.
            told.append(saying)
            teller.say(saying)
        teller.tell(event)

    with stopping() as stop:
        teller.expect(0, stop)
        finished = finish_interrupted(
            project, report=report, stop=stop.event, options=options, choices=choices
        )
        teller.diagnose(finished.diagnostics)
        if stop():
            teller.say("Stopped. Run dcplan apply to go on from here.")
            return stop.exit_code
    return ERROR if finished.value is None or has_errors(finished.diagnostics) else OK


def _saved(planfile: Path, teller: Teller) -> Plan | None:
    """The plan in a file; None after its diagnostics were shown."""
    from dcplan.plan.codec import read_plan  # noqa: PLC0415 - only for a saved plan

    read = read_plan(planfile)
    teller.diagnose(read.diagnostics)
    if read.value is not None and teller.as_json:
        teller.plan(read.value)
    return read.value


def _planned(project: Project, teller: Teller, *, destroy: bool) -> Plan | None:
    """A new plan, shown; None after its diagnostics were."""
    with progress_line(quiet=teller.as_json) as progress:
        planned = plan_destroy(project) if destroy else plan(project, progress=progress)
    teller.diagnose(planned.diagnostics, more=planned.value is not None)
    if planned.value is not None:
        teller.plan(planned.value.plan)
    return planned.value.plan if planned.value is not None else None


def agreed(question: str) -> bool:
    """Whether somebody typed ``yes``; where nobody can, no."""
    if not sys.stdin.isatty():
        click.echo("Nobody can answer here, so nothing was changed. Add -auto-approve.", err=True)
        return False
    answer = click.prompt(f"{question} Only 'yes' will do", default="no", show_default=False)
    if answer != "yes":
        click.echo("Nothing was changed.")
        return False
    return True


def _ending(applied: Result[Applied], teller: Teller, stop: Stopper, *, quiet: bool) -> int:
    """Say what came of it; ``quiet``: the plan has said already that nothing was to be done."""
    teller.finish()
    if applied.diagnostics and not teller.as_json:
        click.echo(err=True)
    teller.diagnose(applied.diagnostics)
    if applied.value is None:
        return ERROR
    report = applied.value.report
    if teller.as_json or not quiet:
        teller.outcome(applied.value)
    if report.interrupted:
        leave_now(stop.exit_code)
    return ERROR if report.failed or has_errors(applied.diagnostics) else OK
