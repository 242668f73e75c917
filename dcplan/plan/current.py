"""Read from the state where everything runs today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.placement.types import Allotment, Assignment, MachineSlot, ReplicaSlot
from dcplan.resources import JsonValue, Resource
from dcplan.resources.machines import RUNS, is_group, members_of, replicas_in
from dcplan.sharding.names import plain_id

if TYPE_CHECKING:
    from dcplan.sharding.types import Candidate


def assignment_of(resources: Iterable[Resource]) -> Assignment:
    """The machines and replicas that the state knows, as placement's own nouns.

    A machine group is its members, and what runs on them.  What a provider adds
    (networks, endpoints) has no ``pool`` and no ``machines`` and is passed over.
    """
    machines: list[MachineSlot] = []
    replicas: list[ReplicaSlot] = []
    for resource in resources:
        attributes = resource.attributes
        pool = attributes.get("pool")
        if is_group(attributes):
            machines += _members(attributes)
            replicas += _runs(attributes)
        elif isinstance(pool, str):
            owner, rack = attributes.get("exclusive_to"), attributes.get("rack")
            machines.append(
                MachineSlot(
                    name=resource.address.name,
                    pool=pool,
                    exclusive_to=owner if isinstance(owner, str) else None,
                    rack=rack if isinstance(rack, str) else None,
                )
            )
        elif "machines" in attributes and "devices" in attributes:
            replicas.append(_replica(resource.address.name, attributes))
    return Assignment(machines=tuple(machines), replicas=tuple(replicas))


def _members(attributes: Mapping[str, JsonValue]) -> Iterator[MachineSlot]:
    """The machines of a group, each exclusive to the replica that has it whole."""
    owner: dict[str, str] = {}
    for replica in replicas_in(attributes):
        if replica.get("whole"):
            names = (*_items(replica.get("machines")), *_items(replica.get("standby")))
            owner |= dict.fromkeys(map(str, names), str(replica.get("name")))
    for name in members_of(attributes):
        yield MachineSlot(name=name, pool=str(attributes["pool"]), exclusive_to=owner.get(name))


def _runs(attributes: Mapping[str, JsonValue]) -> Iterator[ReplicaSlot]:
    """What runs on the machines of a group."""
    runs = attributes.get(RUNS)
    said = (
        {"workload": attributes.get("workload"), "settings": runs.get("settings")}
        if isinstance(runs, dict)
        else {}
    )
    for replica in replicas_in(attributes):
        yield _replica(str(replica.get("name")), {**replica, **said})


def racks_of(resources: Iterable[Resource]) -> dict[str, str]:
    """Machine to the rack in which it stands, where its provider tells."""
    return {
        resource.address.name: rack
        for resource in resources
        if "pool" in resource.attributes and isinstance(rack := resource.outputs.get("rack"), str)
    }


def places_of(resources: Iterable[Resource]) -> dict[str, str]:
    """Machine to the place in its rack where it stands, where its provider tells."""
    return {
        resource.address.name: node
        for resource in resources
        if "pool" in resource.attributes and isinstance(node := resource.outputs.get("node"), str)
    }


def known_again(assignment: Assignment, candidates: Iterable[Candidate]) -> Assignment:
    """The assignment with each replica's choice named as today's candidates are.

    A choice is kept by its plain id; which of several with other links it is,
    follows from the pool.
    """
    ids = {
        (plain_id(c.id), pool, other): c.id
        for c in candidates
        for pool in c.pools
        for other in _others(c, pool)
    }
    pool_of = {m.name: m.pool for m in assignment.machines}

    def choice(slot: ReplicaSlot) -> str:
        pool, other = (
            pool_of.get(machines[0], "") if machines else ""
            for machines in (slot.machines, slot.beside_machines)
        )
        return ids.get((plain_id(slot.choice), pool, other), slot.choice)

    return replace(assignment, replicas=tuple(replace(r, choice=choice(r)) for r in assignment.replicas))


def _others(candidate: Candidate, pool: str) -> tuple[str, ...]:
    """Pools in which what stands beside a replica of ``pool`` may be; one empty name without such."""
    if candidate.beside is not None:
        return candidate.beside.pools
    # What stands by is in the same pool, and today there may be none yet.
    return (pool, "") if candidate.standby else ("", pool)


def _replica(name: str, attributes: Mapping[str, JsonValue]) -> ReplicaSlot:
    settings = attributes.get("settings")
    choice = settings.get("choice") if isinstance(settings, dict) else None
    beside = attributes.get("prefill_machines") or attributes.get("standby")
    return ReplicaSlot(
        name=name,
        workload=str(attributes.get("workload", "")),
        choice=str(choice or ""),
        machines=tuple(str(m) for m in _items(attributes.get("machines"))),
        devices=_indices(attributes["devices"]),
        beside_machines=tuple(str(m) for m in _items(beside)),
        beside_devices=_indices(attributes.get("prefill_devices")),
    )


def _indices(value: JsonValue) -> tuple[int, ...]:
    return tuple(int(d) for d in _items(value) if isinstance(d, int))


def _items(value: JsonValue) -> list[JsonValue]:
    return list(value) if isinstance(value, list | tuple) else []


def allotments_of(assignment: Assignment) -> tuple[Allotment, ...]:
    """How many replicas of which choice run in which pool."""
    return _counted(assignment, [(r, r.machines) for r in assignment.replicas])


def beside_of(assignment: Assignment) -> tuple[Allotment, ...]:
    """How many parts beside of which choice run in which pool."""
    return _counted(assignment, [(r, r.beside_machines) for r in assignment.replicas])


def _counted(
    assignment: Assignment, parts: Iterable[tuple[ReplicaSlot, tuple[str, ...]]]
) -> tuple[Allotment, ...]:
    pool_of = {m.name: m.pool for m in assignment.machines}
    counts = Counter(
        (r.workload, r.choice, pool_of[machines[0]])
        for r, machines in parts
        if machines and machines[0] in pool_of
    )
    return tuple(
        Allotment(workload=workload, choice=choice, pool=pool, replicas=count)
        for (workload, choice, pool), count in sorted(counts.items())
    )
