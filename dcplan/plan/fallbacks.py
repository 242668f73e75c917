"""The nouns of failover: what may be bought elsewhere, where, and what that costs more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dcplan.resources import Address, JsonValue, Resource

AT_HOME = -1
"""The number of the pool that was planned; its alternatives count from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Replicas, or their parts beside, that stand on the machines of a unit."""

    workload: str
    choice: str
    replicas: int
    beside: bool = False
    of_price: float = 1.0
    """Share of the unit's price that this workload pays, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """New machines that are had in one pool together or not at all: one machine, or those of a gang."""

    machines: tuple[Address, ...]
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another pool that gives the same machines."""

    pool: str
    region: str
    zone: str
    room: int
    """Machines that it is known to take of these; what was verified."""
    usd_per_h: float
    """More than planned, for each machine; traffic counts.  Negative is less."""
    attributes: dict[str, JsonValue] = field(default_factory=dict)
    """What all machines have otherwise there."""
    own: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    """What single machines have otherwise besides, by name: their racks, say."""
    only: tuple[str, ...] = ()
    """Names of the machines that may go there, where racks were found for these; empty: any of them."""
    together: tuple[tuple[int, str], ...] = ()
    """Alternatives of other fallbacks (number, pool) that were verified with this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """New machines of one pool, and where they may be had if that is sold out, the best first."""

    pool: str
    region: str
    units: tuple[Unit, ...]
    alternatives: tuple[Alternative, ...]

    @property
    def machines(self) -> int:
        """How many there are."""
        return sum(len(unit.machines) for unit in self.units)

    def target_of(self, pool: object) -> int | None:
        """The number of the alternative with this pool, ``AT_HOME`` for the planned one; None: neither."""
        if pool == self.pool:
            return AT_HOME
        return next((i for i, other in enumerate(self.alternatives) if other.pool == pool), None)

    def pool_at(self, target: int) -> str:
        """The pool of this number."""
        return self.pool if target == AT_HOME else self.alternatives[target].pool

    def usd_per_h_at(self, target: int) -> float:
        """What a machine there costs more than planned."""
        return 0.0 if target == AT_HOME else self.alternatives[target].usd_per_h


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldOut:
    """A pool that had no more machines when an apply asked for some."""

    provider: str
    pool: str
    at: str
    """When, ISO 8601 in UTC."""
    until: str
    """From when on plans buy there again."""
    left_out: bool = True
    """Whether this plan buys nothing more there."""


def rewritten(resource: Resource, alternative: Alternative) -> Resource:
    """The machine as it is asked for in the other pool."""
    own: Mapping[str, JsonValue] = alternative.own.get(resource.address.name, {})
    return replace(resource, attributes={**resource.attributes, **alternative.attributes, **own})


def elsewhere(resource: Resource, fallbacks: Mapping[Address, Fallback]) -> tuple[Resource, ...]:
    """All the ways in which a resource may have come to stand somewhere else than planned."""
    fallback = fallbacks.get(resource.address)
    return () if fallback is None else tuple(rewritten(resource, a) for a in fallback.alternatives)


def by_machine(fallbacks: tuple[Fallback, ...]) -> dict[Address, Fallback]:
    """The fallback of each machine that has one."""
    return {machine: f for f in fallbacks for unit in f.units for machine in unit.machines}
