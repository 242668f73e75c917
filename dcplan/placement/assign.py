"""From counts to names: which replica runs on which devices of which machine.

Plain Python, no solver.  What runs today stays where it is whenever the
counts allow.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dcplan.placement.domains import Domain, zone_of
from dcplan.placement.naming import MachineNames, ReplicaNames, by_number, number_of
from dcplan.placement.packing import Shelf, shelves_by_pool
from dcplan.placement.seating import Guest, Table, fullest_first, seat_all
from dcplan.placement.types import (
    Assignment,
    Beside,
    Choice,
    MachineSlot,
    Pool,
    Problem,
    ReplicaSlot,
    Solution,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Key = tuple[str, str, str]
"""Workload, choice, pool: replicas (or parts beside) with equal keys are interchangeable."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the steps below look things up in."""

    pools: Mapping[str, Pool]
    choices: Mapping[str, Choice]
    machines: Mapping[str, MachineSlot]
    """Today's, by name."""


@dataclass(frozen=True, slots=True)
class _Member:
    """One part of a replica of the new assignment, and what it is today, if it is one of today's."""

    name: str
    key: Key
    part: Choice | Beside
    today: _Seat | None

    @property
    def beside(self) -> bool:
        """Whether it is the part beside."""
        return isinstance(self.part, Beside)


@dataclass(frozen=True, slots=True)
class _Seat:
    """Machines and devices of one part of a replica."""

    machines: tuple[str, ...]
    devices: tuple[int, ...]


Seats = dict[tuple[str, bool], _Seat]
"""By the replica's name and whether it is its part beside."""


@dataclass(slots=True)
class _Room:
    """The shared machines of one shelf of one pool."""

    pool: Pool
    machines: int
    """How many the solution counts."""
    tables: list[Table] = field(default_factory=list)
    waiting: list[Guest] = field(default_factory=list)


def assign(solution: Solution, problem: Problem, current: Assignment) -> Assignment:
    """Names for the machines and replicas of ``solution``, as near to ``current`` as its counts allow.

    A replica of today stays, with its name, machine and devices, when the
    solution has its choice in its pool.  Where there are fewer replicas than
    today, those go that free whole machines, then those with the highest
    number.  Where fewer machines are left than today's replicas sit on, the
    replicas of the emptiest machines move.  New replicas fill partly used
    machines, then new ones; numbers are the smallest that are free.
    """
    setting = _Setting(
        pools={pool.id: pool for pool in problem.pools},
        choices={choice.id: choice for choice in problem.choices},
        machines={machine.name: machine for machine in current.machines},
    )
    members = _members(solution, current, setting)
    there = [*members, *_members_beside(members, solution, current, setting)]
    whole = [m for m in there if m.part.machines > 0]
    owned = {(m.name, m.beside) for m in whole if _has_its_machines(m, setting)}
    rooms = _rooms([m for m in there if m.part.machines == 0], problem, setting)
    kept = {table.name for room in rooms for table in room.tables}
    kept.update(name for m in whole if (m.name, m.beside) in owned and m.today for name in m.today.machines)
    names = MachineNames(problem.pools, current.machines, kept)
    seats: Seats = {}
    machines: list[MachineSlot] = []
    for m in whole:
        key = m.name, m.beside
        seats[key] = seat = _place_whole(m, setting, names if key not in owned else None)
        machines += [MachineSlot(name=name, pool=m.key[2], exclusive_to=m.name) for name in seat.machines]
    for room in rooms:
        _fill(room, names)
        machines += [MachineSlot(name=table.name, pool=room.pool.id) for table in room.tables]
        for table in room.tables:
            for guest, devices in table.guests.items():
                seats[guest.name, guest.beside] = _Seat((table.name,), devices)
    order = {workload.name: i for i, workload in enumerate(problem.workloads)}
    replicas = [_slot(m, seats) for m in members]
    return Assignment(
        machines=tuple(sorted(machines, key=lambda m: by_number(m.name))),
        replicas=tuple(sorted(replicas, key=lambda r: (order[r.workload], number_of(r.name)))),
    )


def _slot(member: _Member, seats: Seats) -> ReplicaSlot:
    """A replica with the seats of its parts."""
    own, beside = seats[member.name, False], seats.get((member.name, True), _Seat((), ()))
    return ReplicaSlot(
        name=member.name,
        workload=member.key[0],
        choice=member.key[1],
        machines=own.machines,
        devices=own.devices,
        beside_machines=beside.machines,
        beside_devices=beside.devices,
    )


