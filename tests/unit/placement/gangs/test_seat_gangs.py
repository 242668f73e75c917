"""Seats on small fabrics: bytes, rules, who stays, who is refused and what is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dcplan.diag import Severity
from dcplan.placement.gangs import (
    Domain,
    Fabric,
    Gang,
    GangEffort,
    Node,
    Quota,
    Seats,
    Spread,
    Tie,
    seat_gangs,
)
from dcplan.placement.gangs.verify import violations

QUICK = GangEffort(limit=2.0)


def fabric(pods: int = 2, racks: int = 2, machines: int = 4) -> Fabric:
    """Pods of racks of machines, 1 GB/s out of a pod and 4 GB/s out of a rack."""
    domains, nodes = [], []
    for pod in range(pods):
        domains.append(Domain(name=f"p{pod}", level="pod", parent=None, uplink_bytes_per_s=1e9))
        for rack in range(racks):
            name = f"p{pod}r{rack}"
            domains.append(Domain(name=name, level="rack", parent=f"p{pod}", uplink_bytes_per_s=4e9))
            nodes += [Node(name=f"{name}n{n}", domain=name) for n in range(machines)]
    return Fabric(levels=("pod", "rack"), domains=tuple(domains), nodes=tuple(nodes))


def gang(name: str = "llm", stages: int = 1, data: int = 4, **more: Any) -> Gang:
    """A gang that sends 10 GB for each ring and 1 GB for each pipeline and boundary."""
    return Gang(name=name, stages=stages, data=data, **{"ring_bytes": 10e9, "boundary_bytes": 1e9, **more})


def seated(where: Fabric, *gangs: Gang, taken: tuple[str, ...] = (), quotas: tuple[Quota, ...] = ()) -> Seats:
    """Seats that the independent check finds nothing wrong with."""
    seats = seat_gangs(where, gangs, taken, quotas=quotas, effort=QUICK).unwrap()

    assert violations(where, gangs, taken, seats, quotas) == ()
    return seats


def domains(seats: Seats, name: str, letters: int) -> list[str]:
    """The first letters of the machines of a gang, in rank order: its pod (2) or its rack (4)."""
    return next([node[:letters] for node in seat.nodes] for seat in seats.seats if seat.gang == name)


def test_gangs_that_fit_a_pod_stay_whole() -> None:
    """First come, first served would split the last one; together nothing is split."""
    gangs = [gang(f"g{n}", data=size) for n, size in enumerate((3, 3, 5, 5))]

    seats = seated(fabric(), *gangs)

    assert seats.traffic[0].bytes == 0
    assert [len(set(domains(seats, g.name, 2))) for g in gangs] == [1] * 4


def test_a_split_follows_the_stages() -> None:
    """A pipeline over two pods is cut between stages, so that no ring leaves a pod."""
    seats = seated(fabric(), gang(stages=4, data=4))

    assert domains(seats, "llm", 2)[:8] == ["p0"] * 8 or domains(seats, "llm", 2)[:8] == ["p1"] * 8
    assert seats.traffic[0].bytes == 2 * 4 * 1e9
    assert seats.bound_bytes == pytest.approx(2 * 4 * 1e9)
    assert seats.gap == pytest.approx(0, abs=1e-6)


def test_a_split_follows_the_pipelines_where_rings_are_light() -> None:
    """With cheap rings and dear boundaries each pipeline stays in its pod."""
    light = gang(stages=4, data=4, ring_bytes=0.1e9, boundary_bytes=10e9)

    seats = seated(fabric(), light)
    pods = domains(seats, "llm", 2)

    assert all(len({pods[stage * 4 + member] for stage in range(4)}) == 1 for member in range(4))
    assert seats.traffic[0].bytes == pytest.approx(2 * 4 * 0.1e9)


def test_expert_groups_stay_together() -> None:
    """A stage over two pods is cut between expert groups."""
    seats = seated(fabric(machines=3), gang(data=8, expert=4, expert_bytes=50e9), taken=("p0r0n0", "p1r0n0"))
    pods = domains(seats, "llm", 2)

    assert len(set(pods)) == 2
    assert [len(set(pods[:4])), len(set(pods[4:]))] == [1, 1]


def test_the_slowest_link_is_bytes_over_bandwidth() -> None:
    """Ten gigabytes leave each pod at 1 GB/s."""
    seats = seated(fabric(), gang(data=16))

    assert (seats.traffic[0].bytes, seats.traffic[0].slowest_s) == (2 * 10e9, 10.0)


def test_who_sits_stays() -> None:
    """A running gang keeps its machines although another place would send fewer bytes."""
    today = ("p0r0n0", "p1r0n0", "p0r0n1", "p1r0n1")
    runs = gang("old", data=4, today=today)

    result = seat_gangs(fabric(), [gang("new", data=6), runs], effort=QUICK)
    old = next(seat for seat in result.unwrap().seats if seat.gang == "old")

    assert (today, True) == (old.nodes, old.kept)
    assert result.diagnostics == ()


@pytest.mark.parametrize(
    ("today", "why"),
    [
        (("p0r0n0", "gone"), "gone is no longer in the fabric"),
        (("p0r0n0", "p0r1n3"), "p0r1n3 is taken"),
        (("p0r0n0",), "it sits on 1 node and needs 2"),
    ],
)
def test_who_cannot_stay_is_told_of(today: tuple[str, ...], why: str) -> None:
    """A gang whose machines are gone moves, with a warning that says why."""
    result = seat_gangs(fabric(), [gang(data=2, today=today)], ["p0r1n3"], effort=QUICK)
    (said,) = result.diagnostics

    assert (said.severity, said.code) == (Severity.WARNING, "gangs-must-move")
    assert why in said.detail
    assert result.unwrap().seats[0].kept is False


def test_a_required_level_holds_all_of_a_gang() -> None:
    """Four machines in one rack, although another gang came first."""
    seats = seated(fabric(), gang("a", data=3), gang("b", data=4, required="rack"), gang("c", data=2))

    assert len(set(domains(seats, "b", 4))) == 1


def test_a_required_level_without_room_refuses_with_the_numbers() -> None:
    """Nine machines are in no pod of eight."""
    where = fabric()
    result = seat_gangs(where, [gang(data=9, required="pod", origin=("workloads", "llm"))], effort=QUICK)
    (said,) = result.diagnostics

    assert (said.code, said.path) == ("gangs-refused", ("workloads", "llm"))
    assert "it needs 9 nodes in one pod, and no pod has more than 8 left" in said.detail
    assert result.unwrap().refused[0].gang == "llm"


@pytest.mark.parametrize(("level", "letters", "most"), [("pod", 2, 3), ("rack", 4, 3)])
def test_a_spread_gang_has_its_share_in_no_domain_exceeded(level: str, letters: int, most: int) -> None:
    """Six machines over at least two domains: three in each at most."""
    seats = seated(fabric(), gang(data=6, spread=Spread(level=level, at_least=2)))
    where = domains(seats, "llm", letters)

    assert max(where.count(domain) for domain in where) <= most


@pytest.mark.parametrize(("level", "letters"), [("pod", 2), ("rack", 4)])
def test_gangs_apart_share_no_domain(level: str, letters: int) -> None:
    """Two gangs that would fit one rack sit in different domains of the level."""
    a, b = gang("a", data=2), gang("b", data=2, ties=(Tie(other="a", level=level, apart=True),))

    seats = seated(fabric(), a, b)

    assert not set(domains(seats, "a", letters)) & set(domains(seats, "b", letters))


@pytest.mark.parametrize(("level", "letters"), [("pod", 2), ("rack", 4)])
def test_gangs_together_share_their_domains(level: str, letters: int) -> None:
    """The second goes where the first is, although another rack is tighter."""
    a, b = gang("a", data=3), gang("b", data=1, ties=(Tie(other="a", level=level),))

    seats = seated(fabric(), a, b, taken=("p1r0n0", "p1r0n1", "p1r0n2", "p1r1n0", "p1r1n1"))

    assert set(domains(seats, "b", letters)) <= set(domains(seats, "a", letters))


def test_nobody_sits_with_a_gang_that_is_refused() -> None:
    """The follower of a gang without a seat has none either."""
    a, b = gang("a", data=99), gang("b", data=1, ties=(Tie(other="a", level="rack"),))

    seats = seated(fabric(), a, b)

    assert {"a", "b"} == {refusal.gang for refusal in seats.refused}


def test_the_higher_priority_sits_when_not_all_can() -> None:
    """Ten machines of priority 1 before sixteen of priority 0; then what still fits."""
    gangs = (gang("big", data=16), gang("first", data=10, priority=1), gang("small", data=6))

    seats = seated(fabric(), *gangs)

    assert {"big"} == {refusal.gang for refusal in seats.refused}


def test_a_quota_holds_and_is_named() -> None:
    """Two gangs of four machines against a quota of six machines: one sits."""
    gangs = (gang("a", quota="team"), gang("b", quota="team"), gang("c"))

    seats = seated(fabric(), *gangs, quotas=(Quota(name="team", devices=48),))
    (refusal,) = seats.refused

    assert refusal.gang in {"a", "b"}
    assert "its quota team has 2 left" in refusal.why


def test_three_levels_are_dealt_one_inside_the_other() -> None:
    """In a zone of two pods, a split gang is cut between stages at both levels."""
    wide = fabric(pods=4)
    zones = tuple(Domain(name=f"z{z}", level="zone", parent=None, uplink_bytes_per_s=1e8) for z in (0, 1))
    inside = {"p0": "z0", "p1": "z0", "p2": "z1", "p3": "z1"}
    domains_ = tuple(replace(d, parent=inside[d.name]) if d.level == "pod" else d for d in wide.domains)
    where = Fabric(levels=("zone", "pod", "rack"), domains=(*zones, *domains_), nodes=wide.nodes)

    seats = seated(where, gang(stages=8, data=4))

    assert [level.bytes for level in seats.traffic[:2]] == [2 * 4e9, 2 * 3 * 4e9]


def test_equal_questions_have_equal_answers() -> None:
    """Nothing is left to chance or to the clock."""
    gangs = [gang(f"g{n}", stages=2, data=size) for n, size in enumerate((2, 3, 2))]

    assert seat_gangs(fabric(), gangs, effort=QUICK) == seat_gangs(fabric(), gangs, effort=QUICK)


def test_no_gangs_need_no_seats() -> None:
    """An empty list is seated."""
    assert Seats(seats=(), refused=(), traffic=seated(fabric()).traffic, bound_bytes=0.0) == seated(fabric())


GOOD = fabric()
BROKEN_FABRICS = [
    ("gangs-empty-fabric", replace(GOOD, nodes=())),
    ("gangs-listed-twice", replace(GOOD, nodes=(*GOOD.nodes, GOOD.nodes[0]))),
    ("gangs-listed-twice", replace(GOOD, domains=(*GOOD.domains, GOOD.domains[0]))),
    (
        "gangs-disconnected",
        replace(GOOD, domains=(*GOOD.domains[:-1], replace(GOOD.domains[-1], parent="p9"))),
    ),
    (
        "gangs-no-bandwidth",
        replace(GOOD, domains=(replace(GOOD.domains[0], uplink_bytes_per_s=0), *GOOD.domains[1:])),
    ),
    (
        "gangs-no-bandwidth",
        replace(GOOD, domains=(replace(GOOD.domains[0], uplink_bytes_per_s=-1), *GOOD.domains[1:])),
    ),
    ("gangs-lost-machine", replace(GOOD, nodes=(*GOOD.nodes, Node(name="x", domain="p0")))),
]


@pytest.mark.parametrize(("code", "where"), BROKEN_FABRICS)
def test_a_broken_fabric_is_told_of(code: str, where: Fabric) -> None:
    """Each fault of a fabric has its own error, and there are no seats."""
    result = seat_gangs(where, [gang()])

    assert result.value is None
    assert code in {said.code for said in result.diagnostics}


BROKEN_GANGS = [
    ("gangs-same-name", (gang(), gang()), ()),
    ("gangs-bad-shape", (gang(data=0),), ()),
    ("gangs-bad-shape", (gang(data=4, expert=3),), ()),
    ("gangs-bad-bytes", (gang(ring_bytes=-1.0),), ()),
    ("gangs-bad-bytes", (gang(ring_bytes=float("nan")),), ()),
    ("gangs-shared-nodes", (gang(devices=4),), ()),
    ("gangs-bad-devices", (gang(devices=9),), ()),
    ("gangs-unknown-level", (gang(required="rak"),), ()),
    ("gangs-bad-spread", (gang(spread=Spread(level="pod", at_least=3)),), ()),
    ("gangs-bad-spread", (gang(required="pod", spread=Spread(level="pod", at_least=2)),), ()),
    ("gangs-unknown-other", (gang(ties=(Tie(other="nobody", level="pod"),)),), ()),
    (
        "gangs-contradiction",
        (gang("a"), gang("b", ties=(Tie(other="a", level="pod"), Tie(other="a", level="pod", apart=True)))),
        (),
    ),
    ("gangs-unknown-quota", (gang(quota="team"),), ()),
    ("gangs-quota-twice", (gang(),), (Quota(name="t", devices=1), Quota(name="t", devices=2))),
    (
        "gangs-quota-below-today",
        (gang(data=2, quota="t", today=("p0r0n0", "p0r0n1")),),
        (Quota(name="t", devices=8),),
    ),
]


@pytest.mark.parametrize(("code", "gangs", "quotas"), BROKEN_GANGS)
def test_a_broken_gang_is_told_of(code: str, gangs: tuple[Gang, ...], quotas: tuple[Quota, ...]) -> None:
    """Each fault of gangs and quotas has its own error, and there are no seats."""
    result = seat_gangs(GOOD, gangs, quotas=quotas)

    assert result.value is None
    assert code in {said.code for said in result.diagnostics}


def test_a_near_miss_is_guessed() -> None:
    """A level with a typo gets a guess."""
    (said,) = seat_gangs(GOOD, [gang(required="rak")]).diagnostics

    assert 'Did you mean "rack"?' in said.detail


def test_machines_in_use_must_exist() -> None:
    """A machine that is to be kept free must be in the fabric."""
    (said,) = seat_gangs(GOOD, [gang()], ["p7"]).diagnostics

    assert said.code == "gangs-unknown-taken"
