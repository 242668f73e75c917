"""Whatever part of a plan's machines moves to its alternatives, every rule still holds."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement import solve
from dcplan.placement.types import AffinityRule, BudgetRule, Problem, SpotRule, SpreadRule, Workload
from dcplan.placement.verify import violations
from dcplan.plan.alternatives import Ground, _Search
from grounds import elsewhere, fallbacks_on, ground_of, resources_for
from placement_problems import choice, pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.plan.fallbacks import Alternative, Fallback

AT = ("workloads", "w")
ZONES = ("r-a", "r-b", "s-a", "s-b")


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Two workloads in a handful of pools, with rules between zones, regions, prices and each other."""
    pools = tuple(
        pool(
            f"p{i}",
            zone=draw(st.sampled_from(ZONES)),
            usd_per_h=draw(st.sampled_from([1.0, 1.5, 3.0])),
            machines=draw(st.sampled_from([None, 2, 3, 6])),
            spot=draw(st.sampled_from([False, False, True])),
        )
        for i in range(draw(st.integers(3, 5)))
    )
    names = [p.id for p in pools]

    def workload(name: str, *affinity: AffinityRule) -> Workload:
        spread = draw(st.sampled_from([None, None, "zone", "region"]))
        return Workload(
            name=name,
            origin=AT,
            spread=() if spread is None else (SpreadRule(over=spread, at_least=2, origin=AT),),
            affinity=affinity,
            spot=SpotRule(share=draw(st.sampled_from([0.0, 0.5, 1.0])), origin=AT),
        )

    other = draw(st.sampled_from([None, True, False]))
    at = draw(st.sampled_from(["zone", "region"]))
    affinity = () if other is None else (AffinityRule(other="v", at=at, apart=other, origin=AT),)
    chosen = tuple(
        choice(
            name,
            tuple(draw(st.lists(st.sampled_from(names), min_size=3, unique=True))),
            draw(st.integers(1, 3)),
            machines=draw(st.sampled_from([0, 1, 1, 2])),
            devices=draw(st.sampled_from([4, 8])),
        )
        for name in ("w", "v")
    )
    budget = draw(st.sampled_from([None, None, 6.0, 10.0, 20.0]))
    return Problem(
        workloads=(workload("w", *affinity), workload("v")),
        pools=pools,
        choices=chosen,
        budget=None if budget is None else BudgetRule(usd_per_h=budget, origin=AT),
    )


def ways(fallback: Fallback) -> Iterator[dict[str, Alternative]]:
    """All ways in which units of one fallback may be at home or in its alternatives, by their room."""
    places = (None, *fallback.alternatives)
    for targets in product(places, repeat=len(fallback.units)):
        taken: Counter[str] = Counter()
        moves: dict[str, Alternative] = {}
        for unit, target in zip(fallback.units, targets, strict=True):
            if target is not None:
                taken[target.pool] += len(unit.machines)
                moves.update({machine.name: target for machine in unit.machines})
        if sum(Fraction(taken[a.pool], a.room) for a in fallback.alternatives) <= 1:
            yield moves


def broken(ground: Ground, moves: dict[str, Alternative]) -> tuple[str, ...]:
    """What a placement with these machines elsewhere breaks."""
    there = elsewhere(ground, {name: a.pool for name, a in moves.items()})
    counted = _Search(ground, {}, resources_for).solution(there)
    return violations(ground.problem, counted)


@settings(max_examples=60, deadline=None)
@given(problems())
def test_any_part_may_be_anywhere(problem: Problem) -> None:
    """Each unit at home or in any alternative, in every combination: no rule is broken."""
    if solve(problem).value is None:
        return
    ground = ground_of(problem)
    for fallback in fallbacks_on(ground):
        for moves in ways(fallback):
            assert broken(ground, moves) == (), (fallback.pool, moves)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_any_two_that_go_together_may(problem: Problem) -> None:
    """Parts of two pools in alternatives that are told to go together: no rule is broken."""
    if solve(problem).value is None:
        return
    ground = ground_of(problem)
    fallbacks = fallbacks_on(ground)
    for number, fallback in enumerate(fallbacks):
        for moves in ways(fallback):
            used = {a.pool: a for a in moves.values()}
            for other_number, other in enumerate(fallbacks[number + 1 :], number + 1):
                for more in ways(other):
                    pools = {a.pool for a in more.values()}
                    if all((other_number, p) in a.together for a in used.values() for p in pools):
                        assert broken(ground, {**moves, **more}) == ()
