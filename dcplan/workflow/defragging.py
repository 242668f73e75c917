"""``defrag``: an inventory and what runs on it, to moves that free whole slices."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from dcplan.catalog.fleet_rows import read_fleet
from dcplan.demand.job_rows import COLUMNS as JOB_COLUMNS
from dcplan.demand.job_rows import jobs_csv, read_jobs
from dcplan.diag import Diagnostics, Result, error, has_errors
from dcplan.placement.defrag import Defragmentation, Goal, after, defragment, standing, verify
from dcplan.workflow.executors import PROCESSES, Fanout, Helpers, helped
from dcplan.workflow.lists import has_columns, write_list
from dcplan.workflow.types import Progress, silent

COLUMNS = ("step", "job", "part", "from", "to", "temporary")
"""Of the moves' CSV: one row for each part of a job that changes machines."""


def defrag(  # noqa: PLR0913 - the options of the command
    nodes: Path,
    jobs: Path,
    goal: Goal,
    *,
    within: str = "rack",
    progress: Progress = silent,
    fanout: Fanout = PROCESSES,
) -> Result[Defragmentation]:
    """Read both lists, find the moves and replay them; writes nothing.

    ``within``: rack, block or zone, in which a slice must be whole.
    ``fanout``: who solves the parts of a large fleet; the answer is the same.
    """
    progress("reading")
    fleet, listed = read_fleet(nodes), read_jobs(jobs)
    said = (*fleet.diagnostics, *listed.diagnostics)
    if fleet.value is None or listed.value is None or has_errors(said):
        return Result(None, said)
    now = standing(fleet.value, listed.value, goal, within)
    said = (*said, *now.diagnostics)
    today = now.value
    if today is None:
        return Result(None, said)
    progress("looking for the fewest moves")

    def moves(helpers: Helpers) -> Result[Defragmentation]:
        # Processes start with the first task, and only large fleets with little room have any.
        return defragment(today, goal, executor=helpers.executor)

    found = helped(fanout, moves)
    said = (*said, *found.diagnostics)
    if found.value is not None:
        progress("replaying")
        verify(fleet.value, listed.value, found.value, goal.nodes, within)
    return Result(found.value, said)


def moves_csv(plan: Defragmentation) -> str:
    """The moves in their order, as a CSV with ``COLUMNS``; steps count from 1."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for step, move in enumerate(plan.moves, start=1):
        for part, source, target in zip(move.parts, move.source, move.target, strict=True):
            writer.writerow((step, move.job, part, source, target, str(move.temporary).lower()))
    return out.getvalue()


def may_write(out: Path) -> Diagnostics:
    """An error where writing moves to ``out`` would destroy something that is none."""
    if not out.exists() or has_columns(out, COLUMNS):
        return ()
    detail = (
        f"{out} is there already and has no moves, so it is not overwritten. Name another file with -out."
    )
    return (error("not-moves", "The moves could not be written", detail),)


def write_moves(plan: Defragmentation, out: Path) -> Diagnostics:
    """Write the moves to ``out``; a half-written file is never seen there."""
    failed = write_list(moves_csv(plan), out)
    if failed:
        detail = f"{out} cannot be written: {failed}. Name another file with -out."
        return (error("moves-not-written", "The moves could not be written", detail),)
    return ()


def may_write_jobs(out: Path, jobs: Path, moves: Path | None) -> Diagnostics:
    """An error where writing a job list to ``out`` would destroy ``jobs``, ``moves`` or something else."""
    if moves is not None and out.resolve() == moves.resolve():
        why = f"{out} is where the moves go, too"
    elif not out.exists():
        return ()
    elif jobs.exists() and out.samefile(jobs):
        why = f"{out} is the list of what runs now, which stays true until the moves are made"
    elif not has_columns(out, tuple(JOB_COLUMNS)):
        why = f"{out} is there already and has no job list that defrag wrote, so it is not overwritten"
    else:
        return ()
    detail = f"{why}. Name another file with -jobs-out."
    return (error("not-a-job-list", "The job list could not be written", detail),)


def write_jobs(plan: Defragmentation, jobs: Path, out: Path) -> Diagnostics:
    """Write the list ``jobs`` with the machines after all moves to ``out``, as ``pack`` reads it."""
    listed = read_jobs(jobs)
    if listed.value is None:
        return listed.diagnostics
    failed = write_list(jobs_csv(after(listed.value, plan.moves)), out)
    if failed:
        detail = f"{out} cannot be written: {failed}. Name another file with -jobs-out."
        return (error("jobs-not-written", "The job list could not be written", detail),)
    return ()
