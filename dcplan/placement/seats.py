"""Which rack each machine of a gang stands in, so that what is near in the estimate is near in the hall.

Pure but for the solver, which is asked only where the obvious way leaves a gang without a rack.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dcplan.placement.cpsat import Effort, Model, run
from dcplan.placement.groups import Grouped, seat_groups
from dcplan.placement.naming import by_number
from dcplan.placement.shared_uplinks import Seating, ranked, widened
from dcplan.placement.slices import Pod, PodSeats, seat_slices
from dcplan.placement.spans import group_of
from dcplan.placement.types import RackRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dcplan.placement.types import Assignment, MachineSlot, Problem, ReplicaSlot

Racks = Mapping[str, Mapping[str, int]]
"""Machines that nobody holds, by pool and rack (``zone/block/rack``).  Pools whose racks are not told are
not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hall:
    """What is known of the racks of pools, besides what is free in them."""

    uplinks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Bytes/s out of each rack, by pool and rack."""
    cubes: Mapping[str, int] = field(default_factory=dict)
    """Machines of a cube, by pool, where racks are cubes of a TPU pod."""
    pods: Mapping[str, Pod] = field(default_factory=dict)
    """Of those, by pool, the ones whose places are known."""
    standing: Mapping[str, str] = field(default_factory=dict)
    """Machine to the name of the place where it stands today, where providers tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """Where the machines of gangs stand, as far as racks are known."""

    racks: Mapping[str, str]
    """Machine to rack: those of today, and those that are new beside a gang."""
    unseated: tuple[str, ...] = ()
    """Replicas whose machines, or groups of them, must be in one rack and cannot all be."""
    crowded: tuple[RackRule, ...] = ()
    """What was learned from that."""
    nodes: Mapping[str, str] = field(default_factory=dict)
    """Machine to its place in the rack, ``zone/block/rack/node``: those that are new in TPU pods."""


def seat(
    problem: Problem,
    assignment: Assignment,
    free: Racks,
    today: Mapping[str, str],
    hall: Hall | None = None,
) -> Seats:
    """Racks for the machines of ``assignment``; ``today`` is where machines stand now, by name.

    What stands, stays.  New gangs that must be in one rack go first, the
    largest into the tightest rack that holds them; where that leaves one
    without, all of them are seated together, exactly.  Then come the other
    gangs, into as few racks as hold them (where racks are cubes, whole ones; where
    groups are wider than a machine, each in one rack); where several of them then
    send more out of a rack than its uplink carries, they are seated together, too;
    and ranks that talk to each other share racks (``placement.ranked``).  Last come
    the other new machines of their pools, which fill the fullest racks: so no rack
    that a gang was counted on is taken from it by the order of calls.  In TPU pods
    whose places are known, slices are laid out place by place (``placement.boxes``).
    """
    hall = hall or Hall()
    choices = {choice.id: choice for choice in problem.choices}
    slots = {machine.name: machine for machine in assignment.machines}
    racks = {name: today[name] for name in slots if name in today}
    left = _left(assignment, free)
    gangs = [r for r in assignment.replicas if len(r.machines) > 1 and slots[r.machines[0]].pool in left]
    nodes, lost_slices, no_room = _seat_pods(gangs, assignment, hall, racks, left)
    gangs = [r for r in gangs if slots[r.machines[0]].pool not in hall.pods]
    small = {
        r.name for r in gangs if len(r.machines) < hall.cubes.get(slots[r.machines[0]].pool, 0)
    }  # slices within a cube
    together = [r for r in gangs if choices[r.choice].one_rack or r.name in small]
    apart = [r for r in gangs if r not in together]
    unseated = [r.name for r in together if len({racks.get(m) for m in r.machines} - {None}) > 1]
    for pool, members in _by_pool(together, slots).items():
        unseated += _seat_whole([r for r in members if r.name not in unseated], left[pool], racks)
    work = _Work(problem, hall, racks, left, today)
    learned = []
    for pool, members in _by_pool(apart, slots).items():
        lost, rules = _seat_pool(pool, members, work)
        unseated += lost
        learned += rules
    in_gangs = {m for r in gangs for m in r.machines}
    for pool in sorted({slots[r.machines[0]].pool for r in gangs}):
        for machine in assignment.machines:
            if machine.pool == pool and machine.name not in in_gangs and machine.name not in racks:
                _seat_spread([machine.name], left[pool], racks)
    crowded = [_crowded(pool, members, unseated) for pool, members in _by_pool(together, slots).items()]
    return Seats(
        racks=racks,
        unseated=tuple(sorted((*unseated, *lost_slices), key=by_number)),
        crowded=tuple(rule for rule in (*crowded, *learned, *no_room) if rule is not None),
        nodes=nodes,
    )


