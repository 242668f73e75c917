"""Spare replicas."""

from __future__ import annotations

from math import comb

import pytest

from dcplan.sharding import replica_availability, spares_for


def up_often_enough(replicas: int, spares: int, up: float) -> float:
    """P(at least ``replicas`` of ``replicas + spares`` are up), term by term."""
    count = replicas + spares
    return sum(comb(count, f) * (1 - up) ** f * up ** (count - f) for f in range(spares + 1))


@pytest.mark.parametrize("availability", [0.99, 0.999, 0.9999])
@pytest.mark.parametrize(("replicas", "machines"), [(1, 1), (3, 1), (10, 2), (100, 4)])
def test_spares_are_just_enough(replicas: int, machines: int, availability: float) -> None:
    """The spares keep the promise, and one fewer would not."""
    spares, up = spares_for(replicas, machines, availability), replica_availability(machines)

    assert up_often_enough(replicas, spares, up) >= availability
    assert spares == 0 or up_often_enough(replicas, spares - 1, up) < availability


def test_no_promise_needs_no_spares() -> None:
    """Without an availability there are no spares."""
    assert spares_for(100, 1, None) == 0


def test_more_machines_make_a_replica_less_available() -> None:
    """A replica is up only while all its machines are; a part of a machine counts as one."""
    assert replica_availability(4) < replica_availability(1) == replica_availability(0)


def test_large_fleets_have_an_answer() -> None:
    """Hundreds of thousands of replicas neither underflow nor take long."""
    spares = spares_for(300_000, 1, 0.999)

    assert 1_500 < spares < 2_000
