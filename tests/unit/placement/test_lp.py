"""The door to linear programs."""

from __future__ import annotations

import numpy as np
import pytest

from dcplan.placement.lp import LpEffort, LpStatus, Program, solve_program


def knapsack(*, whole: bool, capacity: float = 10.0, upper: float = np.inf) -> Program:
    """Maximise 5 a + 4 b, 6 a + 5 b <= capacity."""
    return Program(
        objective=np.array([5.0, 4.0]),
        lower=np.zeros(2),
        upper=np.full(2, upper),
        row_lower=np.array([-np.inf]),
        row_upper=np.array([capacity]),
        row=np.array([0, 0]),
        column=np.array([0, 1]),
        value=np.array([6.0, 5.0]),
        whole=np.array([whole, whole]),
    )


def test_a_linear_program_has_dual_values() -> None:
    """One unit more of a binding row is worth its dual value."""
    answer = solve_program(knapsack(whole=False))

    assert answer.status is LpStatus.OPTIMAL
    assert answer.objective == pytest.approx(50 / 6)
    assert answer.duals == pytest.approx([5 / 6])


def test_whole_numbers_are_whole() -> None:
    """With whole variables two small items beat one large one, and the bound is the optimum."""
    answer = solve_program(knapsack(whole=True))

    assert answer.values == pytest.approx([0.0, 2.0])
    assert [answer.objective, answer.bound] == pytest.approx([8.0, 8.0])
    assert answer.duals.size == 0


def test_what_cannot_hold_is_infeasible() -> None:
    """A row that no values meet is told by the status, in both kinds of program."""
    impossible = [
        Program(
            **{f: getattr(knapsack(whole=w), f) for f in Program.__slots__} | {"row_lower": np.array([99.0])}
        )
        for w in (False, True)
    ]

    assert [solve_program(p).status for p in impossible] == [LpStatus.INFEASIBLE] * 2
    assert not solve_program(impossible[0]).found


def test_a_wide_gap_is_not_called_optimal() -> None:
    """An answer within the gap asked for, but not proven best, is feasible with a bound above it."""
    random = np.random.default_rng(0)
    rows, columns = 40, 200
    program = Program(
        objective=random.random(columns) + 1,
        lower=np.zeros(columns),
        upper=np.full(columns, 50.0),
        row_lower=np.full(rows, -np.inf),
        row_upper=np.full(rows, 100.0),
        row=np.concatenate([random.choice(rows, 8, replace=False) for _ in range(columns)]),
        column=np.repeat(np.arange(columns), 8),
        value=random.integers(1, 9, 8 * columns).astype(float),
        whole=np.ones(columns, bool),
    )

    answer = solve_program(program, LpEffort(gap=0.1))

    assert answer.status is LpStatus.FEASIBLE
    assert answer.objective < answer.bound <= 1.1 * answer.objective + 1e-6
