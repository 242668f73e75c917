"""From an inventory and a job list to what stands where, with everything that is wrong with them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.diag import Diagnostic, Result, did_you_mean, error, has_errors, plural, warning
from dcplan.placement.defrag.room import devices_for_shares
from dcplan.placement.defrag.types import Domain, Goal, Group, Standing

WITHIN = ("rack", "block", "zone")
"""What of an inventory can be a domain."""

SHOWN = 20
"""Problems of one kind that are told one by one; a wrong column makes thousands of them."""


def standing(fleet: Fleet, jobs: Sequence[Job], goal: Goal, within: str = "rack") -> Result[Standing]:
    """Number machines and jobs, group the parts of each job by domain, and check what runs today.

    ``within`` is one of ``WITHIN``.  Jobs that run nowhere are left out with a
    warning.  Errors: an inventory of what is free, a job on a machine that is not in it or on
    another number of machines than it has parts, a job listed twice, a machine
    that is overfull.
    """
    if fleet.leftover:
        detail = (
            "The list of machines tells what is free of them, and what runs there is to be moved. Give the "
            "machines with all that they have: devices, cpu_milli (or vcpus), memory_mib (or memory)."
        )
        return Result(None, (error("running-in-what-is-free", "What runs would count twice", detail),))
    index = {node.name: at for at, node in enumerate(fleet.nodes)}
    domains, domain_of = _domains(fleet.nodes, goal, within)
    found = [*_twice(jobs), *_misplaced(jobs, index)]
    if has_errors(tuple(found)):
        return Result(None, tuple(_first(found)))
    groups = tuple(group for job in jobs for group in _groups(job, index, domain_of))
    on: list[list[int]] = [[] for _ in fleet.nodes]
    for at, group in enumerate(groups):
        for node in dict.fromkeys(group.seats):
            on[node].append(at)
    found += _overfull(fleet.nodes, groups, on)
    waiting = sum(not job.on for job in jobs)
    if waiting:
        found.append(
            warning(
                "jobs-not-running",
                "Some jobs run nowhere",
                f"{plural(waiting, 'job')} of the list names no machine. They are left out: only what runs "
                "can be moved. To place them, too, use dcplan pack.",
            )
        )
    value = Standing(
        nodes=fleet.nodes,
        domains=domains,
        domain_of=domain_of,
        groups=groups,
        on=tuple(tuple(one) for one in on),
    )
    return Result(None if has_errors(tuple(found)) else value, tuple(_first(found)))


def _domains(
    nodes: Sequence[FleetNode], goal: Goal, within: str
) -> tuple[tuple[Domain, ...], tuple[int, ...]]:
    """Machines of equal model and device count in one rack, block or zone."""
    members: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for at, node in enumerate(nodes):
        name = getattr(node, within)
        key = (name, node.model, node.devices) if name else ("", node.name, at)
        members[key].append(at)
    domain_of = [0] * len(nodes)
    domains = []
    for number, ((name, _, _), those) in enumerate(members.items()):
        gives = name and nodes[those[0]].devices > 0
        size = (goal.nodes or len(those)) if gives else 0
        domains.append(Domain(name=name, nodes=tuple(those), slice_nodes=size))
        for at in those:
            domain_of[at] = number
    return tuple(domains), tuple(domain_of)


def _groups(job: Job, index: dict[str, int], domain_of: Sequence[int]) -> Iterator[Group]:
    """The parts of a job by the domain in which they run."""
    parts: dict[int, list[int]] = defaultdict(list)
    for part, name in enumerate(job.on):
        parts[domain_of[index[name]]].append(part)
    for domain, those in parts.items():
        yield Group(
            job=job.name,
            parts=tuple(those),
            seats=tuple(index[job.on[part]] for part in those),
            needs=(job.devices, job.share_milli, job.cpu_milli, job.memory_mib),
            models=job.models,
            domain=domain,
        )


def _twice(jobs: Sequence[Job]) -> Iterator[Diagnostic]:
    """Names that more than one job has."""
    for name, count in Counter(job.name for job in jobs).items():
        if count > 1:
            yield error(
                "job-twice",
                "A job is listed twice",
                f'The job list has "{name}" {count} times. Each job needs a name of its own, because moves '
                "are told by name.",
            )


def _misplaced(jobs: Sequence[Job], index: dict[str, int]) -> Iterator[Diagnostic]:
    """Jobs whose machines are unknown, or not as many as their parts."""
    for job in jobs:
        if not job.on:
            continue
        if len(job.on) != job.parts:
            yield error(
                "parts-and-machines",
                "A job has not one machine for each part",
                f'"{job.name}" has {plural(job.parts, "part")} and runs on {plural(len(job.on), "machine")}. '
                "Name the machine of each part, the same one again where parts share it.",
            )
        for name in dict.fromkeys(job.on):
            if name not in index:
                hint = did_you_mean(name, index) if len(index) <= 10 * len(WITHIN) * SHOWN else ""
                yield error(
                    "job-on-unknown-machine",
                    "A job runs on a machine that the inventory does not list",
                    f'"{job.name}" runs on "{name}". {hint or "Add that machine, or correct the name."}',
                )


def _overfull(
    nodes: Sequence[FleetNode], groups: Sequence[Group], on: Sequence[Sequence[int]]
) -> Iterator[Diagnostic]:
    """Machines on which more runs than they have."""
    for at, (node, here) in enumerate(zip(nodes, on, strict=True)):
        whole = cpu = memory = 0
        shares: list[int] = []
        for group in (groups[one] for one in here):
            times = group.seats.count(at)
            devices, share, cpu_milli, memory_mib = group.needs
            whole += devices * times
            cpu += cpu_milli * times
            memory += memory_mib * times
            shares += [share] * times if share else []
        needed = whole + devices_for_shares(tuple(sorted(shares, reverse=True)))
        for what, used, has in (
            ("accelerators", needed, node.devices),
            ("thousandths of a core", cpu, node.cpu_milli),
            ("MiB of memory", memory, node.memory_mib),
        ):
            if used > has:
                yield error(
                    "machine-overfull",
                    "More runs on a machine than it has room for",
                    f'The jobs on "{node.name}" need {used:,} {what}, and it has {has:,}. '
                    "Correct the inventory or the jobs; moves are planned from what stands.",
                )


def _first(found: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """The first ``SHOWN`` of each kind, the last of them with a word on how many more there are."""
    counts = Counter(one.code for one in found)
    told: Counter[str] = Counter()
    for one in found:
        told[one.code] += 1
        if told[one.code] <= SHOWN:
            yield one
        elif told[one.code] == SHOWN + 1:
            more = counts[one.code] - SHOWN
            yield error(one.code, one.summary, f"And {more:,} more like this.")
