"""The user's document: every key that may stand in ``dcplan.yaml``.

Pydantic models stand at this door because users deserve strictness and exact
places for their mistakes.  Field names are the YAML keys; values are in base
units (seconds, bytes, dollars per hour, per second) once read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from dcplan.config.apply_spec import ApplySpec
from dcplan.config.backend_spec import BackendSpec
from dcplan.config.checks_spec import CheckSpec, ConditionSpec
from dcplan.config.encryption_spec import EncryptionSpec
from dcplan.config.lifecycle_spec import AS_USUAL, LifecycleSpec
from dcplan.config.limits import ANYTHING, Constraints, Objective, ProjectConstraints
from dcplan.config.outputs import DriftSpec, Output
from dcplan.config.places import EgressSpec, LatencySpec, RegionSpec, Users
from dcplan.config.refactor_spec import ImportSpec, MovedSpec, RemovedSpec
from dcplan.config.strict import FormatName, Name, PositiveCount, PositiveDuration, Strict
from dcplan.config.values import Fraction, Many, RatePerS
from dcplan.diag import ConfigPath


class Variable(Strict):
    """A value that can be set from outside: ``--var``, ``--var-file``, ``DCPLAN_VAR_NAME``."""

    type: Literal["string", "number", "integer", "boolean", "duration", "bytes", "rate", "money"] = "string"
    default: str | int | float | bool | None = None
    description: str = ""
    sensitive: bool = False
    """Shown nowhere, kept in no plan and no state: read again, where it comes from, by every command."""
    ephemeral: bool = False
    """As ``sensitive``, and another one each time: to be given again to every command."""
    validation: Many[ConditionSpec] = ()
    """Conditions over ``value``."""


class MoeSpec(Strict):
    """Mixture-of-experts part of an architecture."""

    experts: int = Field(gt=1)
    experts_per_token: int = Field(gt=0)
    shared_experts: int = Field(default=0, ge=0)
    shared_ffn: int = Field(default=0, ge=0)
    """Inner width of all shared experts together; 0: shared_experts x expert_ffn."""
    expert_ffn: int = Field(gt=0)
    expert_hidden: int = Field(default=0, ge=0)
    """Width that routed experts see behind a projection (latent experts); 0: hidden."""
    gated_experts: bool | None = None
    """Default: as gated_ffn."""
    dense_layers: int = Field(default=0, ge=0)


class MlaSpec(Strict):
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434)."""

    q_lora_rank: int = Field(default=0, ge=0)
    kv_lora_rank: int = Field(gt=0)
    qk_nope_dim: int = Field(gt=0)
    qk_rope_dim: int = Field(gt=0)
    v_head_dim: int = Field(gt=0)


class SparseAttentionSpec(Strict):
    """Attention to the tokens that an indexer chose (DeepSeek-V3.2, arXiv 2512.02556)."""

    index_top_k: int = Field(gt=0)
    index_heads: int = Field(gt=0)
    index_head_dim: int = Field(gt=0)


class LinearSpec(Strict):
    """Mixers with a state of fixed size: Mamba-2, gated DeltaNet, lightning attention."""

    linear_layers: int = Field(gt=0)
    linear_heads: int = Field(gt=0)
    """Value heads."""
    linear_head_dim: int = Field(gt=0)
    """Value width of a head."""
    linear_key_heads: int = Field(gt=0)
    """Heads of keys and queries; Mamba-2 calls them groups."""
    linear_state_dim: int = Field(gt=0)
    """Width of a key; Mamba-2's state size."""


class Architecture(Strict):
    """A decoder or an encoder, written out."""

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
    attention_layers: int | None = Field(default=None, ge=0)
    """Default: all layers without a linear mixer."""
    mlp_layers: int | None = Field(default=None, ge=0)
    """Default: all layers."""
    causal: bool = True
    """false: tokens see both sides (full attention, an encoder), and nothing is generated."""
    sliding_window: int | None = Field(default=None, gt=0)
    sliding_layers: int = Field(default=0, ge=0)
    moe: MoeSpec | None = None
    mla: MlaSpec | None = None
    sparse_attention: SparseAttentionSpec | None = None
    linear: LinearSpec | None = None


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
    users: Users | None = None
    """Where the requests come from: one place, or places with their shares."""


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
    network: Quantiles | None = None
    """Round trip between the users and the machines that answer them."""
    availability: Annotated[Fraction, Field(gt=0, lt=1)] | None = None


class QualitySpec(Strict):
    """How much of the model's quality must be kept."""

    floor: Annotated[Fraction, Field(gt=0, le=1)]
    """Share of the original model's score.  What is known to keep as much may be chosen, and nothing else."""


class PrunedSpec(Strict):
    """What was cut out of a model: exactly one of the two."""

    pattern: Literal["2:4"] | None = None
    """Structured sparsity: two of four neighbouring weights are zero."""
    ratio: Annotated[Fraction, Field(gt=0, lt=1)] | None = None
    """Share that was cut off."""
    of: Literal["width", "layers"] = "width"
    """What ``ratio`` is of: the inner width of MLPs and experts, or the layers."""


class VariantSpec(Strict):
    """Another model or checkpoint that may answer in place of the workload's model."""

    model: str | None = None
    """Default: the workload's; another one was distilled from it."""
    pruned: PrunedSpec | None = None
    format: FormatName | None = None
    """How the checkpoint is kept; default: any format whose cost in quality is known."""
    quality: Annotated[Fraction, Field(gt=0, le=1)] | None = None
    """Share of the original model's score, as you measured it; default: the catalogue's, if it has one."""


