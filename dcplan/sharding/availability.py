"""Spare replicas: how many keep the promised number up often enough."""

from __future__ import annotations

import math

MACHINE_AVAILABILITY = 0.995
"""Share of the time that one accelerator machine is up (assumed): Amazon's promise for a single instance.
Llama 3 (arXiv 2407.21783 section 3.3.4) saw 419 unexpected interruptions in 54 days on 2,048 machines, one
in 264 machine-days, which is better if a machine is replaced within a day."""

HIGHEST = 1 - 1e-9
"""Nobody can promise more, and sums of floats cannot tell more from 1."""

MOST_SPARES = 1_000_000
"""Where the search for spares gives up; far beyond any real plan."""


def replica_availability(machines: int) -> float:
    """Share of the time that a replica over so many machines is up: all of them must be."""
    return MACHINE_AVAILABILITY ** max(1, machines)


def spares_for(replicas: int, machines: int, availability: float | None) -> int:
    """The fewest spares with which ``replicas`` are up for the share ``availability`` of the time.

    Smallest k with P(Binomial(N + k, a) >= N) >= availability, replicas failing
    independently.  No availability asked for, no spares.
    """
    if availability is None:
        return 0
    wanted = min(availability, HIGHEST)
    up = replica_availability(machines)
    low, high = -1, 0
    while _at_least(replicas, high, up) < wanted:
        low, high = high, 2 * high + 1
        if high > MOST_SPARES:
            msg = f"no number of spares gives {availability} with replicas up {up}. This is a bug in dcplan."
            raise RuntimeError(msg)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _at_least(replicas, middle, up) >= wanted else (middle, high)
    return high


def most_with(spares: int, machines: int, availability: float) -> int:
    """The most replicas of which no more than ``spares`` are down for the share ``availability`` of the time.

    Largest N with P(Binomial(N, 1 - a) <= k) >= availability: ``spares_for`` the other way round.
    """
    wanted, up = min(availability, HIGHEST), replica_availability(machines)
    low, high = spares, spares + 1
    while _at_least(high - spares, spares, up) >= wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _at_least(middle - spares, spares, up) >= wanted else (low, middle)
    return low


def _at_least(replicas: int, spares: int, up: float) -> float:
    """P(no more than ``spares`` of ``replicas + spares`` are down), summed in logarithms."""
    count = replicas + spares
    log_term = count * math.log(up)
    chance = math.exp(log_term)
    for down in range(1, spares + 1):
        log_term += math.log((count - down + 1) / down * (1 - up) / up)
        chance += math.exp(log_term)
    return chance
