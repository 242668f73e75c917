"""The nouns of placement.  No OR-Tools type leaks out of this room."""

from __future__ import annotations

from dataclasses import dataclass, field

from dcplan.diag import ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Equal machines that can be had at one place in one way."""

    id: str
    provider: str
    region: str
    zone: str
    machine: str
    accelerator: str
    devices: int
    """In one machine."""
    machines: int | None
    """How many can be had; None is no known limit."""
    usd_per_h: float
    """Per machine."""
    spot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One way to run one workload: all its replicas alike, spread over pools of one machine type.

    Exactly one choice of each workload is taken, with all its replicas.
    """

    id: str
    workload: str
    pools: tuple[str, ...]
    replicas: int
    devices: int
    """Of one replica."""
    machines: int
    """Whole machines of one replica; 0 when it takes ``devices`` of one and shares the rest."""
    hours: float
    """How long it is paid for.  Shared machines are paid for the longest hours of all choices that share."""
    one_pool: bool = False
    """All replicas in one pool (a gang)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRule:
    """Replicas sit in at least ``at_least`` zones or regions, none holding more than its share.

    With N replicas, no domain holds more than ceil(N / at_least).  Fewer
    replicas than ``at_least`` cannot satisfy it.
    """

    over: str
    """``zone`` or ``region``."""
    at_least: int
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class AffinityRule:
    """Replicas are only in domains where ``other`` has some (or, ``apart``, has none)."""

    other: str
    at: str
    apart: bool
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotRule:
    """At most this share of the replicas runs on spot machines."""

    share: float
    origin: ConfigPath | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What placement must know of a workload."""

    name: str
    origin: ConfigPath
    spread: tuple[SpreadRule, ...] = ()
    affinity: tuple[AffinityRule, ...] = ()
    spot: SpotRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRule:
    """All machines together cost at most this."""

    usd_per_h: float
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """So many replicas of one choice in one pool."""

    workload: str
    choice: str
    pool: str
    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Everything the solver may know.  Equal problems have equal solutions."""

    workloads: tuple[Workload, ...]
    pools: tuple[Pool, ...]
    choices: tuple[Choice, ...]
    budget: BudgetRule | None = None
    current: tuple[Allotment, ...] = ()
    """Where replicas run today; keeping them there breaks ties between equal costs."""
    seed: int = 0
    deterministic_limit: float = 1.0
    """CP-SAT's deterministic time, so that equal problems stop at equal points; 1 is some seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverReport:
    """How good the solution is and how that is known."""

    solver: str
    """Name and version."""
    status: str
    """``optimal``, or ``feasible`` when the limit came before the proof."""
    objective_usd: float
    """Cost over the time that is paid for, of all choices."""
    bound_usd: float
    """No solution costs less than this."""
    gap: float
    """(objective - bound) / objective, 0 to 1."""
    seed: int
    wall_s: float = field(compare=False)
    """Equal problems have equal reports, but never equal clocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolUse:
    """So many machines of one pool, whole and shared."""

    pool: str
    machines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Where everything runs.  Verified by code that shares nothing with the model."""

    allotments: tuple[Allotment, ...]
    pools: tuple[PoolUse, ...]
    usd_per_h: float
    report: SolverReport


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSlot:
    """One machine with a name."""

    name: str
    pool: str
    exclusive_to: str | None = None
    """Name of the one replica that has the whole machine; None when replicas may share it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSlot:
    """One replica with a name, on its machines."""

    name: str
    workload: str
    choice: str
    machines: tuple[str, ...]
    devices: tuple[int, ...]
    """Indices of the devices it has, the same on each of its machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Every machine and every replica by name; no two replicas have a device in common."""

    machines: tuple[MachineSlot, ...] = ()
    replicas: tuple[ReplicaSlot, ...] = ()
