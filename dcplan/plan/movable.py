"""The new machines of a plan as units that may move, and the pools in which what is on them may run."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.plan.fallbacks import Share, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dcplan.placement.types import Assignment, MachineSlot, Problem
    from dcplan.resources import Address

Guest = tuple[str, str, str, bool, int]
"""Workload, choice, replica, whether it is the part beside, and devices of the whole part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movable:
    """Units of one pool that may go to the same other pools."""

    pool: str
    legal: tuple[str, ...]
    units: tuple[Unit, ...]


def movable(problem: Problem, assignment: Assignment, made: Mapping[str, Address]) -> Iterator[Movable]:
    """Units of the machines that are ``made``, by pool and by where they may go."""
    machines: defaultdict[tuple[str, str], list[MachineSlot]] = defaultdict(list)
    for slot in assignment.machines:
        machines[slot.pool, slot.exclusive_to or f"/{slot.name}"].append(slot)
    guests = _guests(assignment)
    groups: defaultdict[tuple[str, tuple[str, ...]], list[Unit]] = defaultdict(list)
    legal = _Legal(problem)
    for (pool, _), slots in machines.items():
        if not all(slot.name in made for slot in slots):
            continue
        unit = Unit(
            machines=tuple(made[slot.name] for slot in slots),
            shares=_shared({guest for slot in slots for guest in guests[slot.name]}),
        )
        where = legal.pools(pool, unit)
        if where:
            groups[pool, where].append(unit)
    for (pool, where), units in groups.items():
        yield Movable(pool=pool, legal=where, units=tuple(units))


def kind_of(unit: Unit) -> object:
    """What makes units interchangeable: how many machines, and what runs on them."""
    return len(unit.machines), tuple((s.workload, s.choice, s.beside) for s in unit.shares)


def _guests(assignment: Assignment) -> dict[str, list[Guest]]:
    """Machine to what is on it."""
    found: defaultdict[str, list[Guest]] = defaultdict(list)
    for r in assignment.replicas:
        for names, devices, beside in (
            (r.machines, r.devices, False),
            (r.beside_machines, r.beside_devices, True),
        ):
            for name in names:
                found[name].append((r.workload, r.choice, r.name, beside, len(devices) * len(names)))
    return found


class _Legal:
    """Where else everything on a unit's machines may run, at the same provider."""

    def __init__(self, problem: Problem) -> None:
        self._provider = {pool.id: pool.provider for pool in problem.pools}
        self._choices = {choice.id: choice for choice in problem.choices}
        self._known: dict[tuple[str, object], tuple[str, ...]] = {}

    def pools(self, pool: str, unit: Unit) -> tuple[str, ...]:
        """Their names, in order."""
        key = pool, kind_of(unit)
        if key not in self._known:
            self._known[key] = self._pools(pool, unit)
        return self._known[key]

    def _pools(self, pool: str, unit: Unit) -> tuple[str, ...]:
        if not unit.shares:
            return ()
        legal = {
            p for p, provider in self._provider.items() if p != pool and provider == self._provider[pool]
        }
        for share in unit.shares:
            choice = self._choices[share.choice]
            beside = choice.beside.pools if choice.beside is not None else ()
            legal &= {*(beside if share.beside else choice.pools)}
        return tuple(sorted(legal))


def _shared(on: Iterable[Guest]) -> tuple[Share, ...]:
    """Shares of what stands on a unit."""
    replicas: Counter[tuple[str, str, bool]] = Counter()
    devices: Counter[tuple[str, str, bool]] = Counter()
    for workload, choice, _, beside, taken in on:
        replicas[workload, choice, beside] += 1
        devices[workload, choice, beside] += taken
    total = sum(devices.values())
    return tuple(
        Share(
            workload=key[0],
            choice=key[1],
            beside=key[2],
            replicas=replicas[key],
            of_price=devices[key] / total if total else 0.0,
        )
        for key in sorted(replicas)
    )
