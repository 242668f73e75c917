"""The question for serving layouts without a document, and what keeps it from being answered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.catalog.asked import asked_of_encoder
from dcplan.catalog.efficiency import ANY, Efficiencies
from dcplan.catalog.formats import engines
from dcplan.demand.types import Allowed, Floor, Lengths, Limits, Metric, ServeDemand, SlaBound
from dcplan.diag import Diagnostic, did_you_mean, error, listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.catalog.types import Model

MEDIAN = 0.5
"""In a closed loop of equal requests the median is the mean."""

NO_BOUND = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingQuestion:
    """What is asked: equal requests, as many at a time as the SLA lets through."""

    prompt_tokens: float
    output_tokens: float
    ttft_s: float | None = None
    """None: any."""
    tpot_s: float | None = None
    formats: tuple[str, ...] | None = None
    """Number formats to look at; None: bf16, or with a floor all that reach it."""
    floor: float | None = None
    """Share of the model's score that must be kept."""
    engine: str = "vllm"


def demand_of(model: Model, question: ServingQuestion) -> ServeDemand:
    """The question as a workload: requests of one length, in a closed loop.

    Of an encoder there is no further token whose time could be asked for, unless it was bounded.
    """
    prompt, output = (
        Lengths(mean=tokens, p50=tokens, p95=tokens, p99=tokens)
        for tokens in (question.prompt_tokens, question.output_tokens)
    )
    wanted = ((Metric.TTFT, question.ttft_s), (Metric.TPOT, question.tpot_s))
    formats = question.formats
    return ServeDemand(
        name=model.name,
        model=model.name,
        requests_per_s=1.0,
        mean_requests_per_s=1.0,
        prompt_tokens=prompt,
        output_tokens=output,
        arrival_cv2=0.0,
        bounds=tuple(
            SlaBound(
                metric=metric,
                quantile=MEDIAN,
                bound_s=NO_BOUND if bound is None else bound,
                origin=(metric.value,),
            )
            for metric, bound in wanted
            if model.causal or metric is Metric.TTFT or bound is not None
        ),
        availability=None,
        basis="asked",
        limits=Limits(precisions=None if formats is None else Allowed(names=formats, origin=("formats",))),
        origin=(),
        software=question.engine,
        floor=None if question.floor is None else Floor(kept=question.floor, origin=("floor",)),
    )


def questionable(question: ServingQuestion, model: Model, table: Efficiencies) -> tuple[Diagnostic, ...]:
    """What keeps a question from being answered, before anything is searched."""
    asked = without_places(asked_of_encoder(demand_of(model, question), model))
    too_few = _too_few(question, model)
    return (*_unknown_engine(question, table), *(asked or (*too_few, *_too_long(question, model))))


def _unknown_engine(question: ServingQuestion, table: Efficiencies) -> tuple[Diagnostic, ...]:
    """An engine that neither the catalogue nor a profile knows."""
    known = sorted({*engines(), *(profile.software for profile in table.profiles)} - {ANY})
    if question.engine in known:
        return ()
    hint = did_you_mean(question.engine, known)
    detail = f'dcplan does not know the engine "{question.engine}". {hint} Known are {listed(known)}.'
    return (error("unknown-engine", "Unknown engine", detail.replace("  ", " ")),)


def _too_few(question: ServingQuestion, model: Model) -> tuple[Diagnostic, ...]:
    """Answers that end with their first token, of a model whose speed is that of the further ones."""
    if not model.causal or question.output_tokens > 1:
        return ()
    detail = (
        f"An answer of {question.output_tokens:g} token has no further ones, whose number layouts are ranked "
        f"by. Ask for 2 or more, or name an encoder in place of {model.name}."
    )
    return (error("answer-too-short", "An answer is too short", detail),)


def _too_long(question: ServingQuestion, model: Model) -> tuple[Diagnostic, ...]:
    """Requests that the model cannot take."""
    tokens = question.prompt_tokens + (question.output_tokens if model.causal else 0.0)
    if tokens <= model.max_context:
        return ()
    detail = (
        f"Prompt and output have {tokens:,.0f} tokens together; {model.name} takes {model.max_context:,}. "
        "Ask for shorter requests, or for a model with a longer context."
    )
    return (error("context-too-short", "The model's context is too short", detail),)


def without_places(told: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Diagnostics of a question that no document asked: they point at no line."""
    return tuple(replace(one, path=None, related=()) for one in told)
