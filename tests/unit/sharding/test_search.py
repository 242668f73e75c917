"""The search for layouts: what it keeps, what it says, and why nothing is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asked import CHIPS, ORIGIN, TABLE, chat, known, machine_class, only_error, pretrain
from dcplan.demand.types import (
    Allowed,
    Demand,
    Limits,
    Metric,
)
from dcplan.diag import Result
from dcplan.perf.types import Layout
from dcplan.sharding import ServeEstimate, TrainEstimate, search, search_all
from dcplan.sharding.names import training_split
from dcplan.sharding.train import try_class

CLASSES = [machine_class(name) for name in ("p5.48xlarge", "p4de.24xlarge", "g6.48xlarge")]


def allowed(*names: str, key: str = "accelerators") -> Allowed:
    """Names that the user allows."""
    return Allowed(names=names, origin=(*ORIGIN, "limits", key))


def test_candidates_keep_every_bound() -> None:
    """Each serving candidate is predicted to keep each bound at its planned load, and carries the demand."""
    candidates, _ = search(chat(), known("llama-3.1-70b"), CLASSES, TABLE).unwrap()

    assert candidates
    for candidate in candidates:
        estimate = candidate.estimate
        assert isinstance(estimate, ServeEstimate)
        assert [p.metric for p in estimate.predicted] == [Metric.TTFT, Metric.TPOT]
        assert all(p.estimate.seconds <= p.bound_s for p in estimate.predicted)
        assert estimate.memory.total_bytes <= CHIPS[candidate.accelerator].memory_bytes
        assert (candidate.replicas - candidate.spares) * estimate.max_requests_per_s >= 20 * (1 - 1e-9)
        assert estimate.requests_per_s <= estimate.max_requests_per_s * (1 + 1e-9)
        assert candidate.devices == candidate.layout.tensor * candidate.layout.pipeline


def test_candidates_are_cheapest_first_and_none_is_dominated() -> None:
    """Candidates come by devices in all, and more buy a smaller replica, more speed or more memory."""
    candidates, found = search(chat(), known("llama-3.1-8b"), CLASSES, TABLE).unwrap()
    totals = [c.replicas * c.devices for c in candidates]

    assert totals == sorted(totals)
    assert found.remain == len(candidates) == len({c.id for c in candidates})
    for machine in {c.machine for c in candidates}:
        own = [
            (-c.replicas * c.devices, -c.devices, -(c.sla_share or 0.0), c.memory_slack_bytes or 0.0)
            for c in candidates
            if c.machine == machine
        ]
        for row in own:
            assert not any(
                all(a >= b for a, b in zip(other, row, strict=True)) and other != row for other in own
            )


def test_the_search_tells_where_every_layout_went() -> None:
    """Considered layouts are those dropped for a reason and those that remain."""
    for demand in (chat(), pretrain()):
        _, found = search(demand, known("llama-3.1-8b"), CLASSES, TABLE).unwrap()

        assert found.considered == sum(count for _, count in found.dropped) + found.remain
        assert str(found).endswith(f"{found.remain} remain")


def test_equal_searches_find_equal_candidates() -> None:
    """The search has no chance in it."""
    first, second = (search(chat(), known("llama-3.1-8b"), CLASSES, TABLE).unwrap()[0] for _ in range(2))

    assert first == second


def test_a_part_of_a_machine_takes_no_whole_one() -> None:
    """A small replica shares its machine; a pipeline over machines takes whole ones."""
    small, _ = search(chat(), known("llama-3.1-8b"), CLASSES[:1], TABLE).unwrap()
    large, _ = search(chat(ttft_s=5, tpot_s=0.2), known("llama-3.1-405b"), CLASSES[:1], TABLE).unwrap()

    assert {c.machines for c in small if c.devices < 8} == {0}
    assert all(c.machines == c.devices // 8 >= 2 for c in large)


def test_precisions_must_be_listed() -> None:
    """bf16 alone is searched unless the user lists more, and only where the hardware has it."""
    listed = Limits(precisions=allowed("bf16", "fp8", key="precisions"))
    default, _ = search(chat(), known("llama-3.1-70b"), CLASSES, TABLE).unwrap()
    more, _ = search(chat(limits=listed), known("llama-3.1-70b"), CLASSES, TABLE).unwrap()

    assert {c.precision for c in default} == {"bf16"}
    assert {c.precision for c in more if c.machine == "p5.48xlarge"} >= {"fp8"}
    assert {c.precision for c in more if c.machine == "p4de.24xlarge"} <= {"bf16"}


def test_an_unknown_precision_is_told_with_the_nearest() -> None:
    """A misspelt precision is an error at its line."""
    result = search(
        chat(limits=Limits(precisions=allowed("fp88", key="precisions"))),
        known("llama-3.1-8b"),
        CLASSES,
        TABLE,
    )
    found = only_error(result.diagnostics)

    assert found.code == "unknown-precision"
    assert 'Did you mean "fp8"?' in found.detail
    assert found.path == (*ORIGIN, "limits", "precisions")


def test_a_bound_that_nothing_keeps_is_named_with_the_shortfall() -> None:
    """Without a layout the error stands at the bound and tells how near the best one came."""
    found = only_error(search(chat(ttft_s=0.002), known("llama-3.1-70b"), CLASSES, TABLE).diagnostics)

    assert found.code == "no-layout"
    assert found.path == (*ORIGIN, "sla", "ttft_p95")
    assert "TP8 on p5.48xlarge" in found.detail
    assert "the bound is 2ms" in found.detail
    assert "short" in found.detail
    assert found.related == ()


def test_a_clash_of_two_lines_names_both() -> None:
    """A bound that only a forbidden accelerator keeps clashes with the line that forbids it."""
    limits = Limits(accelerators=allowed("L4"))
    found = only_error(search(chat(limits=limits), known("llama-3.1-70b"), CLASSES, TABLE).diagnostics)

    places = {found.path, *(r.path for r in found.related)}
    assert (*ORIGIN, "limits", "accelerators") in places


def test_a_model_too_large_for_all_tells_what_is_missing() -> None:
    """A model that fits nowhere is told with the memory that the nearest machine lacks."""
    classes = [machine_class("g6.48xlarge", machines=1)]
    found = only_error(search(chat(), known("deepseek-v3"), classes, TABLE).diagnostics)

    assert found.code == "no-layout"
    assert found.path == ORIGIN
    assert "GiB short" in found.detail


def test_requests_longer_than_the_context_are_an_error() -> None:
    """A model with room for 1,000 tokens cannot take 1,250, on whatever machine."""
    short = replace(known("llama-3.1-8b"), max_context=1000)
    problem = only_error(search(chat(), short, CLASSES, TABLE).diagnostics)

    assert problem.code == "context-too-short"
    assert "1,250" in problem.detail
    assert search(chat(), replace(short, max_context=1250), CLASSES, TABLE).ok


@pytest.mark.parametrize("rate", [1e9, 1e30, 1e300])
def test_traffic_beyond_any_fleet_is_an_error(rate: float) -> None:
    """Counts that no integer holds are told, not computed with."""
    problem = only_error(search(chat(rate=rate), known("llama-3.1-8b"), CLASSES, TABLE).diagnostics)

    assert problem.code == "too-much-traffic"


def test_no_class_at_all_is_an_error_of_its_own() -> None:
    """Without any machine there is nothing to explain about layouts."""
    assert only_error(search(chat(), known("llama-3.1-8b"), [], TABLE).diagnostics).code == "no-machines"


def test_training_keeps_the_deadline_in_whole_machines() -> None:
    """Each training candidate ends in time, fits, and takes whole machines."""
    candidates, _ = search(pretrain(), known("llama-3.1-8b"), CLASSES, TABLE).unwrap()

    assert candidates
    for candidate in candidates:
        estimate = candidate.estimate
        assert isinstance(estimate, TrainEstimate)
        assert estimate.duration_s <= 30 * 86400
        assert estimate.duration_s == pytest.approx(estimate.step.seconds * estimate.steps)
        assert estimate.memory.total_bytes <= CHIPS[candidate.accelerator].memory_bytes
        assert 0 < estimate.model_flops_utilisation < 1
        assert candidate.machines >= 1
        assert candidate.devices == candidate.layout.tensor * candidate.layout.pipeline * (
            candidate.layout.data * candidate.layout.context
        )


def test_training_never_takes_more_machines_than_there_are() -> None:
    """A class with four machines gives jobs of at most four."""
    classes = [machine_class("p5.48xlarge", machines=4)]
    candidates, _ = search(pretrain(deadline_s=None), known("llama-3.1-8b"), classes, TABLE).unwrap()

    assert max(c.machines for c in candidates) <= 4


def test_a_missed_deadline_is_told_with_the_shortfall() -> None:
    """A deadline that no layout keeps is the error's place."""
    found = only_error(search(pretrain(deadline_s=600.0), known("llama-3.1-8b"), CLASSES, TABLE).diagnostics)

    assert found.path == ("workloads", "pretrain", "deadline")
    assert "the deadline is 10m" in found.detail