def _seat_pods(
    gangs: Sequence[ReplicaSlot],
    assignment: Assignment,
    hall: Hall,
    racks: dict[str, str],
    left: Mapping[str, Counter[str]],
) -> tuple[dict[str, str], list[str], list[RackRule | None]]:
    """Lay out slices in the pods whose places are known: places, gangs without one, and what was learned."""
    nodes: dict[str, str] = {}
    lost: list[str] = []
    learned: list[RackRule | None] = []
    slots = {machine.name: machine for machine in assignment.machines}
    in_gangs = {m for r in gangs for m in r.machines}
    for pool, members in _by_pool(gangs, slots).items():
        if pool in hall.pods:
            alone = [m.name for m in assignment.machines if m.pool == pool and m.name not in in_gangs]
            seats = PodSeats(racks=racks, nodes=nodes, left=left[pool])
            out = seat_slices(hall.pods[pool], members, alone, seats, hall.standing)
            lost += out
            learned.append(_crowded(pool, members, out))
    return nodes, lost, learned


@dataclass(frozen=True, slots=True)
class _Work:
    """What gangs of all pools are seated with."""

    problem: Problem
    hall: Hall
    racks: dict[str, str]
    left: Mapping[str, Counter[str]]
    today: Mapping[str, str]


def _seat_pool(
    pool: str, gangs: Sequence[ReplicaSlot], work: _Work
) -> tuple[list[str], list[RackRule | None]]:
    """Seat gangs of one pool that may be in several racks: those without seats, and what was learned."""
    cube = work.hall.cubes.get(pool)
    choices = {choice.id: choice for choice in work.problem.choices}
    own = next(p for p in work.problem.pools if p.id == pool)
    seating = Seating(
        pool=pool,
        choices=choices,
        groups={} if cube else {r.name: group_of(choices[r.choice], own) for r in gangs},
        left=work.left[pool],
        racks=work.racks,
        today=work.today,
        uplinks=work.hall.uplinks.get(pool, {}),
    )
    lost = _seat_apart(gangs, cube, seating)
    if cube is not None:
        return lost, [_crowded(pool, gangs, lost)]
    grouped = [r for r in gangs if seating.groups[r.name] > 1]
    rules = [_crowded(pool, grouped, lost, "scale-up-domain"), widened(seating, gangs)]
    ranked(seating, gangs)
    return lost, rules


def _seat_apart(gangs: Sequence[ReplicaSlot], cube: int | None, work: Seating) -> list[str]:
    """Seat gangs of one pool that may be in several racks; the names of those for which there are none."""
    before = set(work.racks)
    grouped = [
        Grouped(name=r.name, machines=r.machines, group=work.groups[r.name])
        for r in gangs
        if work.groups.get(r.name, 1) > 1
    ]
    unseated = seat_groups(grouped, work.left, work.racks)
    work.left.subtract(rack for machine, rack in work.racks.items() if machine not in before)
    done = {gang.name for gang in grouped}
    for replica in sorted(gangs, key=lambda r: (-len(r.machines), by_number(r.name))):
        missing = [m for m in replica.machines if m not in work.racks]
        if cube is None and replica.name not in done:
            _seat_spread(missing, work.left, work.racks)
        elif cube is not None and missing and not _seat_cubes(missing, cube, work.left, work.racks):
            unseated.append(replica.name)
    return unseated


def _crowded(
    pool: str, gangs: Sequence[ReplicaSlot], unseated: Sequence[str], law: str = "rack-room"
) -> RackRule | None:
    """These gangs are not in this pool together; alone, where it is their own machines that stand apart."""
    if not any(gang.name in unseated for gang in gangs):
        return None
    choices = tuple(sorted({gang.choice for gang in gangs}))
    proven = law == "rack-room"  # groups were seated after the gangs that need one rack
    return RackRule(pool=pool, choices=choices, at_most=len(gangs) - 1, law=law, proven=proven)


def seated(assignment: Assignment, seats: Seats, wished: Mapping[str, str | None]) -> Assignment:
    """The assignment with the rack of each machine.

    ``wished`` is what machines of today were asked to stand in: it stays, so
    that a machine that stands where it should is not changed.
    """
    return replace(
        assignment,
        machines=tuple(
            replace(m, rack=wished[m.name] if m.name in wished else _place(m.name, seats))
            for m in assignment.machines
        ),
    )


