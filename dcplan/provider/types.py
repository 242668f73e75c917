"""The nouns that cross the boundary between the core and a provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dcplan.diag.hidden import without_hidden
from dcplan.resources import Action, Address, JsonValue, Resource


class Idempotency(StrEnum):
    """How a provider tells a repeated create from a new one."""

    TOKEN = "token"  # noqa: S105 - a way to tell calls apart, not a secret
    NAME = "name"
    TAG = "tag"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of resource a provider can make."""

    name: str
    outputs: tuple[str, ...]
    """What is known only after apply."""
    replace_on: tuple[str, ...]
    """Attributes that cannot be changed in place."""
    idempotency: Idempotency
    token_ttl_s: float
    """How long a repeated token gives the same object; 0 for other idempotency."""
    consistency_window_s: float
    """How long a new object may stay invisible to lookups."""
    spends_money: bool
    """A create that was paid for cannot be undone by a delete (capacity blocks)."""
    kept: tuple[str, ...] = ()
    """Attributes that tell how it was made: what is there keeps its own, what is made gets those of today."""
    points_only: bool = False
    """It names what it needs, and survives when that is made anew under the same name (an endpoint)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """What a provider is."""

    name: str
    api_version: int
    kinds: Mapping[str, Kind]
    lacks: frozenset[str] = frozenset()
    """Conformance tests that do not apply, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferingQuery:
    """What is wanted to know; None is everything."""

    regions: tuple[str, ...] | None = None
    accelerators: tuple[str, ...] | None = None
    lineage: str | None = None
    """Who asks: a provider that counts its machines counts these owner's and the free ones, but
    not those of others.  None counts all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineGroup:
    """Machines of one pool, with their names."""

    pool: str
    machine: str
    region: str
    zone: str
    block: str | None
    purchase: str
    names: tuple[str, ...]
    gang: bool = False
    """To be placed as close together as the provider can."""
    racks: tuple[str | None, ...] = ()
    """Where each shall stand, ``zone/block/rack``, or ``zone/block/rack/node`` where slices of a TPU pod are
    laid out; None, or nothing at all, leaves it to the provider."""
    exclusive_to: str | None = None
    """The workload whose replicas take whole machines; None for machines that replicas share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSpec:
    """One replica (or the one job) of a workload: which machines, which of their devices, how started."""

    name: str
    machines: tuple[str, ...]
    devices: tuple[int, ...]
    """Device indices on each of the machines."""
    settings: Mapping[str, JsonValue]
    """Model, layout, precision, batch, of a unit also prefill workers: what the launcher needs."""
    prefill_machines: tuple[str, ...] = ()
    """Where a unit's prefill workers run, if not on ``machines``."""
    prefill_devices: tuple[int, ...] = ()
    """Device indices on each of these."""
    standby: tuple[str, ...] = ()
    """Machines that run nothing until one of ``machines`` fails."""
    weight: int = 1
    """Requests that it gets, in proportion to the weights of the workload's other replicas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSpec:
    """One placed workload."""

    name: str
    kind: str
    """``serve`` or ``train``."""
    replicas: tuple[ReplicaSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """All that one provider shall hold."""

    project: str
    machines: tuple[MachineGroup, ...]
    workloads: tuple[WorkloadSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One mutating call, fixed before it is sent, so that it can be sent again or looked up."""

    address: Address
    action: Action
    """CREATE, UPDATE or DELETE; a replace is a delete and a create."""
    token: str
    lineage: str
    """Whose object it is: the owner tag, unique to one state."""
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)
    needs: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    """Outputs of what it needs, by address."""
    object_id: str | None = None
    """Of what to update or delete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The provider took the request; ``object_id`` is known, the object may not be ready."""

    object_id: str
    operation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object as the provider has it."""

    object_id: str
    address: Address
    ready: bool
    attributes: Mapping[str, JsonValue]
    outputs: Mapping[str, JsonValue]
    token: str | None = None
    lineage: str | None = None
    made_at_s: float | None = None
    """Unix time at which it was made; None where the provider does not tell."""

    def __post_init__(self) -> None:
        """What is hidden is cleaned as it is told: an object may well echo what it was made with."""
        object.__setattr__(self, "attributes", without_hidden(self.attributes))
        object.__setattr__(self, "outputs", _but_id(self.outputs, self.object_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What the provider has for each resource asked about; None where it has nothing."""

    found: Mapping[Address, Found | None]
    calls: int
    """How many calls it took, for the log."""


def clean_outputs(outputs: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """Outputs without what is hidden, but for the ``id``: without it nobody finds the object again."""
    return _but_id(outputs, outputs.get("id"))


def _but_id(outputs: Mapping[str, JsonValue], object_id: JsonValue) -> Mapping[str, JsonValue]:
    clean = without_hidden(outputs)
    return clean if clean is outputs or "id" not in outputs else {**clean, "id": object_id}


def request_of(
    resource: Resource,
    action: Action,
    *,
    token: str,
    lineage: str,
    needs: Mapping[str, Mapping[str, JsonValue]],
) -> Request:
    """The request that makes, changes or deletes ``resource``."""
    object_id = resource.outputs.get("id")
    return Request(
        address=resource.address,
        action=action,
        token=token,
        lineage=lineage,
        attributes=resource.attributes,
        needs=needs,
        object_id=object_id if isinstance(object_id, str) else None,
    )
