"""What each choice could cost, as arrays: machines at prices that may change, in slots that may be full.

What is counted is any goal that machines have by the hour: dollars, kilograms of CO2e, or a weighed sum.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dcplan.placement.aims import Measure, only
from dcplan.placement.domains import DOMAIN_OF
from dcplan.placement.fleet_types import WHOLE_LOAD
from dcplan.placement.objective import shared_hours
from dcplan.placement.packing import shelves_by_pool
from dcplan.placement.scale import paid_up, part_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.placement.aims import Goal
    from dcplan.placement.domains import Domain
    from dcplan.placement.pairs import Pairs
    from dcplan.placement.types import Beside, Choice, Pool, Problem, Workload

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
COST = only(Measure.COST)
_Over = tuple[str, int]
"""``zone`` or ``region``, and over how many."""
_Key = tuple[str, float, str | None, _Over | None]
"""Machine type, hours, the choice whose traffic has a price, and spread."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a choice, with its pools."""

    choice: int
    """Index of the choice."""
    replicas: int
    machines: float
    """Of one replica, at least; of shared machines a fraction."""
    together: bool
    """All replicas are in one pool."""
    beside: bool


@dataclass(frozen=True, slots=True)
class _Member:
    """A part while its group is not complete."""

    part: int
    choice: Choice
    pools: Ints


@dataclass(frozen=True, slots=True)
class Group:
    """Parts that prefer the same pools: a machine of a pool costs the same for each of them."""

    pools: Ints
    """Indices of the pools that they may use."""
    slot: Ints
    """Of each of these pools: pools of one slot share what a part may have there.  Counted from 0."""
    cost: Floats
    """Of one machine of each of these pools, over the time that it is paid for, in millionths of the goal's
    unit."""
    parts: Ints
    """Indices of the parts."""
    room: Floats
    """Of each part (row) in each slot (column): the most replicas."""
    may: Bools
    """Of each part (row) and pool (column): whether some replicas may be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Everything that a bound by prices must know of a problem."""

    pools: tuple[Pool, ...]
    choices: tuple[Choice, ...]
    """Those that have pools, workload by workload."""
    workloads: tuple[Workload, ...]
    of_workload: Ints
    """Of each choice: the index of its workload.  Not decreasing."""
    groups: tuple[Group, ...]
    parts: tuple[Part, ...]
    share: Floats
    """Of each choice of a mixed fleet: what one replica carries, of 1; 0 elsewhere."""
    out: Floats
    """Of each workload: what it costs to leave it out; infinite where it must run."""

    # Arrays of the parts, because these are read again and again.
    choice_of: Ints
    replicas: Floats
    machines: Floats


def priced(goal: Goal) -> bool:
    """Whether machines have the goal by the hour, so that it can be counted here."""
    return all(measure in {Measure.COST, Measure.CARBON} for measure, _ in goal.weights)


def columns_of(problem: Problem, pairs: Pairs, goal: Goal = COST) -> Columns:
    """The arrays of what ``pairs`` leaves of a problem, where ``goal`` is what is minimised (``priced``)."""
    order = {w.name: i for i, w in enumerate(problem.workloads)}
    choices = tuple(
        sorted((c for c in problem.choices if c.id in pairs.own), key=lambda c: order[c.workload])
    )
    work = _Work(problem, goal)
    for i, choice in enumerate(choices):
        for part, pools in pairs.of(choice):
            work.add(i, choice, part, pools)
    parts = tuple(work.parts)
    mixing = {w.name for w in problem.workloads if w.fleet is not None}
    return Columns(
        pools=problem.pools,
        choices=choices,
        workloads=problem.workloads,
        of_workload=np.array([order[c.workload] for c in choices], np.int64),
        groups=work.groups(),
        parts=parts,
        share=np.array([c.weight / WHOLE_LOAD if c.workload in mixing else 0.0 for c in choices], float),
        out=np.array([np.inf if w.required else 0.0 for w in problem.workloads]),
        choice_of=np.array([p.choice for p in parts], np.int64),
        replicas=np.array([p.replicas for p in parts], float),
        machines=np.array([p.machines for p in parts], float),
    )


