"""Laws of fronts and of the candidates that are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asked import TABLE, chat, known, machine_class, pretrain
from dcplan.demand.types import Allowed, Limits
from dcplan.perf.numbers import Array
from dcplan.sharding import ServeEstimate, search
from dcplan.sharding.front import front_rows, on_front, steps, thinned
from dcplan.sharding.options import MOST_KEPT, Option, best_candidates
from dcplan.sharding.train import MOST_KEPT as MOST_JOBS
from dcplan.sharding.train import candidates_of, try_class

goods = st.integers(1, 30).flatmap(
    lambda count: st.lists(
        st.lists(st.integers(0, 6).map(float), min_size=count, max_size=count), min_size=2, max_size=4
    )
)


def as_arrays(columns: list[list[float]]) -> list[Array]:
    """Columns of goods as the functions take them."""
    return [np.array(column) for column in columns]


def beats(one: Array, other: Array) -> bool:
    """As good in everything, better in something."""
    return bool((one >= other).all() and (one > other).any())


@given(columns=goods)
@settings(max_examples=80, deadline=None)
def test_nothing_on_the_front_is_beaten_and_all_else_is(columns: list[list[float]]) -> None:
    """A row is on the front exactly when none beats it."""
    arrays = as_arrays(columns)
    table = np.stack(arrays, axis=1)
    expected = [not any(beats(other, row) for other in table) for row in table]

    assert on_front(*arrays).tolist() == expected


@given(columns=goods, most=st.integers(4, 12))
@settings(max_examples=80, deadline=None)
def test_thinning_keeps_the_ends_and_beats_nothing(columns: list[list[float]], most: int) -> None:
    """Of a front the best in each good stays, and nothing that is left out beats what stays."""
    arrays = as_arrays(columns)
    front = front_rows(*arrays)
    on_it = [column[front] for column in arrays]
    kept = front[thinned(most, *on_it, first=steps(*on_it))]
    table = np.stack(arrays, axis=1)

    assert len(kept) == min(most, len(front))
    assert set(kept) <= set(front)
    assert [column.max() for column in arrays] == [column[kept].max() for column in arrays]
    assert not any(beats(table[i], table[j]) for i in range(len(table)) for j in kept)


@dataclass(frozen=True)
class Way:
    """What an option knows of the way to keep its model."""

    kept: float


@dataclass(frozen=True)
class Trial:
    """What an option knows of where it comes from."""

    machines: Any
    way: Way


MACHINES = machine_class("p5.48xlarge")

options = st.lists(
    st.builds(
        dict,
        devices=st.sampled_from([1, 2, 4, 8, 16]),
        needed=st.integers(1, 20),
        share=st.sampled_from([0.2, 0.5, 0.9, 1.0]),
        slack_bytes=st.sampled_from([1e9, 5e9, 2e10]),
        kept=st.sampled_from([0.9, 0.97, 1.0]),
    ),
    min_size=1,
    max_size=25,
)


@given(drawn=options)
@settings(max_examples=60, deadline=None)
def test_kept_options_are_beaten_by_none(drawn: list[dict[str, Any]]) -> None:
    """None is as good as a kept one in everything, quality too, and better in something."""
    told = [
        Option(
            trial=cast("Any", Trial(MACHINES, Way(one["kept"]))),
            devices=one["devices"],
            needed=one["needed"],
            most=1.0,
            share=one["share"],
            slack_bytes=one["slack_bytes"],
            candidate=cast("Any", lambda spares, at=at: (at, spares)),
        )
        for at, one in enumerate(drawn)
    ]
    demand = chat(availability=None)
    table = np.array(
        [
            (-o["devices"] * o["needed"], -o["devices"], -o["share"], o["slack_bytes"], o["kept"])
            for o in drawn
        ]
    )
    kept = [at for at, _ in cast("list[tuple[int, int]]", best_candidates(told, demand))]

    assert 1 <= len(kept) <= MOST_KEPT
    assert not any(beats(row, table[at]) for row in table for at in kept)
    assert table[kept, 0].max() == table[:, 0].max()
    assert table[kept, 1].max() == table[:, 1].max()


@given(
    rate=st.floats(0.5, 300.0),
    model=st.sampled_from(["llama-3.1-8b", "llama-3.1-70b", "gpt-oss-120b"]),
    name=st.sampled_from(["p5.48xlarge", "a3-ultragpu-8g", "ct6e-standard-8t"]),
)
@settings(max_examples=12, deadline=None)
def test_serving_candidates_keep_their_sla_and_their_memory(rate: float, model: str, name: str) -> None:
    """Each stays within every bound and the memory, and its share is that of the worst bound."""
    found = search(chat(rate=rate, ttft_s=2.0), known(model), [machine_class(name, 16)], TABLE).value

    for candidate in () if found is None else found[0]:
        estimate = candidate.estimate
        assert isinstance(estimate, ServeEstimate)
        shares = [p.estimate.seconds / p.bound_s for p in estimate.predicted]
        assert candidate.sla_share == max(shares) <= 1 + 1e-6
        assert candidate.memory_slack_bytes is not None
        assert candidate.memory_slack_bytes >= 0
        assert candidate.time_s is None


@given(
    days=st.sampled_from([4, 10, 30, None]),
    model=st.sampled_from(["llama-3.1-8b", "qwen3-30b-a3b"]),
    machines=st.integers(1, 24),
    precisions=st.sampled_from([("bf16",), ("bf16", "fp8")]),
)
@settings(max_examples=10, deadline=None)
def test_jobs_that_are_kept_are_beaten_by_none(
    days: int | None, model: str, machines: int, precisions: tuple[str, ...]
) -> None:
    """None that was evaluated is as good in device-hours, machines, time and memory, and better in one."""
    demand = pretrain(deadline_s=None if days is None else days * 86400.0)
    demand = replace(demand, limits=Limits(precisions=Allowed(names=precisions, origin=("precisions",))))
    here = machine_class("p5.48xlarge", machines)
    trials = [try_class(demand, known(model), here, name, TABLE) for name in precisions]
    kept = candidates_of(trials, demand)
    rows = [
        (-nodes * seconds, -nodes, -seconds, slack)
        for trial in trials
        if trial.jobs is not None
        for seconds, slack, devices in zip(
            trial.duration_s, trial.slack_bytes, trial.jobs.layouts.devices, strict=True
        )
        for nodes in [np.ceil(devices / 8)]
        if days is None or seconds <= days * 86400.0
    ]
    own = [
        (-one.machines * (one.time_s or 0.0), -one.machines, -(one.time_s or 0.0), one.memory_slack_bytes)
        for one in kept
    ]

    assert len(kept) <= MOST_JOBS
    assert bool(kept) == bool(rows)
    assert len({one.id for one in kept}) == len(kept)
    if rows:
        table, mine = np.array(rows), np.array(own, dtype=np.float64)
        np.testing.assert_allclose(mine.max(axis=0), table.max(axis=0), rtol=1e-9)
        for row in mine:
            # Alone and among many a layout takes the same time but for the last digit.
            hair, gain = 1e-9 * np.abs(row), table - row
            assert not ((gain >= -hair).all(axis=1) & (gain > hair).any(axis=1)).any()
