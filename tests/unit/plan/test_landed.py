"""What came to be elsewhere than planned, what is left of a plan then, and what is remembered of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from candidates import a_candidate
from dcplan.catalog.types import Offering, Purchase, Source
from dcplan.placement.types import Allotment, PoolUse
from dcplan.plan.fallbacks import Alternative, Fallback, Share, Unit, rewritten
from dcplan.plan.landed import landed
from dcplan.plan.remaining import remaining
from dcplan.plan.sold_out import KEPT_S, KEY, noted, remembered, still_sold_out, told
from dcplan.plan.types import Digests, PlacedWorkload, Plan, ReadEntry
from dcplan.resources import Action, Address, Change, Resource
from dcplan.state.types import State

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER = Alternative(
    pool="other", region="far", zone="z2", room=2, usd_per_h=1.5, attributes={"pool": "other", "zone": "z2"}
)


def machine(name: str) -> Resource:
    """A machine as it is planned."""
    return Resource(address=Address("x", "machine", name), attributes={"pool": "home", "zone": "z1"})


MACHINES = (machine("m-0"), machine("m-1"))


def a_plan() -> Plan:
    """Two machines for two replicas of ``chat``; each may be had in another pool."""
    candidate = a_candidate("chat", devices=8, machines=1, replicas=2, hours=None)
    share = Share(workload="chat", choice=candidate.id, replicas=1)
    placed = PlacedWorkload(
        name="chat",
        kind="serve",
        model="m",
        candidate=candidate,
        allotments=(Allotment(workload="chat", choice=candidate.id, pool="home", replicas=2),),
        regions=("near",),
        usd_per_h=4.0,
        usd_per_month=2920.0,
        usd_for_job=None,
        search="",
        demand="",
    )
    return Plan(
        dcplan="0",
        project="p",
        created_at="now",
        inputs=Digests(document="", offerings="", lineage="l", serial=0),
        changes=tuple(
            Change(address=m.address, action=Action.CREATE, before=None, after=m) for m in MACHINES
        ),
        read_set=tuple(ReadEntry(address=str(m.address), digest=None) for m in MACHINES),
        workloads=(placed,),
        pools=(PoolUse(pool="home", machines=2),),
        usd_per_h=4.0,
        fallbacks=(
            Fallback(
                pool="home",
                region="near",
                units=tuple(Unit(machines=(m.address,), shares=(share,)) for m in MACHINES),
                alternatives=(OTHER,),
            ),
        ),
    )


def rows(*resources: Resource) -> Mapping[Address, Resource]:
    """Rows of a state."""
    return {r.address: replace(r, outputs={"id": r.address.name}) for r in resources}


def test_what_is_elsewhere_shows_in_places_and_costs() -> None:
    """One of two machines is in the other pool: allotments, regions, pools and dollars say so."""
    plan, moves = landed(a_plan(), rows(MACHINES[0], rewritten(MACHINES[1], OTHER)))
    (placed,) = plan.workloads

    assert {(a.pool, a.replicas) for a in placed.allotments} == {("home", 1), ("other", 1)}
    assert placed.regions == ("near", "far")
    assert (placed.usd_per_h, plan.usd_per_h) == (5.5, 5.5)
    assert placed.usd_per_month == pytest.approx(730 * 5.5)
    assert [(u.pool, u.machines) for u in plan.pools] == [("home", 1), ("other", 1)]
    assert [(m.from_pool, m.pool, m.machines, m.usd_per_h) for m in moves] == [("home", "other", 1, 1.5)]


def test_a_region_that_nothing_is_in_is_not_told() -> None:
    """All machines are elsewhere: only that region is named."""
    plan, _ = landed(a_plan(), rows(*(rewritten(m, OTHER) for m in MACHINES)))

    assert plan.workloads[0].regions == ("far",)


def test_a_plan_that_came_as_it_was_made_is_the_same() -> None:
    """Nothing moved, nothing is told; what is not there yet counts as planned."""
    plan = a_plan()

    assert landed(plan, rows(*MACHINES)) == (plan, ())
    assert landed(plan, {}) == (plan, ())


def test_a_machine_that_was_had_elsewhere_is_made() -> None:
    """An interrupted apply has made it in the other pool: it is not left to do."""
    state = State(lineage="l", serial=1, resources=rows(rewritten(MACHINES[0], OTHER)))

    assert [c.address.name for c in remaining(a_plan(), state).changes] == ["m-1"]


def test_a_machine_in_a_pool_that_the_plan_does_not_name_is_not() -> None:
    """Somebody else put it there: that is for the staleness check."""
    strange = rewritten(MACHINES[0], replace(OTHER, attributes={"pool": "third", "zone": "z2"}))
    state = State(lineage="l", serial=1, resources=rows(strange))

    assert len(remaining(a_plan(), state).changes) == 2


def an_offering(zone: str) -> Offering:
    """Machines of one zone."""
    return Offering(
        provider="x",
        region="r",
        zone=zone,
        machine="m",
        purchase=Purchase.ON_DEMAND,
        usd_per_h=1.0,
        machines=None,
        available=True,
        source=Source(name="a test", date="2026-01-01"),
    )


OFFERED = (an_offering("a"), an_offering("b"))
SEEN = {"x/a/m": 1000.0}


@pytest.mark.parametrize(
    ("now_s", "held", "offered"),
    [
        (1500.0, {}, (0, False)),
        (1500.0, {"a/m": 2}, (2, True)),
        (2801.0, {}, (None, True)),
        (900.0, {}, (0, False)),
    ],
    ids=["nothing more", "what is held", "time is over", "clock set back"],
)
def test_a_pool_that_was_sold_out_offers_what_is_held(
    now_s: float, held: dict[str, int], offered: tuple[int | None, bool]
) -> None:
    """For a while nothing more is bought there; other pools are as before."""
    first, second = still_sold_out(OFFERED, SEEN, held, now_s, 1800.0)

    assert (first.machines, first.available) == offered
    assert second == OFFERED[1]


def test_it_can_be_switched_off() -> None:
    """With no time at all every pool is on offer."""
    assert still_sold_out(OFFERED, SEEN, {}, 1000.0, 0.0) == OFFERED


def test_a_plan_tells_what_it_leaves_out_and_where_it_goes_back() -> None:
    """Left out while it is recent, told again only when the plan buys there; never what is not offered."""

    def pools(now_s: float, bought: set[str], *, left_out: bool) -> list[tuple[str, bool]]:
        seen = {**SEEN, "x/gone/m": 1000.0}
        said = told(OFFERED, seen, bought, now_s=now_s, for_s=1800.0, left_out=left_out)
        return [(one.pool, one.left_out) for one in said]

    assert pools(1100.0, set(), left_out=True) == [("a/m", True)]
    assert pools(1100.0, {"a/m"}, left_out=False) == [("a/m", False)]
    assert pools(9000.0, set(), left_out=True) == []
    assert pools(9000.0, {"a/m"}, left_out=False) == [("a/m", False)]


def test_what_is_long_over_is_forgotten() -> None:
    """A week later there is nothing to remember; other parts of the deployment stay."""
    deployment = noted({"applied_at": "now"}, SEEN, 1000.0)
    later = noted(deployment, {}, 1000.0 + KEPT_S)

    assert remembered(deployment) == SEEN
    assert later == {"applied_at": "now"}
    assert remembered({KEY: "nonsense"}) == {}
