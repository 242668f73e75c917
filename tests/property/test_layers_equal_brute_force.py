"""A pipeline carries what the best of all pipelines of stages carries."""

from __future__ import annotations

import itertools
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement.layers import Holding, Kind, LayerProblem, carried, place_layers, seats_of


@st.composite
def problems(draw: st.DrawFn) -> LayerProblem:
    """Up to three kinds of up to three machines, and maybe caps."""
    kinds = []
    for i in range(draw(st.integers(1, 3))):
        holdings = tuple(
            Holding(
                layers=n,
                tokens_per_s=draw(st.sampled_from([1.0, 2.0, 3.0, 5.0, 8.0])),
                pass_s=draw(st.sampled_from([0.0, 0.5, 1.0, 2.0])),
            )
            for n in draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
        )
        kinds.append(Kind(name=f"k{i}", machines=draw(st.integers(0, 3)), holdings=holdings))
    return LayerProblem(
        layers=draw(st.integers(1, 7)),
        kinds=tuple(kinds),
        latency_cap_s=draw(st.sampled_from([None, None, 1.0, 3.0])),
        most_stages=draw(st.sampled_from([None, None, 2])),
    )


def best(problem: LayerProblem) -> float:
    """The most of all pipelines, by trying every stage of every staff one after the other; 0 for none."""
    kinds = problem.kinds
    staffs: list[tuple[int, tuple[int, ...], float, float]] = []
    for n in range(1, problem.layers + 1):
        choices = [
            [(0, 0.0, 0.0)]
            + [
                (count, count * h.tokens_per_s, h.pass_s)
                for h in kind.holdings
                if h.layers == n
                for count in range(1, kind.machines + 1)
            ]
            for kind in kinds
        ]
        for staff in itertools.product(*choices):
            counts = tuple(one[0] for one in staff)
            if any(counts):
                staffs.append((n, counts, sum(one[1] for one in staff), max(one[2] for one in staff)))
    cap = float("inf") if problem.latency_cap_s is None else problem.latency_cap_s

    @cache
    def most(left: int, machines: tuple[int, ...], time: float, stages: int) -> float:
        if left == 0:
            return float("inf")
        found = 0.0
        for n, counts, rate, takes in staffs if stages else ():
            after = tuple(a - b for a, b in zip(machines, counts, strict=True))
            if n <= left and min(after) >= 0 and takes <= time and rate > found:
                found = max(found, min(rate, most(left - n, after, time - takes, stages - 1)))
        return found

    start = tuple(kind.machines for kind in kinds)
    return most(problem.layers, start, cap, problem.most_stages or problem.layers)


@settings(max_examples=60, deadline=None)
@given(problems())
def test_no_pipeline_of_stages_carries_more(problem: LayerProblem) -> None:
    """Same rate, right bounds, caps kept, and the flow over single machines says so, too."""
    expected = best(problem)
    found = place_layers(problem).value

    if expected == 0:
        assert found is None
    else:
        assert found is not None
        assert abs(expected - found.tokens_per_s) <= 1e-6
        assert found.status == "optimal"
        assert expected <= found.bound_tokens_per_s * (1 + 1e-9)
        assert found.bound_tokens_per_s <= found.any_bound_tokens_per_s * (1 + 1e-9)
        assert carried(problem.layers, seats_of(found.stages)) == found.tokens_per_s
        assert problem.latency_cap_s is None or found.latency_s <= problem.latency_cap_s
