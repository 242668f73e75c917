"""A whole floor: gangs whole, small workloads on shared machines, rules and quotas."""

from __future__ import annotations

import pytest

from dcplan.placement.gangs import Domain, Fabric, Gang, Node, Quota, Seats, Spread, Tie, place_floor
from dcplan.placement.gangs.floor import tightly
from dcplan.placement.gangs.order import groups_in_order
from dcplan.placement.gangs.verify import violations


def floor(pods: int = 3, leaves: int = 2, machines: int = 4) -> Fabric:
    """Pods of leaves of machines with eight devices."""
    domains, nodes = [], []
    for pod in range(pods):
        domains.append(Domain(name=f"p{pod}", level="pod", parent=None, uplink_bytes_per_s=1e9))
        for leaf in range(leaves):
            name = f"p{pod}l{leaf}"
            domains.append(Domain(name=name, level="leaf", parent=f"p{pod}", uplink_bytes_per_s=4e9))
            nodes += [Node(name=f"{name}n{n}", domain=name) for n in range(machines)]
    return Fabric(levels=("pod", "leaf"), domains=tuple(domains), nodes=tuple(nodes))


def placed(
    where: Fabric, gangs: list[Gang], *, taken: tuple[str, ...] = (), quotas: tuple[Quota, ...] = ()
) -> Seats:
    """Seats that the independent check finds nothing wrong with."""
    seats = place_floor(where, gangs, taken, quotas=quotas).unwrap()

    assert violations(where, gangs, taken, seats, quotas) == ()
    return seats


def domains(seats: Seats, name: str, letters: int) -> list[str]:
    """Pod (2 letters) or leaf (4) of each part of a workload."""
    return next([node[:letters] for node in seat.nodes] for seat in seats.seats if seat.gang == name)


def test_gangs_are_whole_and_the_rest_shares_machines() -> None:
    """Everything is filled to the last device, and no gang is in more leaves than it must."""
    gangs = [Gang(name="big", data=7), Gang(name="mid", data=4), Gang(name="odd", data=3)]
    gangs += [Gang(name=f"s{n}", devices=d) for n, d in enumerate([5, 3] * 8 + [7, 1, 6, 2])]

    seats = placed(floor(), gangs)

    assert seats.refused == ()
    assert [len(set(domains(seats, name, 4))) for name in ("big", "mid", "odd")] == [2, 1, 1]


def test_a_smaller_gang_makes_room() -> None:
    """The gang that comes last is whole, because a smaller one moves to another leaf."""
    blocked = ("p0l0n0", "p0l1n0", "p0l1n1")
    runs = Gang(name="runs", data=1, today=("p0l1n2",))
    gangs = [runs, Gang(name="a", data=3, required="leaf"), Gang(name="b", data=1)]

    seats = placed(floor(pods=1), gangs, taken=blocked)

    assert len(set(domains(seats, "a", 4))) == 1
    assert seats.refused == ()


def test_a_service_is_spread_over_pods() -> None:
    """Six replicas over at least three pods: two in each."""
    seats = placed(floor(), [Gang(name="chat", data=6, devices=2, spread=Spread(level="pod", at_least=3))])
    pods = domains(seats, "chat", 2)

    assert [pods.count(pod) for pod in ("p0", "p1", "p2")] == [2, 2, 2]


def test_ties_hold() -> None:
    """One gang beside another in its pod, one apart from it."""
    gangs = [
        Gang(name="train", data=5),
        Gang(name="eval", data=3, ties=(Tie(other="train", level="pod"),)),
        Gang(name="backup", data=2, ties=(Tie(other="train", level="pod", apart=True),)),
    ]

    seats = placed(floor(), gangs)

    assert set(domains(seats, "eval", 2)) == set(domains(seats, "train", 2))
    assert not set(domains(seats, "backup", 2)) & set(domains(seats, "train", 2))


def test_a_follower_of_a_refused_gang_is_refused() -> None:
    """Who must be with a gang that has no seat has none."""
    gangs = [Gang(name="train", data=99)]
    gangs += [Gang(name="eval", data=1, ties=(Tie(other="train", level="pod"),))]
    gangs += [Gang(name="watch", data=1, priority=1, ties=(Tie(other="eval", level="pod"),))]

    seats = placed(floor(), gangs)

    assert {"train", "eval", "watch"} == {r.gang for r in seats.refused}


def test_quotas_count_devices() -> None:
    """Of three workloads with two devices each, a quota of five allows two."""
    gangs = [Gang(name=f"s{n}", devices=2, quota="team") for n in range(3)]

    seats = placed(floor(), gangs, quotas=(Quota(name="team", devices=5),))

    assert (
        seats.refused[0].gang,
        seats.refused[0].why,
    ) == ("s2", "it needs 2 devices, and its quota team has 1 left")


def test_the_higher_priority_sits_when_the_floor_is_full() -> None:
    """A small workload of priority 1 is seated although larger ones fill the floor first."""
    gangs = [Gang(name=f"g{n}", data=4) for n in range(6)] + [Gang(name="vip", devices=1, priority=1)]

    seats = placed(floor(), gangs)

    assert "vip" in {seat.gang for seat in seats.seats}
    assert len(seats.refused) == 1


def test_who_sits_stays() -> None:
    """A workload of today keeps its machine."""
    seats = placed(floor(), [Gang(name="new", data=2), Gang(name="old", devices=3, today=("p2l1n3",))])

    assert [(s.gang, s.nodes, s.kept) for s in seats.seats if s.kept] == [("old", ("p2l1n3",), True)]


def test_a_gang_larger_than_a_pod_takes_the_fewest_pods() -> None:
    """Eleven machines in two pods of eight."""
    seats = placed(floor(), [Gang(name="huge", data=11), Gang(name="next", data=8)])

    assert [len(set(domains(seats, name, 2))) for name in ("huge", "next")] == [2, 1]


def test_bad_devices_are_told_of() -> None:
    """No machine has nine devices."""
    result = place_floor(floor(), [Gang(name="s", devices=9)])

    assert result.diagnostics[0].code == "gangs-bad-devices"


@pytest.mark.parametrize(
    ("room", "parts", "expected"),
    [
        ([5, 9, 7], 7, [("c", 7)]),
        ([5, 9, 7], 12, [("b", 9), ("a", 3)]),
        ([5, 9, 7], 21, [("b", 9), ("c", 7), ("a", 5)]),
    ],
)
def test_the_last_place_is_tight(room: list[int], parts: int, expected: list[tuple[str, int]]) -> None:
    """The fewest places, with the least room that is enough for the last part."""
    names = ["a", "b", "c"]

    assert expected == [(names[place], put) for place, put in tightly(room, [0, 1, 2], parts)]


def test_others_come_before_those_who_want_to_be_with_them() -> None:
    """A chain of ties is seated from its end, whatever the sizes."""
    a = Gang(name="a", data=1)
    b = Gang(name="b", data=2, ties=(Tie(other="a", level="pod"),))
    c = Gang(name="c", data=3, ties=(Tie(other="b", level="pod"),))

    assert [[g.name for g in group] for group in groups_in_order([c, b, a], (), 8)] == [["a", "b", "c"]]
