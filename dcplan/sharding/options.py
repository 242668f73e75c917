"""What serving a workload in one way would take, and which of all ways no other beats."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.sharding.availability import spares_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from dcplan.demand.types import ServeDemand
    from dcplan.perf.numbers import Array
    from dcplan.sharding.trials import ServeTrial
    from dcplan.sharding.types import Candidate, MachineClass

MOST_KEPT = 6
"""Candidates kept of one machine class."""

MOST_REPLICAS = 1_000_000
"""Of one workload; no fleet comes near, and counts of machines stay far from where numbers overflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One way to serve a workload, before spares are counted and anything is written down."""

    trial: ServeTrial
    """Whose machines and way to keep the model it has."""
    devices: int
    """Of one replica."""
    needed: int
    """Replicas for the planned rate, without spares."""
    most: float
    """Requests/s at the most that the SLA allows."""
    candidate: Callable[[int], Candidate]
    """The candidate with so many spares."""


def needed_for(demand: ServeDemand, most: Array) -> npt.NDArray[np.int_]:
    """Replicas for the planned rate where each takes ``most`` requests/s; no more than can be counted."""
    wanted = np.maximum(np.ceil(demand.requests_per_s / most - 1e-9), 1)
    out: npt.NDArray[np.int_] = np.minimum(wanted, MOST_REPLICAS + 1).astype(int)
    return out


def whole_machines(machines: MachineClass, devices: int) -> int:
    """Whole machines of one replica; 0 for a part of one."""
    of_machine = machines.machine.devices
    return devices // of_machine if devices >= of_machine else 0


def best_candidates(options: Iterable[Option], demand: ServeDemand) -> list[Candidate]:
    """Candidates of what no other option beats, class by class."""
    classes: dict[int, list[Option]] = {}
    for option in options:
        if option.needed <= MOST_REPLICAS:
            classes.setdefault(id(option.trial.machines), []).append(option)
    return [
        option.candidate(spares)
        for members in classes.values()
        for option, spares in _unbeaten(members, demand)
    ]


def _unbeaten(members: Sequence[Option], demand: ServeDemand) -> list[tuple[Option, int]]:
    """(option, spares) that no other beats in devices altogether and devices of one replica.

    Cheapest altogether first, at most ``MOST_KEPT``; of equal ones that which
    keeps more quality, then that which could take most load.
    """
    rated = []
    domains = max((rule.at_least for rule in demand.limits.spread), default=1)
    for place, one in enumerate(members):
        machines = whole_machines(one.trial.machines, one.devices)
        # Each domain that replicas must be spread over needs one, whether the load does or not.
        spares = max(spares_for(one.needed, machines, demand.availability), domains - one.needed)
        whole = ((one.needed + spares) * one.devices, one.devices)
        rated.append((*whole, -one.trial.way.kept, -one.most, place, spares))
    kept: list[tuple[Option, int]] = []
    smallest = math.inf
    for _, devices, _, _, place, spares in sorted(rated):
        if devices < smallest:
            kept.append((members[place], spares))
            smallest = devices
    return kept[:MOST_KEPT]
