"""``pack``: an inventory and a job list, to an assignment that is checked and a bound beside it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from dcplan.catalog.fleet_rows import read_fleet
from dcplan.demand.job_rows import read_jobs
from dcplan.diag import Diagnostics, Result, error, has_errors, plural, warning
from dcplan.placement.pack import Effort, Packing, pack, verify
from dcplan.workflow.lists import has_columns, write_list
from dcplan.workflow.types import Progress, silent

COLUMNS = ("job", "part", "node", "devices", "refused")
"""Of the assignment's CSV: one row for each part that is placed, one for each job that is not."""


def pack_files(
    nodes: Path,
    jobs: Path,
    effort: Effort | None = None,
    *,
    move: bool = False,
    progress: Progress = silent,
) -> Result[Packing]:
    """Read both lists, pack and check; writes nothing.

    ``move``: what runs today is placed anew, too, and may be refused.
    Raises RuntimeError when the packing breaks a law, which is our bug.
    """
    progress("reading")
    fleet, listed = read_fleet(nodes), read_jobs(jobs)
    said = (*fleet.diagnostics, *listed.diagnostics)
    if fleet.value is None or listed.value is None or has_errors(said):
        return Result(None, said)
    progress("packing")
    packed = pack(fleet.value, listed.value, effort, move=move)
    said = (*said, *packed.diagnostics)
    if packed.value is None:
        return Result(None, said)
    progress("checking")
    broken = verify(fleet.value, listed.value, packed.value)
    if broken:
        msg = f"A packing breaks {len(broken)} laws, the first: {broken[0]} This is a bug in dcplan."
        raise RuntimeError(msg)
    return Result(packed.value, (*said, *_stopped(packed.value)))


def _stopped(packing: Packing) -> Diagnostics:
    """A warning where jobs that run today would have to stop."""
    stopped = [packing.jobs[r.job].name for r in packing.refused if packing.jobs[r.job].on]
    if not stopped:
        return ()
    detail = (
        f"{plural(len(stopped), 'job')} of those that run today would have to stop, {stopped[0]} "
        "first; others are worth more for what they take. Give them a higher priority, or leave out -move."
    )
    return (warning("running-job-refused", "Jobs that run would have to stop", detail),)


def assignment_csv(packing: Packing) -> str:
    """The packing as a CSV with ``COLUMNS``; devices count from 0 and are separated by "|"."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for seat in packing.seats:
        devices = "|".join(str(d) for d in seat.devices)
        writer.writerow((packing.jobs[seat.job].name, seat.part, packing.nodes[seat.node].name, devices, ""))
    for refusal in packing.refused:
        writer.writerow((packing.jobs[refusal.job].name, "", "", "", refusal.says))
    return out.getvalue()


def may_write(out: Path) -> Diagnostics:
    """An error where writing an assignment to ``out`` would destroy something that is none."""
    if not out.exists() or has_columns(out, COLUMNS):
        return ()
    detail = (
        f"{out} is there already and has no assignment, so it is not overwritten. "
        "Name another file with -out."
    )
    return (error("not-an-assignment", "The assignment could not be written", detail),)


def write_assignment(packing: Packing, out: Path) -> Diagnostics:
    """Write the assignment to ``out``; a half-written file is never seen there."""
    failed = write_list(assignment_csv(packing), out)
    if failed:
        detail = f"{out} cannot be written: {failed}. Name another file with -out."
        return (error("assignment-not-written", "The assignment could not be written", detail),)
    return ()
