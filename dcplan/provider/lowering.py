"""From a placement to resources, as far as all clouds are alike.

A machine is a resource of the provider's machine kind; on machines run
``replica`` and ``job``; an ``endpoint`` routes requests to the replicas of one
workload.  A provider that makes more (networks, groups) adds it to these.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.resources import Address, JsonValue, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcplan.provider.types import Kind, MachineGroup, Placement, ReplicaSpec, WorkloadSpec

REPLICA = "replica"
JOB = "job"
ENDPOINT = "endpoint"

_SEATS = ("machines", "devices", "prefill_machines", "prefill_devices")
"""Attributes that say where a replica runs; the last two are None unless prompts have machines of their own,
which is as good as not there: what an earlier version made has no such attributes."""


def kinds_on(machine: Kind) -> dict[str, Kind]:
    """``machine`` and the kinds of what ``lower`` puts on machines, by name.

    The others are what ``machine`` is in idempotency, consistency and money.
    """

    def alike(
        name: str, outputs: tuple[str, ...], replace_on: tuple[str, ...], *, points_only: bool = False
    ) -> Kind:
        return replace(machine, name=name, outputs=outputs, replace_on=replace_on, points_only=points_only)

    kinds = (
        machine,
        alike(REPLICA, ("id", "address"), ("workload", *_SEATS)),
        alike(JOB, ("id",), ("workload", "machines", "devices", "settings")),
        alike(ENDPOINT, ("id", "url"), ("workload",), points_only=True),
    )
    return {kind.name: kind for kind in kinds}


def lower(
    placement: Placement,
    *,
    provider: str,
    machine_kind: str,
    kinds: Mapping[str, Kind],
) -> tuple[Resource, ...]:
    """The resources of ``placement``; what is needed comes before what needs it.

    ``machine_kind`` is what this provider calls a machine.  Workload resources
    whose kind is not in ``kinds`` are left out: that provider makes its own.
    Pure, and linear in machines plus replicas.
    """
    machines: dict[str, Address] = {}
    resources: list[Resource] = []
    for group in placement.machines:
        for resource in _machines(group, provider, kinds[machine_kind]):
            machines[resource.address.name] = resource.address
            resources.append(resource)
    turned = _Plain()
    for workload in placement.workloads:
        resources += _workload(workload, provider, kinds, machines, turned)
    return tuple(resources)


def _machines(group: MachineGroup, provider: str, kind: Kind) -> Iterator[Resource]:
    """One resource for each machine of a group; they differ in nothing but their names and racks."""
    gang: JsonValue = {"name": group.names[0], "size": len(group.names)} if group.gang else None
    attributes: dict[str, JsonValue] = {
        "machine": group.machine,
        "region": group.region,
        "zone": group.zone,
        "block": group.block,
        "purchase": group.purchase,
        "pool": group.pool,
        "rack": None,
        "gang": gang,
        "exclusive_to": group.exclusive_to,
    }
    racks = group.racks or (None,) * len(group.names)
    for name, rack in zip(group.names, racks, strict=True):
        yield Resource(
            address=Address(provider, kind.name, name),
            attributes=attributes if rack is None else {**attributes, "rack": rack},
            known_after_apply=kind.outputs,
        )


def _workload(
    workload: WorkloadSpec,
    provider: str,
    kinds: Mapping[str, Kind],
    machines: Mapping[str, Address],
    turned: _Plain,
) -> Iterator[Resource]:
    """The replicas and the endpoint of a served model, or the one job of a training."""
    runs_as = kinds.get(REPLICA if workload.kind == "serve" else JOB)
    if runs_as is None:
        return
    replicas = []
    for spec in workload.replicas:
        address = Address(provider, runs_as.name, spec.name)
        replicas.append(address)
        yield Resource(
            address=address,
            attributes={
                "workload": workload.name,
                "machines": list(spec.machines),
                "devices": list(spec.devices),
                "settings": turned.mapping(spec.settings),
                "prefill_machines": list(spec.prefill_machines) or None,
                "prefill_devices": list(spec.prefill_devices) or None,
                **({"standby": list(spec.standby)} if spec.standby else {}),
            },
            needs=_needs(spec, machines),
            known_after_apply=runs_as.outputs,
        )
    endpoint = kinds.get(ENDPOINT)
    if workload.kind == "serve" and endpoint is not None:
        weights: dict[str, JsonValue] = {spec.name: spec.weight for spec in workload.replicas}
        yield Resource(
            address=Address(provider, endpoint.name, workload.name),
            attributes={"workload": workload.name, "replicas": weights},
            needs=tuple(replicas),
            known_after_apply=endpoint.outputs,
        )


def _needs(spec: ReplicaSpec, machines: Mapping[str, Address]) -> tuple[Address, ...]:
    """The addresses of the machines a replica runs on, those that answer first."""
    names = (*spec.machines, *spec.prefill_machines, *spec.standby)
    unknown = [name for name in names if name not in machines]
    if unknown:
        msg = f"{spec.name} is placed on {unknown[0]}, which is in no group. This is a bug in dcplan."
        raise RuntimeError(msg)
    return tuple(machines[name] for name in names)


class _Plain:
    """Turns tuples inside settings into lists, so that attributes equal what JSON gives back.

    Replicas of one workload share one settings object, which is turned once.
    """

    def __init__(self) -> None:
        # The key is an object's identity, so the object is kept alive beside it.
        self._done: dict[int, tuple[Mapping[str, JsonValue], dict[str, JsonValue]]] = {}

    def mapping(self, value: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """``value`` with lists for tuples."""
        known = self._done.get(id(value))
        if known is None:
            known = (value, {key: plain(item) for key, item in value.items()})
            self._done[id(value)] = known
        return known[1]


def plain(value: JsonValue) -> JsonValue:
    """``value`` with lists for tuples, at any depth."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
