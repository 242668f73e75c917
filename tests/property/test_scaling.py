"""Scaling to whole numbers never makes an infeasible problem feasible."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from dcplan.placement.scale import money_down, money_up, paid_up, part_down

MONEY = st.floats(0, 1e6, allow_nan=False)
COUNTS = st.integers(0, 10_000)


def as_printed(value: float) -> Fraction:
    """The decimal number that a float prints as."""
    return Fraction(str(value))


@given(st.lists(st.tuples(COUNTS, MONEY), max_size=5), MONEY)
def test_a_bill_within_the_scaled_budget_is_within_the_budget(
    bill: list[tuple[int, float]], have: float
) -> None:
    """Whatever whole numbers allow, the numbers they came from allow too."""
    scaled = sum(count * money_up(price) for count, price in bill) <= money_down(have)
    real = sum((count * as_printed(price) for count, price in bill), start=Fraction(0)) <= as_printed(have)

    assert real or not scaled


@given(MONEY, st.floats(0, 1e5))
def test_cost_is_never_understated(usd_per_h: float, hours: float) -> None:
    """Micro-dollars paid are no less than price times hours, and less than one more."""
    true = as_printed(usd_per_h) * as_printed(hours) * 1_000_000

    assert true <= paid_up(usd_per_h, hours) < true + 1


@given(st.floats(0, 1), COUNTS)
def test_a_part_is_never_more_than_the_share(share: float, count: int) -> None:
    """The largest whole part that the share allows."""
    true = as_printed(share) * count

    assert true - 1 < part_down(share, count) <= true
