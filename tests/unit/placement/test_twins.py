"""Pools that are alike but for their names, and of which no placement needs all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement import Problem, Workload, solve
from dcplan.placement.twins import without_spare_twins
from dcplan.placement.types import Allotment, BudgetRule, RackRule
from placement_problems import choice, pool

SERVE = Workload(name="chat", origin=("workloads", "chat"))
TRAIN = Workload(name="train", origin=("workloads", "train"))


def problem(count: int, machines: int | None, replicas: int = 4) -> Problem:
    """So many equal pools, and a workload of a few replicas that may be in all of them."""
    names = tuple(f"p{i:02}" for i in range(count))
    return Problem(
        workloads=(SERVE,),
        pools=tuple(pool(name, machines=machines) for name in names),
        choices=(choice("chat", names, replicas),),
    )


def test_as_many_twins_stay_as_hold_everything_however_it_is_cut() -> None:
    """Four machines in pools of eight need one pool, and so two are enough for any packing."""
    found = without_spare_twins(problem(30, 8))

    assert [p.id for p in found.pools] == ["p00", "p01"]
    assert found.choices[0].pools == ("p00", "p01")


def test_of_pools_without_a_limit_one_is_enough() -> None:
    """It never fills."""
    assert len(without_spare_twins(problem(5, None)).pools) == 1


def test_what_somebody_names_is_no_twin() -> None:
    """A pool in use today, and one that a rule was learned of, stay whatever they look like."""
    asked = replace(
        problem(30, 8),
        current=(Allotment(workload="chat", choice="chat-way", pool="p20", replicas=1),),
        racks=(RackRule(pool="p25", choices=("chat-way",), at_most=1),),
    )

    assert [p.id for p in without_spare_twins(asked).pools] == ["p00", "p01", "p20", "p25"]


def test_pools_of_different_price_are_no_twins() -> None:
    """Neither are those of other zones, machines or rules."""
    asked = problem(3, 8)
    pools = (
        asked.pools[0],
        replace(asked.pools[1], usd_per_h=9.0),
        replace(asked.pools[2], zone="elsewhere"),
    )
    asked = replace(asked, pools=pools)

    assert without_spare_twins(asked) is asked


@given(
    st.integers(1, 6),
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.booleans()), min_size=1, max_size=2),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_the_least_cost_is_the_same_without_them(
    count: int, machines: int, asked: list[tuple[int, int, bool]], dear: bool
) -> None:
    """Gangs and replicas in equal pools and a dear one: leaving twins out costs nothing."""
    names = tuple(f"p{i}" for i in range(count))
    pools = [pool(name, machines=machines) for name in names]
    more = ("q",) if dear else ()
    whole = Problem(
        workloads=(SERVE, TRAIN)[: len(asked)],
        pools=(*pools, *(pool(name, machines=20, usd_per_h=5.0) for name in more)),
        choices=tuple(
            choice(w.name, (*names, *more), replicas, machines=each, one_pool=gang)
            for w, (replicas, each, gang) in zip((SERVE, TRAIN), asked, strict=False)
        ),
        budget=BudgetRule(usd_per_h=1000.0, origin=("constraints", "budget")),
    )
    one, other = solve(whole).value, solve(without_spare_twins(whole)).value

    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.report.objective_usd == pytest.approx(other.report.objective_usd)
