"""The independent check notices what the search must never do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement.gangs import (
    Domain,
    Fabric,
    Gang,
    GangEffort,
    Node,
    Quota,
    Seat,
    Seats,
    Spread,
    Tie,
    seat_gangs,
)
from dcplan.placement.gangs.verify import sent, violations

FABRIC = Fabric(
    levels=("pod",),
    domains=tuple(
        Domain(name=f"p{pod}", level="pod", parent=None, uplink_bytes_per_s=1e9) for pod in range(3)
    ),
    nodes=tuple(Node(name=f"p{pod}n{n}", domain=f"p{pod}") for pod in range(3) for n in range(4)),
)
A = Gang(name="a", stages=2, data=3, ring_bytes=5e9, boundary_bytes=1e9, required=None, quota="team")
B = Gang(name="b", data=2, required="pod", ties=(Tie(other="c", level="pod", apart=True),))
C = Gang(name="c", data=2, spread=Spread(level="pod", at_least=2))
GANGS = (A, B, C)
QUOTAS = (Quota(name="team", devices=48),)
GOOD = seat_gangs(FABRIC, GANGS, ["p2n3"], quotas=QUOTAS, effort=GangEffort(limit=1.0)).unwrap()


def moved(name: str, *nodes: str) -> Seats:
    """The good seats with one gang elsewhere."""
    seats = tuple(Seat(gang=s.gang, nodes=nodes) if s.gang == name else s for s in GOOD.seats)
    return replace(GOOD, seats=seats)


def test_good_seats_pass() -> None:
    """Nothing is wrong with what the search gives."""
    assert violations(FABRIC, GANGS, ["p2n3"], GOOD, QUOTAS) == ()


@pytest.mark.parametrize(
    ("seats", "words"),
    [
        (moved("b", "p0n0", "p1n0"), "b is in 2 domains"),
        (moved("c", "p0n0", "p0n1"), "c has 2 nodes in one pod"),
        (moved("b", "p2n3", "p2n2"), "which is taken"),
        (moved("b", *GOOD.seats[0].nodes[:2]), "16 devices of"),
        (moved("b", "p2n0"), "b has 1 nodes"),
        (moved("b", "p9n0", "p2n0"), "which is no machine"),
        (moved("a", *(f"p{n % 3}n{n // 3}" for n in range(6))), "bytes leave domains"),
        (replace(GOOD, seats=GOOD.seats[:2]), "c is told of 0 times"),
        (replace(GOOD, bound_bytes=1e15), "the bound lies above the bytes"),
        (replace(GOOD, seats=(replace(GOOD.seats[0], kept=True), *GOOD.seats[1:])), "is said to stay"),
    ],
)
def test_a_wrong_seat_is_noticed(seats: Seats, words: str) -> None:
    """Each way to be wrong has its own words."""
    assert words in "; ".join(violations(FABRIC, GANGS, ["p2n3"], seats, QUOTAS))


def test_a_quota_that_is_broken_is_noticed() -> None:
    """Six machines of eight devices are over a quota of forty."""
    found = violations(FABRIC, GANGS, ["p2n3"], GOOD, (Quota(name="team", devices=40),))

    assert found == ("48 devices count against the quota team of 40",)


def test_gangs_that_should_be_apart_are_noticed() -> None:
    """They share a pod, and are told of."""
    where = {s.gang: s.nodes for s in GOOD.seats}
    seats = moved("b", where["c"][0], where["c"][0])

    assert "b shares a pod with c" in violations(FABRIC, GANGS, ["p2n3"], seats, QUOTAS)


def test_bytes_are_counted_as_in_the_formula() -> None:
    """Stage 0 in x, stage 1 half in y: two rings leave nothing or S each, one pipeline crosses both ways."""
    gang = Gang(name="g", stages=2, data=2, ring_bytes=10.0, boundary_bytes=3.0)
    cells = ("x", "x", "x", "y")

    assert sent(gang, cells, {"x": "x", "y": "y"}) == {"x": 13.0, "y": 13.0}


def test_expert_groups_send_to_those_who_are_elsewhere() -> None:
    """Three of four in x: each of them sends a third away, the one in y all of it."""
    gang = Gang(name="g", data=4, expert=4, expert_bytes=3.0)
    cells = ("x", "x", "x", "y")

    assert sent(gang, cells, {"x": "x", "y": "y"}) == {"x": 3.0, "y": 3.0}