def _members(solution: Solution, current: Assignment, setting: _Setting) -> list[_Member]:
    """All replicas by name: today's that stay, then new ones for what is missing."""
    wanted = {(a.workload, a.choice, a.pool): a.replicas for a in solution.allotments}
    today: defaultdict[Key, list[ReplicaSlot]] = defaultdict(list)
    for slot in sorted(current.replicas, key=lambda r: by_number(r.name)):
        machine = setting.machines.get(slot.machines[0]) if slot.machines else None
        key = (slot.workload, slot.choice, machine.pool if machine else "")
        if key in wanted:
            today[key].append(slot)
    _trim(today, wanted)
    names = ReplicaNames(slot.name for slots in today.values() for slot in slots)
    members: list[_Member] = []
    for key, count in wanted.items():
        part = setting.choices[key[1]]
        members += [_Member(s.name, key, part, _Seat(s.machines, s.devices)) for s in today[key]]
        members += [_Member(names.give(key[0]), key, part, None) for _ in range(count - len(today[key]))]
    return members


def _members_beside(
    members: list[_Member], solution: Solution, current: Assignment, setting: _Setting
) -> list[_Member]:
    """The parts beside of these replicas: today's stay where the counts allow, new ones take what is left."""
    pairs = [(m, part) for m in members if (part := setting.choices[m.key[1]].beside) is not None]
    today = {slot.name: slot for slot in current.replicas}
    left = _Left(solution, setting)
    found: list[_Member] = []
    waiting: list[tuple[_Member, Beside]] = []
    for m, part in pairs:
        slot = today[m.name] if m.today else None
        machine = setting.machines.get(slot.beside_machines[0]) if slot and slot.beside_machines else None
        if slot and machine and left.stays(m.key, machine.pool):
            seat = _Seat(slot.beside_machines, slot.beside_devices)
            found.append(_Member(m.name, (*m.key[:2], machine.pool), part, seat))
        else:
            waiting.append((m, part))
    # On-demand machines are for those replicas that are on such themselves, so they choose first.
    for m, part in sorted(waiting, key=lambda pair: setting.pools[pair[0].key[2]].spot):
        found.append(_Member(m.name, (*m.key[:2], left.take(m.key)), part, None))
    return found


class _Left:
    """Parts beside that no replica has yet.

    Of the replicas of a zone no more than need be have one part on spot machines and the other not: so
    the spot share counts them.
    """

    def __init__(self, solution: Solution, setting: _Setting) -> None:
        self._pools = setting.pools
        self._count = {(a.choice, a.pool): a.replicas for a in solution.beside}
        self._of: defaultdict[tuple[str, Domain], list[str]] = defaultdict(list)
        self._odd: Counter[tuple[str, Domain]] = Counter()
        """Replicas on spot machines less parts beside on such: so many pairs are unlike."""
        for a in solution.beside:
            place = a.choice, zone_of(setting.pools[a.pool])
            self._of[place].append(a.pool)
            self._odd[place] -= a.replicas * setting.pools[a.pool].spot
        for a in solution.allotments:
            self._odd[a.choice, zone_of(setting.pools[a.pool])] += a.replicas * setting.pools[a.pool].spot

    def stays(self, key: Key, pool: str) -> bool:
        """Whether the replica's part may stay in ``pool``, which it then has."""
        _, choice, own = key
        if self._count.get((choice, pool), 0) <= 0:
            return False
        place = choice, zone_of(self._pools[own])
        unlike = self._pools[own].spot - self._pools[pool].spot
        if zone_of(self._pools[pool]) != place[1] or unlike * self._odd[place] < abs(unlike):
            return False
        self._odd[place] -= unlike
        self._count[choice, pool] -= 1
        return True

    def take(self, key: Key) -> str:
        """A pool for the replica's part: of the zone, and as spot as the replica, if there is one."""
        _, choice, own = key
        spot = self._pools[own].spot
        there = [p for p in self._of[choice, zone_of(self._pools[own])] if self._count[choice, p] > 0]
        pool = min(there, key=lambda p: (self._pools[p].spot != spot, p))
        self._count[choice, pool] -= 1
        return pool


