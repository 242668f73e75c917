"""Laws that every prediction keeps, whatever the model, the hardware and the load."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asked import CHIPS, TABLE, eight, known, training_jobs
from dcplan.basis import Basis
from dcplan.demand.types import Lengths
from dcplan.perf import (
    Jobs,
    Layout,
    Replicas,
    bases,
    device_of,
    engine_of,
    estimate,
    layouts_of,
    parameters_of,
    training_flops_per_token,
    wires_of,
)
from dcplan.perf.numbers import row, total
from dcplan.perf.serving import decode_parts, prefill_parts, rate_at, tpot_parts, ttft_parts
from dcplan.perf.serving_memory import cache_room_bytes, serving_memory
from dcplan.perf.training import step_parts

if TYPE_CHECKING:
    from dcplan.catalog.types import Accelerator

NAMES = ("llama-3.1-8b", "llama-3.1-70b", "mixtral-8x7b", "qwen3-30b-a3b", "deepseek-v3", "gemma-3-27b")
COMMUNICATION = (
    "tensor parallel",
    "pipeline",
    "expert all-to-all",
    "context ring",
    "data parallel",
    "pipeline bubble",
)

models = st.sampled_from(NAMES)
chips = st.sampled_from(["A100-80", "H100", "B200", "TPU-v5p", "Trainium2"])
batches = st.floats(min_value=0.1, max_value=500)
tensors = st.sampled_from([1, 2, 4, 8])
factors = st.floats(min_value=1.0, max_value=8.0)
bits = st.sampled_from(["memory_bytes_per_s", "bf16_flops", "scale_up_bytes_per_s"])


def lengths(mean: float) -> Lengths:
    """Lengths with a tail."""
    return Lengths(mean=mean, p50=0.7 * mean, p95=2.5 * mean, p99=4 * mean)


def replicas(name: str, chip: Accelerator, *layouts: Layout) -> Replicas:
    """Replicas of a model on a chip."""
    efficiency = TABLE.of(chip)
    device = device_of(chip, "bf16", efficiency)
    assert device is not None
    return Replicas(
        parameters=parameters_of(known(name)),
        layouts=layouts_of(*layouts),
        device=device,
        wires=wires_of(eight(chip), efficiency),
        engine=engine_of(efficiency),
        prompt=lengths(1000),
        output=lengths(250),
        arrival_cv2=1.0,
    )


def jobs(name: str, chip: Accelerator, *layouts: Layout) -> Jobs:
    """Training jobs of a model on a chip."""
    return training_jobs(name, chip, eight(chip), *layouts, global_batch=64)


@settings(max_examples=40, deadline=None)
@given(
    name=models, chip=chips, batch=batches, tensor=tensors, quantile=st.floats(min_value=0.5, max_value=0.999)
)
def test_seconds_are_the_sum_of_the_parts(
    name: str, chip: str, batch: float, tensor: int, quantile: float
) -> None:
    """An estimate is the sum of its parts, all of which take time, and as sure as the weakest of them."""
    r = replicas(name, CHIPS[chip], Layout(tensor=tensor))
    for parts in (tpot_parts(r, batch, quantile), ttft_parts(r, batch, quantile)):
        made = estimate(parts, 0, bases(r.device, r.wires, r.engine, outside=False))

        assert made.seconds == sum(part.seconds for part in made.parts)
        assert made.seconds == pytest.approx(row(total(parts), 0))
        assert all(part.seconds > 0 for part in made.parts)
        assert made.basis is Basis.weakest([part.basis for part in made.parts])


@settings(max_examples=40, deadline=None)
@given(name=models, chip=chips, batch=batches, tensor=tensors, fact=bits, factor=factors)
def test_better_hardware_is_never_slower(  # noqa: PLR0917 - what hypothesis draws
    name: str, chip: str, batch: float, tensor: int, fact: str, factor: float
) -> None:
    """More bandwidth, FLOPs or link speed never slows prefill, decode or training, nor takes capacity."""
    plain = CHIPS[chip]
    better = replace(plain, **{fact: getattr(plain, fact) * factor})
    layout = Layout(tensor=tensor, data=4, zero=1)
    old, new = (replicas(name, c, replace(layout, data=1)) for c in (plain, better))
    slack = 1 + 1e-9

    assert row(total(decode_parts(new, batch)), 0) <= row(total(decode_parts(old, batch)), 0) * slack
    assert row(total(prefill_parts(new, 3000.0)), 0) <= row(total(prefill_parts(old, 3000.0)), 0) * slack
    assert row(rate_at(new, batch), 0) >= row(rate_at(old, batch), 0) / slack
    old_job, new_job = (jobs(name, c, layout) for c in (plain, better))
    assert row(total(step_parts(new_job)), 0) <= row(total(step_parts(old_job)), 0) * slack


@settings(max_examples=30, deadline=None)
@given(name=models, tensor=tensors, factor=factors)
def test_more_memory_never_holds_less(name: str, tensor: int, factor: float) -> None:
    """A device with more memory has room for at least as many tokens."""
    plain = CHIPS["H100"]
    better = replace(plain, memory_bytes=int(plain.memory_bytes * factor))
    old, new = (replicas(name, c, Layout(tensor=tensor)) for c in (plain, better))
    room = [cache_room_bytes(r.parameters, r.layouts, r.device, r.engine) for r in (old, new)]

    assert row(room[0], 0) <= row(room[1], 0)


@settings(max_examples=40, deadline=None)
@given(name=models, chip=chips, tensor=tensors, batch=st.floats(min_value=1, max_value=500))
def test_nothing_beats_the_roofline(name: str, chip: str, tensor: int, batch: float) -> None:
    """No decode step and no training step is faster than its FLOPs and bytes at the datasheet's peaks."""
    hardware = CHIPS[chip]
    assert hardware.bf16_flops is not None
    r = replicas(name, hardware, Layout(tensor=tensor))
    flops_s = 2 * batch * r.parameters.matmul_active / tensor / hardware.bf16_flops
    read_s = 2 * (r.parameters.linear_total + r.parameters.head) / tensor / hardware.memory_bytes_per_s
    step = row(total(decode_parts(r, batch)), 0)

    # A router's products are small and left out of the times.
    assert step >= max(flops_s * 0.999, read_s)
    job = jobs(name, hardware, Layout(tensor=tensor, data=2, zero=1))
    useful = training_flops_per_token(job.parameters, 4096.0) * 4096 * 64
    assert row(total(step_parts(job)), 0) >= row(useful, 0) * 0.999 / (2 * tensor * hardware.bf16_flops)


