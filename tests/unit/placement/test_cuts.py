"""Uplinks of racks that several gangs share."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement.cuts import Sender, deal, overloaded

MB = 1e6


def a_sender(name: str, machines: int, sent_mb_per_s: int) -> Sender:
    """A gang that sends so many megabytes a second from each machine."""
    return Sender(name=name, machines=machines, sent_bytes_per_s=sent_mb_per_s * MB)


def test_a_gang_alone_never_overloads_an_uplink() -> None:
    """It was priced behind it."""
    seats = {"a": {"r0": 2, "r1": 2}}

    assert not overloaded(seats, {"a": a_sender("a", 4, 100)}, {"r0": MB, "r1": MB})


def test_gangs_that_meet_on_an_uplink_share_it() -> None:
    """Two gangs that each send 200 out of a rack need 400."""
    seats = {"a": {"r0": 2, "r1": 2}, "b": {"r0": 2, "r2": 6}}
    senders = {"a": a_sender("a", 4, 100), "b": a_sender("b", 8, 100)}

    assert overloaded(seats, senders, {"r0": 400 * MB}) == {}
    assert overloaded(seats, senders, {"r0": 399 * MB}) == {"r0": ("a", "b")}


def test_seats_together_part_gangs_that_need_not_meet() -> None:
    """Of three racks two gangs can each have one and share the third, or not meet at all."""
    senders = [a_sender("a", 4, 100), a_sender("b", 4, 100)]
    found = deal(senders, {"r0": 4, "r1": 4, "r2": 4}, dict.fromkeys(("r0", "r1", "r2"), 10 * MB), {})

    assert found.seats is not None
    assert [len(racks) for racks in found.seats.values()] == [1, 1]


def test_what_cannot_be_is_proven() -> None:
    """Two gangs that only fit when they meet, and may not."""
    senders = [a_sender("a", 3, 100), a_sender("b", 3, 100)]
    found = deal(senders, {"r0": 2, "r1": 2, "r2": 2}, dict.fromkeys(("r0", "r1", "r2"), 150 * MB), {})

    assert (found.seats, found.proven) == (None, True)


def test_a_gang_that_meets_no_other_may_send_more_than_an_uplink_carries() -> None:
    """Seats are there where each narrow rack has one gang, and the gangs meet in the wide one."""
    senders = [a_sender("a", 3, 100), a_sender("b", 3, 200)]
    room, uplinks = {"r0": 2, "r1": 2, "r2": 2}, {"r0": 100 * MB, "r1": 100 * MB, "r2": 300 * MB}

    found = deal(senders, room, uplinks, {})

    assert found.seats is not None
    assert overloaded(found.seats, {g.name: g for g in senders}, uplinks) == {}


@st.composite
def halls(draw: st.DrawFn) -> tuple[list[Sender], dict[str, int], dict[str, float], dict[str, float]]:
    """A few racks and gangs."""
    racks = [f"r{i}" for i in range(draw(st.integers(1, 3)))]
    senders = [
        a_sender(f"g{i}", draw(st.integers(1, 3)), draw(st.sampled_from([0, 1, 2])))
        for i in range(draw(st.integers(1, 2)))
    ]
    room = {rack: draw(st.integers(0, 3)) for rack in racks}
    uplinks = {rack: MB * draw(st.integers(0, 4)) for rack in racks}
    standing = {rack: MB * draw(st.integers(0, 1)) for rack in racks}
    return senders, room, uplinks, standing


@given(halls())
@settings(max_examples=120, deadline=None)
def test_seats_are_found_exactly_where_there_are_some(
    hall: tuple[list[Sender], dict[str, int], dict[str, float], dict[str, float]],
) -> None:
    """Trying all seats finds some if and only if the solver does, and in as few racks."""
    senders, room, uplinks, standing = hall
    racks = sorted(room)
    splits = [
        [s for s in product(*(range(room[r] + 1) for r in racks)) if sum(s) == g.machines] for g in senders
    ]

    def kept(rack: str, inside: list[int]) -> bool:
        sent = [g.sent_bytes_per_s * min(n, g.machines - n) for g, n in zip(senders, inside, strict=True)]
        alone = sum(rate > 0 for rate in (*sent, standing[rack])) < 2 or not any(sent)
        return sum(inside) <= room[rack] and (alone or sum(sent) + standing[rack] <= uplinks[rack])

    counts = [
        sum(n > 0 for split in seats for n in split)
        for seats in product(*splits)
        if all(kept(rack, [split[i] for split in seats]) for i, rack in enumerate(racks))
    ]
    found = deal(senders, room, uplinks, standing)

    assert (found.seats is not None) == bool(counts)
    assert found.proven
    if found.seats is not None:
        assert sum(len(taken) for taken in found.seats.values()) == min(counts)
