"""Laws of the search over serving layouts: more freedom never costs more, less never costs less."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

import asked
from asked import known, machine_class
from dcplan.catalog.efficiency import Profile
from dcplan.catalog.formats import formats
from dcplan.catalog.types import Source
from dcplan.demand.types import Floor, ServeDemand
from dcplan.sharding import MachineClass, ServeEstimate, search
from dcplan.sharding.best_serving import best_serving_layouts
from dcplan.sharding.enumerate_serving import serving_layouts
from dcplan.sharding.serving_question import ServingQuestion

TABLE = replace(asked.TABLE, profiles=())
MODELS = ("llama-3.1-8b", "llama-3.1-70b", "qwen3-30b-a3b", "gpt-oss-120b", "deepseek-v3")
NAMES = ("p5.48xlarge", "p4de.24xlarge", "g6.48xlarge", "a3-ultragpu-8g")

models = st.sampled_from(MODELS)
names = st.sampled_from(NAMES)


def machines_of(name: str, count: int | None = 8) -> MachineClass:
    """So many machines of a type behind their usual links."""
    return machine_class(name, count)


def chat(*, rate: float = 20.0, floor: float | None = None) -> ServeDemand:
    """A steady chat workload with loose bounds."""
    return asked.chat(
        ttft_s=3.0,
        tpot_s=0.1,
        rate=rate,
        mean_requests_per_s=rate,
        availability=None,
        floor=None if floor is None else Floor(kept=floor, origin=("floor",)),
    )


def cheapest(demand: ServeDemand, model: str, name: str, slow80: float | None = None) -> float:
    """Devices of the cheapest candidate altogether; infinite where there is none."""
    table = (
        TABLE if slow80 is None else replace(TABLE, profiles=(judged("ttft", slow80), judged("tpot", slow80)))
    )
    found = search(demand, known(model), [machines_of(name)], table)
    return float("inf") if found.value is None else min(c.replicas * c.devices for c in found.value[0])


def judged(metric: str, slow80: float) -> Profile:
    """A judgement over all hardware."""
    return Profile(
        accelerator="any",
        software="vllm",
        precision="any",
        metric=metric,
        date="2026",
        rows=9,
        groups=3,
        median=0.1,
        p90=0.2,
        bias=0.0,
        slow80=slow80,
        range={},
        source=Source(name="s", date="2026"),
    )


@given(model=models, name=names, floors=st.tuples(st.floats(0.5, 1.0), st.floats(0.5, 1.0)))
@settings(max_examples=15, deadline=None)
def test_a_lower_floor_never_costs_more(model: str, name: str, floors: tuple[float, float]) -> None:
    """What a higher floor allows, a lower one allows as well."""
    low, high = sorted(floors)

    assert cheapest(chat(floor=low), model, name) <= cheapest(chat(floor=high), model, name)


@given(model=models, name=names, factors=st.tuples(st.floats(1.0, 3.0), st.floats(1.0, 3.0)))
@settings(max_examples=15, deadline=None)
def test_a_larger_margin_never_costs_less(model: str, name: str, factors: tuple[float, float]) -> None:
    """Less certain predictions take as much hardware or more."""
    low, high = sorted(factors)

    assert cheapest(chat(), model, name, low) <= cheapest(chat(), model, name, high)


@given(model=models, name=names, factor=st.floats(1.0, 2.0), rate=st.floats(0.5, 200.0))
@settings(max_examples=15, deadline=None)
def test_candidates_keep_every_bound_with_their_margin(
    model: str, name: str, factor: float, rate: float
) -> None:
    """Parts add up to the prediction, margin included, and that to no more than is promised."""
    table = replace(TABLE, profiles=(judged("ttft", factor), judged("tpot", factor)))
    found = search(chat(rate=rate, floor=0.9), known(model), [machines_of(name)], table).value

    for candidate in () if found is None else found[0]:
        estimate = candidate.estimate
        assert isinstance(estimate, ServeEstimate)
        assert candidate.quality is not None
        assert candidate.quality.kept >= 0.9
        for one in estimate.predicted:
            parts = sum(part.seconds for part in one.estimate.parts)
            assert abs(parts - one.estimate.seconds) <= 1e-9 * one.estimate.seconds
            assert one.estimate.seconds <= one.bound_s * (1 + 1e-6)


@given(model=models, name=names, count=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_every_legal_layout_splits_the_model_and_the_machines(model: str, name: str, count: int) -> None:
    """Experts take all devices of a stage, and a replica a part of a machine that tiles it, or whole ones."""
    here, machines = known(model), machines_of(name, count)
    found = serving_layouts(here, machines, formats()["fp8"], pipelines=True)
    devices = machines.machine.devices
    rows = [found.layouts.one(int(i)) for i in found.legal.nonzero()[0]]

    assert len({str(row) for row in rows}) == len(rows)
    for row in rows:
        size = row.tensor * row.data * row.pipeline
        assert size <= devices * count
        assert devices % size == 0 if size < devices else size % devices == 0
        assert here.heads % row.tensor == 0
        assert row.expert * row.expert_tensor == row.tensor * row.data
        assert row.data == 1 or here.experts
        assert not here.experts or here.experts % row.expert == 0


@given(
    model=models,
    tpots=st.tuples(st.floats(0.005, 0.2), st.floats(0.005, 0.2)),
    tokens=st.tuples(st.floats(100, 8000), st.floats(50, 2000)),
)
@settings(max_examples=15, deadline=None)
def test_a_looser_bound_never_lowers_throughput(
    model: str, tpots: tuple[float, float], tokens: tuple[float, float]
) -> None:
    """The best layout at a tight TPOT keeps a loose one as well."""
    speeds = []
    for tpot_s in sorted(tpots):
        question = ServingQuestion(
            prompt_tokens=tokens[0], output_tokens=tokens[1], tpot_s=tpot_s, formats=("bf16", "fp8")
        )
        found = best_serving_layouts(
            known(model), machines_of("a3-ultragpu-8g", 4), 32, question, table=TABLE
        )
        best = found.value.layouts[0].output_tokens_per_s_per_device if found.value else 0.0
        speeds.append(best)

    assert speeds[0] <= speeds[1] * (1 + 1e-3)
