"""The nouns of demand: what must be served or trained, without a word about hardware."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dcplan.demand.goals import Goal, Measure, Moves, Pin, only
from dcplan.demand.limits import Survive
from dcplan.demand.places import Cap, Egress, NetworkBound, UserPlace
from dcplan.diag import ConfigPath


class Metric(StrEnum):
    """What an SLA bounds."""

    TTFT = "ttft"
    TPOT = "tpot"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaBound:
    """``metric`` stays at or below ``bound_s`` for the share ``quantile`` of requests."""

    metric: Metric
    quantile: float
    bound_s: float
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Token counts of one side of the requests: mean and quantiles."""

    mean: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Replicas must sit in at least ``at_least`` different domains of this kind."""

    over: str
    at_least: int
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Affinity:
    """Replicas must (or, ``apart``, must not) share a domain with those of ``workload``."""

    workload: str
    at: str
    apart: bool
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Names that may be used, and where the user said so."""

    names: tuple[str, ...]
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the user allows for one workload; None is "anything"."""

    providers: Allowed | None = None
    regions: Allowed | None = None
    zones: Allowed | None = None
    residency: Allowed | None = None
    """Countries and jurisdictions, as the user named them."""
    accelerators: Allowed | None = None
    precisions: Allowed | None = None
    spread: tuple[Spread, ...] = ()
    affinity: tuple[Affinity, ...] = ()
    spot_share: float | None = None
    """The largest share of the replicas that may run on spot machines, 0 to 1."""
    spot_origin: ConfigPath | None = None
    purchase: Allowed | None = None
    """Ways to buy machines, by the catalogue's names."""
    survive: Survive | None = None
    """Holds for serving only: jobs start again."""
    pins: tuple[Pin, ...] = ()
    stay: ConfigPath | None = None
    """The line that says that what runs today stays where it is; None: it may move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The share of the original model's score that must be kept, at least."""

    kept: float
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was cut out of a model: a pattern of zeros, or a share of the width or of the layers."""

    pattern: str | None = None
    """``2:4``."""
    ratio: float = 0.0
    of: str = "width"
    """What ``ratio`` is of: width or layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Another model or checkpoint that may answer in place of the workload's model."""

    name: str
    model: str
    format: str | None
    """How the checkpoint is kept; None: in any format."""
    pruned: Pruned | None
    kept: float | None
    """Share of the original model's score that the user declared; None where nobody did."""
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculative:
    """A small model drafts ``tokens`` tokens, of which the large one accepts a share."""

    draft: str
    """A model, by the name that the document uses."""
    tokens: int
    acceptance: float
    origin: ConfigPath


class Disaggregated(StrEnum):
    """Whether prompts are computed on machines of their own."""

    NEVER = "never"
    AUTO = "auto"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeDemand:
    """Requests that must be answered within the SLA."""

    name: str
    model: str
    requests_per_s: float
    """The rate to plan for: the peak of the trace or forecast, headroom included."""
    mean_requests_per_s: float
    prompt_tokens: Lengths
    output_tokens: Lengths
    arrival_cv2: float
    """Squared coefficient of variation of the inter-arrival times; 1 is Poisson."""
    bounds: tuple[SlaBound, ...]
    availability: float | None
    basis: str
    """Where the numbers come from, for people: "declared", "trace azure.csv, 3,501 s"."""
    limits: Limits
    origin: ConfigPath
    software: str = "vllm"
    """The engine that serves, by the name of its profile."""
    floor: Floor | None = None
    """None: only what the user lists may be used."""
    variants: tuple[Variant, ...] = ()
    prefix_hit_rate: float = 0.0
    """Share of the prompt tokens whose keys and values are in the cache already."""
    speculative: Speculative | None = None
    disaggregated: Disaggregated = Disaggregated.NEVER
    mixed: bool = False
    """Whether replicas of several layouts or machine types may carry the load together."""
    users: tuple[UserPlace, ...] = ()
    network: tuple[NetworkBound, ...] = ()
    """Bounds on the round trip to the users."""
    egress: tuple[Egress, ...] = ()
    required: bool = True
    """Nothing is planned without it; otherwise it is left out when not everything fits."""
    priority: int = 0
    """Of what is not required, higher ones are kept first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainDemand:
    """Tokens that must have been trained on before the deadline."""

    name: str
    model: str
    tokens: float
    sequence_tokens: int
    global_batch_sequences: int
    deadline_s: float | None
    deadline_origin: ConfigPath | None
    limits: Limits
    origin: ConfigPath
    software: str = "megatron"
    """The training framework, by the name of its profile."""
    spares: int = 0
    """Machines that stand by, at least."""
    availability: float | None = None
    """Share of the time for which enough machines must be up; None asks for no more spares."""
    egress: tuple[Egress, ...] = ()
    required: bool = True
    """Nothing is planned without it; otherwise it is left out when not everything fits."""
    priority: int = 0
    """Of what is not required, higher ones are kept first."""


WorkloadDemand = ServeDemand | TrainDemand


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that all machines together may cost."""

    usd_per_h: float
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Everything that is asked for."""

    project: str
    workloads: tuple[WorkloadDemand, ...]
    budget: Budget | None = None
    carbon: Cap | None = None
    """Kilograms of CO2e per hour."""
    power: Cap | None = None
    """Watts of the machines, without cooling."""
    goals: tuple[Goal, ...] = (only(Measure.COST),)
    """What is minimised once all demand is met, one after the other."""
    max_moves: Moves | None = None
    horizon_s: float = 30 * 86_400.0
    """How long serving is paid for when its cost is weighed against training's."""