class PrefixCacheSpec(Strict):
    """Prompts begin with what other prompts began with, whose keys and values are kept."""

    hit_rate: Annotated[Fraction, Field(lt=1)]
    """Share of the prompt tokens that need not be computed again."""


class SpeculativeSpec(Strict):
    """A small model drafts tokens that the large one checks together."""

    draft: str
    """A model, as in ``model``."""
    tokens: int = Field(default=4, gt=0, le=16)
    """Drafted before each check."""
    acceptance: Annotated[Fraction, Field(gt=0, lt=1)]
    """Share of the drafted tokens that the large model would have made, too."""


class ServeWorkload(Strict):
    """A model that answers requests."""

    kind: Literal["serve"]
    model: str
    traffic: Traffic
    sla: Sla
    engine: Literal["vllm", "sglang", "trtllm"] = "vllm"
    quality: QualitySpec | None = None
    variants: dict[Name, VariantSpec] = Field(default={})
    prefix_cache: PrefixCacheSpec | None = None
    speculative: SpeculativeSpec | None = None
    disaggregated: Literal["never", "auto", "always"] = "never"
    """Prompts on workers of their own, apart from those that decode: never, where it is better, always."""
    mixed: Literal["never", "auto"] = "never"
    """Replicas on unlike machines or in unlike layouts together: never, or where it is cheaper."""
    egress: Many[EgressSpec] = ()
    """What leaves its machines for elsewhere, and must be paid for."""
    required: bool = True
    """false: left out when not everything fits."""
    priority: int = 0
    """Of what need not run, higher ones are kept first."""
    lifecycle: LifecycleSpec = AS_USUAL
    preconditions: Many[ConditionSpec] = ()
    """What must be true of the plan."""
    postconditions: Many[ConditionSpec] = ()
    """What must be true of what then exists."""
    constraints: Constraints = ANYTHING

    def named_models(self) -> Iterator[tuple[ConfigPath, str]]:
        """Every model that it names, and where below the workload."""
        yield ("model",), self.model
        for name, variant in self.variants.items():
            if variant.model is not None:
                yield ("variants", name, "model"), variant.model
        if self.speculative is not None:
            yield ("speculative", "draft"), self.speculative.draft


class TrainWorkload(Strict):
    """A model that is trained."""

    kind: Literal["train"]
    model: str
    framework: Literal["megatron", "fsdp", "maxtext", "deepspeed"] = "megatron"
    tokens: PositiveCount | None = None
    samples: PositiveCount | None = None
    """Sequences to see; exactly one of tokens and samples."""
    sequence_length: int = Field(gt=0)
    global_batch: int = Field(gt=0)
    """Sequences in one optimiser step."""
    deadline: PositiveDuration | None = None
    spares: int = Field(default=0, ge=0)
    """Machines that stand by in the same pool and take over when one of the job's fails."""
    availability: Annotated[Fraction, Field(gt=0, lt=1)] | None = None
    """Share of the time for which enough machines must be up: spares are added until it is reached."""
    egress: Many[EgressSpec] = ()
    """What leaves its machines for elsewhere, and must be paid for."""
    required: bool = True
    """false: left out when not everything fits."""
    priority: int = 0
    """Of what need not run, higher ones are kept first."""
    lifecycle: LifecycleSpec = AS_USUAL
    preconditions: Many[ConditionSpec] = ()
    """What must be true of the plan."""
    postconditions: Many[ConditionSpec] = ()
    """What must be true of what then exists."""
    constraints: Constraints = ANYTHING

    def named_models(self) -> Iterator[tuple[ConfigPath, str]]:
        """Every model that it names, and where below the workload."""
        yield ("model",), self.model


Workload = Annotated[ServeWorkload | TrainWorkload, Field(discriminator="kind")]


class Document(Strict):
    """``dcplan.yaml``: what to run, under which promises, where it may run."""

    model_config = ConfigDict(defer_build=False)

    project: Name
    variables: dict[Name, Variable] = Field(default={})
    providers: dict[str, dict[str, object]] = Field(default={})
    """Provider name to its settings; each provider checks its own."""
    models: dict[str, ModelSpec] = Field(default={})
    profiles: Many[str] = ()
    """Files of your own figures, written by ``dcplan calibrate``; later ones go over earlier ones."""
    regions: dict[str, RegionSpec] = Field(default={})
    """``provider:region`` to what you know of it; wins over inventories and the catalogue."""
    latencies: Many[LatencySpec] = ()
    """Round trips that you measured; they win over distances."""
    workloads: dict[Name, Workload]
    constraints: ProjectConstraints = ProjectConstraints.model_construct()
    objective: Objective = Objective.model_construct()
    moved: Many[MovedSpec] = ()
    """What has got another name."""
    removed: Many[RemovedSpec] = ()
    """What no longer stands here, and whether it is destroyed for that."""
    import_: Many[ImportSpec] = Field(default=(), alias="import")
    """What exists already, and is to be managed from now on."""
    checks: Many[CheckSpec] = ()
    """What should be true; plan and apply warn when it is not."""
    apply: ApplySpec = ApplySpec.model_construct()
    outputs: dict[Name, Output] = Field(default={})
    """What ``dcplan output`` tells, by name."""
    backend: BackendSpec | None = None
    """Where the state is kept; default: a file of this folder."""
    encryption: EncryptionSpec | None = None
    """Keys of saved plans and of states on a server; default: neither is encrypted."""
    drift: DriftSpec = DriftSpec.model_construct()