def test_all_failing_workloads_are_told_at_once() -> None:
    """Two impossible workloads give two errors and no candidates."""
    demand = Demand(project="p", workloads=(chat(ttft_s=0.001), pretrain(deadline_s=60.0)))
    result = search_all(demand, {"m": known("llama-3.1-8b")}, lambda _: Result(tuple(CLASSES)))

    assert result.value is None
    assert [d.code for d in result.diagnostics] == ["no-layout", "no-layout"]


def test_all_workloads_are_searched() -> None:
    """Candidates of several workloads come together, with one search report each."""
    demand = Demand(project="p", workloads=(chat(), pretrain()))
    found = search_all(demand, {"m": known("llama-3.1-8b")}, lambda _: Result(tuple(CLASSES))).unwrap()

    assert {c.workload for c in found.candidates} == {"chat", "pretrain"}
    assert [s.workload for s in found.searches] == ["chat", "pretrain"]


def test_classes_that_differ_in_links_only_have_candidates_of_their_own() -> None:
    """The same machines behind other links are told apart by their pools, once a job needs several."""
    first = machine_class("p5.48xlarge")
    second = machine_class("p5.48xlarge", outside_bytes_per_s=1e9)
    second = replace(second, pools=("other/p5.48xlarge",))
    model = known("llama-3.1-70b")
    candidates, _ = search(pretrain(deadline_s=None), model, [first, second], TABLE).unwrap()
    several = [c for c in candidates if c.machines > 1]

    assert len({c.id for c in candidates}) == len(candidates)
    assert {c.pools for c in several} == {first.pools, second.pools}


