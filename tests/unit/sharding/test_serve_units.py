"""Units of prefill and decode workers in plans."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import asked
from asked import CHIPS, MACHINES, ORIGIN, TABLE, known, machine_class
from dcplan.catalog.formats import engines, handovers
from dcplan.demand.types import Allowed, Disaggregated, Lengths, Limits, Metric, ServeDemand
from dcplan.sharding import Candidate, MachineClass, ServeEstimate, repriced, search

if TYPE_CHECKING:
    from dcplan.diag import Diagnostic

ALWAYS, AUTO, NEVER = Disaggregated.ALWAYS, Disaggregated.AUTO, Disaggregated.NEVER
H100, A100 = machine_class("p5.48xlarge", 8), machine_class("p4de.24xlarge", 8)


def chat(
    how: Disaggregated = ALWAYS, *, ttft_s: float = 0.5, tpot_s: float = 0.05, rate: float = 20.0
) -> ServeDemand:
    """A chat workload that needs no spares, with units or without."""
    return asked.chat(ttft_s=ttft_s, tpot_s=tpot_s, rate=rate, availability=None, disaggregated=how)


def found(demand: ServeDemand, *classes: MachineClass, model: str = "llama-3.1-70b") -> tuple[Candidate, ...]:
    """The candidates of a workload."""
    candidates, _ = search(demand, known(model), classes, TABLE).unwrap()
    return candidates


def refused(demand: ServeDemand, *classes: MachineClass, model: str = "llama-3.1-70b") -> Diagnostic:
    """The one reason why there is none."""
    result = search(demand, known(model), classes, TABLE)
    assert result.value is None
    (problem,) = result.diagnostics
    return problem


def test_always_plans_nothing_but_units() -> None:
    """Each candidate has workers of both kinds on a part of a machine that tiles it, or on whole ones."""
    candidates = found(chat(), H100, A100)

    assert candidates
    for one in candidates:
        unit = one.prefill
        assert unit is not None
        used = unit.workers * unit.devices + unit.decode_workers * unit.decode_devices
        assert used <= one.devices
        assert one.machines == one.devices // 8
        assert 8 % one.devices == 0 or one.devices % 8 == 0
        assert one.shape == f"{unit.workers}P {unit.layout} + {unit.decode_workers}D {one.layout}"


def test_units_keep_the_sla_and_their_memory_at_the_planned_load() -> None:
    """Bounds hold with margins; the fullest device has room; no unit carries more than it takes."""
    for one in found(chat(), H100, A100):
        estimate = one.estimate
        assert isinstance(estimate, ServeEstimate)
        assert [p.metric for p in estimate.predicted] == [Metric.TTFT, Metric.TPOT]
        for p in estimate.predicted:
            assert p.estimate.seconds <= p.bound_s * (1 + 1e-3)
            assert p.margin is not None
        names = {part.name for part in estimate.predicted[0].estimate.parts}
        assert {"cache transfer", "queueing"} <= names
        assert "prefill interference" not in {part.name for part in estimate.predicted[1].estimate.parts}
        assert estimate.memory.total_bytes <= CHIPS[one.accelerator].memory_bytes
        assert estimate.requests_per_s * (one.replicas - one.spares) == pytest.approx(20.0)
        assert estimate.requests_per_s <= estimate.max_requests_per_s
        assert estimate.batch <= estimate.max_batch


def test_auto_keeps_whatever_no_other_beats() -> None:
    """Long prompts and a tight TPOT are for units, whose tokens no prompt holds up; few requests are not."""
    long = Lengths(mean=2000, p50=1800, p95=5000, p99=8000)
    busy = {
        how: replace(chat(how, ttft_s=1.0, tpot_s=0.02, rate=100.0), prompt_tokens=long)
        for how in Disaggregated
    }
    fewest = {how: min(c.replicas * c.devices for c in found(demand, H100)) for how, demand in busy.items()}
    quiet = found(chat(AUTO, ttft_s=2.0, tpot_s=0.1, rate=0.5), H100)

    assert fewest[AUTO] == fewest[ALWAYS] < fewest[NEVER]
    assert quiet[0].prefill is None


def test_never_is_the_default_and_has_no_units() -> None:
    """Without a word replicas compute prompts and decode."""
    assert all(one.prefill is None for one in found(chat(NEVER), H100))


def test_candidates_have_names_of_their_own() -> None:
    """A unit's id says what it is made of."""
    ids = [one.id for one in found(chat(), H100)]

    assert len(set(ids)) == len(ids)
    assert any("p-tp" in name and "+" in name for name in ids)


