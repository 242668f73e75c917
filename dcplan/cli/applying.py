"""Carry out a plan in front of people or programs: ask, tell, and stop well."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from dcplan.apply import MAX_AGE_S, ApplyReport, Event
from dcplan.cli.exit_codes import ERROR, INTERRUPTED, OK, TERMINATED
from dcplan.cli.json_file import open_json
from dcplan.cli.logs import log_end
from dcplan.cli.plan_options import PlanAsked, Shown, make_plan, may_ask
from dcplan.cli.progress import progress_line
from dcplan.cli.views.apply import Teller
from dcplan.diag import Result, has_errors, plural
from dcplan.workflow.applying import apply, finish_interrupted, providers_of
from dcplan.workflow.planning import read_state
from dcplan.workflow.rounds import Terms, Turn, fell_short, in_rounds
from dcplan.workflow.settings import ApplyFlags
from dcplan.workflow.types import DEFAULT_WORKSPACE, Applied, Tuning

if TYPE_CHECKING:
    from dcplan.diag import Diagnostics
    from dcplan.plan.outputs import Told
    from dcplan.plan.types import Plan
    from dcplan.resources import Address
    from dcplan.workflow.rounds import PlanAnew
    from dcplan.workflow.types import Project


LEAVE_S = 4.5
"""So long after the first signal the process is gone, whoever does not answer."""


class Stopper:
    """Turns signals into a wish to stop; the second one ends the process at once."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signal: int | None = None
        self._patience: threading.Timer | None = None

    def __call__(self) -> bool:
        """Whether the user wants to stop."""
        return self.event.is_set()

    @property
    def exit_code(self) -> int:
        """The shell's code for the signal that came; that of an error when it was no signal."""
        if self.signal is None:
            return ERROR
        return TERMINATED if self.signal == signal.SIGTERM else INTERRUPTED

    def handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signal module's signature
        """Called when a signal arrives."""
        if self.event.is_set():
            # The journal knows every call under way, so nothing is lost by leaving now.
            os._exit(self.exit_code)
        self.signal = number
        self.event.set()
        self._patience = threading.Timer(LEAVE_S, self._leave)
        self._patience.daemon = True
        self._patience.start()
        os.write(
            2, b"\nStopping: no new calls; waiting a moment for those under way. Again to leave at once.\n"
        )

    def end(self) -> None:
        """Nothing is to be stopped any more."""
        if self._patience is not None:
            self._patience.cancel()

    def _leave(self) -> None:
        """End the process though somebody does not answer, as the server of the state may not."""
        os.write(2, b"Left without an answer. The journal has what is under way: dcplan apply goes on.\n")
        os._exit(self.exit_code)