def _trim(today: dict[Key, list[ReplicaSlot]], wanted: Mapping[Key, int]) -> None:
    """Drop from ``today`` what is too many: first what frees whole machines, then the highest numbers."""
    over = {key: len(slots) - wanted[key] for key, slots in today.items() if len(slots) > wanted[key]}
    if not over:
        return
    guests: defaultdict[str, list[tuple[Key, ReplicaSlot]]] = defaultdict(list)
    for key, slots in today.items():
        for slot in slots:
            guests[slot.machines[0]].append((key, slot))
    gone: set[str] = set()
    for sharing in sorted(guests.values(), key=lambda g: (len(g), -max(number_of(s.name) for _, s in g))):
        needed = Counter(key for key, _ in sharing)
        if all(over.get(key, 0) >= count for key, count in needed.items()):
            for key, slot in sharing:
                over[key] -= 1
                gone.add(slot.name)
    for key, slots in today.items():
        left = [slot for slot in slots if slot.name not in gone]
        today[key] = left[: len(left) - over.get(key, 0)]


def _has_its_machines(member: _Member, setting: _Setting) -> bool:
    """Today's machines of a gang are as many as it needs, in its pool, and its own."""
    if member.today is None or len(member.today.machines) != member.part.machines:
        return False
    slots = [setting.machines.get(name) for name in member.today.machines]
    return all(slot and slot.pool == member.key[2] and slot.exclusive_to == member.name for slot in slots)


def _place_whole(member: _Member, setting: _Setting, names: MachineNames | None) -> _Seat:
    """A part on whole machines: today's, or new ones out of ``names``."""
    pool = member.key[2]
    if names is not None:
        machines = tuple(names.give(pool, member.part.machines))
    else:
        machines = member.today.machines if member.today else ()
    return _Seat(machines, tuple(range(setting.pools[pool].devices)))


def _rooms(members: Iterable[_Member], problem: Problem, setting: _Setting) -> list[_Room]:
    """Shared machines with those of today's replicas that stay on them, and all others waiting."""
    by_pool: defaultdict[str, list[_Member]] = defaultdict(list)
    for member in members:
        by_pool[member.key[2]].append(member)
    shelves = shelves_by_pool(problem)
    return [room for pool, them in by_pool.items() for room in _rooms_of(pool, shelves[pool], them, setting)]


def _rooms_of(
    pool: str, shelves: tuple[Shelf, ...], members: list[_Member], setting: _Setting
) -> list[_Room]:
    """The rooms of one pool.  A machine on which two shelves sit today goes to the one with more guests."""
    shelf_of = {size: i for i, shelf in enumerate(shelves) for size in shelf.sizes}
    votes: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for m in members:
        if m.today:
            votes[m.today.machines[0]][shelf_of[m.part.devices]] += 1
    owner = {name: min(count, key=lambda i: (-count[i], i)) for name, count in votes.items()}
    volume: Counter[int] = Counter()
    tables: dict[str, Table] = {}
    rooms = [_Room(setting.pools[pool], 0) for _ in shelves]
    for m in members:
        guest, shelf = Guest(m.name, m.part.devices, m.beside), shelf_of[m.part.devices]
        volume[shelf] += guest.size
        if not (
            m.today and owner[m.today.machines[0]] == shelf and _sits(m.today, guest, tables, pool, setting)
        ):
            rooms[shelf].waiting.append(guest)
    for name, table in tables.items():
        rooms[owner[name]].tables.append(table)
    for i, shelf_ in enumerate(shelves):
        rooms[i].machines = shelf_.machines(volume[i])
        _clear_surplus(rooms[i])
    return [room for room in rooms if room.machines > 0]


def _sits(slot: _Seat, guest: Guest, tables: dict[str, Table], pool: str, setting: _Setting) -> bool:
    """Seat a guest where it sits today, if that seat is still one."""
    machine = setting.machines[slot.machines[0]]
    if machine.exclusive_to is not None or len(slot.machines) != 1:
        return False
    devices = set(slot.devices)
    table = tables.get(machine.name) or Table(machine.name, set(range(setting.pools[pool].devices)))
    if len(devices) != guest.size or not devices <= table.free:
        return False
    tables[machine.name] = table
    table.seat(guest, slot.devices)
    return True


def _clear_surplus(room: _Room) -> None:
    """Empty the machines that the solution does not count."""
    ranked = fullest_first(room.tables)
    room.tables = ranked[: room.machines]
    room.waiting += [guest for table in ranked[room.machines :] for guest in table.guests]


def _fill(room: _Room, names: MachineNames) -> None:
    """Open the missing machines and seat everyone who waits."""
    for _ in range(room.machines - len(room.tables)):
        [name] = names.give(room.pool.id, 1)
        room.tables.append(Table(name, set(range(room.pool.devices))))
    room.tables.sort(key=lambda table: by_number(table.name))
    seat_all(room.tables, room.waiting)
