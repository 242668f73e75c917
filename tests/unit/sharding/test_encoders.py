"""Encoders from question to layouts: served by one pass, trained with full attention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asked import TABLE, chat, known, machine_class, only_error, pretrain
from dcplan.demand.types import Allowed, Floor, Lengths, Limits, Metric
from dcplan.perf import Layout
from dcplan.sharding import ServeEstimate, TrainEstimate, search
from dcplan.sharding import legal_training as rules
from dcplan.sharding.best_serving import best_serving_layouts
from dcplan.sharding.legal_training import Shape, Splits
from dcplan.sharding.one_serving import one_serving_layout
from dcplan.sharding.question import TrainingQuestion
from dcplan.sharding.rank_training import best_training_layouts
from dcplan.sharding.serving_question import ServingQuestion

CLASSES = [machine_class(name) for name in ("p5.48xlarge", "g6.48xlarge")]
TEXTS = ServingQuestion(prompt_tokens=384, output_tokens=1)
EMBED = replace(
    chat(rate=2000.0),
    prompt_tokens=Lengths(mean=300, p50=200, p95=900, p99=1500),
    output_tokens=Lengths(mean=1, p50=1, p95=1, p99=1),
    bounds=chat().bounds[:1],
)


def test_an_encoder_is_planned_by_its_ttft() -> None:
    """Candidates keep the bound on the TTFT and hold no cache."""
    candidates, _ = search(EMBED, known("modernbert-large"), CLASSES, TABLE).unwrap()

    assert candidates
    for candidate in candidates:
        estimate = candidate.estimate
        assert isinstance(estimate, ServeEstimate)
        assert [p.metric for p in estimate.predicted] == [Metric.TTFT]
        assert all(p.estimate.seconds <= p.bound_s for p in estimate.predicted)
        assert (estimate.memory.kv_cache_bytes, estimate.kv_capacity_tokens) == (0, 0)


def test_texts_as_long_as_the_context_are_taken() -> None:
    """The answer is no token of the text: BERT takes 512 of 512, and not 513."""
    demand = replace(EMBED, prompt_tokens=Lengths(mean=512, p50=512, p95=512, p99=512))
    longer = replace(demand, prompt_tokens=Lengths(mean=513, p50=513, p95=513, p99=513))
    one_more = replace(TEXTS, prompt_tokens=513)

    assert search(demand, known("bert-large"), CLASSES, TABLE).ok
    assert (
        only_error(search(longer, known("bert-large"), CLASSES, TABLE).diagnostics).code
        == "context-too-short"
    )
    told = best_serving_layouts(known("bert-large"), CLASSES[0], 8, one_more, table=TABLE).diagnostics
    assert [one.code for one in told] == ["context-too-short"]


def test_tokens_of_an_encoder_are_an_error() -> None:
    """A plan says that it generates nothing before it searches."""
    result = search(replace(EMBED, output_tokens=chat().output_tokens), known("bert-large"), CLASSES, TABLE)

    assert only_error(result.diagnostics).code == "generates-nothing"


def test_nobody_measured_what_a_format_costs_an_encoder() -> None:
    """A quality floor leaves an encoder in 16 bits: the catalogue's losses are those of decoders."""
    demand = replace(EMBED, floor=Floor(kept=0.9, origin=("workloads", "chat", "quality", "floor")))
    candidates, _ = search(demand, known("bert-large"), CLASSES, TABLE).unwrap()

    assert {candidate.precision for candidate in candidates} == {"bf16"}


def test_the_best_layouts_of_an_encoder_have_no_tpot() -> None:
    """A search without a document ranks by answers, within the TTFT that was asked for."""
    question = replace(TEXTS, ttft_s=0.05)
    layouts = best_serving_layouts(known("bert-large"), CLASSES[0], 8, question, table=TABLE).unwrap().layouts

    assert layouts
    for one in layouts:
        assert one.tpot is None
        assert one.ttft.estimate.seconds <= 0.05
        assert one.memory.kv_cache_bytes == 0
        assert one.output_tokens_per_s == one.requests_per_s


def test_one_layout_of_an_encoder_takes_any_number_of_texts() -> None:
    """More texts than a step takes in wait for the next one, not for room in a cache."""
    model, layout = known("bert-large"), Layout()
    few, many = (one_serving_layout(model, CLASSES[0], layout, count, TEXTS, TABLE) for count in (4, 400))

    assert (few.diagnostics, many.diagnostics) == ((), ())
    assert few.unwrap().ttft.estimate.seconds < many.unwrap().ttft.estimate.seconds
    assert few.unwrap().requests_per_s < many.unwrap().requests_per_s


@pytest.mark.parametrize(
    ("model", "question", "code"),
    [
        ("bert-large", replace(TEXTS, output_tokens=20), "generates-nothing"),
        ("bert-large", replace(TEXTS, tpot_s=0.05), "generates-nothing"),
        ("llama-3.1-8b", TEXTS, "answer-too-short"),
    ],
)
def test_wrong_questions_are_told(model: str, question: ServingQuestion, code: str) -> None:
    """Tokens of an encoder, and answers of one token of a decoder, are no questions."""
    told = best_serving_layouts(known(model), CLASSES[0], 8, question, table=TABLE).diagnostics

    assert [one.code for one in told] == [code]


def test_a_context_rank_of_an_encoder_takes_one_chunk() -> None:
    """Without a causal mask chunks are equal work, so that a sequence need not fall into twice as many."""
    full = Shape(model=known("bert-large"), machine_devices=8, sequence=12, batch=8, shares_in_pipeline=True)
    causal = replace(full, model=replace(full.model, causal=True))
    columns = {
        name: np.ones(2) for name in ("place", "tensor", "pipeline", "data", "expert", "expert_tensor")
    }
    tried = Splits(**columns, context=np.array([4.0, 3.0]))

    assert list(rules.sequence_splits(full, tried)) == [True, True]
    assert list(rules.sequence_splits(causal, tried)) == [False, True]


def test_an_encoder_is_trained() -> None:
    """A training workload of an encoder finds layouts that keep its deadline."""
    demand = pretrain(tokens=3e11, sequence_tokens=512, global_batch_sequences=4096)
    candidates, _ = search(demand, known("bert-large"), CLASSES, TABLE).unwrap()

    assert candidates
    assert all(isinstance(one.estimate, TrainEstimate) for one in candidates)


def training(precision: str) -> TrainingQuestion:
    """BERT on eight H100."""
    return TrainingQuestion(
        model=known("bert-large"),
        machines=CLASSES[0],
        devices=8,
        sequence_tokens=512,
        global_batch_sequences=1024,
        precision=precision,
    )


def test_the_best_layouts_are_not_looked_for_in_formats_for_serving() -> None:
    """A question about training in int4 is an error; one in fp8 is answered."""
    wrong = best_training_layouts(training("int4"), TABLE)

    assert only_error(wrong.diagnostics).code == "untrained-precision"
    assert best_training_layouts(training("fp8"), TABLE, top=1).ok


def test_a_workload_is_not_trained_in_formats_for_serving() -> None:
    """The search for a plan says so at the list of the workload."""
    limits = Limits(precisions=Allowed(names=("int4",), origin=("workloads", "chat", "constraints")))

    result = search(pretrain(limits=limits), known("bert-large"), CLASSES, TABLE)

    assert only_error(result.diagnostics).code == "untrained-precision"
