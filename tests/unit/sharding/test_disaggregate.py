"""Pairs of prefill and decode workers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_catalog_model, load_machines
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.sharding.disaggregate import best_disaggregated_layouts
from dcplan.sharding.serving_question import ServingQuestion
from dcplan.sharding.types import MachineClass
from dcplan.topology.types import Link, PoolLinks

if TYPE_CHECKING:
    from dcplan.catalog.types import Model
    from dcplan.sharding.disaggregate import DisaggregatedSearch

TABLE = load_efficiencies()
CHIPS = load_accelerators()
MACHINES = {**load_machines("aws"), **load_machines("gcp")}
ASKED = ServingQuestion(prompt_tokens=4000, output_tokens=500, ttft_s=1.0, tpot_s=0.04, formats=("bf16",))


def known(name: str) -> Model:
    """A model of the catalogue."""
    model = load_catalog_model(name)
    if model is None:
        raise LookupError(name)
    return model


def machines_of(name: str, count: int, out_bytes_per_s: float = 5e10) -> MachineClass:
    """So many machines of a type; each device has so fast a way out of them."""
    machine = MACHINES[name]
    chip = CHIPS[machine.accelerator]
    inside = Link(bytes_per_s=chip.scale_up_bytes_per_s, latency_s=2e-6, basis=Basis.ASSUMED)
    outside = Link(bytes_per_s=out_bytes_per_s, latency_s=2e-5, basis=Basis.ASSUMED)
    links = PoolLinks(pool=name, scale_up_domain=machine.scale_up_domain, scale_up=inside, scale_out=outside)
    return MachineClass(machine=machine, accelerator=chip, links=links, pools=(name,), machines=count)


H200 = machines_of("a3-ultragpu-8g", 2)


def best(
    question: ServingQuestion = ASKED,
    prefill: MachineClass = H200,
    decode: MachineClass = H200,
    devices: int = 16,
) -> DisaggregatedSearch:
    """The answer for Llama-3.1-70B."""
    model = known("llama-3.1-70b")
    return best_disaggregated_layouts(model, prefill, decode, devices, question, table=TABLE).unwrap()


def test_pairs_keep_both_bounds_and_fit_the_devices() -> None:
    """TTFT includes the move of the caches, TPOT is that of the decode workers; best units first."""
    layouts = best().layouts
    speeds = [one.output_tokens_per_s_per_device for one in layouts]

    assert speeds == sorted(speeds, reverse=True)
    for one in layouts:
        used = one.prefill.workers * one.prefill.devices + one.decode.workers * one.decode.devices
        assert used == one.used <= one.devices
        assert one.replicas * one.devices <= 16
        assert one.ttft.estimate.seconds <= 1.0 * (1 + 1e-9)
        assert one.tpot.estimate.seconds <= 0.04
        assert {"cache transfer", "queueing"} <= {part.name for part in one.ttft.estimate.parts}
        assert one.output_tokens_per_s == pytest.approx(500 * one.requests_per_s)
        for group in (one.prefill, one.decode):
            assert group.memory.total_bytes <= CHIPS[group.accelerator].memory_bytes


def test_units_do_no_more_than_either_side() -> None:
    """No side is busier than it can be, one of them is in earnest, and requests are as Little counts them."""
    for one in best().layouts:
        longest = one.ttft.estimate.seconds + 499 * one.tpot.estimate.seconds
        assert 0.5 < max(one.prefill.busy, one.decode.busy) <= 1
        assert one.requests_per_s / one.replicas * longest >= one.concurrency * (1 - 0.2)
        assert one.replicas * one.devices <= 16


def test_phases_may_run_on_different_accelerators() -> None:
    """Prompts on A100, tokens on H200: each class gives no more than it has."""
    old = machines_of("p4de.24xlarge", 1)
    first = best(replace(ASKED, ttft_s=3.0), old, H200, 24).layouts[0]

    assert (first.prefill.accelerator, first.decode.accelerator) == ("A100-80", "H200")
    assert first.replicas * first.prefill.workers * first.prefill.devices <= 8
    assert first.replicas * first.decode.workers * first.decode.devices <= 16
    assert first.replicas * first.devices == 24
    assert "on A100-80 + " in first.shape


def test_a_slow_way_between_workers_is_part_of_the_first_token() -> None:
    """A hundredth of the bandwidth takes a hundred times as long."""
    slow = machines_of("a3-ultragpu-8g", 2, 5e8)
    moved = []
    for machines in (H200, slow):
        first = best(replace(ASKED, ttft_s=10.0), machines, machines).layouts[0]
        parts = {part.name: part.seconds for part in first.ttft.estimate.parts}
        moved.append(parts["cache transfer"] * first.prefill.devices)

    assert moved[1] > 50 * moved[0]


def test_a_looser_bound_never_lowers_the_rate() -> None:
    """More time for the first token lets prefill workers be busier."""
    rates = [best(replace(ASKED, ttft_s=ttft)).layouts[0].requests_per_s for ttft in (0.6, 1.0, 4.0)]

    assert rates == sorted(rates)


def test_without_bounds_there_is_an_answer() -> None:
    """Memory and the stability of the queue decide."""
    first = best(replace(ASKED, ttft_s=None, tpot_s=None)).layouts[0]

    assert first.output_tokens_per_s_per_device > best().layouts[0].output_tokens_per_s_per_device


@pytest.mark.parametrize(
    ("question", "devices", "code"),
    [
        (replace(ASKED, engine="vlm"), 16, "unknown-engine"),
        (replace(ASKED, ttft_s=0.001), 16, "no-layout"),
        (replace(ASKED, output_tokens=1), 16, "answer-too-short"),
        (ASKED, 1, "no-layout"),
    ],
)
def test_what_cannot_be_paired_is_told(question: ServingQuestion, devices: int, code: str) -> None:
    """Questions without an answer give one error; where splits fell away it says why."""
    model = known("llama-3.1-70b")
    (problem,) = best_disaggregated_layouts(model, H200, H200, devices, question, table=TABLE).diagnostics

    assert problem.code == code
    assert problem.detail
