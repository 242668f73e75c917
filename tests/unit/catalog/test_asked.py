"""What workloads ask in vain: tokens of encoders, training in formats that are for serving only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from asked import ORIGIN, chat, known, pretrain
from dcplan.catalog import check_asked
from dcplan.catalog.asked import asked_of_encoder, training_precisions, untrained
from dcplan.catalog.formats import formats, trained_in, trainers
from dcplan.config.document import TrainWorkload
from dcplan.demand.types import (
    Allowed,
    Demand,
    Disaggregated,
    Lengths,
    Limits,
    ServeDemand,
    Speculative,
    Variant,
)
from dcplan.diag import ConfigPath

ONE = Lengths(mean=1, p50=1, p95=1, p99=1)


def embed(**more: Any) -> ServeDemand:
    """Texts to embed, with a bound on the TTFT only; ``more`` sets other fields."""
    return replace(chat(), output_tokens=ONE, bounds=chat().bounds[:1], **more)


def limited(
    *names: str, origin: ConfigPath = ("workloads", "pretrain", "constraints", "precisions")
) -> Limits:
    """Number formats that are allowed, and where that was said."""
    return Limits(precisions=Allowed(names=names, origin=origin))


def test_texts_to_embed_are_nothing_to_complain_about() -> None:
    """One answer a text and a bound on its time is what an encoder is for."""
    assert asked_of_encoder(embed(), known("bert-large")) == ()


def test_a_decoder_may_be_asked_for_all_of_it() -> None:
    """None of it concerns a model that generates."""
    demand = chat(prefix_hit_rate=0.5, disaggregated=Disaggregated.ALWAYS)

    assert asked_of_encoder(demand, known("llama-3.1-8b")) == ()


@pytest.mark.parametrize(
    ("change", "place", "way_out"),
    [
        ({"output_tokens": chat().output_tokens}, ("traffic",), "output_tokens: 1"),
        ({"bounds": chat().bounds}, ("sla", "tpot_p95"), "Bound ttft"),
        ({"prefix_hit_rate": 0.5}, ("prefix_cache",), "Take prefix_cache out"),
        (
            {"speculative": Speculative(draft="bert-large", tokens=4, acceptance=0.5, origin=(*ORIGIN, "s"))},
            ("s",),
            "Take speculative out",
        ),
        ({"disaggregated": Disaggregated.ALWAYS}, ("disaggregated",), "disaggregated: never"),
    ],
)
def test_an_encoder_cannot_generate(change: dict[str, Any], place: tuple[str, ...], way_out: str) -> None:
    """Each wish that needs further tokens is told at its place, with a way out."""
    (told,) = asked_of_encoder(replace(embed(), **change), known("bert-large"))

    assert told.code == "generates-nothing"
    assert told.path == (*ORIGIN, *place)
    assert way_out in told.detail


def test_disaggregated_where_it_is_better_goes_without() -> None:
    """``auto`` is no demand."""
    assert asked_of_encoder(embed(disaggregated=Disaggregated.AUTO), known("bert-large")) == ()


def test_a_variant_is_of_the_same_kind() -> None:
    """A decoder cannot stand in for an encoder, nor the other way round."""
    variant = Variant(
        name="v", model="llama-3.1-8b", format=None, pruned=None, kept=0.9, origin=(*ORIGIN, "variants", "v")
    )
    models = {name: known(name) for name in ("llama-3.1-8b", "bert-large")}
    (one,) = asked_of_encoder(embed(variants=(variant,)), models["bert-large"], models)
    (other,) = asked_of_encoder(
        chat(variants=(replace(variant, model="bert-large"),)), models["llama-3.1-8b"], models
    )

    assert (one.code, other.code) == ("another-kind", "another-kind")
    assert one.path == variant.origin


def test_all_workloads_are_told_of_at_once() -> None:
    """Serving and training complaints come together."""
    demand = Demand(project="p", workloads=(embed(prefix_hit_rate=0.1), pretrain(limits=limited("int4"))))
    told = check_asked(demand, {"m": known("bert-large")})

    assert [one.code for one in told] == ["generates-nothing", "untrained-precision"]


def test_formats_for_training_are_known_formats_and_frameworks() -> None:
    """The list of formats for training names formats of the catalogue and frameworks of the document."""
    annotation = TrainWorkload.model_fields["framework"].annotation
    frameworks = set(getattr(annotation, "__args__", ()))

    assert set(trainers()) <= set(formats())
    assert set().union(*trainers().values()) == frameworks
    assert all("bf16" in trained_in(framework) for framework in frameworks)


def test_training_in_what_nobody_trains_in_is_an_error() -> None:
    """A workload's own list may hold only what its framework trains in; each other name is told."""
    result = training_precisions(
        pretrain(limits=limited("bf16", "int4", "fp8-kv8"), origin=("workloads", "pretrain"))
    )

    assert result.value is None
    assert [one.code for one in result.diagnostics] == ["untrained-precision"] * 2
    assert "bf16, fp16, fp8, fp8-block, mxfp8 or fp4" in result.diagnostics[0].detail


def test_a_list_for_everything_speaks_of_serving_too() -> None:
    """Of the document's list training takes what it can; nothing left is an error."""
    everywhere = ("constraints", "precisions")
    some = pretrain(limits=limited("int4", "fp8", origin=everywhere), origin=("workloads", "pretrain"))
    none = pretrain(limits=limited("int4", origin=everywhere), origin=("workloads", "pretrain"))

    assert training_precisions(some).unwrap() == ("fp8",)
    assert [one.path for one in training_precisions(none).diagnostics] == [everywhere]


def test_without_a_list_training_is_in_bf16() -> None:
    """Fewer bits are taken only where the user allows them."""
    assert training_precisions(pretrain()).unwrap() == ("bf16",)


@pytest.mark.parametrize(
    ("name", "framework", "words"),
    [
        ("int4", "megatron", "Nobody is known to train in int4"),
        ("fp4-experts", "megatron", "Nobody is known"),
        ("bf16-kv8", "megatron", "training keeps no caches"),
        ("int8", "megatron", "maxtext is"),
        ("fp4", "fsdp", "megatron is"),
    ],
)
def test_why_a_format_is_not_for_training(name: str, framework: str, words: str) -> None:
    """The sentence says whether nobody trains in it, or somebody else."""
    told = untrained(name, framework)

    assert told is not None
    assert words in told.detail


@pytest.mark.parametrize(
    ("name", "framework"), [("fp8", "deepspeed"), ("int8", "maxtext"), ("fp4", "nobody's")]
)
def test_formats_for_training_are_let_through(name: str, framework: str) -> None:
    """What a framework trains in is no error; one that nobody listed may do what any does."""
    assert untrained(name, framework) is None
