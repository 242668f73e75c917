"""Laws that every predicted training step keeps, whatever the model, the hardware and the layout."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asked import CHIPS, eight, training_jobs
from dcplan.perf import (
    Jobs,
    Layout,
    training_flops_per_token,
)
from dcplan.perf.numbers import row, total
from dcplan.perf.training import step_parts
from dcplan.perf.training_memory import training_memory

if TYPE_CHECKING:
    from dcplan.catalog.types import Accelerator

NAMES = ("mpt-7b", "llama-3.1-70b", "qwen3-30b-a3b", "deepseek-v3", "nemotron-3-nano", "gpt-oss-120b")
SLACK = 1 + 1e-9

names = st.sampled_from(NAMES)
chips = st.sampled_from(["A100-80", "H100", "B200", "GB200", "TPU-v5p", "Trainium2"])
software = st.sampled_from(["megatron", "fsdp", "maxtext", "megatron@26.02", "nobody's"])
sizes = st.sampled_from([1, 2, 4, 8])
factors = st.floats(min_value=1.0, max_value=8.0)
levels = st.sampled_from(["none", "selective", "full"])
layouts = st.builds(
    Layout,
    tensor=sizes,
    pipeline=sizes,
    data=sizes,
    context=st.sampled_from([1, 2]),
    expert=sizes,
    zero=st.integers(min_value=0, max_value=3),
    micro_batch=st.sampled_from([1, 2]),
    recompute=levels,
    schedule=st.sampled_from(["1f1b", "gpipe", "zero-bubble"]),
)


def jobs(
    name: str, chip: Accelerator, framework: str, *some: Layout, out: float = 50e9, up: float = 1.0
) -> Jobs:
    """Training jobs of a model on machines with eight such chips."""
    links = eight(chip, inside=up, outside_bytes_per_s=out)
    return training_jobs(name, chip, links, *some, framework=framework)


def seconds(job: Jobs) -> float:
    """Seconds of the first layout's step."""
    return row(total(step_parts(job)), 0)


@settings(max_examples=60, deadline=None)
@given(name=names, chip=chips, framework=software, layout=layouts)
def test_parts_are_never_negative_and_finite(name: str, chip: str, framework: str, layout: Layout) -> None:
    """Every part of a step takes a finite time that is not below zero."""
    parts = step_parts(jobs(name, CHIPS[chip], framework, layout))

    assert {n: row(s, 0) for n, s in parts.items() if not (np.isfinite(row(s, 0)) and row(s, 0) >= 0)} == {}


@settings(max_examples=60, deadline=None)
@given(name=names, chip=chips, framework=software, layout=layouts)
def test_no_step_beats_its_useful_work_at_the_peak(
    name: str, chip: str, framework: str, layout: Layout
) -> None:
    """A step takes at least its useful FLOPs over the peaks of all its devices."""
    hardware = CHIPS[chip]
    assert hardware.bf16_flops is not None
    job = jobs(name, hardware, framework, layout)
    useful = row(training_flops_per_token(job.parameters, 4096.0), 0) * 4096 * 512
    devices = float(job.layouts.devices[0])

    assert seconds(job) * SLACK >= useful * 0.999 / (devices * hardware.bf16_flops)


@settings(max_examples=60, deadline=None)
@given(
    name=names,
    chip=chips,
    framework=software,
    layout=layouts,
    factor=factors,
    fact=st.sampled_from(["memory_bytes_per_s", "bf16_flops", "scale_up_bytes_per_s", "network"]),
)
def test_better_hardware_never_slows_a_step(  # noqa: PLR0917 - what hypothesis draws
    name: str, chip: str, framework: str, layout: Layout, factor: float, fact: str
) -> None:
    """More memory bandwidth, FLOPs, scale-up or network bandwidth never makes a step slower."""
    plain = CHIPS[chip]
    old = seconds(jobs(name, plain, framework, layout))
    if fact == "network":
        new = seconds(jobs(name, plain, framework, layout, out=50e9 * factor))
    else:
        better = replace(plain, **{fact: getattr(plain, fact) * factor})
        new = seconds(jobs(name, better, framework, layout))

    assert new <= old * SLACK


