"""What binds a placement, and what a unit more would save."""

from __future__ import annotations

from dataclasses import replace

from dcplan.placement import BudgetRule, Problem, SpreadRule, Workload, solve
from dcplan.placement.marginal import Binding, forced, prices_of
from placement_problems import choice, pool

CHEAP, DEAR = pool("cheap", machines=2, usd_per_h=1.0), pool("dear", zone="z1", usd_per_h=3.0)
CHAT = Workload(name="chat", origin=("workloads", "chat"))
PLAIN = Problem(workloads=(CHAT,), pools=(CHEAP, DEAR), choices=(choice("chat", ("cheap", "dear"), 4),))


def binding(problem: Problem) -> dict[str, Binding]:
    """What binds the workload, by label."""
    prices = prices_of(problem, solve(problem).unwrap(), "chat", lambda _: None)
    return {one.label: one for one in prices.binding}


def test_a_full_pool_has_the_price_of_the_machine_that_is_taken_elsewhere() -> None:
    """One cheap machine more saves a dear one: two dollars an hour, for ten hours."""
    found = binding(PLAIN)["pool-capacity[cheap]"]

    assert (found.saves_usd, found.saves_usd_per_h, found.proven) == (20.0, 2.0, True)
    assert found.unit == "1 more machine there"


def test_a_pool_with_room_binds_nothing() -> None:
    """Where all is in the cheapest pool already, no rule has a price."""
    assert binding(replace(PLAIN, pools=(replace(CHEAP, machines=9), DEAR))) == {}


def test_a_spread_has_the_price_of_the_zone_that_it_asks_for() -> None:
    """Without the spread all four replicas would be in the cheap zone."""
    spread = SpreadRule(over="zone", at_least=2, origin=("spread",))
    problem = replace(
        PLAIN,
        workloads=(replace(CHAT, spread=(spread,)),),
        pools=(replace(CHEAP, machines=None), DEAR),
    )

    assert binding(problem)["spread[chat, zone]"].saves_usd == 40.0


def test_a_budget_that_keeps_a_dearer_but_shorter_choice_out() -> None:
    """What a budget an hour costs over the whole time shows when it is raised."""
    fast = choice("chat", ("dear",), 7, id="fast", hours=1.0)
    problem = replace(
        PLAIN, choices=(*PLAIN.choices, fast), budget=BudgetRule(usd_per_h=20.0, origin=("budget",))
    )

    assert binding(problem)["budget"].saves_usd == 80.0 - 21.0


def test_forced_leaves_only_choices_that_can_be_there() -> None:
    """All pools but those asked for are gone, and with them choices without any left."""
    other = choice("chat", ("cheap",), 1, id="other")
    left = forced(replace(PLAIN, choices=(*PLAIN.choices, other)), "chat", frozenset({"dear"})).choices

    assert [(c.id, c.pools) for c in left] == [("chat-way", ("dear",))]
