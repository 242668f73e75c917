"""Read a job list from a CSV, and write one.

Plain column names are those of ``Job``; those of Alibaba's GPU trace of 2023
(openb: num_gpu, gpu_milli, gpu_spec) are known, too.  Several models or
machines in one cell are separated by "|".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from dcplan.config.table import Row, Table, read_table
from dcplan.demand.jobs import WHOLE_DEVICE_MILLI, Job
from dcplan.diag import Result

COLUMNS = {
    "name": ("job", "pod"),
    "cpu_milli": (),
    "memory_mib": (),
    "devices": ("num_gpu", "gpu", "gpus"),
    "share_milli": ("gpu_milli",),
    "models": ("gpu_spec", "model"),
    "parts": (),
    "priority": (),
    "on": ("node",),
}
NEEDED = ("name", "cpu_milli", "memory_mib", "devices")
LOWEST_PRIORITY = -1_000_000


def read_jobs(path: Path) -> Result[tuple[Job, ...]]:
    """The jobs of a CSV, in its order; every bad row at once.

    Errors: ``list-not-read``, ``column-missing``, ``bad-cell``, ``no-name``,
    ``job-twice``, ``shares-of-several``, ``parts-and-machines``.
    """
    read = read_table(path, COLUMNS, NEEDED)
    if read.value is None:
        return Result(None, read.diagnostics)
    table = read.value
    seen: dict[str, int] = {}
    jobs = []
    for row in table.rows:
        name = row.text("name")
        if not name:
            table.problem("no-name", "A job has no name", f"Line {row.line} names no job.", row, "name")
        elif name in seen:
            detail = f'"{name}" is listed in line {seen[name]} already. Rename or remove one of the two.'
            table.problem("job-twice", "A job is listed twice", detail, row, "name")
        seen.setdefault(name, row.line)
        jobs.append(_job(table, row))
    said = table.problems()
    return Result(None if said else tuple(jobs), said)


def jobs_csv(jobs: Iterable[Job]) -> str:
    """A list that ``read_jobs`` reads as these jobs; its columns are ``COLUMNS``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for job in jobs:
        cells = (getattr(job, column) for column in COLUMNS)
        writer.writerow("|".join(cell) if isinstance(cell, tuple) else cell for cell in cells)
    return out.getvalue()


def _job(table: Table, row: Row) -> Job:
    """The job of one row."""
    devices, share = _accelerators(table, row)
    parts = table.whole(row, "parts", 1, least=1)
    on = _several(row.text("on"))
    if on and parts and len(on) != parts:
        detail = (
            f'"{row.text("name")}" has {parts} parts and names {len(on)} machines; name one for each part.'
        )
        table.problem("parts-and-machines", "A job does not name a machine for each part", detail, row, "on")
    return Job(
        name=row.text("name"),
        cpu_milli=table.whole(row, "cpu_milli"),
        memory_mib=table.whole(row, "memory_mib"),
        devices=devices,
        share_milli=share,
        models=tuple(dict.fromkeys(_several(row.text("models")))),
        parts=parts,
        priority=table.whole(row, "priority", 0, least=LOWEST_PRIORITY),
        on=on,
    )


def _accelerators(table: Table, row: Row) -> tuple[int, int]:
    """Whole accelerators and the share of one; 1 with a share below 1,000 is a share (openb)."""
    devices = table.whole(row, "devices", 0)
    share = table.whole(row, "share_milli", 0)
    if share >= WHOLE_DEVICE_MILLI:
        if devices or share == WHOLE_DEVICE_MILLI:
            return max(devices, 1), 0
    elif not share or devices <= 1:
        return (0, share) if share else (devices, 0)
    detail = (
        f'"{row.text("name")}" asks for {devices} accelerators and {share} thousandths of one. '
        "A part has whole accelerators or a share of one: leave one of the two out."
    )
    table.problem(
        "shares-of-several", "A job wants shares of several accelerators", detail, row, "share_milli"
    )
    return devices, 0


def _several(text: str) -> tuple[str, ...]:
    """The entries of a cell."""
    return tuple(entry.strip() for entry in text.split("|") if entry.strip())