def test_replicas_of_one_machine_are_alike_whatever_lies_between_machines() -> None:
    """Classes that differ in the links between machines have candidates in common, with the pools of both."""
    first = machine_class("p5.48xlarge")
    second = machine_class("p5.48xlarge", outside_bytes_per_s=1e9)
    second = replace(second, pools=("other/p5.48xlarge",))
    candidates, _ = search(chat(), known("llama-3.1-8b"), [first, second], TABLE).unwrap()

    assert {c.pools for c in candidates} == {(*first.pools, *second.pools)}
    assert len({c.id for c in candidates}) == len(candidates)


def test_a_stricter_bound_never_takes_less_hardware() -> None:
    """Halving a bound leaves the cheapest candidate as large or larger."""
    costs = [
        search(chat(tpot_s=s), known("llama-3.1-70b"), CLASSES[:1], TABLE).unwrap()[0][0]
        for s in (0.05, 0.025)
    ]

    assert costs[0].replicas * costs[0].devices <= costs[1].replicas * costs[1].devices


@pytest.mark.parametrize("batch", [512, 640, 480])
def test_more_machines_never_take_a_training_layout_away(batch: int) -> None:
    """With one machine more, the fastest and the cheapest job are as good or better."""
    model = known("llama-3.1-8b")
    demand = replace(pretrain(deadline_s=None), global_batch_sequences=batch)
    best = []
    for count in range(1, 10):
        found = search(demand, model, [machine_class("p5.48xlarge", count)], TABLE).unwrap()[0]
        best.append(min((c.hours or 0.0) * c.machines for c in found))
    hours = [
        min(
            float(h)
            for h in try_class(demand, model, machine_class("p5.48xlarge", n), "bf16", TABLE).duration_s
        )
        for n in range(1, 10)
    ]

    assert best == sorted(best, reverse=True)
    assert hours == sorted(hours, reverse=True)


def test_jobs_are_told_apart_by_all_that_differs() -> None:
    """A job's id names what is not as it is by default, so that two layouts of one split have two ids."""
    candidates, _ = search(pretrain(), known("llama-3.1-8b"), CLASSES[:1], TABLE).unwrap()
    plain = training_split(Layout(data=8, zero=1))
    full = training_split(Layout(data=8, zero=1, micro_batch=2, recompute="full", schedule="gpipe"))

    assert len({c.id for c in candidates}) == len(candidates)
    assert (plain, full) == ("DP8 ZeRO-1", "DP8 ZeRO-1 MBS2 gpipe full")
    assert {c.machines for c in candidates if c.time_s == min(c.time_s or 0.0 for c in candidates)} != {1}
    assert all(c.memory_slack_bytes is not None and c.memory_slack_bytes >= 0 for c in candidates)
