"""The nouns of sharding: the ways in which a workload can be run on a kind of machine."""

from __future__ import annotations

from dataclasses import dataclass

# Imported for good, not only for type checkers: a saved plan is read into these types.
from dcplan.basis import Estimate
from dcplan.catalog.types import Accelerator, Machine
from dcplan.demand.types import Metric
from dcplan.perf.types import Layout, Memory
from dcplan.topology.types import PoolLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineClass:
    """Machines that are alike for a workload: one type, behind the same links."""

    machine: Machine
    accelerator: Accelerator
    links: PoolLinks
    pools: tuple[str, ...]
    """Names of the pools that open such machines."""
    machines: int | None
    """The most that one gang can have together; None is unknown."""

    @property
    def name(self) -> str:
        """What it is called in messages: the machine type."""
        return self.machine.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """One bound of the SLA and what is predicted against it."""

    metric: Metric
    quantile: float
    bound_s: float
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeEstimate:
    """What one replica does when it carries its share of the planned load."""

    batch: int
    """Sequences decoded together at the planned load."""
    max_batch: int
    """Sequences decoded together at the most that one replica can take within the SLA."""
    requests_per_s: float
    """Planned load on one replica."""
    max_requests_per_s: float
    """The most that one replica can take within the SLA."""
    output_tokens_per_s: float
    """At the planned load."""
    predicted: tuple[Predicted, ...]
    """One for each bound of the SLA; all hold."""
    memory: Memory
    kv_capacity_tokens: int
    utilisation: float
    """Planned load over the most it can take, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainEstimate:
    """What the whole job does."""

    step: Estimate
    steps: int
    duration_s: float
    deadline_s: float | None
    """By which it must be done; None for no deadline."""
    tokens_per_s: float
    model_flops_utilisation: float
    """Useful FLOPs (causal attention, no recompute) over dense peak."""
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One legal way to run one workload on one kind of machine, predicted to keep its SLA."""

    id: str
    """Unique in the plan: ``chat/p5.48xlarge/tp2/fp8``."""
    workload: str
    machine: str
    accelerator: str
    layout: Layout
    precision: str
    """Of the weights: bf16, fp8..."""
    devices: int
    """Of one replica; a training job is one replica."""
    machines: int
    """Whole machines of one replica; 0 when it takes a part of one and shares the rest."""
    replicas: int
    """Needed in all, spares included."""
    spares: int
    estimate: ServeEstimate | TrainEstimate
    pools: tuple[str, ...]
    """Names of the pools whose links the estimate holds for."""

    @property
    def hours(self) -> float | None:
        """How long the machines are needed; None for serving, which does not end."""
        return self.estimate.duration_s / 3600 if isinstance(self.estimate, TrainEstimate) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How the search for one workload went: what was considered and why it fell away."""

    workload: str
    considered: int
    dropped: tuple[tuple[str, int], ...]
    """(reason, count), in the order in which the reasons were applied."""
    remain: int
    wall_s: float

    def __str__(self) -> str:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.dropped if count)
        return f"{self.considered:,} considered: {reasons + ', ' if reasons else ''}{self.remain:,} remain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """All candidates of all workloads, best first within each, and how they were found."""

    candidates: tuple[Candidate, ...]
    searches: tuple[Search, ...]
