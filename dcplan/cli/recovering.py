"""Finish interrupted operations in front of people or programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.apply import ApplyReport, Status
from dcplan.cli.applying import agreed, stopping
from dcplan.cli.exit_codes import ERROR, OK
from dcplan.cli.views.apply import Teller
from dcplan.diag import has_errors, plural
from dcplan.workflow.applying import finish_interrupted
from dcplan.workflow.planning import read_state
from dcplan.workflow.recovering import Recovery, to_recover

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.resources import Address
    from dcplan.workflow.settings import ApplyFlags
    from dcplan.workflow.types import Project

_ENDED = {Status.DONE: "finished", Status.NOT_STARTED: "closed, because nothing was made"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What ``recover`` was asked."""

    choices: Mapping[Address, str | None]
    """For an address, the object that its operation made; None for nothing."""
    flags: ApplyFlags
    approved: bool
    as_json: bool


def run_recover(project: Project, wanted: Wanted) -> int:
    """Show what is open and what will be done, ask, do it; the exit code."""
    teller = Teller(as_json=wanted.as_json)
    teller.version()
    seen = to_recover(project, choices=wanted.choices, repurchase=wanted.flags.repurchase)
    teller.diagnose(seen.diagnostics, more=seen.value is not None)
    if seen.value is None:
        return ERROR
    if not seen.value.prospects:
        teller.summary(
            ApplyReport(results=()), "Nothing to recover: every operation that was begun has come to its end."
        )
        return OK
    teller.say(_shown(seen.value))
    if not wanted.approved and not agreed("Shall dcplan do this?"):
        return ERROR
    return _finish(project, teller, wanted, seen.value)


def _shown(recovery: Recovery) -> str:
    head = f"{plural(len(recovery.prospects), 'operation')} of an earlier apply did not come to an end:"
    return "\n".join([head, *(f"  {prospect.text}" for prospect in recovery.prospects)])


def _finish(project: Project, teller: Teller, wanted: Wanted, seen: Recovery) -> int:
    with stopping() as stop:
        teller.expect(0, stop)
        done = finish_interrupted(
            project,
            report=teller.tell,
            stop=stop.event,
            flags=wanted.flags,
            choices=wanted.choices,
            agreed=seen.op_ids,
        )
        teller.diagnose(done.diagnostics)
        if done.value is None:
            return ERROR
        view = read_state(project)
        left = len(view.value.open) if view.value is not None else 0
        teller.summary(done.value, _ending(done.value, left, stopped=stop()), recovered=_ended(done.value))
        if stop():
            return stop.exit_code
    return ERROR if left or has_errors(done.diagnostics) else OK


def _ended(report: ApplyReport) -> int:
    return report.done + report.not_started


def _ending(report: ApplyReport, left: int, *, stopped: bool) -> str:
    counts = Counter(result.status for result in report.results)
    parts = [f"{counts[status]:,} {words}" for status, words in _ENDED.items() if counts[status]]
    told = f"Recovered: {', '.join(parts)}." if parts else "Recovered nothing."
    if left:
        why = "Stopped; run" if stopped else "Mend what is said above, then run"
        return f"\n{told} Still open: {left:,}. {why} dcplan recover again."
    return f"\n{told} Next: dcplan plan"