def test_a_unit_is_priced_again_where_it_was_placed() -> None:
    """Behind its own links nothing changes; where caches crawl from machine to machine TTFT is missed."""
    machines = machine_class("p4de.24xlarge", 8)
    crawling = machine_class("p4de.24xlarge", 8, outside_bytes_per_s=1e7)
    demand = chat(rate=200.0)
    first = next(one for one in found(demand, machines) if one.machines > 1)
    models = {"m": known("llama-3.1-70b")}

    assert repriced(first, demand, models, machines, TABLE) == first
    assert repriced(first, demand, models, crawling, TABLE) is None


def test_engines_that_do_not_hand_over_are_told() -> None:
    """Where nobody is known to hand caches over, always is an error with a way out and auto goes without."""
    tpu = next(name for name in sorted(MACHINES) if CHIPS[MACHINES[name].accelerator].vendor == "Google")
    here = machine_class(tpu, 8)
    problem = refused(chat(), here, model="llama-3.1-8b")

    assert (problem.code, problem.path) == ("not-disaggregated", (*ORIGIN, "disaggregated"))
    assert "disaggregated: never" in problem.detail
    loose = chat(AUTO, ttft_s=5.0, tpot_s=0.5, rate=1.0)
    assert all(one.prefill is None for one in found(loose, here, model="llama-3.1-8b"))


def test_answers_of_one_token_have_nothing_to_decode() -> None:
    """Where the first token is the whole answer, always makes no sense and auto looks at replicas only."""
    one_token = Lengths(mean=1, p50=1, p95=1, p99=1)
    problem = refused(replace(chat(), output_tokens=one_token), H100)

    assert problem.code == "not-disaggregated"
    assert "nothing left to decode" in problem.detail
    assert all(
        one.prefill is None
        for one in found(replace(chat(AUTO, ttft_s=5.0, tpot_s=1.0, rate=1.0), output_tokens=one_token), H100)
    )


def test_a_machine_that_is_too_small_for_two_workers_is_told() -> None:
    """One machine holds the model once; the error counts devices and points at the line."""
    only = machine_class("g6.48xlarge", 1)
    demand = chat(rate=0.05, ttft_s=30.0, tpot_s=3.0)
    problem = refused(demand, only)

    assert (problem.code, problem.path) == ("no-layout", (*ORIGIN, "disaggregated"))
    assert "twice 8 devices" in problem.detail
    assert found(replace(demand, disaggregated=AUTO), only)


@pytest.mark.parametrize(
    ("demand", "path"),
    [
        (chat(ttft_s=0.02), (*ORIGIN, "sla", "ttft_p95")),
        (chat(tpot_s=0.001), (*ORIGIN, "sla", "tpot_p95")),
    ],
)
def test_a_bound_that_no_worker_keeps_is_named(demand: ServeDemand, path: tuple[str, ...]) -> None:
    """The error points at the bound that is missed most, and says by how much."""
    problem = refused(demand, H100)

    assert (problem.code, problem.path) == ("no-layout", path)
    assert "short" in problem.detail


def test_a_model_that_fits_nowhere_is_told_as_without_units() -> None:
    """Memory is what is missing, with units as with replicas."""
    problem = refused(chat(), machine_class("g6.48xlarge", 1), model="llama-3.1-405b")

    assert problem.code == "no-layout"
    assert "short" in problem.detail


def test_limits_hold_for_units() -> None:
    """Units run on allowed accelerators only."""
    limits = Limits(accelerators=Allowed(names=("H100",), origin=(*ORIGIN, "constraints")))
    candidates = found(replace(chat(), limits=limits), H100, A100)

    assert {one.accelerator for one in candidates} == {"H100"}


def test_what_hands_caches_over_is_an_engine_that_runs_there() -> None:
    """The catalogue names no engine or vendor that it does not know formats for."""
    for name, vendors in handovers().items():
        assert vendors <= set(engines()[name])
