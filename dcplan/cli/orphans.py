"""Take orphans in or delete them, in front of people or programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from dcplan.cli.applying import agreed, stopping
from dcplan.cli.exit_codes import ERROR, OK
from dcplan.cli.views.apply import Teller
from dcplan.cli.views.orphans import adoption_text, deletion_text
from dcplan.diag import Diagnostics, has_errors, plural
from dcplan.workflow.orphans import Orphans, adopt, adopting, delete, deleting, find_orphans, propose

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.apply import ApplyReport
    from dcplan.diag import Result
    from dcplan.resources import Change
    from dcplan.workflow.orphans import Decide
    from dcplan.workflow.types import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What ``orphans adopt`` or ``orphans delete`` was asked."""

    ids: tuple[str, ...] | None
    """None is all of them."""
    approved: bool
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    found: Orphans
    decide: Decide
    changes: tuple[Change, ...]


def run_adopt(project: Project, wanted: Wanted) -> int:
    """Show which orphans get which addresses, ask, take them in; the exit code."""
    ids = wanted.ids or ()
    teller = _teller(wanted)
    seen = _look(project, wanted, teller, lambda found: adopting(found.checked, ids))
    if seen is None:
        return ERROR
    teller.say(adoption_text(seen.changes))
    if not wanted.approved and not agreed("Shall dcplan take these into the state?"):
        return ERROR
    with stopping() as stop:
        done = adopt(project, seen.found, seen.decide, seen.changes, report=teller.tell, stop=stop.event)
    return _ended(teller, done, lambda report: f"\nTaken over: {plural(report.done, 'object')}.")


def run_delete(project: Project, wanted: Wanted) -> int:
    """Show which orphans go, ask, delete them; the exit code."""
    teller = _teller(wanted)
    seen = _look(project, wanted, teller, lambda _: deleting(wanted.ids))
    if seen is None:
        return ERROR
    if not seen.changes:
        teller.say("There are no orphans to delete.")
        return OK
    teller.say(deletion_text(seen.changes))
    if not wanted.approved and not agreed("Shall dcplan delete these?"):
        return ERROR
    with stopping() as stop:
        teller.expect(len(seen.changes), stop)
        done = delete(project, seen.found, seen.decide, seen.changes, report=teller.tell, stop=stop.event)
        teller.finish()
        code = _ended(teller, done, _deleted)
        return stop.exit_code if stop() else code


def _deleted(report: ApplyReport) -> str:
    left = len(report.results) - report.done
    more = f" Not deleted: {left:,}. Run dcplan recover, then dcplan orphans." if left else ""
    return f"\nDeleted: {plural(report.done, 'object')}.{more}"


def _teller(wanted: Wanted) -> Teller:
    if wanted.as_json and not wanted.approved:
        raise click.UsageError("-json cannot ask: add -auto-approve.")
    teller = Teller(as_json=wanted.as_json)
    teller.version()
    return teller


def _look(
    project: Project, wanted: Wanted, teller: Teller, decide_of: Callable[[Orphans], Decide]
) -> _Seen | None:
    """What there is and what would be done; None after it was told why nothing can be."""
    found = find_orphans(project)
    blind = wanted.ids is None and has_errors(found.diagnostics)
    if found.value is None or blind:
        teller.diagnose(found.diagnostics)
        return None
    decide = decide_of(found.value)
    changes = propose(project, found.value, decide)
    told: Diagnostics = (*found.diagnostics, *changes.diagnostics)
    if changes.value is None:
        teller.diagnose(told)
        return None
    # Who asks for certain objects need not hear of providers that have others.
    teller.diagnose(tuple(d for d in told if not has_errors((d,))), more=True)
    return _Seen(found=found.value, decide=decide, changes=changes.value)


def _ended(teller: Teller, done: Result[ApplyReport], text: Callable[[ApplyReport], str]) -> int:
    teller.diagnose(done.diagnostics)
    if done.value is None:
        return ERROR
    teller.summary(done.value, f"{text(done.value)} Next: dcplan plan")
    whole = done.value.done == len(done.value.results)
    return OK if whole and not has_errors(done.diagnostics) else ERROR
