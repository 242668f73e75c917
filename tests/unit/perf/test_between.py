"""What the machines of a training job exchange in a step, and in which order its ranks lie on them."""

from __future__ import annotations

import pytest

from asked import CHIPS, training_jobs
from dcplan.basis import Basis
from dcplan.perf import Jobs, Layout
from dcplan.perf.between import between_machines
from dcplan.perf.numbers import row
from dcplan.perf.traffic import step_sent_bytes
from dcplan.perf.types import Between
from dcplan.topology.types import Link, PoolLinks

OF_MACHINE = 8


def jobs(layout: Layout, model: str = "llama-3.1-8b", domain: int = OF_MACHINE) -> Jobs:
    """One layout on machines of eight H100."""
    links = PoolLinks(
        pool="p",
        scale_up_domain=domain,
        scale_up=Link(bytes_per_s=450e9, latency_s=0.0, basis=Basis.MEASURED),
        scale_out=Link(bytes_per_s=50e9, latency_s=1e-5, basis=Basis.MEASURED),
    )
    return training_jobs(model, CHIPS["H100"], links, layout, framework="megatron", global_batch=64)


def between(layout: Layout, model: str = "llama-3.1-8b") -> Between:
    """Of a layout that needs several machines."""
    found = between_machines(jobs(layout, model), OF_MACHINE)

    assert found is not None
    return found


def test_a_job_on_one_machine_has_nothing_between_machines() -> None:
    """Eight ranks, however they are split, and half a machine."""
    assert between_machines(jobs(Layout(tensor=2, data=4)), OF_MACHINE) is None
    assert between_machines(jobs(Layout(tensor=2, data=2)), OF_MACHINE) is None


def test_machines_are_counted_stage_after_stage() -> None:
    """A stage of TP4 x DP6 lies on three machines, and four stages on twelve."""
    found = between(Layout(tensor=4, data=6, pipeline=4))

    assert (found.stages, found.members, found.group, found.machines) == (4, 3, 1, 12)


def test_small_stages_share_machines() -> None:
    """Two stages of TP4 lie on each machine, so that only every other boundary leaves one."""
    found = between(Layout(tensor=4, pipeline=8))

    assert (found.stages, found.members, found.ring_bytes) == (4, 1, 0.0)
    assert found.boundary_bytes > 0


def test_stages_that_share_machines_unevenly_are_one_ring() -> None:
    """Two stages of twelve devices on three machines of eight."""
    found = between(Layout(tensor=4, data=3, pipeline=2))

    assert (found.stages, found.members, found.boundary_bytes) == (1, 3, 0.0)
    assert found.ring_bytes > 0


def test_a_ring_passes_on_what_all_devices_of_a_machine_send() -> None:
    """With data parallelism alone, it is the traffic of ``step_sent_bytes``, eight devices together."""
    layout = Layout(tensor=8, data=4)
    found = between(layout)

    assert found.ring_bytes == pytest.approx(8 * row(step_sent_bytes(jobs(layout)), 0))
    assert (found.boundary_bytes, found.group_bytes) == (0.0, 0.0)


def test_a_boundary_carries_each_token_once_in_each_direction() -> None:
    """All devices of a machine together send the activations of all tokens that its pipelines see."""
    found = between(Layout(tensor=8, data=2, pipeline=2))
    tokens = 64 / 2 * 4096

    assert found.boundary_bytes == pytest.approx(tokens * 4096 * 2)


def test_expert_groups_wider_than_a_machine_exchange_tokens() -> None:
    """EP16 lies on two machines of eight."""
    found = between(Layout(data=32, expert=16), "qwen3-30b-a3b")

    assert (found.members, found.group) == (4, 2)
    assert found.group_bytes > 0


def test_what_machines_exchange_does_not_depend_on_how_far_scale_up_links_reach() -> None:
    """It is told for machines, wherever they are."""
    layout = Layout(tensor=8, data=4, pipeline=2)

    assert between_machines(jobs(layout, domain=72), OF_MACHINE) == between(layout)
