"""What serving a workload in one way would take, and which of all ways no other beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.sharding.availability import spares_for
from dcplan.sharding.front import front_rows, steps, thinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from dcplan.demand.types import ServeDemand
    from dcplan.perf.numbers import Array
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.trials import ServeTrial
    from dcplan.sharding.types import Candidate, MachineClass

MOST_KEPT = 6
"""Candidates kept of one machine class: the four that are best in one respect each, and what is cheapest or
farthest from these.  Fronts of devices alone had five at most in our examples; each more costs the solver a
variable for each pool."""

MOST_MIXED = 1
"""Candidates kept of one pair of machine classes and pair of sizes: the pairs are many."""

MOST_REPLICAS = 1_000_000
"""Of one workload; no fleet comes near, and counts of machines stay far from where numbers overflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One way to serve a workload, before spares are counted and anything is written down."""

    trial: ServeTrial
    """Whose machines and way to keep the model it has."""
    devices: int
    """Of one replica, on machines of every type."""
    needed: int
    """Replicas for the planned rate, without spares."""
    most: float
    """Requests/s at the most that the SLA allows."""
    share: float
    """Of a bound of the SLA that is used at the planned load, the worst, margin included."""
    slack_bytes: float
    """Left on the fullest device at the planned load."""
    candidate: Callable[[int], Candidate]
    """The candidate with so many spares."""
    beside: MachineClass | None = None
    """The machines of a unit's prefill workers where they are of another type."""
    apart: int = 0
    """Of the devices, those on such machines."""

    @property
    def machines(self) -> int:
        """Whole machines of one replica; 0 when it shares one."""
        own = whole_machines(self.trial.machines, self.devices - self.apart)
        return own if self.beside is None else max(own, 1) + max(whole_machines(self.beside, self.apart), 1)

    @property
    def rivals(self) -> tuple[int, ...]:
        """What must be equal for two options to be weighed against each other by their devices alone."""
        own = id(self.trial.machines)
        return (own,) if self.beside is None else (own, id(self.beside), self.devices, self.apart)


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
    classes: dict[tuple[int, ...], list[Option]] = {}
    for option in options:
        if option.needed <= MOST_REPLICAS:
            classes.setdefault(option.rivals, []).append(option)
    return [
        option.candidate(spares)
        for members in classes.values()
        for option, spares in _unbeaten(members, demand)
    ]


def _unbeaten(members: Sequence[Option], demand: ServeDemand) -> list[tuple[Option, int]]:
    """(option, spares) that no other beats, fewest devices altogether first.

    What counts are devices altogether, devices of one replica, the share of the
    SLA that is used and memory that is left.  Whatever keeps less quality than
    another that takes no more devices, altogether and for one replica, is out;
    of equals that which could take most load.
    """
    domains = max((rule.at_least for rule in demand.limits.spread), default=1)
    # Each domain that replicas must be spread over needs one, whether the load does or not.
    spares = [
        max(
            spares_for(one.needed, one.machines, demand.availability),
            domains - one.needed,
        )
        for one in members
    ]
    needed = np.array([one.needed for one in members]) + spares
    devices = np.array([one.devices for one in members], dtype=np.float64)
    kept = np.array([one.trial.way.kept for one in members])
    places = np.argsort([-one.most for one in members], kind="stable")
    places = places[~_spoilt(needed * devices, devices, kept)[places]]
    goods: list[Array] = [
        -(needed * devices)[places],
        -devices[places],
        -np.array([members[at].share for at in places]),
        np.array([members[at].slack_bytes for at in places]),
    ]
    rows = front_rows(*goods)
    goods = [column[rows] for column in goods]
    # What is cheapest, and what is smaller for more: the solver fits them into what there is.
    most = MOST_KEPT if members[0].beside is None else MOST_MIXED
    chosen = rows[thinned(most, *goods, first=steps(*goods))]
    best = sorted(int(at) for at in places[chosen])
    best.sort(key=lambda at: (needed[at] * devices[at], devices[at], members[at].share))
    return [(members[at], spares[at]) for at in best]


def _spoilt(total: Array, devices: Array, kept: Array) -> Mask:
    """Rows that another beats in quality without more devices, altogether or for one replica."""
    out = np.zeros(len(kept), dtype=bool)
    for value in np.unique(kept)[:-1]:
        own, better = np.flatnonzero(kept == value), np.flatnonzero(kept > value)
        better = better[np.argsort(total[better], kind="stable")]
        fewest = np.minimum.accumulate(devices[better])
        place = np.searchsorted(total[better], total[own], side="right") - 1
        out[own] = (place >= 0) & (fewest[place] <= devices[own])
    return out
