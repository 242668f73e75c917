"""Where tasks of a graph run, and what cannot be asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement.tasks import Edge, Option, Placed, Task, TaskPlan, TaskProblem, broken, place_tasks
from dcplan.placement.tasks import solve as solving
from dcplan.placement.tasks.bounds import cost_of
from dcplan.placement.tasks.eliminate import eliminated, order_of
from dcplan.placement.tasks.tables import tables_of

GB = 1e9


def options(**usd: float) -> tuple[Option, ...]:
    """One row for each place."""
    return tuple(Option(row=f"machine@{place}", place=place, usd=cost) for place, cost in usd.items())


def two(size_bytes: float) -> TaskProblem:
    """The first task is cheap in a, the second one in b, and moving costs 0.1 USD/GB."""
    prices = {("a", "b"): 0.1 / GB, ("b", "a"): 0.1 / GB}
    return TaskProblem(
        tasks=(
            Task(name="train", options=options(a=10.0, b=14.0)),
            Task(name="serve", options=options(a=8.0, b=5.0)),
        ),
        edges=(Edge(sender="train", receiver="serve", size_bytes=size_bytes),),
        egress_usd_per_byte=prices,
    )


def places(problem: TaskProblem) -> list[str]:
    """Where the tasks are placed."""
    return [one.option.place for one in place_tasks(problem).unwrap().placed]


def test_little_data_moves_to_where_each_task_is_cheap() -> None:
    """10 GB cost 1 USD, less than the 3 that the second task saves."""
    plan = place_tasks(two(10 * GB)).unwrap()

    assert [one.option.place for one in plan.placed] == ["a", "b"]
    assert plan.usd == pytest.approx(16.0)
    assert plan.egress_usd == pytest.approx(1.0)
    assert plan.status == "optimal"


def test_much_data_keeps_tasks_together() -> None:
    """100 GB cost 10 USD, more than the second task saves."""
    assert places(two(100 * GB)) == ["a", "a"]


def test_of_rows_at_one_place_the_cheapest_is_taken() -> None:
    """Rows of one place differ in nothing but their cost."""
    rows = (*options(a=3.0), Option(row="other@a", place="a", usd=2.0))
    problem = TaskProblem(tasks=(Task(name="t", options=rows),), edges=(), egress_usd_per_byte={})

    assert place_tasks(problem).unwrap().placed[0].option.row == "other@a"


def test_the_solver_finds_what_elimination_finds() -> None:
    """Where tables may not grow CP-SAT is asked, with the same cost and a bound that meets it."""
    names = [f"t{i}" for i in range(5)]
    tasks = tuple(
        Task(name=name, options=options(a=4.0 + i, b=6.0 - i / 2, c=5.0)) for i, name in enumerate(names)
    )
    edges = tuple(
        Edge(sender=a, receiver=b, size_bytes=(i + 1) * GB)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    )
    prices = {(a, b): (0.1 + 0.05 * (a < b)) / GB for a in "abc" for b in "abc" if a != b}
    problem = TaskProblem(tasks=tasks, edges=edges, egress_usd_per_byte=prices)
    tables, _ = tables_of(problem)

    choice, usd = eliminated(tables, order_of(tables)[0])
    asked, bound = solving._asked(problem, tables, [0] * 5)

    assert cost_of(tables, choice) == pytest.approx(usd)
    assert cost_of(tables, asked) == pytest.approx(usd)
    assert bound == pytest.approx(usd)
    assert place_tasks(problem).unwrap().usd == pytest.approx(usd)


def test_an_unknown_egress_price_is_not_zero() -> None:
    """A pair of places without a price is an error where data could go that way, and nowhere else."""
    known = two(GB)
    missing = replace(known, egress_usd_per_byte={("b", "a"): 0.0})

    result = place_tasks(missing)

    assert result.value is None
    assert [d.code for d in result.diagnostics] == ["unknown-egress"]
    assert "a to b" in result.diagnostics[0].detail
    assert place_tasks(replace(missing, edges=())).ok


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tasks": (), "edges": ()}, "no-tasks"),
        ({"tasks": (Task(name="train", options=()),), "edges": ()}, "no-option"),
        ({"tasks": (Task(name="x", options=options(a=-1.0)),), "edges": ()}, "wrong-cost"),
        ({"tasks": (Task(name="x", options=options(a=1.0)),) * 2, "edges": ()}, "wrong-task"),
        ({"edges": (Edge(sender="trian", receiver="serve", size_bytes=1.0),)}, "unknown-task"),
        ({"edges": (Edge(sender="train", receiver="serve", size_bytes=-1.0),)}, "wrong-size"),
        (
            {
                "edges": (
                    Edge(sender="train", receiver="serve", size_bytes=1.0),
                    Edge(sender="serve", receiver="train", size_bytes=1.0),
                )
            },
            "circle",
        ),
    ],
)
def test_what_is_no_problem_is_told(changes: dict[str, object], code: str) -> None:
    """Each sort of nonsense has its code, and none is a traceback."""
    result = place_tasks(replace(two(GB), **changes))  # type: ignore[arg-type]  # the fields of a problem

    assert result.value is None
    assert [d.code for d in result.diagnostics] == [code]


def test_a_misspelt_task_is_guessed() -> None:
    """The diagnostic says which name was probably meant."""
    edges = (Edge(sender="trian", receiver="serve", size_bytes=1.0),)

    said = place_tasks(replace(two(GB), edges=edges)).diagnostics

    assert 'Did you mean "train"?' in said[0].detail


def test_the_verifier_names_each_broken_law() -> None:
    """A lost task, a foreign row, a wrong sum and a bound above the cost are told."""
    stranger = Option(row="elsewhere", place="b", usd=1.0)
    plan = TaskPlan(
        placed=(Placed(task="train", option=stranger),),
        usd=9.0,
        machines_usd=1.0,
        egress_usd=0.0,
        bound_usd=20.0,
        method="elimination",
        status="optimal",
        considered=1,
    )

    said = " ".join(broken(two(GB), plan))

    assert "not every task is placed once" in said
    assert "train runs on a row that does not fit it" in said
    assert "all cost 1.0 and 9.0 is said" in said
    assert "below the bound" in said
