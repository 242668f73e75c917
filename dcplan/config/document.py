"""The user's document: every key that may stand in ``dcplan.yaml``.

Pydantic models stand at this door because users deserve strictness and exact
places for their mistakes.  Field names are the YAML keys; values are in base
units (seconds, bytes, dollars per hour, per second) once read.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from dcplan.config.values import Count, Duration, Fraction, Many, RatePerS, UsdPerH

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$|^[a-z]$")]
"""Lower-case letters, digits and hyphens, as clouds allow them in names."""


PositiveCount = Annotated[Count, Field(gt=0)]
PositiveDuration = Annotated[Duration, Field(gt=0)]


class Strict(BaseModel):
    """Base of everything in the document: frozen, no unknown keys, finite numbers.

    Validators are built when first asked for: only ``Document``'s is needed
    to load a file, and building the others would double the start-up time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


class Variable(Strict):
    """A value that can be set from outside: ``--var``, ``--var-file``, ``DCPLAN_VAR_NAME``."""

    type: Literal["string", "number", "integer", "boolean", "duration", "bytes", "rate", "money"] = "string"
    default: str | int | float | bool | None = None
    description: str = ""


class MoeSpec(Strict):
    """Mixture-of-experts part of an architecture."""

    experts: int = Field(gt=1)
    experts_per_token: int = Field(gt=0)
    shared_experts: int = Field(default=0, ge=0)
    expert_ffn: int = Field(gt=0)
    dense_layers: int = Field(default=0, ge=0)


class MlaSpec(Strict):
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434)."""

    q_lora_rank: int = Field(default=0, ge=0)
    kv_lora_rank: int = Field(gt=0)
    qk_nope_dim: int = Field(gt=0)
    qk_rope_dim: int = Field(gt=0)
    v_head_dim: int = Field(gt=0)


class Architecture(Strict):
    """A decoder-only transformer, written out."""

    layers: int = Field(gt=0)
    hidden: int = Field(gt=0)
    heads: int = Field(gt=0)
    kv_heads: int | None = Field(default=None, gt=0)
    """Default: as many as heads (multi-head attention)."""
    head_dim: int | None = Field(default=None, gt=0)
    """Default: hidden / heads."""
    ffn: int = Field(gt=0)
    gated_ffn: bool = True
    vocab: int = Field(gt=0)
    tied_embeddings: bool = False
    max_context: int = Field(default=131072, gt=0)
    sliding_window: int | None = Field(default=None, gt=0)
    sliding_layers: int = Field(default=0, ge=0)
    moe: MoeSpec | None = None
    mla: MlaSpec | None = None


class ModelSpec(Strict):
    """Where a model's architecture comes from: exactly one of the three."""

    catalog: str | None = None
    """Name in dcplan's catalogue."""
    huggingface: str | None = None
    """Path to a ``config.json``, from the document's folder."""
    architecture: Architecture | None = None


class LengthsSpec(Strict):
    """Token counts; what is left out follows from the mean (log-normal with the usual spread)."""

    mean: PositiveCount
    p50: PositiveCount | None = None
    p95: PositiveCount | None = None
    p99: PositiveCount | None = None


def _token_count_form(value: object) -> str:
    """Which of the two ways a token count is written: one number, or a mapping of figures."""
    return "lengths" if isinstance(value, dict | LengthsSpec) else "mean"


TokenCount = Annotated[
    Annotated[PositiveCount, Tag("mean")] | Annotated[LengthsSpec, Tag("lengths")],
    Discriminator(_token_count_form),
]
"""Tokens of a request: their mean, or a mapping with quantiles."""


class Traffic(Strict):
    """How many requests, how long.  Either a trace or numbers."""

    trace: str | None = None
    """Path to a CSV of requests (arrival, prompt tokens, output tokens), from the document's folder."""
    requests_per_s: Annotated[RatePerS, Field(gt=0)] | None = None
    prompt_tokens: TokenCount | None = None
    output_tokens: TokenCount | None = None
    burstiness: float | None = Field(default=None, gt=0)
    """Squared coefficient of variation of the inter-arrival times; default 1 (Poisson)."""
    scale: float = Field(default=1.0, gt=0)
    """Multiply the rate by this: "plan for ten times this trace"."""
    headroom: Fraction = 0.0
    """Plan for this much more than the peak."""


class Quantiles(Strict):
    """Upper bounds at quantiles of the requests."""

    p50: PositiveDuration | None = None
    p90: PositiveDuration | None = None
    p95: PositiveDuration | None = None
    p99: PositiveDuration | None = None


class Sla(Strict):
    """What is promised."""

    ttft: Quantiles | None = None
    """Time to first token."""
    tpot: Quantiles | None = None
    """Time per output token after the first."""
    availability: Annotated[Fraction, Field(gt=0, lt=1)] | None = None


class SpreadSpec(Strict):
    """Sit in at least so many different zones or regions."""

    over: Literal["zone", "region"] = "zone"
    at_least: int = Field(gt=1)


class AffinitySpec(Strict):
    """Sit where another workload sits, or, ``apart``, where it does not."""

    workload: str
    at: Literal["zone", "region"] = "zone"
    apart: bool = False


class Constraints(Strict):
    """What is allowed.  At the top of the document it holds for every workload."""

    providers: Many[str] | None = None
    regions: Many[str] | None = None
    zones: Many[str] | None = None
    accelerators: Many[str] | None = None
    precisions: Many[Literal["bf16", "fp8", "int8", "fp4", "int4"]] | None = None
    spread: SpreadSpec | None = None
    affinity: Many[AffinitySpec] = ()
    spot_share: Annotated[Fraction, Field(le=1)] | None = None
    """The largest share of the replicas that may run on spot machines."""


_ANYTHING = Constraints.model_construct()
"""No constraints.  Not ``Constraints()``, which would build a validator at import."""


class ProjectConstraints(Constraints):
    """Constraints for all workloads together."""

    budget: UsdPerH | None = None


class ServeWorkload(Strict):
    """A model that answers requests."""

    kind: Literal["serve"]
    model: str
    traffic: Traffic
    sla: Sla
    constraints: Constraints = _ANYTHING


class TrainWorkload(Strict):
    """A model that is trained."""

    kind: Literal["train"]
    model: str
    tokens: PositiveCount | None = None
    samples: PositiveCount | None = None
    """Sequences to see; exactly one of tokens and samples."""
    sequence_length: int = Field(gt=0)
    global_batch: int = Field(gt=0)
    """Sequences in one optimiser step."""
    deadline: PositiveDuration | None = None
    constraints: Constraints = _ANYTHING


Workload = Annotated[ServeWorkload | TrainWorkload, Field(discriminator="kind")]


class Objective(Strict):
    """What to minimise once all demand is met."""

    minimise: Literal["cost"] = "cost"
    horizon: PositiveDuration = 30 * 86_400.0
    """Serving is weighed against training as if it were paid for so long."""


class Document(Strict):
    """``dcplan.yaml``: what to run, under which promises, where it may run."""

    model_config = ConfigDict(defer_build=False)

    project: Name
    variables: dict[Name, Variable] = {}
    providers: dict[str, dict[str, object]] = {}
    """Provider name to its settings; each provider checks its own."""
    models: dict[str, ModelSpec] = {}
    workloads: dict[Name, Workload]
    constraints: ProjectConstraints = ProjectConstraints.model_construct()
    objective: Objective = Objective.model_construct()
