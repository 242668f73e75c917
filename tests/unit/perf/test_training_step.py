"""The pieces of a training step: stages, bubbles, data parallelism, what a framework adds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asked import CHIPS, TABLE, training_jobs
from dcplan.basis import Basis
from dcplan.catalog.efficiency import Figure
from dcplan.catalog.types import Source
from dcplan.perf import (
    Jobs,
    Layout,
)
from dcplan.perf.numbers import row, total
from dcplan.perf.pipeline import bubble_s, stage_load
from dcplan.perf.training import compute_parts, step_parts
from dcplan.topology.types import Link, PoolLinks

H100 = CHIPS["H100"]


def jobs(*layouts: Layout, name: str = "llama-3.1-70b", software: str = "megatron") -> Jobs:
    """Jobs on H100 machines with 50 GB/s a device between them."""
    links = PoolLinks(
        pool="p",
        scale_up_domain=8,
        scale_up=Link(bytes_per_s=450e9, latency_s=0.0, basis=Basis.MEASURED),
        scale_out=Link(bytes_per_s=50e9, latency_s=1e-5, basis=Basis.MEASURED),
    )
    return training_jobs(name, H100, links, *layouts, framework=software, global_batch=256)


def part(job: Jobs, name: str) -> list[float]:
    """Seconds of one part for each layout."""
    return np.broadcast_to(np.asarray(step_parts(job)[name]), len(job.layouts)).tolist()


def with_figure(job: Jobs, **figures: float) -> Jobs:
    """The job under a framework with these figures."""
    return replace(job, framework=replace(job.framework, **figures))


@pytest.mark.parametrize(
    ("pipeline", "virtual", "head", "held", "added"),
    [
        # 80 layers on one device: all of them, and the head.
        (1, 1, 2.0, 80, 2.0),
        # Ten on each of eight: the last one is the slowest by the head.
        (8, 1, 0.6, 10, 0.6),
        # A large head is worth a layer more for the other seven.
        (8, 1, 2.5, 11, 0.0),
        # 80 in twelve: seven each leave three for the last, which has room for the head.
        (12, 1, 2.0, 7, 0.0),
        # Chunks of a stage are whole layers each.
        (8, 4, 0.6, 12, 0.0),
    ],
)
def test_the_slowest_stage_has_whole_layers_and_perhaps_the_head(
    pipeline: int, virtual: int, head: float, held: float, added: float
) -> None:
    """Layers and head are put so that the slowest stage is as fast as whole layers allow."""
    job = jobs(Layout(pipeline=pipeline, virtual_stages=virtual))

    assert [row(n, 0) for n in stage_load(job, head)] == pytest.approx([held, added])


def test_each_schedule_waits_as_its_paper_says() -> None:
    """With four stages: three micro-batches, half of that in two chunks, F + B - W with zero bubble."""
    job = jobs(
        Layout(pipeline=4),
        Layout(pipeline=4, schedule="gpipe"),
        Layout(pipeline=4, virtual_stages=2),
        Layout(pipeline=4, schedule="zero-bubble"),
    )

    assert np.asarray(bubble_s(job, 3.0, 1.0)).tolist() == [9.0, 9.0, 4.5, 3.0]


def test_a_micro_batch_more_costs_what_a_stage_takes() -> None:
    """Twice the batch takes twice the steady time, but the same bubble."""
    job = jobs(Layout(pipeline=4, tensor=8))
    more = replace(job, global_batch=512)

    assert part(more, "attention")[0] == pytest.approx(2 * part(job, "attention")[0])
    assert part(more, "pipeline bubble")[0] == pytest.approx(part(job, "pipeline bubble")[0])


def test_forward_parts_are_a_third_of_the_products() -> None:
    """The forward pass of one micro-batch has a third of its products in the whole step."""
    job = jobs(Layout(tensor=8, data=2))
    forward, step = compute_parts(job), step_parts(job)

    assert row(step["mlp"], 0) == pytest.approx(3 * 128 * row(forward["mlp"], 0))
    assert row(step["head"], 0) == pytest.approx(3 * 128 * row(forward["head"], 0))


def test_zero_3_pays_each_micro_batch_and_zero_1_once() -> None:
    """Where nothing hides, four micro-batches make ZeRO-3's four times that of one, ZeRO-1's stays."""
    some = [Layout(data=64, zero=zero, micro_batch=size) for zero in (1, 3) for size in (4, 1)]
    job = with_figure(jobs(*some), data_shows=1.0)
    once, still, three, twelve = part(job, "data parallel")

    assert still == pytest.approx(once)
    assert twelve == pytest.approx(4 * three)
    assert three == pytest.approx(once)


def test_summing_gradients_everywhere_costs_a_third_more_than_sharing_out() -> None:
    """ZeRO-1 scatters gradients and gathers 16-bit parameters instead of gathering 32-bit gradients."""
    job = with_figure(jobs(Layout(data=64), Layout(data=64, zero=1)), data_shows=1.0)
    everywhere, shared = part(job, "data parallel")

    assert everywhere == pytest.approx(4 / 3 * shared)


def test_experts_keep_the_device_waiting_for_its_host() -> None:
    """Every micro-batch costs each layer with experts the framework's figure."""
    job = with_figure(jobs(Layout(data=8), name="qwen3-30b-a3b"), expert_layer_s=2e-3)

    assert part(job, "expert launches")[0] == pytest.approx(256 / 8 * 48 * 2e-3)
    assert part(jobs(Layout(data=8)), "expert launches") == [0.0]


def test_a_slow_host_is_hidden_until_the_device_has_little_to_do() -> None:
    """Launches of a large model cost nearly nothing; a host slower than its device sets the pace."""
    job = jobs(Layout(tensor=8))
    slow = with_figure(job, train_layer_s=1.0)
    device = row(total(step_parts(with_figure(job, train_layer_s=0.0))), 0)

    assert part(job, "launches")[0] < 0.01 * device
    assert part(slow, "launches")[0] == pytest.approx(256 * 80 * 1.0 - device, rel=0.05)


def test_stragglers_cost_a_share_for_each_doubling_beyond_one_machine() -> None:
    """64 devices are three doublings of eight."""
    job = with_figure(jobs(Layout(tensor=8, data=8), Layout(tensor=8)), scale_loss=0.01)
    step = np.asarray(total(step_parts(job)))
    lost = part(job, "stragglers")

    assert lost == pytest.approx([step[0] * 0.03 / 1.03, 0.0])


def test_a_release_goes_over_the_software_and_this_over_the_hardware() -> None:
    """``megatron@26.02`` has its own figures where there are any, and else those of megatron."""
    source = Source(name="test", date="2026")
    table = TABLE.with_figures(
        {
            ("H100", "lab"): {"tensor_shows": Figure(value=0.3, basis=Basis.CALIBRATED, source=source)},
            ("H100", "lab@1"): {"data_shows": Figure(value=0.7, basis=Basis.CALIBRATED, source=source)},
        }
    )
    plain, release = (table.of(H100, name) for name in ("lab", "lab@1"))

    assert plain["tensor_shows"].value == release["tensor_shows"].value == 0.3
    assert release["data_shows"].value == 0.7 != plain["data_shows"].value
