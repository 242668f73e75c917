"""The best serving layouts on so many accelerators."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_catalog_model, load_machines
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.sharding.best_serving import FRONT, best_serving_layouts
from dcplan.sharding.serving_question import ServingQuestion
from dcplan.sharding.types import MachineClass
from dcplan.topology.types import Link, PoolLinks

if TYPE_CHECKING:
    from dcplan.catalog.types import Model
    from dcplan.sharding.best_serving import ServingSearch

TABLE = load_efficiencies()
MACHINE = load_machines("gcp")["a3-ultragpu-8g"]
CHIP = load_accelerators()[MACHINE.accelerator]
ASKED = ServingQuestion(prompt_tokens=4000, output_tokens=1000, ttft_s=2.0, tpot_s=0.05)


def known(name: str) -> Model:
    """A model of the catalogue."""
    model = load_catalog_model(name)
    if model is None:
        raise LookupError(name)
    return model


def h200s(count: int = 8) -> MachineClass:
    """Machines of eight H200."""
    inside = Link(bytes_per_s=CHIP.scale_up_bytes_per_s, latency_s=2e-6, basis=Basis.ASSUMED)
    outside = Link(bytes_per_s=MACHINE.network_bytes_per_s / 8, latency_s=2e-5, basis=Basis.ASSUMED)
    links = PoolLinks(pool="p", scale_up_domain=8, scale_up=inside, scale_out=outside)
    return MachineClass(machine=MACHINE, accelerator=CHIP, links=links, pools=("p",), machines=count)


def best(
    question: ServingQuestion, model: str = "llama-3.1-70b", devices: int = 8, top: int = 10
) -> ServingSearch:
    """The answer on so many H200."""
    return best_serving_layouts(
        known(model), h200s(devices // 8), devices, question, top=top, table=TABLE
    ).unwrap()


def test_the_best_come_first_and_keep_the_bounds() -> None:
    """Layouts fall in tokens/s of an accelerator; each keeps TTFT and TPOT and fits its memory."""
    layouts = best(replace(ASKED, formats=("bf16", "fp8"))).layouts
    speeds = [one.output_tokens_per_s_per_device for one in layouts]

    assert speeds == sorted(speeds, reverse=True)
    for one in layouts:
        assert one.ttft.estimate.seconds <= 2.0
        assert one.tpot.estimate.seconds <= 0.05
        assert one.memory_slack_bytes >= 0
        assert one.memory.total_bytes + one.memory_slack_bytes == pytest.approx(CHIP.memory_bytes)
        assert one.devices * one.replicas == 8
        assert one.output_tokens_per_s == pytest.approx(8 * one.output_tokens_per_s_per_device)
        assert one.output_tokens_per_s == pytest.approx(one.requests_per_s * 1000)


def test_the_tally_tells_where_every_layout_went() -> None:
    """Considered layouts are those dropped for a reason and those that remain."""
    search = best(replace(ASKED, formats=("bf16", "fp8")), top=3).search

    assert search.remain == 3
    assert search.considered == sum(count for _, count in search.dropped) + search.remain


def test_a_tighter_bound_lets_fewer_requests_in() -> None:
    """The concurrency is the largest that a bound allows: a slightly tighter one lowers it."""
    (first, *_) = best(ASKED).layouts
    tighter = best(replace(ASKED, tpot_s=first.tpot.estimate.seconds * 0.98)).layouts

    same = [one for one in tighter if one.layout == first.layout]
    assert same
    assert same[0].concurrency < first.concurrency


def test_a_looser_bound_never_lowers_throughput() -> None:
    """The best throughput rises with the TPOT that is allowed."""
    speeds = [
        best(replace(ASKED, tpot_s=tpot)).layouts[0].output_tokens_per_s_per_device
        for tpot in (0.02, 0.04, 0.1)
    ]

    assert speeds == sorted(speeds)


def test_without_bounds_memory_decides() -> None:
    """Nothing but the cache limits how many requests run at a time."""
    free = best(replace(ASKED, ttft_s=None, tpot_s=None)).layouts[0]

    assert free.output_tokens_per_s_per_device >= best(ASKED).layouts[0].output_tokens_per_s_per_device


def test_a_floor_chooses_the_formats() -> None:
    """With a floor and no list every format that reaches it is looked at, with its quality."""
    answer = best(replace(ASKED, floor=0.99), top=50)

    assert {one.precision for one in answer.layouts} == {"bf16", "fp8", "int8"}
    assert all(one.quality is not None and one.quality.kept >= 0.99 for one in answer.layouts)
    assert answer.search.floor == 0.99
    assert answer.search.ruled_out


def test_experts_are_dealt_out_in_every_way() -> None:
    """Experts are looked at with attention in copies and cut in pieces; a dense model has no such layouts."""
    answer = best(replace(ASKED, formats=("fp8",)), "deepseek-v3", 64, top=1000)
    dense = best(replace(ASKED, formats=("fp8",)), "llama-3.1-70b", 64, top=1000)

    assert answer.search.considered > 5 * dense.search.considered
    assert {one.layout.expert for one in answer.layouts} >= {1, 8}
    assert all(one.layout.data == 1 for one in dense.layouts)


def test_a_whole_search_takes_a_fraction_of_a_second() -> None:
    """DeepSeek-V3 on 64 H200 in four formats stays within the second that the planner promises."""
    question = replace(ASKED, formats=("fp8", "fp8-block", "int4", "fp8-kv8"))
    started = time.process_time()
    best(question, "deepseek-v3", 64)

    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("question", "code", "words"),
    [
        (replace(ASKED, engine="vlm"), "unknown-engine", 'Did you mean "vllm"?'),
        (replace(ASKED, formats=("fp9",)), "unknown-precision", 'Did you mean "fp8"?'),
        (replace(ASKED, formats=("int8",), engine="trtllm"), "engine-unsupported", "vllm or sglang would"),
        (replace(ASKED, prompt_tokens=1e7), "context-too-short", "131,072"),
        (replace(ASKED, tpot_s=1e-4), "no-layout", "short"),
        (replace(ASKED, formats=("int4",), floor=0.99), "floor-unreachable", "int4, which keeps 97.4%"),
    ],
)
def test_what_cannot_be_answered_is_told(question: ServingQuestion, code: str, words: str) -> None:
    """Each question without an answer gives one error that names the way out and no line of a document."""
    (problem,) = best_serving_layouts(known("llama-3.1-70b"), h200s(1), 8, question, table=TABLE).diagnostics

    assert problem.code == code
    assert words in problem.detail
    assert problem.path is None


def test_bounds_that_only_an_idle_replica_keeps_are_told() -> None:
    """Between the time without load and that of one request lies a bound that nothing keeps."""
    tight = replace(ASKED, ttft_s=None)
    codes = set()
    for tpot_ms in np.linspace(9, 13, 21):
        result = best_serving_layouts(
            known("llama-3.1-70b"), h200s(1), 8, replace(tight, tpot_s=tpot_ms / 1e3), table=TABLE
        )
        codes |= {problem.code for problem in result.diagnostics}

    assert codes <= {"no-layout"}


def test_the_front_trades_throughput_for_time_and_memory() -> None:
    """It starts with the best of all, and none on it is as good as another in all three."""
    question = ServingQuestion(prompt_tokens=1000, output_tokens=250, formats=("bf16", "fp8"))
    found = best_serving_layouts(known("llama-3.1-70b"), h200s(1), 8, question, table=TABLE).unwrap()
    rows = [
        (one.output_tokens_per_s_per_device, -one.request_s, one.memory_slack_bytes) for one in found.front
    ]

    assert found.front[0].output_tokens_per_s_per_device == found.layouts[0].output_tokens_per_s_per_device
    assert all(one.on_front for one in found.front)
    assert 1 < len(rows) <= FRONT
    for row in rows:
        assert not any(
            all(a >= b for a, b in zip(other, row, strict=True)) and other != row for other in rows
        )