@contextmanager
def stopping() -> Iterator[Stopper]:
    """A stopper that listens to SIGINT and SIGTERM while this is entered."""
    stopper = Stopper()
    before = {s: signal.signal(s, stopper.handle) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopper
    finally:
        stopper.end()
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_now(code: int) -> NoReturn:
    """End the process without waiting for calls that outlive the stop: the journal knows them."""
    log_end(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a command that acts was asked."""

    asked: PlanAsked
    """The plan to make; not looked at where there is a saved one."""
    shown: Shown
    flags: ApplyFlags
    approved: bool
    planfile: Path | None = None
    max_age_s: float = MAX_AGE_S


def run_of(
    asked: PlanAsked,
    shown: Shown,
    acting: Mapping[str, Any],
    *,
    planfile: Path | None = None,
    max_age_s: float = MAX_AGE_S,
) -> Run:
    """A run from what the command line gave; ``acting`` are the values of ``acting_options``."""
    return Run(
        asked=asked,
        shown=shown,
        flags=ApplyFlags(
            parallelism=acting["parallelism"], on_error=acting["on_error"], failover=acting["failover"]
        ),
        approved=acting["auto_approve"],
        planfile=planfile,
        max_age_s=max_age_s,
    )


def run_apply(project: Project, run: Run) -> int:
    """Plan if there is no plan, ask if nobody has approved, apply; the exit code."""
    if run.shown.as_json and not (run.approved or run.planfile):
        raise click.UsageError("-json cannot ask: add -auto-approve, or name a saved plan.")
    with ExitStack() as files:
        path = run.shown.json_into
        into = None if path is None else files.enter_context(open_json(path))
        teller = Teller(as_json=run.shown.as_json, into=into, concise=run.shown.concise)
        teller.version()
        return _run(project, run, teller)


def _run(project: Project, run: Run, teller: Teller) -> int:
    if run.planfile is None:
        # A refresh-only plan makes no calls that change anything, so it ends none that an apply began.
        ended = None if run.asked.mode == "refresh-only" else _finish_interrupted(project, teller, run.flags)
        if ended is not None:
            return ended
        made = _planned(project, teller, run.asked)
    else:
        made = _saved(project, run.planfile, run.max_age_s, teller)
    if made is None:
        return ERROR
    acts = bool(made.drift) if made.mode == "refresh-only" else made.acts
    if not acts and run.planfile is None and made.mode != "apply":
        teller.outcome(Applied(plan=made, report=ApplyReport(results=()), recovered=0), quiet=True)
        return OK
    # Before anybody is asked: what cannot be done need not be agreed to.
    opened = providers_of(project, made)
    if opened.value is None:
        teller.diagnose(opened.diagnostics)
        return ERROR
    if acts and run.planfile is None and not run.approved and not agreed(_question(made)):
        return ERROR
    return _Rounds(project, run, teller).from_first(made, quiet=not acts and run.planfile is None)


class _Rounds:
    """Carries out a plan, and what is planned anew where machines are sold out."""

    def __init__(self, project: Project, run: Run, teller: Teller) -> None:
        self._project = project
        self._run = run
        self._teller = teller
        self._stop = Stopper()
        self._round = 1

    def from_first(self, made: Plan, *, quiet: bool) -> int:
        """The exit code of the last round; ``quiet``: the plan has said that nothing was to be done."""
        run = self._run
        terms = Terms(
            scope=run.asked.scope, flags=run.flags, saved=run.planfile is not None, approved=run.approved
        )
        last = in_rounds(made, terms, act=self._act, plan_anew=self._plan_anew, may=self._may)
        if terms.saved and fell_short(last.applied):
            self._teller.say(SAVED_ENDS)
        return _ending(self._project, last, self._teller, self._stop, quiet=quiet)

    def _act(self, plan: Plan, kept: Collection[Address]) -> Result[Applied]:
        with stopping() as stop:
            self._stop = stop
            self._teller.expect(len(plan.changes), stop)
            # Also without changes: what the state says of the workloads is brought up to date.
            applied = apply(
                self._project,
                plan,
                report=self._teller.tell,
                stop=stop.event,
                flags=self._run.flags,
                kept=kept,
            )
            self._teller.finish()
            if applied.value is not None and applied.value.report.interrupted:
                # While signals are still listened to: the process leaves from here.
                last = Turn(plan=plan, applied=applied, round=self._round)
                _ending(self._project, last, self._teller, stop, quiet=False)
            return applied

    def _plan_anew(self, anew: PlanAnew, ended: Result[Applied]) -> Plan | None:
        """The plan without what was sold out, shown; None where there is none."""
        if self._stop():
            return None
        self._round = anew.round
        self._teller.anew(anew, ended)
        asked = replace(self._run.asked, scope=anew.scope)
        tuning = Tuning(without=frozenset(anew.sold_out))
        found = _planned(self._project, self._teller, asked, tuning)
        if found is None:
            self._teller.say("There is no other plan without these pools, so it ends here.")
        return found

    def _may(self, plan: Plan, beyond: Diagnostics) -> bool:
        opened = Result((), beyond) if beyond else providers_of(self._project, plan)
        self._teller.diagnose(opened.diagnostics)
        if beyond or opened.value is None:
            return False
        return self._run.approved or agreed(_question(plan), otherwise="Nothing more was changed.")


SAVED_ENDS = (
    "A saved plan holds all that apply may do, so nothing is planned anew. dcplan plan makes a plan without "
    "what is sold out."
)


def _question(made: Plan) -> str:
    name = made.inputs.workspace
    where = "" if name == DEFAULT_WORKSPACE else f' in workspace "{name}"'
    if made.mode == "refresh-only":
        return f"Shall dcplan write this into the state{where}?"
    return f"Shall dcplan {'delete all of these' if made.mode == 'destroy' else 'make these changes'}{where}?"


def _finish_interrupted(project: Project, teller: Teller, flags: ApplyFlags) -> int | None:
    """End what an earlier apply left open, before anything is planned; a code to end with, or none."""
    view = read_state(project)
    if view.value is None or not view.value.interrupted:
        return None  # What is wrong with the state, planning will say.
    count = plural(len(view.value.interrupted), "interrupted operation")
    code = run_recovery(project, teller, flags, saying=f"Resolving {count} of an earlier apply first.")
    return None if code == OK else code


def run_recovery(
    project: Project,
    teller: Teller,
    flags: ApplyFlags,
    *,
    saying: str,
) -> int:
    """Resolve interrupted operations before a plan is made; the exit code."""
    told: list[str] = []

    def report(event: Event) -> None:
        if not told:
            # Only now is it certain that the earlier apply does not run any more.
            told.append(saying)
            teller.say(saying)
        teller.tell(event)

    with stopping() as stop:
        teller.expect(0, stop)
        finished = finish_interrupted(project, report=report, stop=stop.event, flags=flags)
        teller.diagnose(finished.diagnostics)
        if stop():
            teller.say("Stopped. Run dcplan apply to go on from here.")
            return stop.exit_code
    return ERROR if finished.value is None or has_errors(finished.diagnostics) else OK


def _saved(project: Project, planfile: Path, max_age_s: float, teller: Teller) -> Plan | None:
    """The plan in a file; None after its diagnostics were shown."""
    from dcplan.workflow.saving import plan_to_apply  # noqa: PLC0415 - only for a saved plan

    read = plan_to_apply(project, planfile, max_age_s=max_age_s)
    teller.diagnose(read.diagnostics)
    if read.value is not None:
        teller.plan(read.value, saved=True)
    return read.value


def _planned(project: Project, teller: Teller, asked: PlanAsked, tuning: Tuning | None = None) -> Plan | None:
    """A new plan, shown; None after its diagnostics were."""
    with progress_line(quiet=teller.as_json) as show:

        def progress(stage: str) -> None:
            show(stage)
            teller.stage(stage)

        planned = make_plan(project, asked, progress, tuning)
    teller.diagnose(planned.diagnostics, more=planned.value is not None)
    if planned.value is not None:
        teller.plan(planned.value.plan)
    return planned.value.plan if planned.value is not None else None


def agreed(question: str, otherwise: str = "Nothing was changed.") -> bool:
    """Whether somebody typed ``yes``; where nobody can, or may be asked, no."""
    if not sys.stdin.isatty() or not may_ask():
        click.echo("Nobody can answer here, so nothing was changed. Add -auto-approve.", err=True)
        return False
    answer = click.prompt(f"{question} Only 'yes' will do", default="no", show_default=False)
    if answer != "yes":
        click.echo(otherwise)
        return False
    return True


def _outputs(project: Project, plan: Plan) -> dict[str, Told]:
    """What the outputs of a plan are now; none where the document names none."""
    view = read_state(project) if plan.outputs else None
    if view is None or view.value is None:
        return {}
    from dcplan.plan.outputs import resolved_all  # noqa: PLC0415 - only where a document names some

    return resolved_all(plan.outputs, view.value.state.resources)


def _ending(project: Project, last: Turn, teller: Teller, stop: Stopper, *, quiet: bool) -> int:
    """Say what came of it; ``quiet``: the plan has said already that nothing was to be done."""
    applied = last.applied
    teller.finish()
    if applied.diagnostics and not teller.as_json:
        click.echo(err=True)
    teller.diagnose(applied.diagnostics)
    if applied.value is None:
        return ERROR
    report = applied.value.report
    outputs = _outputs(project, applied.value.plan)
    teller.outcome(applied.value, quiet=quiet, outputs=outputs, rounds=last.round)
    if report.interrupted:
        leave_now(stop.exit_code)
    return ERROR if report.failed or has_errors(applied.diagnostics) else OK