@settings(max_examples=20, deadline=None)
@given(name=models, chip=chips, batch=batches)
def test_one_device_does_not_communicate(name: str, chip: str, batch: float) -> None:
    """Without any parallelism no part goes to communication or to a bubble."""
    r, job = replicas(name, CHIPS[chip], Layout()), jobs(name, CHIPS[chip], Layout())
    for parts in (decode_parts(r, batch), prefill_parts(r, 2000.0), step_parts(job)):
        assert {n: row(s, 0) for n, s in parts.items() if n in COMMUNICATION and row(s, 0) != 0} == {}


@settings(max_examples=40, deadline=None)
@given(
    name=models,
    chip=chips,
    tensor=tensors,
    batch=batches,
    factor=factors,
    quantile=st.floats(min_value=0.5, max_value=0.999),
)
def test_more_load_is_never_faster(  # noqa: PLR0917 - what hypothesis draws
    name: str, chip: str, tensor: int, batch: float, factor: float, quantile: float
) -> None:
    """A larger batch is a higher rate, and lowers neither the TTFT nor the TPOT."""
    r = replicas(name, CHIPS[chip], Layout(tensor=tensor))
    heavy = batch * factor
    slack = 1 + 1e-9

    assert row(rate_at(r, heavy), 0) * slack >= row(rate_at(r, batch), 0)
    assert row(total(ttft_parts(r, heavy, quantile)), 0) * slack >= row(
        total(ttft_parts(r, batch, quantile)), 0
    )
    assert row(total(tpot_parts(r, heavy, quantile)), 0) * slack >= row(
        total(tpot_parts(r, batch, quantile)), 0
    )


@settings(max_examples=20, deadline=None)
@given(
    name=models,
    tensor=tensors,
    tokens=st.floats(min_value=0, max_value=1e6),
    more=st.floats(min_value=1, max_value=1e6),
)
def test_memory_grows_with_what_is_under_way(name: str, tensor: int, tokens: float, more: float) -> None:
    """More tokens in the cache take more memory."""
    r = replicas(name, CHIPS["H100"], Layout(tensor=tensor))
    held = [
        serving_memory(r.parameters, r.layouts, r.device, r.engine, t).one(0) for t in (tokens, tokens + more)
    ]

    assert held[0].total_bytes < held[1].total_bytes


@settings(max_examples=20, deadline=None)
@given(name=models, chip=chips, batch=batches)
def test_many_layouts_at_once_are_each_as_if_alone(name: str, chip: str, batch: float) -> None:
    """Evaluating an array of layouts gives what evaluating each alone gives."""
    all_of_them = [Layout(tensor=t, pipeline=p) for t in (1, 2, 4, 8) for p in (1, 2)]
    together = np.broadcast_to(
        np.asarray(total(ttft_parts(replicas(name, CHIPS[chip], *all_of_them), batch, 0.95))), 8
    )
    alone = [row(total(ttft_parts(replicas(name, CHIPS[chip], one), batch, 0.95)), 0) for one in all_of_them]

    assert list(together) == pytest.approx(alone)