class _Work:
    """Parts of choices as they are found, in groups."""

    def __init__(self, problem: Problem, goal: Goal) -> None:
        self.goal = goal
        self.parts: list[Part] = []
        self._members: defaultdict[_Key, list[_Member]] = defaultdict(list)
        self._workloads = {w.name: w for w in problem.workloads}
        self._index = {pool.id: i for i, pool in enumerate(problem.pools)}
        self._pools = problem.pools
        self._shelves = shelves_by_pool(problem)
        self._usable: dict[tuple[int, int], int] = {}
        self._shared_h = shared_hours(problem)
        self._have = np.array([np.inf if p.machines is None else p.machines for p in problem.pools], float)
        self._spot = np.array([p.spot for p in problem.pools], bool)
        self._never_spot = {w.name for w in problem.workloads if w.spot is not None and w.spot.share == 0}
        self._numbers: dict[int, tuple[tuple[Pool, ...], Ints]] = {}

    def add(self, index: int, choice: Choice, part: Choice | Beside, pools: tuple[Pool, ...]) -> None:
        """One more part."""
        workload = self._workloads[choice.workload]
        beside = part is not choice
        shared = part.machines == 0
        key: _Key = (
            pools[0].machine,
            self._shared_h if shared else choice.hours,
            choice.id if workload.egress_usd_per_h and not beside else None,
            None if beside else _spread_over(workload),
        )
        numbers = self._numbered(pools)
        machines = part.devices / self._devices(pools, part.devices) if shared else float(part.machines)
        one = Part(index, choice.replicas, machines, choice.one_pool and not beside, beside)
        self._members[key].append(_Member(len(self.parts), choice, numbers))
        self.parts.append(one)

    def _numbered(self, pools: tuple[Pool, ...]) -> Ints:
        """Indices of pools; most tuples of pools are the same object many times."""
        if id(pools) not in self._numbers:
            # The tuple is held, so that its id is not given to another.
            self._numbers[id(pools)] = (pools, np.array([self._index[p.id] for p in pools], np.int64))
        return self._numbers[id(pools)][1]

    def _devices(self, pools: tuple[Pool, ...], size: int) -> int:
        """The most devices of a machine that replicas of this size can share."""
        key = (id(pools), size)
        if key not in self._usable:
            shelves = (shelf for p in pools for shelf in self._shelves[p.id] if size in shelf.sizes)
            self._usable[key] = max(shelf.devices for shelf in shelves)
        return self._usable[key]

    def groups(self) -> tuple[Group, ...]:
        """The groups of all parts."""
        return tuple(
            self._group(hours, traffic, over, members)
            for (_, hours, traffic, over), members in self._members.items()
        )

    def _group(
        self, hours: float, traffic: str | None, spread: _Over | None, members: list[_Member]
    ) -> Group:
        """The group of parts on one machine type."""
        every = np.unique(np.concatenate([m.pools for m in members]))
        pools = [self._pools[i] for i in every.tolist()]
        cost = np.array([self._paid(p, hours) for p in pools], float)
        if traffic is not None:
            # Such a group has one part, so that traffic can be told for each machine.
            [one] = members
            sent = self._workloads[one.choice.workload].egress_usd_per_h
            each = np.array([sent.get(p.id, 0.0) for p in pools]) * self._weight(Measure.COST)
            cost += each * one.choice.hours * 1e6 / (one.choice.replicas * self.parts[one.part].machines)
        slot, here = _slots(pools, spread), self._here(members, every)
        return Group(
            pools=every,
            slot=slot,
            cost=cost,
            parts=np.array([m.part for m in members], np.int64),
            room=here if spread is None else _room(members, here, slot, spread[1]),
            may=here > 0,
        )

    def _weight(self, measure: Measure) -> float:
        return sum(weight for one, weight in self.goal.weights if one is measure)

    def _paid(self, pool: Pool, hours: float) -> float:
        """What one machine has of the goal, over ``hours``."""
        rate = {Measure.COST: pool.usd_per_h, Measure.CARBON: pool.kgco2_per_h or 0.0}
        return sum(weight * paid_up(rate[measure], hours) for measure, weight in self.goal.weights)

    def _here(self, members: list[_Member], every: Ints) -> Floats:
        """The most replicas of each part in each pool."""
        parts = [self.parts[m.part] for m in members]
        machines = np.array([p.machines for p in parts])
        most = np.array([m.choice.most for m in members], float)[:, None]
        may = np.zeros((len(members), len(every)), bool)
        for row, member in enumerate(members):
            may[row, np.searchsorted(every, member.pools)] = True
            if self._workloads[member.choice.workload].name in self._never_spot:
                may[row] &= ~self._spot[every]
        here = np.where(may, np.minimum(np.floor(self._have[every] / machines[:, None] + 1e-9), most), 0.0)
        whole = np.array([p.replicas if p.together else 0 for p in parts], float)[:, None]
        return np.where((whole > 0) & (here < whole), 0.0, here)


def _room(members: list[_Member], here: Floats, slot: Ints, at_least: int) -> Floats:
    """The most replicas of each part in each zone or region."""
    room = np.zeros((len(members), int(slot.max()) + 1))
    np.add.at(room.T, slot, here.T)
    even = np.array([part_each(m.choice.most, at_least) for m in members], float)[:, None]
    return np.asarray(np.minimum(room, even), float)


def _spread_over(workload: Workload) -> _Over | None:
    """The zones or regions over which replicas are spread, where that divides them most."""
    strictest = max(workload.spread, key=lambda s: s.at_least, default=None)
    if strictest is None or workload.fleet is not None:
        return None
    return strictest.over, strictest.at_least


def _slots(pools: Sequence[Pool], spread: _Over | None) -> Ints:
    """Each pool a slot, or each zone or region over which replicas are spread."""
    if spread is None:
        return np.arange(len(pools))
    domains: dict[Domain, int] = {}
    return np.array([domains.setdefault(DOMAIN_OF[spread[0]](p), len(domains)) for p in pools], np.int64)
