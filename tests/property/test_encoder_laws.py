"""Laws of full attention: between causal attention and twice of it, and whatever the load."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asked import CHIPS, TABLE, eight, known, training_jobs
from dcplan.demand.types import Lengths
from dcplan.perf import Layout, Replicas, device_of, engine_of, layouts_of, parameters_of, wires_of
from dcplan.perf.encoding import encoder_loop_s
from dcplan.perf.numbers import row, total
from dcplan.perf.parameters import seen_pairs, training_flops_per_token
from dcplan.perf.serving import rate_at, ttft_parts
from dcplan.perf.training import step_parts
from dcplan.perf.training_memory import training_memory

ENCODERS = ("bert-large", "modernbert-large", "xlm-roberta-large")
SLACK = 1 + 1e-9

models = st.sampled_from([*ENCODERS, "llama-3.1-8b", "gemma-3-27b", "mixtral-8x7b"])
lengths = st.floats(min_value=1, max_value=1e5)


@settings(max_examples=60, deadline=None)
@given(name=models, length=lengths, window=st.integers(min_value=1, max_value=10**5))
def test_full_attention_sees_at_least_what_causal_does(name: str, length: float, window: int) -> None:
    """With the same window a pass has as many pairs as a causal one or more, and twice as many at most."""
    model = replace(known(name), sliding_window=window, sliding_layers=known(name).attention_layers // 2)
    full, causal = (seen_pairs(parameters_of(replace(model, causal=one)), length) for one in (False, True))

    assert causal <= full * SLACK
    assert full <= 2 * causal * SLACK


@settings(max_examples=30, deadline=None)
@given(name=models, length=st.floats(min_value=1e3, max_value=1e5))
def test_a_narrow_window_is_the_same_on_one_side_and_on_two(name: str, length: float) -> None:
    """Where each token sees one token, it makes no difference on which side it stands."""
    layers = known(name).attention_layers
    model = replace(known(name), sliding_window=1, sliding_layers=layers)
    full, causal = (seen_pairs(parameters_of(replace(model, causal=one)), length) for one in (False, True))

    assert full == pytest.approx(layers * length, rel=1e-3)
    assert full == pytest.approx(causal, rel=1e-3)


@settings(max_examples=30, deadline=None)
@given(name=models, length=lengths)
def test_without_windows_full_attention_is_twice_causal(name: str, length: float) -> None:
    """Without a window each pair is looked at from both of its ends."""
    model = replace(known(name), sliding_window=None, sliding_layers=0)
    full, causal = (seen_pairs(parameters_of(replace(model, causal=one)), length) for one in (False, True))

    assert full == pytest.approx(2 * causal)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(ENCODERS),
    chip=st.sampled_from(["A100-80", "H100", "TPU-v5p"]),
    tensor=st.sampled_from([1, 2, 4]),
    context=st.sampled_from([1, 2, 4]),
    recompute=st.sampled_from(["none", "selective", "full"]),
)
def test_training_an_encoder_costs_attention_alone_more(
    name: str, chip: str, tensor: int, context: int, recompute: str
) -> None:
    """Full attention takes longer in attention, and hides more of a ring; memory is the same."""
    layout = Layout(tensor=tensor, context=context, data=2, recompute=recompute)
    full = training_jobs(name, CHIPS[chip], eight(CHIPS[chip]), layout, global_batch=64)
    causal = replace(full, parameters=replace(full.parameters, causal=1.0))
    slow, fast = step_parts(full), step_parts(causal)
    held = [
        row(training_memory(j.parameters, j.layouts, j.framework, j.sequence, j.micro_batches).total_bytes, 0)
        for j in (full, causal)
    ]

    assert row(slow["attention"], 0) > row(fast["attention"], 0)
    assert row(slow["context ring"], 0) <= row(fast["context ring"], 0)
    assert context > 1 or row(total(slow), 0) >= row(total(fast), 0)
    assert row(slow["mlp"], 0) == pytest.approx(row(fast["mlp"], 0))
    assert held[0] == held[1]


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(ENCODERS),
    sequence=st.integers(min_value=16, max_value=8192),
    chip=st.sampled_from(["A100-80", "H100"]),
)
def test_no_encoder_beats_its_useful_work_at_the_peak(name: str, sequence: int, chip: str) -> None:
    """Useful FLOPs with all pairs, over the peak, are never more than a step takes."""
    j = replace(
        training_jobs(name, CHIPS[chip], eight(CHIPS[chip]), Layout(), global_batch=8), sequence=sequence
    )
    useful = row(training_flops_per_token(j.parameters, float(sequence)), 0) * sequence * 8

    assert row(total(step_parts(j)), 0) >= useful / row(j.device.peak_flops, 0)


def served(name: str, tokens: float) -> Replicas:
    """An encoder on an H100 under vLLM, for texts with a tail."""
    chip = CHIPS["H100"]
    efficiency = TABLE.of(chip, "vllm")
    device = device_of(chip, "bf16", efficiency)
    assert device is not None
    return Replicas(
        parameters=parameters_of(known(name)),
        layouts=layouts_of(Layout()),
        device=device,
        wires=wires_of(eight(chip), efficiency),
        engine=engine_of(efficiency, "bf16"),
        prompt=Lengths(mean=tokens, p50=0.7 * tokens, p95=2.5 * tokens, p99=4 * tokens),
        output=Lengths(mean=1.0, p50=1.0, p95=1.0, p99=1.0),
        arrival_cv2=1.0,
    )


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(ENCODERS),
    tokens=st.floats(min_value=8, max_value=4000),
    batch=st.floats(min_value=0.05, max_value=500),
    more=st.floats(min_value=1.01, max_value=2),
)
def test_more_load_on_an_encoder_waits_longer(name: str, tokens: float, batch: float, more: float) -> None:
    """Rate and time to the answer rise together, open or closed."""
    r = served(name, tokens)
    few, many = batch, batch * more

    assert row(rate_at(r, few), 0) < row(rate_at(r, many), 0)
    assert row(total(ttft_parts(r, few, 0.95)), 0) <= row(total(ttft_parts(r, many, 0.95)), 0) * SLACK
    assert row(encoder_loop_s(r, few), 0) <= row(encoder_loop_s(r, many), 0) * SLACK
