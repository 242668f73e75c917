"""The cheapest cover is what trying everything finds."""

from __future__ import annotations

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement.covering import CoverProblem, LoadClass, MachineType, broken, cover


@st.composite
def problems(draw: st.DrawFn) -> CoverProblem:
    """A few slices and machine types, with limits and gaps in the table of rates."""
    types = draw(st.integers(1, 3))
    classes = tuple(
        LoadClass(
            name=f"c{i}",
            requests_per_s=draw(st.sampled_from([0.0, 0.5, 1.0, 3.0, 7.0])),
            slices=draw(st.integers(1, 2)),
        )
        for i in range(draw(st.integers(1, 3)))
    )
    machines = tuple(
        MachineType(
            name=f"m{i}",
            usd_per_h=draw(st.sampled_from([0.0, 0.7, 1.0, 2.5])),
            most=draw(st.sampled_from([None, None, 0, 1, 2])),
        )
        for i in range(types)
    )
    rate = st.sampled_from([None, 0.9, 1.7, 2.0, 5.0])
    return CoverProblem(
        classes=classes, machines=machines, rates=tuple(tuple(draw(rate) for _ in machines) for _ in classes)
    )


def cheapest(problem: CoverProblem) -> float | None:
    """The cost of the best of all ways to send slices somewhere; None where none is allowed."""
    best: float | None = None
    slices = [which for which, one in enumerate(problem.classes) for _ in range(one.slices)]
    for where in itertools.product(range(len(problem.machines)), repeat=len(slices)):
        busy = [0.0] * len(problem.machines)
        for which, at in zip(slices, where, strict=True):
            one, rate = problem.classes[which], problem.rates[which][at]
            busy[at] += math.inf if rate is None else one.requests_per_s / one.slices / rate
            if rate is None:
                break
        if math.inf in busy:
            continue
        counts = [math.ceil(b - 1e-8) for b in busy]
        pairs = list(zip(counts, problem.machines, strict=True))
        used = set(where)
        if any(m.most is not None and c > m.most for c, m in pairs):
            continue
        if any(problem.machines[at].most == 0 for at in used):
            continue
        cost = sum(c * m.usd_per_h for c, m in pairs)
        best = cost if best is None else min(best, cost)
    return best


@settings(max_examples=60, deadline=None)
@given(problems())
def test_covers_cost_what_the_best_of_all_costs(problem: CoverProblem) -> None:
    """Same cost, right bound, no law broken; nothing where nothing is possible."""
    expected = cheapest(problem)
    result = cover(problem)

    if expected is None:
        assert result.value is None
        assert {d.code for d in result.diagnostics} <= {"no-machine", "cover-too-small"}
    else:
        found = result.unwrap()
        assert abs(expected - found.usd_per_h) < 1e-6
        assert found.status == "optimal"
        assert found.divided_usd_per_h <= found.bound_usd_per_h + 1e-6
        assert broken(problem, found) == ()
