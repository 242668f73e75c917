"""One ranking of replicas and units."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dcplan.catalog import load_catalog_model
from dcplan.demand.types import Disaggregated
from dcplan.diag import Severity
from dcplan.sharding.rank_serving import ranked_serving_layouts
from dcplan.sharding.serving_question import ServingQuestion
from dcplan.workflow.asking import class_of, hardware_named

if TYPE_CHECKING:
    from dcplan.sharding.rank_serving import ServingRanking
    from dcplan.sharding.types import MachineClass

ASKED = ServingQuestion(prompt_tokens=4000, output_tokens=500, ttft_s=2.0, tpot_s=0.03, engine="trtllm")
MODEL = load_catalog_model("llama-3.1-70b")


def machines_of(accelerator: str, devices: int = 16) -> MachineClass:
    """The largest machine type with an accelerator."""
    machine, chip = hardware_named(accelerator).unwrap()
    return class_of(machine, chip, max(1, devices // machine.devices))


def ranked(
    which: Disaggregated, question: ServingQuestion = ASKED, prefill: MachineClass | None = None
) -> ServingRanking:
    """The ranking for Llama-3.1-70B on 16 H200."""
    assert MODEL is not None
    return ranked_serving_layouts(
        MODEL, machines_of("H200"), 16, question, which=which, prefill=prefill
    ).unwrap()


def test_both_kinds_are_ranked_together() -> None:
    """The best of both are as good as the best of each alone, most tokens first."""
    both = ranked(Disaggregated.AUTO)
    rates = [one.output_tokens_per_s_per_device for one in both.layouts]
    alone = [
        ranked(which).layouts[0].output_tokens_per_s_per_device
        for which in (Disaggregated.NEVER, Disaggregated.ALWAYS)
    ]

    assert rates == sorted(rates, reverse=True)
    assert rates[0] == max(alone)
    assert {one.kind for one in both.layouts} == {"aggregated", "disaggregated"}
    assert both.aggregated is not None
    assert both.disaggregated is not None


def test_only_what_is_asked_for_is_looked_at() -> None:
    """Never has replicas only, always units only, and a report of these alone."""
    never, always = ranked(Disaggregated.NEVER), ranked(Disaggregated.ALWAYS)

    assert {one.kind for one in never.layouts} == {"aggregated"}
    assert never.disaggregated is None
    assert {one.kind for one in always.layouts} == {"disaggregated"}
    assert always.aggregated is None


def test_one_kind_is_enough() -> None:
    """On one accelerator there are replicas, and no room for two workers."""
    small = load_catalog_model("llama-3.1-8b")
    assert small is not None
    found = ranked_serving_layouts(small, machines_of("H200"), 1, ASKED).unwrap()

    assert {one.kind for one in found.layouts} == {"aggregated"}
    assert found.disaggregated is None


def test_prompts_may_run_elsewhere() -> None:
    """With other machines for prompts each unit says where what runs."""
    found = ranked(Disaggregated.ALWAYS, replace(ASKED, ttft_s=4.0), machines_of("H100"))

    assert all("on H100 + " in one.shape for one in found.layouts)


def test_hardware_for_prompts_that_stays_unused_is_told() -> None:
    """Nobody hands caches from a TPU to a GPU: replicas are ranked, with a warning."""
    assert MODEL is not None
    tpu = machines_of("TPU-v5p")
    result = ranked_serving_layouts(MODEL, machines_of("H200"), 16, ASKED, prefill=tpu)

    assert result.value is not None
    assert [(one.severity, one.code) for one in result.diagnostics] == [
        (Severity.WARNING, "not-disaggregated")
    ]


@pytest.mark.parametrize("which", list(Disaggregated))
def test_a_bound_that_nothing_keeps_is_told_once(which: Disaggregated) -> None:
    """Whichever kind was looked at, there is one error."""
    assert MODEL is not None
    result = ranked_serving_layouts(MODEL, machines_of("H200"), 16, replace(ASKED, ttft_s=0.001), which=which)

    assert result.value is None
    assert [one.code for one in result.diagnostics] == ["no-layout"]
