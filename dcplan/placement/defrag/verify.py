"""An independent check: replays the moves one by one from the lists, without any code of the search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.defrag.types import Defragmentation, Move


def verify(
    fleet: Fleet, jobs: Sequence[Job], plan: Defragmentation, slice_nodes: int | None, within: str = "rack"
) -> None:
    """Nothing, when every step of ``plan`` holds; RuntimeError, because it is our bug, when not.

    ``slice_nodes``: machines of a slice, None for whole domains; ``within``:
    rack, block or zone.
    """
    found = tuple(violations(fleet, jobs, plan, slice_nodes, within))
    if found:
        msg = f"The moves break their own rules: {'; '.join(found[:5])}. This is a bug in dcplan."
        raise RuntimeError(msg)


def violations(
    fleet: Fleet, jobs: Sequence[Job], plan: Defragmentation, slice_nodes: int | None, within: str = "rack"
) -> Iterator[str]:
    """Every way in which a plan does not do what it says, in words."""
    replay = _Replay(fleet, jobs, within)
    for step, move in enumerate(plan.moves, start=1):
        label = f"move {step} of {move.job}"
        if [replay.where[move.job][part] for part in move.parts] != list(move.source):
            yield f"{label} does not start where the job is"
            return
        for text in replay.make(move):
            yield f"{label} {text}"
    yield from _slices(replay, plan, slice_nodes, within)
    if plan.bound > len(plan.moves):
        yield "the bound is above the moves"


class _Replay:
    """What runs where, move after move."""

    def __init__(self, fleet: Fleet, jobs: Sequence[Job], within: str) -> None:
        self.within = within
        self.machines = {node.name: node for node in fleet.nodes}
        self.jobs = {job.name: job for job in jobs}
        self.where = {job.name: list(job.on) for job in jobs if job.on}
        self.running: dict[str, list[tuple[str, int]]] = {name: [] for name in self.machines}
        for name, seats in self.where.items():
            for part, seat in enumerate(seats):
                self.running[seat].append((name, part))
        self.together = {name: _together(self.jobs[name].on, self.machines, within) for name in self.where}

    def make(self, move: Move) -> Iterator[str]:
        """Make one move, and say what is wrong with it."""
        models = self.jobs[move.job].models
        for part, target in zip(move.parts, move.target, strict=True):
            if models and self.machines[target].model not in models:
                yield "leads to a model that it may not run on"
            # The old place is still held: a part that moves counts in both.
            self.running[target].append((move.job, part))
            problem = _overfull(self.machines[target], [self.jobs[name] for name, _ in self.running[target]])
            if problem:
                yield f"overfills {target}: {problem}"
        for part, source, target in zip(move.parts, move.source, move.target, strict=True):
            self.running[source].remove((move.job, part))
            self.where[move.job][part] = target
        for parts in self.together[move.job]:
            seats = [self.machines[self.where[move.job][part]] for part in parts]
            if len({_domain(node, self.within) for node in seats}) > 1:
                yield "tears apart what ran together"


def _domain(node: FleetNode, within: str) -> tuple[str, ...]:
    """What makes two machines neighbours of one kind."""
    name: str = getattr(node, within)
    return (name, node.model, str(node.devices)) if name else ("", node.name)


def _together(on: Sequence[str], machines: Mapping[str, FleetNode], within: str) -> list[list[int]]:
    """The parts of a job by the domain that they share today."""
    parts: dict[tuple[str, ...], list[int]] = {}
    for part, name in enumerate(on):
        parts.setdefault(_domain(machines[name], within), []).append(part)
    return list(parts.values())


def _overfull(node: FleetNode, here: Sequence[Job]) -> str:
    """What there is too little of, if anything."""
    if sum(job.cpu_milli for job in here) > node.cpu_milli:
        return "cores"
    if sum(job.memory_mib for job in here) > node.memory_mib:
        return "memory"
    left = node.devices - sum(job.devices for job in here)
    shares = sorted((job.share_milli for job in here if job.share_milli), reverse=True)
    if left < 0 or not _pack(shares, [1000] * min(left, len(shares))):
        return "accelerators"
    return ""


def _pack(shares: Sequence[int], free: list[int]) -> bool:
    """Whether shares fit into what is free of each device."""
    if not shares:
        return True
    tried = set()
    for device, room in enumerate(free):
        if room >= shares[0] and room not in tried:
            tried.add(room)
            if _pack(shares[1:], [*free[:device], room - shares[0], *free[device + 1 :]]):
                return True
    return False


def _slices(replay: _Replay, plan: Defragmentation, slice_nodes: int | None, within: str) -> Iterator[str]:
    """Whether the slices are free, whole, apart and each in one domain."""
    machines = replay.machines
    named = [name for one in plan.slices for name in one.nodes]
    if len(set(named)) < len(named):
        yield "two slices share a machine"
    sizes: dict[tuple[str, ...], int] = {}
    for node in machines.values():
        sizes[_domain(node, within)] = sizes.get(_domain(node, within), 0) + 1
    for one in plan.slices:
        domains = {_domain(machines[name], within) for name in one.nodes}
        if len(domains) != 1 or {getattr(machines[name], within) for name in one.nodes} != {one.domain}:
            yield f"the slice in {one.domain} is not in one domain"
        elif len(one.nodes) != (slice_nodes or sizes[domains.pop()]):
            yield f"the slice in {one.domain} has {len(one.nodes)} machines"
        busy = [name for name in one.nodes if replay.running[name]]
        if busy:
            yield f"the slice in {one.domain} is not free: {busy[0]}"
