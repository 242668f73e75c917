"""Rules between the keys of a document, one small function each.

A rule takes the document and the names that stand in it and yields what is
wrong.  ``RULES`` lists them in the order in which they are told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from dcplan.config.backend import backend_is_one
from dcplan.config.backend_secrets import backend_holds_no_secret
from dcplan.config.check_conditions import CONDITION_RULES
from dcplan.config.check_empty import limits_are_not_empty
from dcplan.config.check_goals import objective_says_something, pins_are_places
from dcplan.config.check_groups import groups_have_workloads
from dcplan.config.check_lifecycle import LIFECYCLE_RULES
from dcplan.config.check_places import egress_has_an_amount, network_has_users, users_add_up
from dcplan.config.check_purchase import PURCHASE_RULES
from dcplan.config.check_refactor import REFACTOR_RULES
from dcplan.config.check_storage import storage_is_for_workloads
from dcplan.config.check_variants import (
    draft_is_another_model,
    pruned_in_one_way,
    variants_differ,
    variants_have_a_floor,
)
from dcplan.config.document import (
    Architecture,
    Document,
    LengthsSpec,
    MoeSpec,
    ServeWorkload,
    TrainWorkload,
)
from dcplan.config.encryption import encryption_is_meant
from dcplan.config.limits import Constraints
from dcplan.config.outputs import ignore_rules_have_two_parts, outputs_refer
from dcplan.diag import ConfigPath, Diagnostic, Diagnostics, did_you_mean, error, listed


@dataclass(frozen=True, slots=True)
class Names:
    """Every name the user gave, those of parts with other errors included.

    A rule that asks whether a name exists asks here, so that a workload with
    a typo inside is not also called missing.
    """

    workloads: frozenset[str]
    models: frozenset[str]
    providers: frozenset[str]
    catalog_models: frozenset[str] | None = None
    """Models of the catalogue; None: not known here, leave such names to the catalogue."""

    @staticmethod
    def of(document: Document, known_models: Collection[str] | None = None) -> Names:
        """The names in a document without errors."""
        return Names(
            workloads=frozenset(document.workloads),
            models=frozenset(document.models),
            providers=frozenset(document.providers),
            catalog_models=None if known_models is None else frozenset(known_models),
        )


def check(document: Document, names: Names | None = None) -> Diagnostics:
    """All that is wrong between the keys."""
    known = names or Names.of(document)
    return tuple(problem for rule in RULES for problem in rule(document, known))


def something_to_run(_document: Document, names: Names) -> Iterator[Diagnostic]:
    """There is at least one workload."""
    if not names.workloads:
        yield error(
            "no-workloads",
            "There is nothing to run",
            "Put at least one workload under this key.",
            path=("workloads",),
            on_key=True,
        )


def one_model_source(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """A model has exactly one source."""
    sources = ("catalog", "huggingface", "architecture")
    for name, model in document.models.items():
        given = [source for source in sources if getattr(model, source) is not None]
        if len(given) != 1:
            has = f"has {listed(given)}" if given else "has none of them"
            yield error(
                "model-source",
                "A model needs exactly one source",
                f'"{name}" {has}. Keep exactly one of catalog, huggingface and architecture.',
                path=("models", name),
                on_key=True,
            )


def model_is_known(document: Document, names: Names) -> Iterator[Diagnostic]:
    """A workload's model stands under ``models`` or in the catalogue."""
    if names.catalog_models is None:
        return
    known = names.models | names.catalog_models
    for name, workload in document.workloads.items():
        for path, model in workload.named_models():
            if model not in known:
                hint = did_you_mean(model, known) or 'Describe it under "models:".'
                yield error(
                    "unknown-model",
                    "A model is not known",
                    f'"{model}" stands neither under "models:" nor in the catalogue. {hint}',
                    path=("workloads", name, *path),
                )