@settings(max_examples=40, deadline=None)
@given(name=names, chip=chips, framework=software)
def test_one_device_communicates_with_nobody(name: str, chip: str, framework: str) -> None:
    """On one device no time goes to communication, bubbles or stragglers."""
    parts = step_parts(jobs(name, CHIPS[chip], framework, Layout(zero=3, expert=1)))
    between = (
        "tensor parallel",
        "expert all-to-all",
        "context ring",
        "pipeline bubble",
        "pipeline",
        "data parallel",
        "stragglers",
    )

    assert {n: row(parts[n], 0) for n in between} == dict.fromkeys(between, 0.0)


@settings(max_examples=40, deadline=None)
@given(name=names, chip=chips, framework=software, layout=layouts)
def test_zero_bubble_is_at_most_1f1b_and_that_is_gpipe(
    name: str, chip: str, framework: str, layout: Layout
) -> None:
    """Filling the wait with gradients of weights is never slower; GPipe waits as long as 1F1B."""
    assume(layout.pipeline > 1)
    some = [replace(layout, schedule=word) for word in ("zero-bubble", "1f1b", "gpipe")]
    bubbles = np.asarray(step_parts(jobs(name, CHIPS[chip], framework, *some))["pipeline bubble"])

    assert bubbles[0] <= bubbles[1] == bubbles[2]


@settings(max_examples=40, deadline=None)
@given(name=names, chip=chips, framework=software, layout=layouts)
def test_recomputing_more_takes_longer_and_less_memory(
    name: str, chip: str, framework: str, layout: Layout
) -> None:
    """From none over selective to full, steps grow and activations shrink."""
    some = [replace(layout, recompute=level) for level in ("none", "selective", "full")]
    job = jobs(name, CHIPS[chip], framework, *some)
    steps = np.asarray(total(step_parts(job)))
    held = np.asarray(
        training_memory(job.parameters, job.layouts, job.framework, 4096, 8.0).activations_bytes
    )

    assert steps[0] <= steps[1] * SLACK
    assert steps[1] <= steps[2] * SLACK
    assert held[0] >= held[1] >= held[2]


@settings(max_examples=40, deadline=None)
@given(name=names, chip=chips, framework=software, shard=st.sampled_from([2, 4, 8, 16]))
def test_memory_of_hybrid_sharding_lies_between(name: str, chip: str, framework: str, shard: int) -> None:
    """Shards over some of the ranks hold more than over all of them and less than over none."""
    some = (Layout(data=32, zero=3), Layout(data=32, zero=3, shard=shard), Layout(data=32))
    job = jobs(name, CHIPS[chip], framework, *some)
    held = np.asarray(training_memory(job.parameters, job.layouts, job.framework, 4096, 8.0).total_bytes)

    assert held[0] < held[1] < held[2]


@settings(max_examples=30, deadline=None)
@given(name=names, chip=st.sampled_from(["A100-80", "H100", "B200"]), framework=software)
def test_shards_inside_a_machine_spare_a_slow_network(name: str, chip: str, framework: str) -> None:
    """Over 5 GB/s a device, gathering parameters inside machines only never takes longer."""
    some = (Layout(data=64, zero=3, shard=8), Layout(data=64, zero=3))
    parts = np.asarray(step_parts(jobs(name, CHIPS[chip], framework, *some, out=5e9))["data parallel"])

    assert parts[0] <= parts[1] * SLACK


@settings(max_examples=20, deadline=None)
@given(name=names, chip=chips, framework=software, some=st.lists(layouts, min_size=2, max_size=6))
def test_many_layouts_at_once_are_each_as_if_alone(
    name: str, chip: str, framework: str, some: list[Layout]
) -> None:
    """Evaluating an array of layouts gives what evaluating each alone gives."""
    together = np.asarray(total(step_parts(jobs(name, CHIPS[chip], framework, *some))))
    alone = [seconds(jobs(name, CHIPS[chip], framework, one)) for one in some]

    assert list(together) == pytest.approx(alone)
