"""Machines that stand in a cloud's own groups: one resource a group instead of one a machine.  Pure.

A group holds machines of one pool that one workload has to itself.  They are all alike: each runs what the
fullest of them does.  Between ``at_least`` and ``at_most`` the cloud may change their number.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dcplan.diag import ConfigPath, Diagnostic, Result, error, has_errors, listed
from dcplan.provider.lowering import ENDPOINT, plain
from dcplan.resources import Address, JsonValue, Resource
from dcplan.resources.machines import MEMBERS, RUNS

if TYPE_CHECKING:
    from dcplan.provider.types import Kind, MachineGroup, Placement, ReplicaSpec, WorkloadSpec

GROUPS = "groups"
"""Attribute of an endpoint: by the name of each group, ``weight`` and ``first_devices``."""
_SHOWN = 3
"""Names in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupWish:
    """That the machines of a workload shall stand in groups."""

    workload: str
    kind: str
    """Of the resource."""
    word: str
    """As the document calls the kind."""
    gangs: bool = False
    """Whether a group of this kind can hold the machines of one layout together."""
    answers: bool = False
    """Whether an endpoint can send requests to such a group."""
    at_most: int | None = None
    """Machines of one group; None: as many as planned."""
    more: Mapping[str, JsonValue] = field(default_factory=dict)
    """Further attributes of the group."""
    path: ConfigPath = ()
    """Where the document says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """A placement, taken apart."""

    rest: Placement
    """What is lowered as ever."""
    groups: tuple[Resource, ...] = ()
    endpoints: tuple[Resource, ...] = ()
    """Of served workloads in groups, needing these; a provider adds what its own have besides."""


def group_name(stem: str, pool: str) -> str:
    """Of the group for a workload, or for one gang, in a pool: the same as long as both are."""
    return f"{stem}-{re.sub(r'[^a-z0-9]+', '-', pool.lower()).strip('-')}"


def grouped(
    placement: Placement, wishes: Sequence[GroupWish], *, provider: str, kinds: Mapping[str, Kind]
) -> Result[Grouped]:
    """The groups of a placement, and the rest of it.

    Errors: ``group-shared`` (another workload is on its machines), ``group-gang`` (a layout over several
    machines in a kind that cannot), ``group-prompts``, ``group-mixed``, ``group-at-most``.
    """
    if not wishes or not placement.workloads:
        return Result(Grouped(rest=placement))
    wish_of = {wish.workload: wish for wish in wishes}
    mine = [w for w in placement.workloads if w.name in wish_of]
    work = _Work(placement, provider, kinds)
    said = [problem for w in mine for problem in work.problems(w, wish_of[w.name])]
    if has_errors(tuple(said)):
        return Result(None, tuple(said))
    groups: list[Resource] = []
    endpoints: list[Resource] = []
    for workload in mine:
        made = list(work.groups(workload, wish_of[workload.name]))
        groups += [resource for resource, _ in made]
        if workload.kind == "serve" and wish_of[workload.name].answers:
            endpoints.append(work.endpoint(workload, made))
    said += [p for r in groups for p in _too_many(r, wish_of[str(r.attributes["workload"])])]
    names = {w.name for w in mine}
    taken = {name for workload in mine for spec in workload.replicas for name in _machines_of(spec)}
    rest = replace(
        placement,
        machines=tuple(left for group in placement.machines if (left := _without(group, taken)) is not None),
        workloads=tuple(w for w in placement.workloads if w.name not in names),
    )
    whole = Grouped(rest=rest, groups=tuple(groups), endpoints=tuple(endpoints))
    return Result(None if has_errors(tuple(said)) else whole, tuple(said))


class _Work:
    """One placement that is taken apart."""

    def __init__(self, placement: Placement, provider: str, kinds: Mapping[str, Kind]) -> None:
        self._provider = provider
        self._kinds = kinds
        self._group_of = {name: group for group in placement.machines for name in group.names}
        self._order = {name: i for i, name in enumerate(self._group_of)}
        self._users: defaultdict[str, set[str]] = defaultdict(set)
        for workload in placement.workloads:
            for spec in workload.replicas:
                for name in _machines_of(spec):
                    self._users[name].add(workload.name)

    def problems(self, workload: WorkloadSpec, wish: GroupWish) -> Iterator[Diagnostic]:
        """Why its machines cannot stand in groups of this kind."""
        machines = {name for spec in workload.replicas for name in _machines_of(spec)}
        others = sorted({user for name in machines for user in self._users[name]} - {workload.name})
        if others:
            shared = sorted(name for name in machines if len(self._users[name]) > 1)
            yield error(
                "group-shared",
                "Machines of a group are shared",
                f'{_names(shared)} would run "{workload.name}" and {listed(others)}. The machines of a group '
                "run one workload. Keep them apart by constraints (`accelerators`, `zones`, `pin`), or take "
                f'"{workload.name}" out of `machine_groups`.',
                path=wish.path,
            )
        if any(spec.prefill_machines for spec in workload.replicas):
            yield error(
                "group-prompts",
                "Prompts have machines of their own",
                f'Units of "{workload.name}" compute prompts on other machines than answers. Those of a '
                "group are all alike. Take it out of `machine_groups`, or serve it in one piece.",
                path=wish.path,
            )
        if not wish.gangs and any(len(spec.machines) > 1 for spec in workload.replicas):
            yield error(
                "group-gang",
                "Machines of one layout cannot be in such a group",
                f'"{workload.name}" runs over several machines at once, and {wish.word} replaces single '
                "ones as it likes. Let it stand in a kind that keeps them together (docs/providers.md), or "
                "as machines of their own: take it out of `machine_groups`.",
                path=wish.path,
            )
        kinds: defaultdict[str, set[object]] = defaultdict(set)
        for spec in workload.replicas:
            kinds[self._pool(spec)].add(spec.settings.get("choice"))
        for pool in sorted(pool for pool, choices in kinds.items() if len(choices) > 1):
            yield error(
                "group-mixed",
                "Replicas of a group differ",
                f'Replicas of "{workload.name}" in {pool} are of {len(kinds[pool])} kinds. Machines of a '
                "group are all alike. Leave `mixed` out, or take the workload out of `machine_groups`.",
                path=wish.path,
            )

    def groups(
        self, workload: WorkloadSpec, wish: GroupWish
    ) -> Iterator[tuple[Resource, tuple[ReplicaSpec, ...]]]:
        """Its groups with what runs on each: one for each gang, one for all other machines of a pool."""
        parts: defaultdict[tuple[str, str | None], list[ReplicaSpec]] = defaultdict(list)
        for spec in workload.replicas:
            parts[self._pool(spec), spec.name if len(spec.machines) > 1 else None].append(spec)
        names: set[str] = set()
        for (pool, gang), specs in sorted(parts.items(), key=lambda part: (part[0][0], part[0][1] or "")):
            name = group_name(gang or workload.name, pool)
            if name in names:  # Two pools that differ in nothing that a name may hold.
                name = f"{name}-{hashlib.sha256(pool.encode()).hexdigest()[:6]}"
            names.add(name)
            yield self._group(name, workload.name, wish, gang, specs), tuple(specs)

    def _group(
        self, name: str, workload: str, wish: GroupWish, gang: str | None, specs: Sequence[ReplicaSpec]
    ) -> Resource:
        members = sorted({m for spec in specs for m in _machines_of(spec)}, key=self._order.__getitem__)
        if gang is not None:  # In the order of its ranks, those that stand by last.
            members = list(_machines_of(specs[0]))
        group, kind = self._group_of[members[0]], self._kinds[wish.kind]
        attributes: dict[str, JsonValue] = {
            "workload": workload,
            "pool": group.pool,
            "machine": group.machine,
            "region": group.region,
            "zone": group.zone,
            "block": group.block,
            "purchase": group.purchase,
            "gang": None if gang is None else {"name": members[0], "size": len(members)},
            "exclusive_to": gang,
            MEMBERS: list(members),
            RUNS: self._runs(specs),
            "at_least": len(members),
            "at_most": len(members) if gang is not None or wish.at_most is None else wish.at_most,
            **wish.more,
        }
        return Resource(
            address=Address(self._provider, kind.name, name),
            attributes=attributes,
            known_after_apply=kind.outputs,
        )

    def _runs(self, specs: Sequence[ReplicaSpec]) -> dict[str, JsonValue]:
        on: defaultdict[str, list[JsonValue]] = defaultdict(list)
        for spec in specs:
            on[spec.machines[0]].append(list(spec.devices))
        fullest = max(on, key=lambda name: (len(on[name]), -self._order[name]))
        settings = plain(dict(specs[0].settings))
        return {
            "settings": settings,
            "each": sorted(on[fullest], key=_first),
            "replicas": [
                {
                    "name": spec.name,
                    "machines": list(spec.machines),
                    "devices": list(spec.devices),
                    "weight": spec.weight,
                    "whole": self._group_of[spec.machines[0]].exclusive_to == spec.name,
                    **({"standby": list(spec.standby)} if spec.standby else {}),
                }
                for spec in specs
            ],
        }

    def endpoint(
        self, workload: WorkloadSpec, made: Sequence[tuple[Resource, tuple[ReplicaSpec, ...]]]
    ) -> Resource:
        """What spreads requests over the groups of a workload, by what their replicas weigh together."""
        groups: dict[str, JsonValue] = {
            resource.address.name: {
                "weight": sum(spec.weight for spec in specs),
                "first_devices": list(first_devices(resource.attributes)),
            }
            for resource, specs in made
        }
        return Resource(
            address=Address(self._provider, ENDPOINT, workload.name),
            attributes={"workload": workload.name, "replicas": {}, GROUPS: groups},
            needs=tuple(resource.address for resource, _ in made),
            known_after_apply=self._kinds[ENDPOINT].outputs,
        )

    def _pool(self, spec: ReplicaSpec) -> str:
        return self._group_of[spec.machines[0]].pool


def first_devices(attributes: Mapping[str, JsonValue]) -> tuple[int, ...]:
    """The number of the first device of each replica that runs on each machine of a group, in order."""
    runs = attributes.get(RUNS)
    each = runs.get("each") if isinstance(runs, Mapping) else None
    lists = each if isinstance(each, list | tuple) else ()
    return tuple(sorted(_first(devices) for devices in lists))


def _first(devices: JsonValue) -> int:
    numbers = devices if isinstance(devices, list | tuple) else ()
    return min((d for d in numbers if isinstance(d, int)), default=0)


def _too_many(group: Resource, wish: GroupWish) -> Iterator[Diagnostic]:
    needed = group.attributes["at_least"]
    if wish.at_most is None or not isinstance(needed, int) or needed <= wish.at_most:
        return
    yield error(
        "group-at-most",
        "A group is too small for its load",
        f'"{wish.workload}" needs {needed:,} machines in {group.attributes["pool"]}, and at_most is '
        f"{wish.at_most:,}. Raise it, or leave it out.",
        path=(*wish.path, "at_most"),
    )


def _machines_of(spec: ReplicaSpec) -> tuple[str, ...]:
    return (*spec.machines, *spec.prefill_machines, *spec.standby)


def _without(group: MachineGroup, taken: set[str]) -> MachineGroup | None:
    """The machines of one pool that are in no group; None where there are none."""
    left = [i for i, name in enumerate(group.names) if name not in taken]
    if len(left) == len(group.names):
        return group
    if not left:
        return None
    return replace(
        group,
        names=tuple(group.names[i] for i in left),
        racks=tuple(group.racks[i] for i in left) if group.racks else (),
    )


def _names(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - _SHOWN
    return listed([*every[:_SHOWN], f"{more:,} more"] if more > 0 else every)
