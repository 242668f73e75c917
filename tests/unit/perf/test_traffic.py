"""What a device of a training job sends out of its scale-up domain."""

from __future__ import annotations

import numpy as np
import pytest

from asked import CHIPS, training_jobs
from dcplan.basis import Basis
from dcplan.perf import Jobs, Layout
from dcplan.perf.traffic import step_sent_bytes
from dcplan.topology.types import Link, PoolLinks


def jobs(*layouts: Layout, domain: int = 8, batch: int = 64) -> Jobs:
    """Llama 3.1 8B on machines of eight H100."""
    links = PoolLinks(
        pool="p",
        scale_up_domain=domain,
        scale_up=Link(bytes_per_s=450e9, latency_s=0.0, basis=Basis.MEASURED),
        scale_out=Link(bytes_per_s=50e9, latency_s=1e-5, basis=Basis.MEASURED),
    )
    name = "llama-3.1-8b"
    return training_jobs(name, CHIPS["H100"], links, *layouts, framework="megatron", global_batch=batch)


def sent(*layouts: Layout, domain: int = 8, batch: int = 64) -> list[float]:
    """Bytes of a step, for each layout."""
    made = jobs(*layouts, domain=domain, batch=batch)
    return np.broadcast_to(np.asarray(step_sent_bytes(made)), len(layouts)).tolist()


def test_a_job_inside_one_domain_sends_nothing_out() -> None:
    """Whatever it does, its neighbours are at hand."""
    inside = [Layout(tensor=8), Layout(tensor=2, data=4), Layout(pipeline=8), Layout(context=4, data=2)]

    assert sent(*inside) == [0.0] * 4


def test_data_parallelism_sends_the_gradients_round_the_ring_of_domains() -> None:
    """Summing 32-bit gradients of a device's part is 2 (D - 1) / D of their bytes."""
    layout = Layout(tensor=8, data=4)
    job = jobs(layout)
    held = np.asarray((job.parameters.linear_total + job.parameters.tables) / 8).item()

    assert sent(layout) == [pytest.approx(2 * 3 / 4 * held * 4)]


def test_members_of_a_ring_in_one_domain_share_the_way_out() -> None:
    """Eight ranks in each of two domains send an eighth each, so that a machine sends what one rank would."""
    together, alone = sent(Layout(data=16), Layout(tensor=8, data=2))

    assert together == pytest.approx(alone)


def test_sharing_weights_costs_three_gathers_a_micro_batch() -> None:
    """ZeRO-3 sends 1.5 times as much as summing once (Rajbhandari et al. 2020), for each micro-batch."""
    once, sharded = sent(Layout(data=16), Layout(data=16, zero=3), batch=16)
    (twice,) = sent(Layout(data=16, zero=3), batch=32)

    assert sharded == pytest.approx(0.75 * once)
    assert twice == pytest.approx(2 * sharded)


def test_a_pipeline_over_machines_sends_activations_there_and_back() -> None:
    """Each micro-batch crosses each of the boundaries forward and backward, in 16 bits."""
    layout = Layout(tensor=8, pipeline=2)
    job = jobs(layout)
    size = np.asarray(job.tokens * job.parameters.hidden).item() * 2 / 8

    assert sent(layout) == [pytest.approx(2 * 64 * size / 2)]