def trace_or_numbers(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """Traffic is a trace, or numbers that are complete, never both."""
    numbers = ("requests_per_s", "prompt_tokens", "output_tokens")
    for name, workload in document.workloads.items():
        if not isinstance(workload, ServeWorkload):
            continue
        path = ("workloads", name, "traffic")
        given = [key for key in (*numbers, "burstiness") if getattr(workload.traffic, key) is not None]
        absent = [key for key in numbers if key not in given]
        if workload.traffic.trace is not None and given:
            detail = f"The trace already says what {listed(given)} would say. Keep the trace or the numbers."
            yield error(
                "traffic-twice", "Traffic is given twice", detail, path=(*path, given[0]), on_key=True
            )
        elif workload.traffic.trace is None and absent:
            detail = f"Add {listed(absent)}, or a trace instead of numbers."
            yield error("traffic-incomplete", "Traffic is incomplete", detail, path=path, on_key=True)


def sla_has_a_bound(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """An SLA bounds TTFT or TPOT: without either, one machine would serve any load."""
    for name, workload in document.workloads.items():
        if not isinstance(workload, ServeWorkload):
            continue
        quantiles = [q for q in (workload.sla.ttft, workload.sla.tpot) if q is not None]
        if not any(q.model_dump(exclude_none=True) for q in quantiles):
            yield error(
                "sla-without-bound",
                "An SLA bounds nothing",
                "Add a quantile of ttft or tpot, for example ttft: {p95: 500ms}.",
                path=("workloads", name, "sla"),
                on_key=True,
            )


def quantiles_rise(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """A higher quantile is not smaller: p50 <= p90 <= p95 <= p99, in SLAs and in lengths."""
    for name, workload in document.workloads.items():
        if not isinstance(workload, ServeWorkload):
            continue
        for metric in ("ttft", "tpot", "network"):
            yield from _rising(getattr(workload.sla, metric), ("workloads", name, "sla", metric))
        for side in ("prompt_tokens", "output_tokens"):
            lengths = getattr(workload.traffic, side)
            if isinstance(lengths, LengthsSpec):
                yield from _rising(lengths, ("workloads", name, "traffic", side))


def _rising(quantiles: object, path: ConfigPath) -> Iterator[Diagnostic]:
    """Compare each quantile with the one before it that is given."""
    last: tuple[str, float] | None = None
    for key in ("p50", "p90", "p95", "p99"):
        value = getattr(quantiles, key, None)
        if value is None:
            continue
        if last is not None and value < last[1]:
            detail = (
                f"{key} is smaller than {last[0]}. A higher quantile cannot be smaller; swap or mend them."
            )
            yield error("quantiles-fall", "Quantiles are out of order", detail, path=(*path, key))
        last = (key, value)


def affinity_exists(document: Document, names: Names) -> Iterator[Diagnostic]:
    """An affinity names another workload, and one that exists."""
    for name, workload in document.workloads.items():
        for i, affinity in enumerate(workload.constraints.affinity):
            yield from _other_workload(affinity.workload, name, names, i)
    for i, affinity in enumerate(document.constraints.affinity):
        yield from _other_workload(affinity.workload, None, names, i)


def _other_workload(named: str, asking: str | None, names: Names, index: int) -> Iterator[Diagnostic]:
    prefix: ConfigPath = () if asking is None else ("workloads", asking)
    path = (*prefix, "constraints", "affinity", index, "workload")
    if named == asking:
        detail = "A workload always sits where it sits. Name another one, or use spread."
        yield error("affinity-to-itself", "A workload refers to itself", detail, path=path)
    elif named not in names.workloads:
        hint = did_you_mean(named, names.workloads) or f"There are {listed(sorted(names.workloads))}."
        detail = f'There is no workload "{named}". {hint}'
        yield error("unknown-workload", "A workload does not exist", detail, path=path)


def providers_are_declared(document: Document, names: Names) -> Iterator[Diagnostic]:
    """Constraints name providers that stand under ``providers``."""
    for path, constraints in _all_constraints(document):
        for i, provider in enumerate(constraints.providers or ()):
            if provider not in names.providers:
                hint = did_you_mean(provider, names.providers) or f'Add it, as "{provider}: {{}}".'
                detail = f'"{provider}" does not stand under "providers:". {hint}'
                yield error(
                    "unknown-provider", "A provider is not set up", detail, path=(*path, "providers", i)
                )


def something_is_allowed(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """A list of what is allowed allows something."""
    for path, constraints in _all_constraints(document):
        for key in ("providers", "regions", "zones", "residency", "accelerators", "precisions", "purchase"):
            if getattr(constraints, key) == ():
                detail = f"An empty list of {key} allows nothing. Leave the key out to allow everything."
                yield error("nothing-allowed", "A constraint allows nothing", detail, path=(*path, key))


def _all_constraints(document: Document) -> Iterator[tuple[ConfigPath, Constraints]]:
    yield ("constraints",), document.constraints
    for name, workload in document.workloads.items():
        yield ("workloads", name, "constraints"), workload.constraints


def tokens_or_samples(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """Training has an end: tokens or samples, not both."""
    for name, workload in document.workloads.items():
        if isinstance(workload, TrainWorkload) and (workload.tokens is None) == (workload.samples is None):
            has = "neither tokens nor samples" if workload.tokens is None else "both tokens and samples"
            yield error(
                "training-length",
                "Training needs exactly one length",
                f'"{name}" has {has}. Keep one of them.',
                path=("workloads", name),
                on_key=True,
            )


def architecture_adds_up(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """The parts of a written-out architecture fit each other."""
    for name, model in document.models.items():
        if model.architecture is not None:
            for key, detail in architecture_problems(model.architecture):
                path = ("models", name, "architecture", *key.split("."))
                yield error("architecture", "An architecture does not add up", detail, path=path)


def architecture_problems(a: Architecture) -> Iterator[tuple[str, str]]:
    """Key and sentence for each part of ``a`` that does not fit the others."""
    if a.heads % (a.kv_heads or a.heads):
        yield "kv_heads", "Heads must be a multiple of kv_heads: each key-value head serves as many heads."
    if a.head_dim is None and a.mla is None and a.hidden % a.heads:
        yield "heads", "Hidden is not a multiple of heads. Mend one of them, or give head_dim."
    yield from _layer_problems(a)
    if a.sliding_layers and a.sliding_window is None:
        yield "sliding_layers", "Sliding layers need a sliding_window."
    if a.moe is not None:
        yield from _expert_problems(a, a.moe)
    if not a.causal and a.sparse_attention is not None:
        yield (
            "sparse_attention",
            "An indexer picks from what stands before a token. Take it or causal: false out.",
        )
    if not a.causal and a.linear is not None:
        yield "linear", "A linear mixer reads in one direction only. Take it or causal: false out."
    if a.linear is not None and a.linear.linear_heads % a.linear.linear_key_heads:
        yield (
            "linear.linear_heads",
            "Linear_heads must be a multiple of linear_key_heads: each key head serves as many value heads.",
        )


def _layer_problems(a: Architecture) -> Iterator[tuple[str, str]]:
    """What the counts of layers say against each other."""
    linear = a.linear.linear_layers if a.linear is not None else 0
    for key, count, of_what in (
        ("attention_layers", a.attention_layers, "attention layers"),
        ("linear.linear_layers", linear, "linear layers"),
        ("mlp_layers", a.mlp_layers, "MLP layers"),
        ("sliding_layers", a.sliding_layers, "sliding layers"),
    ):
        if count is not None and count > a.layers:
            yield key, f"There are more {of_what} than layers."
    attention = a.layers - linear if a.attention_layers is None else a.attention_layers
    mlp = a.layers if a.mlp_layers is None else a.mlp_layers
    if 0 <= attention < a.sliding_layers <= a.layers:
        yield "sliding_layers", "There are more sliding layers than layers with attention."
    if attention + linear == 0:
        yield (
            "attention_layers",
            "No layer mixes tokens: there are no attention layers and no linear layers.",
        )
    elif attention + linear + mlp < a.layers:
        detail = (
            "Some layers are empty: attention, linear and MLP layers together are fewer than layers. "
            "Mend one of the counts, or leave attention_layers and mlp_layers out."
        )
        yield ("attention_layers" if a.mlp_layers is None else "mlp_layers"), detail


def _expert_problems(a: Architecture, moe: MoeSpec) -> Iterator[tuple[str, str]]:
    """What does not fit in a mixture of experts."""
    if moe.experts_per_token > moe.experts:
        yield "moe.experts_per_token", "A token cannot go to more experts than there are."
    if moe.dense_layers > a.layers:
        yield "moe.dense_layers", "There are more dense layers than layers."
    elif a.mlp_layers is not None and moe.dense_layers > a.mlp_layers:
        yield "moe.dense_layers", "There are more dense layers than layers with an MLP or experts."
    if moe.shared_ffn and not moe.shared_experts:
        yield (
            "moe.shared_ffn",
            "Shared_ffn is the width of shared experts, and there are none. Give both.",
        )


Rule = Callable[[Document, Names], Iterator[Diagnostic]]

RULES: tuple[Rule, ...] = (
    something_to_run,
    one_model_source,
    model_is_known,
    trace_or_numbers,
    sla_has_a_bound,
    quantiles_rise,
    affinity_exists,
    providers_are_declared,
    groups_have_workloads,
    storage_is_for_workloads,
    something_is_allowed,
    limits_are_not_empty,
    tokens_or_samples,
    variants_have_a_floor,
    variants_differ,
    pruned_in_one_way,
    draft_is_another_model,
    objective_says_something,
    pins_are_places,
    users_add_up,
    network_has_users,
    egress_has_an_amount,
    *PURCHASE_RULES,
    *REFACTOR_RULES,
    *LIFECYCLE_RULES,
    *CONDITION_RULES,
    outputs_refer,
    backend_is_one,
    backend_holds_no_secret,
    encryption_is_meant,
    ignore_rules_have_two_parts,
    architecture_adds_up,
)
