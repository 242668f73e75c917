"""What explanations say of zones, distances, quotas, pins and prices that nobody knows."""

from __future__ import annotations

from dataclasses import replace

from dcplan.placement import BudgetRule, Problem, SpreadRule, Workload, solve
from dcplan.placement.aims import PinRule
from dcplan.placement.place_types import NetworkRule, Users
from dcplan.placement.purchase_types import PaidAnyway, QuotaRule, SurviveRule
from placement_problems import choice, pool

CHAT = Workload(name="chat", origin=("workloads", "chat"))


def problem(workload: Workload, *zones: str, replicas: int = 2) -> Problem:
    """Replicas on pools of so many zones."""
    pools = tuple(pool(f"p{i}", zone=zone) for i, zone in enumerate(zones))
    ways = (choice("chat", tuple(p.id for p in pools), replicas),)
    return Problem(workloads=(workload,), pools=pools, choices=ways)


def told(asked: Problem) -> str:
    """What is said where nothing fits."""
    return " ".join(d.detail for d in solve(asked).diagnostics)


def test_spread_says_how_many_zones_there_are() -> None:
    """Three zones are asked for, and two are on offer."""
    spread = replace(CHAT, spread=(SpreadRule(over="zone", at_least=3, origin=("spread",)),))

    assert "at least 3 zones (2 zones are on offer to it)" in told(problem(spread, "r-a", "r-b", replicas=3))


def test_survival_says_how_many_zones_there_are() -> None:
    """A zone cannot be lost where there is one."""
    survive = replace(CHAT, survive=SurviveRule(units=("zone",), origin=("survive",)))

    assert "when any one zone is lost (1 zone is on offer to it)" in told(problem(survive, "r-a"))


def test_a_distance_that_nobody_knows_is_told_with_a_way_out() -> None:
    """A pool without a place keeps no bound, and the keys that would tell its place are named."""
    far = replace(
        CHAT,
        users=(Users(place="paris", share=1.0, rtt_s={}),),
        network=(NetworkRule(quantile=0.95, bound_s=0.04, origin=("sla", "network", "p95")),),
    )

    assert "the round trip to p0 is not known" in told(problem(far, "r-a"))
    assert "`latencies`" in told(problem(far, "r-a"))


def test_one_device_is_one_device() -> None:
    """What is short of a quota is counted in words."""
    quota = QuotaRule(
        law="quota", name="h100", unit="devices", at_most=1, each=(("p0", 1),), origin=("quotas",)
    )
    text = told(replace(problem(CHAT, "r-a"), quotas=(quota,)))

    assert "the quota of h100 is 1 device" in text
    assert "1 device over the quota" in text
    assert "1 devices" not in text


def test_pins_that_each_ask_for_all_replicas_are_told() -> None:
    """Two zones cannot both have everything, and the way out is `replicas`."""
    pins = tuple(PinRule(kind="zone", place=z, replicas=None, origin=("pin", z)) for z in ("r-a", "r-b"))
    [one] = solve(problem(replace(CHAT, pins=pins), "r-a", "r-b")).diagnostics

    assert one.code == "pin-too-many"
    assert "pinned to the zones r-a and r-b" in one.detail
    assert "`replicas`" in one.detail


def test_equal_prices_take_a_zone_of_the_region_and_not_one_beside_it() -> None:
    """A local zone comes first by name, and last where everything else is equal."""
    zones = ("use1-atl1-az1", "use1-az4")
    pools = tuple(pool(zone, zone=zone, region="us-east-1") for zone in zones)
    for most in (None, 5):
        asked = Problem(
            workloads=(CHAT,),
            pools=tuple(replace(p, machines=most) for p in pools),
            choices=(choice("chat", zones, 2),),
        )

        assert [a.pool for a in solve(asked).unwrap().allotments] == ["use1-az4"]


def test_a_budget_beside_an_unknown_price_is_refused() -> None:
    """Unknown is not zero: what a reservation costs now is part of the budget, and nobody knows it."""
    lot = PaidAnyway(name="r/m/reservation", purchase="reservation", pools=(), machines=2, usd_per_h=None)
    asked = replace(problem(CHAT, "r-a"), paid=(lot,))
    budget = BudgetRule(usd_per_h=1e6, origin=("budget",))
    [one] = solve(replace(asked, budget=budget)).diagnostics

    assert solve(asked).value is not None
    assert solve(replace(asked, budget=budget, paid=(replace(lot, starts_in_s=60.0),))).value is not None
    assert (one.code, one.path) == ("budget-unprovable", ("budget",))
    assert "r/m/reservation" in one.detail
