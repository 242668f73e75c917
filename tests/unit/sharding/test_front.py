"""Fronts and what stands for them."""

from __future__ import annotations

import numpy as np

from dcplan.sharding.front import front_rows, on_front, steps, thinned


def test_the_front_holds_what_nothing_beats() -> None:
    """A row is on the front unless another is as good in everything and better in something."""
    speed, small = np.array([3.0, 2.0, 2.0, 1.0]), np.array([1.0, 2.0, 1.0, 2.0])

    assert on_front(speed, small).tolist() == [True, True, False, False]
    assert on_front(speed, small, np.array([0.0, 0.0, 1.0, 1.0])).tolist() == [True, True, True, True]


def test_of_equal_rows_the_first_is_listed() -> None:
    """Rows that are as good as each other in everything are one way, not two."""
    speed, small = np.array([1.0, 2.0, 2.0]), np.array([3.0, 1.0, 1.0])

    assert front_rows(speed, small).tolist() == [0, 1]


def test_steps_pay_for_the_second_with_the_first() -> None:
    """Along the steps the first good falls and the second rises; of equals the best in the others."""
    cheap, small = np.array([3.0, 3.0, 2.0, 1.0]), np.array([1.0, 1.0, 1.0, 2.0])

    assert steps(cheap, small, np.array([0.0, 1.0, 5.0, 0.0])).tolist() == [1, 3]


def test_of_nothing_nothing_is_kept() -> None:
    """No row is a front without rows."""
    none = np.zeros(0)

    assert on_front(none, none).tolist() == []
    assert front_rows(none, none).tolist() == []
    assert steps(none, none).tolist() == []
    assert thinned(3, none, none, first=np.zeros(0, dtype=np.intp)).tolist() == []


def test_what_is_far_from_all_others_stands_for_more() -> None:
    """After the ends comes the row in the middle, not a neighbour of one that is kept."""
    place = np.array([0.0, 1.0, 2.0, 50.0, 98.0, 99.0, 100.0])

    assert thinned(3, place, -place, first=np.zeros(0, dtype=np.intp)).tolist() == [0, 3, 6]


def test_rows_that_are_wanted_come_before_those_that_are_far() -> None:
    """What is listed as first is kept as far as there is room beside the ends."""
    place = np.array([0.0, 1.0, 2.0, 50.0, 98.0, 99.0, 100.0])

    assert thinned(3, place, -place, first=np.array([1, 2])).tolist() == [0, 1, 6]
