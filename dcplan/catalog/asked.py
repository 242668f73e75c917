"""What a workload asks that its model or its framework cannot do, whatever the hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.drafts import strange_drafts
from dcplan.catalog.formats import DEFAULT_PRECISIONS, formats, trained_in, trainers
from dcplan.demand.types import Disaggregated, Metric, ServeDemand, TrainDemand
from dcplan.diag import Diagnostic, Diagnostics, Result, error, listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.catalog.types import Model
    from dcplan.demand.types import Demand
    from dcplan.diag import ConfigPath

CODE, SUMMARY = "generates-nothing", "The model generates nothing"


def check_asked(demand: Demand, models: Mapping[str, Model]) -> Diagnostics:
    """Everything that workloads ask in vain; ``models`` by the names that they use."""
    told: list[Diagnostic] = []
    for workload in demand.workloads:
        if isinstance(workload, TrainDemand):
            told += training_precisions(workload).diagnostics
        else:
            told += asked_of_encoder(workload, models[workload.model], models)
            told += strange_drafts(workload, models)
    return tuple(told)


def asked_of_encoder(
    demand: ServeDemand, model: Model, models: Mapping[str, Model] | None = None
) -> tuple[Diagnostic, ...]:
    """What a workload asks that only a model can do that generates text, all at once.

    An encoder answers with one pass over the prompt, an embedding or a class,
    which counts as one token: there is no time per further token, no cache that
    outlives the pass, nothing to draft.  ``models`` holds those of variants and
    drafts by name: one of the other kind cannot stand in for the model.
    """
    others = _other_kind(demand, model, models or {})
    return others if model.causal else (*_too_much(demand, model), *others)


def _too_much(demand: ServeDemand, model: Model) -> tuple[Diagnostic, ...]:
    """Everything about the traffic and the SLA that an encoder cannot do."""
    who, out = f"{model.name} is an encoder: its tokens see both sides.", []
    if demand.output_tokens.mean > 1:
        detail = (
            f"{who} It answers with one pass over the prompt, and {demand.output_tokens.mean:,.4g} output "
            "tokens were asked for. Say output_tokens: 1, which stands for the embedding or the class, or "
            "name a decoder."
        )
        out.append(error(CODE, SUMMARY, detail, path=(*demand.origin, "traffic")))
    out += [
        error(
            CODE,
            SUMMARY,
            f"{who} There is no further token whose time could be bounded. Bound ttft instead: it is the "
            "time until the answer is there.",
            path=bound.origin,
        )
        for bound in demand.bounds
        if bound.metric is Metric.TPOT and bound.bound_s < float("inf")
    ]
    if demand.prefix_hit_rate > 0:
        detail = (
            f"{who} What stands first in a prompt looks different with every other end, so that nothing "
            "of it can be kept from an earlier one. Take prefix_cache out."
        )
        out.append(error(CODE, SUMMARY, detail, path=(*demand.origin, "prefix_cache")))
    if demand.speculative is not None:
        detail = f"{who} There is nothing to draft. Take speculative out."
        out.append(error(CODE, SUMMARY, detail, path=demand.speculative.origin))
    if demand.disaggregated is Disaggregated.ALWAYS:
        detail = f"{who} There is nothing to decode apart from prompts. Say disaggregated: never."
        out.append(error(CODE, SUMMARY, detail, path=(*demand.origin, "disaggregated")))
    return tuple(out)


def _other_kind(demand: ServeDemand, model: Model, models: Mapping[str, Model]) -> tuple[Diagnostic, ...]:
    """Variants and drafts of which one generates and the other does not."""
    named = [(variant.model, variant.origin) for variant in demand.variants]
    if demand.speculative is not None:
        named.append((demand.speculative.draft, demand.speculative.origin))
    return tuple(
        error(
            "another-kind",
            "A model stands in for one of another kind",
            f"{name} {_kind(models[name])}, and {model.name} {_kind(model)}: neither can do the work of the "
            "other. Name a model of the same kind.",
            path=origin,
        )
        for name, origin in named
        if name in models and models[name].causal != model.causal
    )


def _kind(model: Model) -> str:
    return "is a decoder" if model.causal else "is an encoder"


def training_precisions(demand: TrainDemand) -> Result[tuple[str, ...]]:
    """The formats to search for a training workload; bf16 where the user lists none.

    A list of the whole document speaks of serving, too: of it only what may be
    trained in counts, unless nothing is left.  Error: ``untrained-precision``.
    """
    limit = demand.limits.precisions
    if limit is None or any(name not in formats() for name in limit.names):
        # Names that nobody knows are told of elsewhere.
        return Result(DEFAULT_PRECISIONS)
    own = limit.origin[: len(demand.origin)] == demand.origin
    able = trained_in(demand.software)
    left = tuple(dict.fromkeys(name for name in limit.names if name in able))
    wrong = [name for name in limit.names if name not in able]
    if wrong and (own or not left):
        told = tuple(untrained(name, demand.software, limit.origin) for name in dict.fromkeys(wrong))
        return Result(None, tuple(one for one in told if one is not None))
    return Result(left)


def untrained(name: str, framework: str, path: ConfigPath | None = None) -> Diagnostic | None:
    """An error for a known format in which the framework does not train; None for one in which it does."""
    able = trained_in(framework)
    if name in able:
        return None
    others = sorted(trainers().get(name, ()))
    if others:
        why = f"{framework} is not known to train in {name}; {listed(others, last='or')} is."
    elif formats()[name].kv.name != formats()["bf16"].kv.name:
        why = f"{name} keeps caches in fewer bits, and training keeps no caches."
    else:
        why = f"Nobody is known to train in {name}: it is a format that trained weights are turned into."
    return error(
        "untrained-precision",
        "A number format is not for training",
        f"{why} Choose {listed(able, last='or')} where the hardware has it.",
        path=path,
    )
