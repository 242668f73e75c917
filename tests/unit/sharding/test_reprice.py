"""Candidates behind the links of the machines that they were placed on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import asked
from asked import TABLE, known, machine_class, pretrain
from dcplan.sharding import Candidate, MachineClass, TrainEstimate, search
from dcplan.sharding.reprice import repriced

if TYPE_CHECKING:
    from dcplan.catalog.types import Model
    from dcplan.demand.types import ServeDemand, TrainDemand, WorkloadDemand


def models() -> dict[str, Model]:
    """The models of the documents, by name."""
    return {"m": known("llama-3.1-70b")}


def behind(outside_bytes_per_s: float, inside_bytes_per_s: float = 4.5e11) -> MachineClass:
    """Machines of eight H100s behind links of these widths."""
    return machine_class(
        "p5.48xlarge", 16, inside_bytes_per_s=inside_bytes_per_s, outside_bytes_per_s=outside_bytes_per_s
    )


def job(deadline_s: float | None = None) -> TrainDemand:
    """A training workload."""
    return pretrain(deadline_s=deadline_s, tokens=1e10, global_batch_sequences=128)


def chat() -> ServeDemand:
    """A chat workload."""
    return asked.chat(ttft_s=1.0)


def best(demand: WorkloadDemand, machines: MachineClass) -> Candidate:
    """The first candidate of a search."""
    found, _ = search(demand, models()["m"], [machines], TABLE).unwrap()
    return found[0]


@pytest.mark.parametrize("demand", [job(), chat()])
def test_behind_the_same_links_nothing_changes(demand: WorkloadDemand) -> None:
    """A candidate evaluated again where it was found is itself."""
    machines = behind(5e10)
    found = best(demand, machines)

    assert repriced(found, demand, models(), machines, TABLE) == found


def test_a_narrower_cut_takes_longer_and_a_wider_one_less() -> None:
    """The step of a job over several machines follows the links between them."""
    found = best(job(), behind(5e10))
    assert found.machines > 1
    seconds = []
    for width in (1e9, 5e10, 2e11):
        again = repriced(found, job(), models(), behind(width), TABLE)
        assert again is not None
        assert isinstance(again.estimate, TrainEstimate)
        assert replace(again, estimate=found.estimate) == found
        seconds.append(again.estimate.step.seconds)

    assert seconds[0] > seconds[1] >= seconds[2]


def test_a_deadline_that_the_cut_breaks_is_seen() -> None:
    """What was in time behind wide links may be late behind narrow ones."""
    found = best(job(), behind(5e10))
    assert isinstance(found.estimate, TrainEstimate)
    demand = job(found.estimate.duration_s * 1.0001)

    assert repriced(found, demand, models(), behind(5e10), TABLE) is not None
    assert repriced(found, demand, models(), behind(1e8), TABLE) is None


def test_replicas_follow_the_links_too() -> None:
    """Behind slow links inside a machine as many replicas or more are needed, or none keeps the SLA."""
    found = best(chat(), behind(5e10))
    again = repriced(found, chat(), models(), behind(5e10, 5e10), TABLE)

    assert again is None or again.replicas >= found.replicas
    assert repriced(found, chat(), models(), behind(5e10, 1e6), TABLE) is None
