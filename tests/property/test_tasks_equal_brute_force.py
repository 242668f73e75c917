"""Placed tasks cost what the best of all placements costs."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement.tasks import Edge, Option, Task, TaskProblem, broken, place_tasks
from dcplan.placement.tasks import solve as solving
from dcplan.placement.tasks.bounds import cost_of, first, within
from dcplan.placement.tasks.branch import split
from dcplan.placement.tasks.eliminate import eliminated, order_of
from dcplan.placement.tasks.tables import tables_of

PLACES = ("a", "b", "c")


@st.composite
def problems(draw: st.DrawFn) -> TaskProblem:
    """Any small graph without circles, with prices that need not be symmetric or keep triangles."""
    usd = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.5])
    tasks = tuple(
        Task(
            name=f"t{i}",
            options=tuple(
                Option(row=f"r{j}", place=draw(st.sampled_from(PLACES)), usd=draw(usd))
                for j in range(draw(st.integers(1, 3)))
            ),
        )
        for i in range(draw(st.integers(1, 5)))
    )
    pairs = list(itertools.combinations([task.name for task in tasks], 2))
    edges = tuple(
        Edge(sender=a, receiver=b, size_bytes=draw(st.sampled_from([0.0, 1.0, 4.0])))
        for a, b in pairs
        if draw(st.booleans())
    )
    prices = {(a, b): draw(st.sampled_from([0.0, 0.3, 1.0])) for a, b in itertools.permutations(PLACES, 2)}
    return TaskProblem(tasks=tasks, edges=edges, egress_usd_per_byte=prices)


def cheapest(problem: TaskProblem) -> float:
    """The cost of the best of all placements."""
    names = [task.name for task in problem.tasks]
    costs = []
    for chosen in itertools.product(*(task.options for task in problem.tasks)):
        where = dict(zip(names, chosen, strict=True))
        ends = [(where[e.sender].place, where[e.receiver].place, e.size_bytes) for e in problem.edges]
        egress = sum(size * problem.egress_usd_per_byte.get((a, b), 0.0) for a, b, size in ends)
        costs.append(sum(option.usd for option in chosen) + egress)
    return min(costs)


@settings(max_examples=80, deadline=None)
@given(problems())
def test_no_placement_is_cheaper(problem: TaskProblem) -> None:
    """The cost is the least of all, proven, and no law is broken."""
    plan = place_tasks(problem).unwrap()

    assert abs(cheapest(problem) - plan.usd) < 1e-9
    assert plan.status == "optimal"
    assert broken(problem, plan) == ()


@settings(max_examples=40, deadline=None)
@given(problems())
def test_each_method_alone_finds_it(problem: TaskProblem) -> None:
    """Elimination and the solver find the least cost from all options; the bound is never above it."""
    expected = cheapest(problem)
    tables, _ = tables_of(problem)
    some, usd = first(tables)

    _, exact = eliminated(tables, order_of(tables)[0])
    asked, bound = solving._asked(problem, tables, some)
    kept, least = within(tables, usd)
    halves, cost, sure = split(tables, some, usd, 4)

    assert abs(expected - exact) < 1e-9
    assert abs(expected - cost_of(tables, asked)) < 1e-9
    assert bound <= expected + 1e-9
    assert abs(expected - cost_of(tables, halves)) < 1e-9 or not sure
    assert cost == cost_of(tables, halves) or abs(cost - cost_of(tables, halves)) < 1e-9
    assert least <= expected + 1e-9 <= usd + 2e-9
    assert all(len(options) for options in kept)
