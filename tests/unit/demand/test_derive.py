"""From the document to the demand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcplan.config.document import Document
from dcplan.demand import (
    Disaggregated,
    Floor,
    Metric,
    Pruned,
    ServeDemand,
    Speculative,
    TrainDemand,
    derive,
)

ROOT = Path()


def a_document(workload: dict[str, Any], **top: Any) -> Document:
    """A document with one workload called w."""
    return Document.model_validate({"project": "p", "workloads": {"w": workload}, **top})


def a_service(**changes: Any) -> dict[str, Any]:
    """A served model with declared traffic."""
    base: dict[str, Any] = {
        "kind": "serve",
        "model": "m",
        "traffic": {"requests_per_s": "10/s", "prompt_tokens": 1000.0, "output_tokens": 200.0},
        "sla": {"ttft": {"p95": "500ms"}, "tpot": {"p50": "20ms", "p99": "50ms"}, "availability": "99.9%"},
    }
    return base | changes


def served(document: Document) -> ServeDemand:
    """The one workload, as a service."""
    (workload,) = derive(document, ROOT).unwrap().workloads
    if not isinstance(workload, ServeDemand):
        raise TypeError(workload)
    return workload


def test_declared_numbers_arrive_in_base_units() -> None:
    """Rates per second, bounds in seconds, and where each bound was written."""
    demand = served(a_document(a_service()))

    assert demand.requests_per_s == pytest.approx(10.0)
    assert demand.availability == pytest.approx(0.999)
    assert [(b.metric, b.quantile, b.bound_s) for b in demand.bounds] == [
        (Metric.TTFT, 0.95, 0.5),
        (Metric.TPOT, 0.5, 0.02),
        (Metric.TPOT, 0.99, 0.05),
    ]
    assert demand.bounds[0].origin == ("workloads", "w", "sla", "ttft", "p95")
    assert demand.arrival_cv2 == pytest.approx(1.0)


def test_scale_and_headroom_raise_the_planned_rate_and_are_said() -> None:
    """Twice the traffic plus a fifth is 2.4 times, in the number and in the words."""
    traffic = {**a_service()["traffic"], "scale": 2.0, "headroom": "20%"}

    demand = served(a_document(a_service(traffic=traffic)))

    assert demand.requests_per_s == pytest.approx(24.0)
    assert demand.mean_requests_per_s == pytest.approx(20.0)
    assert demand.basis == "declared, times 2, plus 20% headroom"


def test_quantiles_of_lengths_grow_from_the_mean_and_keep_what_is_given() -> None:
    """A mean alone spreads log-normally; a given p95 stays, and nothing falls below it."""
    alone = served(a_document(a_service())).prompt_tokens
    traffic = {**a_service()["traffic"], "prompt_tokens": {"mean": 1000.0, "p95": 9000.0}}
    given = served(a_document(a_service(traffic=traffic))).prompt_tokens

    assert alone.mean == pytest.approx(1000.0)
    assert alone.p50 < alone.mean < alone.p95 < alone.p99
    assert given.p95 == pytest.approx(9000.0)
    assert given.p99 >= given.p95


def test_samples_become_tokens() -> None:
    """A training given in sequences asks for sequences times their length."""
    document = a_document(
        {"kind": "train", "model": "m", "samples": "1M", "sequence_length": 4096, "global_batch": 64}
    )

    (workload,) = derive(document, ROOT).unwrap().workloads

    assert isinstance(workload, TrainDemand)
    assert workload.tokens == pytest.approx(4096e6)
    assert workload.deadline_s is None


def test_own_constraints_win_over_the_projects() -> None:
    """A workload's list replaces the project's, and says where it stands."""
    own = a_service(constraints={"accelerators": ["H100"]})
    document = a_document(own, constraints={"accelerators": ["L4"], "regions": ["eu"], "budget": "$5/h"})

    limits = served(document).limits
    budget = derive(document, ROOT).unwrap().budget

    assert limits.accelerators is not None
    assert limits.accelerators.names == ("H100",)
    assert limits.accelerators.origin == ("workloads", "w", "constraints", "accelerators")
    assert limits.regions is not None
    assert limits.regions.origin == ("constraints", "regions")
    assert budget is not None
    assert budget.usd_per_h == pytest.approx(5.0)


def test_a_missing_trace_is_told_at_its_line() -> None:
    """The diagnostic carries the path of the key that names the file."""
    result = derive(a_document(a_service(traffic={"trace": "nowhere.csv"})), ROOT)

    assert result.value is None
    assert result.diagnostics[0].path == ("workloads", "w", "traffic", "trace")


def test_what_may_replace_the_model_arrives_with_its_place() -> None:
    """Floor, variants, engine, cache and draft reach the demand; without them nothing is allowed."""
    plain = served(a_document(a_service()))
    full = served(
        a_document(
            a_service(
                engine="sglang",
                quality={"floor": "99%"},
                variants={"small": {"model": "s", "quality": "97%"}, "thin": {"pruned": {"pattern": "2:4"}}},
                prefix_cache={"hit_rate": 0.5},
                speculative={"draft": "d", "acceptance": 0.7},
                disaggregated="auto",
            )
        )
    )

    assert (plain.software, plain.floor, plain.variants, plain.speculative) == ("vllm", None, (), None)
    assert plain.disaggregated is Disaggregated.NEVER
    assert full.software == "sglang"
    assert full.floor == Floor(kept=0.99, origin=("workloads", "w", "quality", "floor"))
    assert [(v.name, v.model, v.kept) for v in full.variants] == [("small", "s", 0.97), ("thin", "m", None)]
    assert full.variants[1].pruned == Pruned(pattern="2:4")
    assert full.variants[0].origin == ("workloads", "w", "variants", "small")
    assert full.prefix_hit_rate == pytest.approx(0.5)
    assert full.speculative == Speculative(
        draft="d", tokens=4, acceptance=0.7, origin=("workloads", "w", "speculative")
    )
    assert full.disaggregated is Disaggregated.AUTO


def test_the_framework_of_a_training_is_its_software() -> None:
    """Its profile is looked up by this name."""
    training = {"kind": "train", "model": "m", "tokens": 1e9, "sequence_length": 4096, "global_batch": 64}
    (workload,) = derive(a_document({**training, "framework": "maxtext"}), ROOT).unwrap().workloads

    assert isinstance(workload, TrainDemand)
    assert workload.software == "maxtext"


def test_ways_to_buy_and_losses_to_survive_are_a_workloads_own_or_the_projects() -> None:
    """The workload's line wins; an empty list of losses takes back what the project says."""
    project = {"purchase": ["owned"], "survive": ["zone", "zone"]}
    plain = derive(a_document(a_service(), constraints=project), ROOT).unwrap().workloads[0].limits
    told = a_service(constraints={"purchase": ["spot", "owned"], "survive": [], "spot_share": 1.0})
    own = derive(a_document(told, constraints=project), ROOT).unwrap().workloads[0].limits

    assert plain.purchase is not None
    assert (plain.purchase.names, plain.purchase.origin) == (("owned",), ("constraints", "purchase"))
    assert plain.survive is not None
    assert (plain.survive.units, plain.survive.origin) == (("zone",), ("constraints", "survive"))
    assert own.purchase is not None
    assert own.purchase.origin == ("workloads", "w", "constraints", "purchase")
    assert own.survive is None
