"""Floats become whole numbers on the safe side."""

from __future__ import annotations

import pytest

from dcplan.placement.scale import (
    LARGEST_SUM,
    coarse_unit,
    money_down,
    money_up,
    paid_up,
    part_down,
    part_each,
)


def test_money_we_need_rounds_up_and_money_we_have_down() -> None:
    """A price of a third of a dollar is a little more, a budget a little less."""
    assert money_up(1 / 3) == 333_334
    assert money_down(1 / 3) == 333_333


def test_round_prices_stay_exact() -> None:
    """What prints with few decimals is taken as it prints."""
    assert money_up(98.32) == 98_320_000
    assert money_down(0.29) == 290_000
    assert paid_up(0.1, 720.0) == 72_000_000


def test_shares_round_down_but_not_below_what_they_say() -> None:
    """0.29 of 100 are 29, although the nearest binary fraction gives 28."""
    assert int(0.29 * 100) == 28
    assert part_down(0.29, 100) == 29
    assert part_down(0.5, 5) == 2


def test_even_parts_round_up() -> None:
    """Five over two zones: at most three in one."""
    assert part_each(5, 2) == 3
    assert part_each(6, 2) == 3


def test_sums_are_coarsened_only_when_they_must_be() -> None:
    """Micro-dollars, until their sum leaves what the solver can add."""
    assert coarse_unit([LARGEST_SUM]) == 1
    assert coarse_unit([LARGEST_SUM, LARGEST_SUM]) == 10


def test_infinity_is_no_price() -> None:
    """Money must be a number."""
    with pytest.raises(ValueError, match="inf"):
        money_up(float("inf"))
