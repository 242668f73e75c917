"""The sweep over two measures."""

from __future__ import annotations

from dcplan.demand.goals import Measure
from dcplan.diag import Result, error
from dcplan.placement.aims import Proof
from dcplan.workflow.pareto import Point, Question, sweep

Pair = tuple[float, float]


def point(pair: Pair) -> Point:
    """A plan with these values of cost and carbon."""
    proofs = (
        Proof(goal="cost", unit="USD", value=pair[0], bound=pair[0], status="optimal"),
        Proof(goal="carbon", unit="kgCO2e", value=pair[1], bound=pair[1], status="optimal"),
    )
    return Point(proofs=proofs, usd_per_h=pair[0], shares=(), left_out=())


class Planner:
    """Plans among these pairs, and counts how often it is asked."""

    def __init__(self, *pairs: Pair) -> None:
        self.pairs = pairs
        self.asked = 0

    def ask(self, question: Question) -> Result[Point]:
        """The least of the first measure, then of the second, under a ceiling of the second."""
        goals, ceiling = question
        self.asked += 1
        index = [0 if goal is Measure.COST else 1 for goal in goals]
        fits = [p for p in self.pairs if ceiling is None or p[1] <= ceiling]
        if not fits:
            return Result(None, (error("no-placement", "Nothing fits", ""),))
        return Result(point(min(fits, key=lambda p: (p[index[0]], p[index[1]]))))


def found(planner: Planner, points: int) -> list[Pair]:
    """The values of the front."""
    swept = sweep(planner.ask, (Measure.COST, Measure.CARBON), points).unwrap()
    return [p.values for p in swept]


def test_the_front_has_both_ends_and_what_lies_between() -> None:
    """Nothing that another plan beats in both is on it, and each plan is there once."""
    planner = Planner((1, 100), (2, 60), (3, 59), (2.5, 80), (7, 20), (9, 20), (9, 10))

    assert found(planner, 20) == [(1, 100), (2, 60), (3, 59), (7, 20), (9, 10)]
    assert found(planner, 3) == [(1, 100), (7, 20), (9, 10)]
    assert found(planner, 2) == [(1, 100), (9, 10)]


def test_few_questions_find_few_plans() -> None:
    """Where no plan lies, nothing is asked but a few halves of what is left."""
    planner = Planner((1, 100), (2, 12), (3, 10))

    assert found(planner, 10) == [(1, 100), (2, 12), (3, 10)]
    assert planner.asked < 12


def test_one_plan_may_be_best_in_both() -> None:
    """Then there is nothing to trade."""
    assert found(Planner((1, 10), (2, 20)), 8) == [(1, 10)]


def test_no_plan_at_all_is_an_error() -> None:
    """What the first question answers is told."""
    assert [d.code for d in sweep(Planner().ask, (Measure.COST, Measure.CARBON), 3).diagnostics] == [
        "no-placement"
    ]