def _place(machine: str, seats: Seats) -> str | None:
    """The place of a machine in its rack, else the rack, as far as either matters."""
    return seats.nodes.get(machine) or seats.racks.get(machine)


def _left(assignment: Assignment, free: Racks) -> dict[str, Counter[str]]:
    """Room for new machines in each rack.  A machine that goes leaves its place only once it is gone."""
    pools = {machine.pool for machine in assignment.machines}
    return {pool: Counter(racks) for pool, racks in free.items() if pool in pools}


def _by_pool(
    replicas: Iterable[ReplicaSlot], slots: Mapping[str, MachineSlot]
) -> dict[str, list[ReplicaSlot]]:
    found: defaultdict[str, list[ReplicaSlot]] = defaultdict(list)
    for replica in replicas:
        found[slots[replica.machines[0]].pool].append(replica)
    return found


def _seat_whole(gangs: Sequence[ReplicaSlot], left: Counter[str], racks: dict[str, str]) -> list[str]:
    """Seat gangs that must each be in one rack; the names of those for which there is none."""
    waiting = []
    for gang in gangs:
        missing = [m for m in gang.machines if m not in racks]
        home = next((racks[m] for m in gang.machines if m in racks), None)
        if home is not None and missing:
            if left[home] < len(missing):
                return [gang.name]
            _take(missing, home, left, racks)
        elif missing:
            waiting.append(gang)
    waiting.sort(key=lambda g: (-len(g.machines), by_number(g.name)))
    room = Counter(left)
    found: dict[str, str] = {}
    for gang in waiting:
        size = len(gang.machines)
        fitting = [rack for rack in sorted(room) if room[rack] >= size]
        if not fitting:
            found = _exactly(waiting, left)
            break
        found[gang.name] = min(fitting, key=lambda rack: (room[rack], rack))
        room[found[gang.name]] -= size
    for gang in waiting:
        if gang.name in found:
            _take(gang.machines, found[gang.name], left, racks)
    return [gang.name for gang in waiting if gang.name not in found]


def _exactly(gangs: Sequence[ReplicaSlot], left: Mapping[str, int]) -> dict[str, str]:
    r"""Racks for as many machines of gangs as can be seated, a gang in one rack.

    maximise  sum over g, r of  size[g] * x[g, r]
    sum over r of  x[g, r]  <=  1          sum over g of  size[g] * x[g, r]  <=  left[r]
    """
    model = Model()
    x = {
        (gang.name, rack): model.boolean()
        for gang in gangs
        for rack in sorted(left)
        if left[rack] >= len(gang.machines)
    }
    for gang in gangs:
        model.add([(1, var) for (name, _), var in x.items() if name == gang.name], high=1)
    size = {gang.name: len(gang.machines) for gang in gangs}
    for rack in left:
        model.add([(size[name], var) for (name, at), var in x.items() if at == rack], high=left[rack])
    gain = [(-size[name], var) for (name, _), var in x.items()]
    answer = run(model, Effort(seed=0, limit=1.0), minimise=gain, fixed={})
    return {name: rack for (name, rack), var in x.items() if answer.found and answer.values[var]}


def _seat_cubes(missing: Sequence[str], cube: int, left: Counter[str], racks: dict[str, str]) -> bool:
    """Seat a slice of whole cubes in free ones, wherever they are; whether there are enough."""
    whole = [rack for rack in sorted(left) if left[rack] >= cube]
    needed = -(-len(missing) // cube)
    if len(whole) < needed:
        return False
    for i, rack in enumerate(whole[:needed]):
        _take(missing[i * cube : (i + 1) * cube], rack, left, racks)
    return True


def _seat_spread(missing: Sequence[str], left: Counter[str], racks: dict[str, str]) -> None:
    """Seat a gang that may be in several racks: in one where it fits, else in as few as hold it."""
    rest = list(missing)
    while rest:
        holding = [rack for rack in sorted(left) if left[rack] > 0]
        if not holding:
            return
        fitting = [rack for rack in holding if left[rack] >= len(rest)]
        rack = min(fitting, key=lambda r: (left[r], r)) if fitting else max(holding, key=lambda r: left[r])
        count = min(left[rack], len(rest))
        _take(rest[:count], rack, left, racks)
        rest = rest[count:]


def _take(machines: Iterable[str], rack: str, left: Counter[str], racks: dict[str, str]) -> None:
    """Give places in a rack to machines."""
    for machine in machines:
        racks[machine] = rack
        left[rack] -= 1
