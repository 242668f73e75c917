"""The nouns of gang placement: a fabric of nested domains, gangs with their traffic, and their seats."""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.diag import ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A part of the fabric with one way out: a pod, a rack, an NVLink domain."""

    name: str
    level: str
    parent: str | None
    """None: directly below the root of the fabric."""
    uplink_bytes_per_s: float
    """Out of the domain, in one direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine of the fabric."""

    name: str
    domain: str
    """The lowest domain around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """A tree: domains of one level lie in domains of the level above, machines in the lowest ones."""

    levels: tuple[str, ...]
    """From the widest domains to the narrowest."""
    domains: tuple[Domain, ...]
    nodes: tuple[Node, ...]
    devices_per_node: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """No domain of a level holds more than ceil(nodes / at_least) nodes of the gang."""

    level: str
    at_least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Relation to another gang: only in its domains of a level, or, ``apart``, in none of them."""

    other: str
    level: str
    apart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gang:
    """All or nothing: ``stages`` x ``data`` nodes that work as one, and the bytes they exchange each step.

    Tensor parallelism stays inside a node and has no place here.  Rank r is
    stage ``r // data``, data-parallel member ``r % data``.
    """

    name: str
    stages: int = 1
    """Pipeline stages."""
    data: int = 1
    """Nodes of one stage: its data-parallel ring."""
    expert: int = 1
    """Nodes of one expert group: so many members of a stage, one after the other; divides ``data``."""
    ring_bytes: float = 0.0
    """What leaves a domain for each stage of which it holds a part: 2(D-1)/D of the gradients of a node."""
    boundary_bytes: float = 0.0
    """What one pipeline sends over one stage boundary, in each direction."""
    expert_bytes: float = 0.0
    """What one node sends to the rest of its expert group."""
    priority: int = 0
    """Higher is seated first."""
    required: str | None = None
    """Level of which one domain must hold the whole gang."""
    spread: Spread | None = None
    ties: tuple[Tie, ...] = ()
    quota: str | None = None
    """Name of the quota that it counts against."""
    devices: int | None = None
    """Of each node; None: whole nodes."""
    today: tuple[str, ...] = ()
    """Its nodes in rank order, when it runs already."""
    origin: ConfigPath = ()

    @property
    def nodes(self) -> int:
        """How many it needs."""
        return self.stages * self.data


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """All gangs that count against it have at most so many devices together."""

    name: str
    devices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One gang on its nodes, in rank order."""

    gang: str
    nodes: tuple[str, ...]
    kept: bool = False
    """It sits where it sat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A gang without a seat, and why."""

    gang: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelTraffic:
    """What all gangs together send each step over the uplinks of one level."""

    level: str
    bytes: float
    slowest_s: float
    """Longest time that one uplink takes for its own bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """Where the gangs sit, and how good that is known to be."""

    seats: tuple[Seat, ...]
    refused: tuple[Refused, ...]
    traffic: tuple[LevelTraffic, ...]
    """Of each level, widest first."""
    bound_bytes: float
    """No seats of the same gangs send fewer bytes over the uplinks of the widest level."""

    @property
    def gap(self) -> float:
        """(bytes - bound) / bytes of the widest level, 0 to 1."""
        total = self.traffic[0].bytes if self.traffic else 0.0
        return (total - self.bound_bytes) / total if total > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GangEffort:
    """How long the search may try; equal efforts on equal problems end equally."""

    seed: int = 0
    limit: float = 5.0
    """CP-SAT's deterministic time for everything together, near seconds on a fast core."""
