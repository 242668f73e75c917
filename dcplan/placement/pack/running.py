"""What runs already: checked, and with accelerators of its machines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import WHOLE_DEVICE_MILLI, Job
from dcplan.diag import Diagnostic, Result, did_you_mean, error, has_errors, listed, plural
from dcplan.placement.pack.classes import shape_of
from dcplan.placement.pack.types import Seat

SHOWN = 20
"""Problems of one kind that are told one by one; a wrong column makes thousands of them."""
GUESSED = 2000
"""Machines of a fleet up to which a mistyped name is compared with all of them."""
Part = tuple[int, int]
"""Of a job: its index, and which part."""


def running(fleet: Fleet, jobs: Sequence[Job]) -> Result[tuple[Seat, ...]]:
    """Seats of all parts that run today (``Job.on``), in the order of the machines.

    A list does not tell which accelerators a part has, so shares are put
    together on as few as first-fit decreasing needs.  Errors:
    ``running-in-what-is-free``, ``parts-and-machines``,
    ``job-on-unknown-machine``, ``job-on-other-model``, ``machine-overfull``.
    """
    if fleet.leftover and any(job.on for job in jobs):
        detail = (
            "The list of machines tells what is free of them, and the list of jobs tells what runs there; to "
            "count both would be to count it twice. Give the machines with all that they have (devices, "
            "cpu_milli, memory_mib), or leave out the jobs that run."
        )
        return Result(None, (error("running-in-what-is-free", "What runs would count twice", detail),))
    index = {node.name: at for at, node in enumerate(fleet.nodes)}
    found = [problem for job in jobs if job.on for problem in _misplaced(fleet, job, index)]
    if found:
        return Result(None, tuple(first_of_each(found)))
    parts: dict[int, list[Part]] = defaultdict(list)
    for number, job in enumerate(jobs):
        for part, name in enumerate(job.on):
            parts[index[name]].append((number, part))
    seats: list[Seat] = []
    for at in sorted(parts):
        node = fleet.nodes[at]
        overfull = tuple(_overfull(node, [jobs[number] for number, _ in parts[at]]))
        found += overfull
        if not overfull:
            seats += _seated(at, node.devices, parts[at], jobs)
    said = tuple(first_of_each(found))
    return Result(None if has_errors(said) else tuple(seats), said)


def first_of_each(found: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """The first ``SHOWN`` of each kind, then one with how many more there are."""
    counts, told = Counter(one.code for one in found), Counter[str]()
    for one in found:
        told[one.code] += 1
        if told[one.code] <= SHOWN:
            yield one
        elif told[one.code] == SHOWN + 1:
            yield error(one.code, one.summary, f"And {counts[one.code] - SHOWN:,} more like this.")


def _misplaced(fleet: Fleet, job: Job, index: Mapping[str, int]) -> Iterator[Diagnostic]:
    """What is wrong with the machines that a job names."""
    if len(job.on) != job.parts:
        yield error(
            "parts-and-machines",
            "A job has not one machine for each part",
            f'"{job.name}" has {plural(job.parts, "part")} and runs on {plural(len(job.on), "machine")}. '
            "Name the machine of each part, the same one again where parts share it.",
        )
    for name in dict.fromkeys(job.on):
        if name not in index:
            hint = did_you_mean(name, index) if len(index) <= GUESSED else ""
            yield error(
                "job-on-unknown-machine",
                "A job runs on a machine that the inventory does not list",
                f'"{job.name}" runs on "{name}". {hint or "Add that machine, or correct the name."}',
            )
        elif shape_of(job).models and fleet.nodes[index[name]].model not in job.models:
            model = fleet.nodes[index[name]].model or "no accelerator"
            yield error(
                "job-on-other-model",
                "A job runs on a model that it may not run on",
                f'"{job.name}" runs on "{name}", which has {model}, and may run on '
                f"{listed(job.models, last='or')}. Correct its machine or its models.",
            )


def _overfull(node: FleetNode, here: Sequence[Job]) -> Iterator[Diagnostic]:
    """An error for each resource of which more runs on a machine than it has."""
    shapes = [shape_of(job) for job in here]
    shares = sorted((s.share_milli for s in shapes if s.share_milli), reverse=True)
    whole = sum(s.devices for s in shapes)
    slots = _slots(shares, max(node.devices - whole, 0))
    needs = whole + (len(set(slots)) if slots is not None else max(node.devices - whole, 0) + 1)
    for what, used, has in (
        ("accelerators", needs, node.devices),
        ("thousandths of a core", sum(s.cpu_milli for s in shapes), node.cpu_milli),
        ("MiB of memory", sum(s.memory_mib for s in shapes), node.memory_mib),
    ):
        if used > has:
            yield error(
                "machine-overfull",
                "More runs on a machine than it has room for",
                f'The jobs on "{node.name}" need at least {used:,} {what}, and it has {has:,}. '
                "Correct the inventory or the jobs; others are placed around what runs.",
            )


def _seated(at: int, devices: int, parts: Sequence[Part], jobs: Sequence[Job]) -> Iterator[Seat]:
    """Seats on one machine: whole accelerators from the first on, shares after them."""
    shapes = [shape_of(jobs[number]) for number, _ in parts]
    next_device = 0
    for (number, part), shape in zip(parts, shapes, strict=True):
        if not shape.share_milli:
            yield Seat(number, part, at, tuple(range(next_device, next_device + shape.devices)))
            next_device += shape.devices
    sharing = [i for i, shape in enumerate(shapes) if shape.share_milli]
    sharing.sort(key=lambda i: -shapes[i].share_milli)
    slots = _slots([shapes[i].share_milli for i in sharing], devices - next_device) or []
    for i, slot in zip(sharing, slots, strict=True):
        yield Seat(*parts[i], at, (next_device + slot,))


def _slots(shares: Sequence[int], devices: int) -> list[int] | None:
    """Which of so many accelerators each share stands on, largest first; None where they do not fit.

    First-fit decreasing; where that needs too many, every way is tried.
    """
    free = [WHOLE_DEVICE_MILLI] * len(shares)
    slots = []
    for share in shares:
        slot = next(i for i, left in enumerate(free) if left >= share)
        free[slot] -= share
        slots.append(slot)
    if max(slots, default=-1) < devices:
        return slots
    if sum(shares) > devices * WHOLE_DEVICE_MILLI:
        return None
    return _searched(shares, [WHOLE_DEVICE_MILLI] * devices)


def _searched(shares: Sequence[int], free: list[int]) -> list[int] | None:
    """The same by depth; accelerators with equally much left are tried once."""
    if not shares:
        return []
    for left in sorted({one for one in free if one >= shares[0]}):
        slot = free.index(left)
        free[slot] -= shares[0]
        rest = _searched(shares[1:], free)
        if rest is not None:
            return [slot, *rest]
        free[slot] += shares[0]
    return None
