"""Why something is not among the candidates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import asked
from asked import TABLE, known, pretrain
from dcplan.demand.types import Allowed, Lengths, Limits, Metric, ServeDemand
from dcplan.sharding.search import search
from dcplan.sharding.why_not import why_not
from dcplan.workflow.asking import class_of, hardware_named

if TYPE_CHECKING:
    from dcplan.sharding.types import MachineClass

LENGTHS = Lengths(mean=1000, p50=900, p95=2000, p99=3000)


def machines(name: str, count: int) -> MachineClass:
    """So many machines of a kind of hardware."""
    return class_of(*hardware_named(name).unwrap(), count)


def chat(tpot_s: float, *precisions: str) -> ServeDemand:
    """A chat service with a bound."""
    allowed = Allowed(names=precisions, origin=("chat", "precisions")) if precisions else None
    demand = asked.chat(tpot_s=tpot_s, rate=1.0, limits=Limits(precisions=allowed), availability=None)
    return replace(
        demand,
        bounds=tuple(bound for bound in demand.bounds if bound.metric is Metric.TPOT),
        mean_requests_per_s=1.0,
        prompt_tokens=LENGTHS,
        output_tokens=LENGTHS,
    )


def test_each_pair_without_a_candidate_has_its_reason() -> None:
    """A missing peak, a format that nobody allowed and one that is too slow are told apart."""
    demand, model = chat(0.03, "bf16", "fp8"), known("llama-3.1-70b")
    classes = [machines("H100", 4), machines("A100-80", 4), machines("L4", 4)]
    found, _ = search(demand, model, classes, TABLE).unwrap()
    reasons = {(w.accelerator, w.way): w.reason for w in why_not(demand, model, {}, classes, found, TABLE)}

    assert ("H100", "fp8") not in reasons
    assert "no peak of fp8" in reasons["A100-80", "fp8"]
    assert "not allowed" in reasons["H100", "int4"]
    assert "TPOT p95" in reasons["L4", "fp8"]
    assert "of 30ms allowed" in reasons["L4", "fp8"]


def test_a_training_job_that_fits_nowhere_is_told_how_much_is_missing() -> None:
    """Memory that the fullest device lacks, in the layout that lacks least."""
    model = known("llama-3.1-405b")
    demand = pretrain(deadline_s=None, tokens=1e9, global_batch_sequences=64)
    reasons = {
        (w.accelerator, w.way): w.reason
        for w in why_not(demand, model, {}, [machines("A100-40", 1)], (), TABLE)
    }

    assert "short on the fullest device" in reasons["A100-40", "bf16"]
