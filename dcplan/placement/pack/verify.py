"""Check a packing against the fleet and the jobs alone; shares no code with what made it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.pack.types import Packing, Seat

DEVICE = 1000
"""Thousandths of one accelerator."""


def verify(fleet: Fleet, jobs: Sequence[Job], packing: Packing) -> tuple[str, ...]:
    """One sentence for each law that the packing breaks; none when it is sound.

    Each job is placed with all its parts or refused; parts are on allowed
    models; no machine gives out more CPU or memory than it has; no
    accelerator is given out more than once; what stays is where it was; the
    total is right.
    """
    return (
        *_all_or_none(jobs, packing),
        *_parts(fleet, jobs, packing.seats),
        *_machines(fleet, jobs, packing.seats),
        *_staying(fleet, jobs, packing),
        *_total(jobs, packing),
    )


def _all_or_none(jobs: Sequence[Job], packing: Packing) -> Iterator[str]:
    placed: dict[int, list[int]] = defaultdict(list)
    for seat in packing.seats:
        placed[seat.job].append(seat.part)
    refused = Counter(refusal.job for refusal in packing.refused)
    for index, job in enumerate(jobs):
        parts = sorted(placed.get(index, []))
        if parts and parts != list(range(job.parts)):
            yield f'Job "{job.name}" has {job.parts} parts, of which {parts} are placed.'
        if refused[index] + bool(parts) != 1:
            yield f'Job "{job.name}" has to be either placed or refused, once.'
    for index in placed.keys() - set(range(len(jobs))):
        yield f"There is no job {index}."


def _parts(fleet: Fleet, jobs: Sequence[Job], seats: Sequence[Seat]) -> Iterator[str]:
    for seat in seats:
        job, node = jobs[seat.job], fleet.nodes[seat.node]
        whole = job.devices if job.share_milli < DEVICE else max(job.devices, 1)
        wanted = whole or (1 if job.share_milli else 0)
        if len(set(seat.devices)) != wanted or len(seat.devices) != wanted:
            yield f'A part of "{job.name}" needs {wanted} accelerators and has {list(seat.devices)}.'
        if any(d < 0 or d >= node.devices for d in seat.devices):
            yield f'"{node.name}" has no accelerator among {list(seat.devices)}.'
        if wanted and job.models and node.model not in job.models:
            yield f'"{job.name}" may not run on the {node.model} of "{node.name}".'


def _machines(fleet: Fleet, jobs: Sequence[Job], seats: Sequence[Seat]) -> Iterator[str]:
    cpu: Counter[int] = Counter()
    memory: Counter[int] = Counter()
    given: Counter[tuple[int, int]] = Counter()
    for seat in seats:
        job = jobs[seat.job]
        cpu[seat.node] += job.cpu_milli
        memory[seat.node] += job.memory_mib
        for device in seat.devices:
            given[seat.node, device] += (
                DEVICE if job.devices or job.share_milli >= DEVICE else job.share_milli
            )
    for index, node in enumerate(fleet.nodes):
        yield from _over(node, "CPU millicores", cpu[index], node.cpu_milli)
        yield from _over(node, "MiB of memory", memory[index], node.memory_mib)
    for (index, device), milli in given.items():
        yield from _over(fleet.nodes[index], f"thousandths of accelerator {device}", milli, DEVICE)


def _over(node: FleetNode, what: str, given: int, there: int) -> Iterator[str]:
    if given > there:
        yield f'"{node.name}" gives out {given} {what} and has {there}.'


def _staying(fleet: Fleet, jobs: Sequence[Job], packing: Packing) -> Iterator[str]:
    seated = {seat.job for seat in packing.seats}
    for index in sorted(packing.staying):
        if index not in seated or not jobs[index].on:
            yield f'"{jobs[index].name}" is said to stay and runs nowhere.'
    for seat in packing.seats:
        if seat.job in packing.staying and jobs[seat.job].on:
            name, was, now = jobs[seat.job].name, jobs[seat.job].on[seat.part], fleet.nodes[seat.node].name
            if was != now:
                yield f'Part {seat.part} of "{name}" stays on "{was}" and has a seat on "{now}".'


def _total(jobs: Sequence[Job], packing: Packing) -> Iterator[str]:
    total = 0
    for seat in packing.seats:
        job = jobs[seat.job]
        total += job.devices * 1000 if job.devices else min(job.share_milli, 1000)
    if abs(total / 1000 - packing.allocated) > 1e-6 * max(1.0, packing.allocated):
        yield f"{total / 1000} accelerators are given out; the packing says {packing.allocated}."
    if packing.allocated > packing.bound * (1 + 1e-6) + 1e-6:
        yield f"{packing.allocated} accelerators are given out; the bound says {packing.bound}."
