"""Read from the state where everything runs today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.placement.types import Allotment, Assignment, MachineSlot, ReplicaSlot
from dcplan.resources import JsonValue, Resource
from dcplan.sharding.names import plain_id

if TYPE_CHECKING:
    from dcplan.sharding.types import Candidate


def assignment_of(resources: Iterable[Resource]) -> Assignment:
    """The machines and replicas that the state knows, as placement's own nouns.

    What a provider adds to them (networks, endpoints) has no ``pool`` and no
    ``machines`` and is passed over.
    """
    machines: list[MachineSlot] = []
    replicas: list[ReplicaSlot] = []
    for resource in resources:
        attributes = resource.attributes
        pool = attributes.get("pool")
        if isinstance(pool, str):
            owner = attributes.get("exclusive_to")
            machines.append(
                MachineSlot(
                    name=resource.address.name,
                    pool=pool,
                    exclusive_to=owner if isinstance(owner, str) else None,
                )
            )
        elif "machines" in attributes and "devices" in attributes:
            replicas.append(_replica(resource))
    return Assignment(machines=tuple(machines), replicas=tuple(replicas))


def known_again(assignment: Assignment, candidates: Iterable[Candidate]) -> Assignment:
    """The assignment with each replica's choice named as today's candidates are.

    A choice is kept by its plain id; which of several with other links it is,
    follows from the pool.
    """
    ids = {(plain_id(c.id), pool): c.id for c in candidates for pool in c.pools}
    pool_of = {m.name: m.pool for m in assignment.machines}

    def choice(slot: ReplicaSlot) -> str:
        pool = pool_of.get(slot.machines[0], "") if slot.machines else ""
        return ids.get((plain_id(slot.choice), pool), slot.choice)

    return replace(assignment, replicas=tuple(replace(r, choice=choice(r)) for r in assignment.replicas))


def _replica(resource: Resource) -> ReplicaSlot:
    settings = resource.attributes.get("settings")
    choice = settings.get("choice") if isinstance(settings, dict) else None
    return ReplicaSlot(
        name=resource.address.name,
        workload=str(resource.attributes.get("workload", "")),
        choice=str(choice or ""),
        machines=tuple(str(m) for m in _items(resource.attributes["machines"])),
        devices=tuple(int(d) for d in _items(resource.attributes["devices"]) if isinstance(d, int)),
    )


def _items(value: JsonValue) -> list[JsonValue]:
    return list(value) if isinstance(value, list | tuple) else []


def allotments_of(assignment: Assignment) -> tuple[Allotment, ...]:
    """How many replicas of which choice run in which pool."""
    pool_of = {m.name: m.pool for m in assignment.machines}
    counts = Counter(
        (r.workload, r.choice, pool_of[r.machines[0]])
        for r in assignment.replicas
        if r.machines and r.machines[0] in pool_of
    )
    return tuple(
        Allotment(workload=workload, choice=choice, pool=pool, replicas=count)
        for (workload, choice, pool), count in sorted(counts.items())
    )
