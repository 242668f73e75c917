"""Who works out questions, and that it does not matter who does."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dcplan.demand.goals import Measure
from dcplan.diag import Result, error
from dcplan.placement.aims import Proof
from dcplan.workflow.executors import (
    HERE,
    PROCESSES,
    SERIAL,
    Ahead,
    Fanout,
    Helpers,
    Where,
    helped,
    read_fanout,
)
from dcplan.workflow.pareto import Point, Question, sweep

PLANS = tuple((float(n), 1000.0 / (n + 1) ** 1.5) for n in range(40))
"""Cost and carbon."""


def planned(question: Question) -> Result[Point]:
    """The best of ``PLANS``; some questions take longer than others."""
    goals, ceiling = question
    time.sleep(0.002 if ceiling and int(ceiling) % 2 else 0)
    first = 0 if goals[0] is Measure.COST else 1
    fits = [plan for plan in PLANS if ceiling is None or plan[1] <= ceiling]
    if not fits:
        return Result(None, (error("no-placement", "Nothing fits", ""),))
    best = min(fits, key=lambda plan: plan[first])
    cost = Proof(goal="cost", unit="USD", value=best[0], bound=best[0], status="optimal")
    carbon = Proof(goal="carbon", unit="kgCO2e", value=best[1], bound=best[1], status="optimal")
    return Result(Point(proofs=(cost, carbon), usd_per_h=best[0], shares=(), left_out=()))


@pytest.mark.parametrize("points", [2, 3, 5, 12, 40])
@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_helpers_change_no_front(points: int, at_once: int) -> None:
    """The same plans in the same order, however many are answered ahead; one helper does nothing in vain."""
    measures = (Measure.COST, Measure.CARBON)
    asked: list[Question] = []

    def counted(question: Question) -> Result[Point]:
        asked.append(question)
        return planned(question)

    alone = sweep(counted, measures, points)
    needed = list(asked)
    asked.clear()
    with ThreadPoolExecutor(at_once) as executor:
        ahead = Ahead(counted, Helpers(executor=executor, at_once=at_once))
        together = sweep(ahead, measures, points, soon=ahead.soon)
        ahead.close()

    assert alone == together
    assert len(set(asked)) == len(asked)
    assert set(needed) <= set(asked)
    assert at_once > 1 or asked == needed


def test_questions_that_are_coming_are_begun_at_the_same_time() -> None:
    """As many as there are helpers, and no more."""
    with ThreadPoolExecutor(2) as executor:
        begun: list[int] = []

        def slow(question: int) -> int:
            begun.append(question)
            time.sleep(0.1)
            return question * 2

        ahead = Ahead(slow, Helpers(executor=executor, at_once=2))
        ahead.soon([1, 2, 3])

        assert ahead(1) == 2
        assert sorted(begun) == [1, 2]
        assert ahead(3) == 6


def test_without_helpers_nothing_is_done_ahead() -> None:
    """A question is answered when it is asked, here."""
    asked: list[int] = []
    ahead = Ahead(asked.append, HERE)
    ahead.soon([1, 2])
    ahead(3)

    assert asked == [3]


def test_executors_are_read() -> None:
    """Each name, and its number or address."""
    assert read_fanout("serial") == SERIAL
    assert read_fanout("processes") == PROCESSES
    assert read_fanout("processes=3") == Fanout(where=Where.PROCESSES, processes=3)
    assert read_fanout("dask=tcp://h:8786") == Fanout(where=Where.DASK, address="tcp://h:8786")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "There are: serial"),
        ("dask", "needs the address"),
        ("dask=", "needs the address"),
        ("dsk=tcp://h:1", 'Did you mean "dask"'),
        ("processes=", "is no number of processes from 1 to 200"),
        ("processes=0", "is no number of processes from 1 to 200"),
        ("processes=201", "is no number of processes from 1 to 200"),
        ("processes=two", "is no number of processes from 1 to 200"),
        ("serial=2", "is no executor"),
    ],
)
def test_what_is_no_executor_is_refused(text: str, told: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(ValueError, match=told):
        read_fanout(text)


def test_a_helper_that_ends_is_told_without_a_traceback() -> None:
    """A process that is killed makes an error that names the way out."""

    def work(helpers: Helpers) -> Result[None]:
        assert helpers.executor is not None
        return Result(helpers.executor.submit(os._exit, 1).result())

    [told] = helped(Fanout(where=Where.PROCESSES, processes=1), work).diagnostics

    assert told.code == "helper-lost"
    assert "-executor processes=N" in told.detail


def test_what_a_question_raises_is_raised_here() -> None:
    """A bug is not hidden by the process in which it happens."""

    def work(helpers: Helpers) -> Result[int]:
        assert helpers.executor is not None
        return Result(helpers.executor.submit(int, "x").result())

    with pytest.raises(ValueError, match="invalid literal"):
        helped(Fanout(where=Where.PROCESSES, processes=1), work)
