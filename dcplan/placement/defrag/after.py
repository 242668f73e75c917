"""What runs where once all moves are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dcplan.demand.jobs import Job
from dcplan.placement.defrag.types import Move


def after(jobs: Sequence[Job], moves: Sequence[Move]) -> tuple[Job, ...]:
    """The job list with the machines that jobs have after these moves; names are unique."""
    seats = {job.name: list(job.on) for job in jobs}
    for move in moves:
        for part, target in zip(move.parts, move.target, strict=True):
            seats[move.job][part] = target
    return tuple(replace(job, on=tuple(seats[job.name])) for job in jobs)
