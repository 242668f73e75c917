"""Where new machines may be had instead, when their pool is sold out: ranked, and verified.

Moving some machines of a kind from one pool to another is in order when moving one and moving all of
them is: capacities, money and caps are linear in how many move, what a zone holds at most is convex, and
rules between two workloads look only at who is where.  So the ends are checked, each kind of unit alone,
and all together.  What lies between such ends is right: machines in several alternatives at once, as
long as their shares of the room that was verified add up to one at most.  Of alternatives of different
pools each pair is checked; more than two pools at once are not promised.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from dcplan.demand.goals import Measure
from dcplan.placement.seats import Hall, Racks, Seats, seat, seated
from dcplan.placement.types import Assignment, MachineSlot, PoolUse, Problem, Solution
from dcplan.placement.usage import egress_per_h, price_per_h
from dcplan.placement.verify import violations
from dcplan.placement.verify_cuts import check_cuts, check_domains
from dcplan.placement.verify_goals import measured
from dcplan.plan.current import allotments_of, beside_of
from dcplan.plan.fallbacks import Alternative, Fallback
from dcplan.plan.lower import machine_groups
from dcplan.plan.movable import kind_of, movable
from dcplan.provider.types import Placement
from dcplan.resources import Action, Address, Change, JsonValue, Resource
from dcplan.resources.machines import is_group

if TYPE_CHECKING:
    from dcplan.catalog.types import Offering
    from dcplan.placement.types import Choice, Pool
    from dcplan.plan.fallbacks import Unit
    from dcplan.plan.movable import Movable

MOST = 5
"""Alternatives of one pool."""
MOST_FALLBACKS = 40
"""Pools for which alternatives are looked for, those with most new machines first."""
MOST_KINDS = 8
"""Kinds of units in one pool; with more, nothing is promised."""
TRIED = 4 * MOST
"""Pools that are tried for one pool's alternatives, the cheapest first."""
EFFORT = 300_000
"""Parts of placements that are looked at; a check looks at all machines, replicas, choices and pools."""
LEAST_CHECKS = 20

ResourcesFor = Callable[[str, Placement], tuple[Resource, ...] | None]
"""The resources of a placement at the provider of this name; None where it makes none of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A placement, and what is known of the places where its machines may stand."""

    project: str
    problem: Problem
    solution: Solution
    assignment: Assignment
    """With racks."""
    offerings: Mapping[str, Offering]
    """By pool."""
    free: Racks
    today: Mapping[str, str]
    """Machine to rack, of those that stand."""
    hall: Callable[[Assignment], Hall]


Moves = Mapping[str, str]
"""Machine to the pool in which it is instead."""


def fallbacks_of(
    ground: Ground, changes: Iterable[Change], wanted: Mapping[Address, Resource], resources_for: ResourcesFor
) -> tuple[Fallback, ...]:
    """For each pool that ``changes`` buy new machines in, where else these could be had.

    ``wanted``: all resources of the plan.  Pure and bounded: at most ``MOST`` alternatives a pool.
    """
    search = _Search(ground, wanted, resources_for)
    made = {
        c.address.name: c.address
        for c in changes
        if c.after is not None
        and "pool" in c.after.attributes
        and not is_group(c.after.attributes)  # Those of a group are had together or not at all, by one call.
        and c.action in _MAKES
    }
    units = movable(ground.problem, ground.assignment, made)
    groups = sorted(units, key=lambda g: (-sum(len(u.machines) for u in g.units), g.pool))
    found = [fallback for group in groups[:MOST_FALLBACKS] if (fallback := search.fallback(group))]
    return search.paired(sorted(found, key=lambda f: (f.pool, f.units[0].machines[0])))


_MAKES = {Action.CREATE, Action.REPLACE}


class _Search:
    """Tries moves, within a bounded number of checks."""

    def __init__(
        self, ground: Ground, wanted: Mapping[Address, Resource], resources_for: ResourcesFor
    ) -> None:
        self.ground = ground
        self.wanted = wanted
        self.resources_for = resources_for
        self.pools: dict[str, Pool] = {pool.id: pool for pool in ground.problem.pools}
        self.choices: dict[str, Choice] = {choice.id: choice for choice in ground.problem.choices}
        self.slots = {machine.name: machine for machine in ground.assignment.machines}
        self.used = Counter(machine.pool for machine in ground.assignment.machines)
        size = sum(
            map(len, (self.slots, ground.assignment.replicas, ground.problem.choices, self.pools)), start=1
        )
        self.left = max(LEAST_CHECKS, EFFORT // size)

    def fallback(self, group: Movable) -> Fallback | None:
        """The alternatives of one group that are right, the best first; None where there are none."""
        kinds = {kind_of(unit): unit for unit in reversed(group.units)}
        if len(kinds) > MOST_KINDS:
            return None
        home = self.pools[group.pool]

        def rank(name: str) -> tuple[float, bool, bool, str]:
            pool = self.pools[name]
            return (pool.usd_per_h, pool.zone != home.zone, pool.region != home.region, name)

        found: list[Alternative] = []
        for name in sorted(group.legal, key=rank)[:TRIED]:
            if len(found) == MOST:
                break
            alternative = self._alternative(group, name, [*kinds])
            if alternative is not None:
                found.append(alternative)
        if not found:
            return None
        found.sort(key=lambda a: (a.usd_per_h, a.zone != home.zone, a.region != home.region, a.pool))
        return Fallback(pool=group.pool, region=home.region, units=group.units, alternatives=tuple(found))

    def _alternative(self, group: Movable, name: str, kinds: list[object]) -> Alternative | None:
        """The pool as an alternative, when it takes a unit or more and the placement stays right."""
        pool = self.pools[name]
        units = self._fitting(group.units, name)
        if not units or (len(kinds) > 1 and len(units) < len(group.units)):
            return None  # Which kinds would share the room, nobody has verified.
        every = self.moved(units, name)
        ways = [self.moved([u for u in units if kind_of(u) == kind], name) for kind in kinds]
        ways += [self.moved(units[:1], name)]
        if any(self.right(way) is None for way in ways if way and way != every):
            return None
        seats = self.right(every)
        if seats is None:
            return None
        differences = self._differences(group, {**self.moved(group.units, name)}, seats)
        if differences is None:
            return None
        common, own = differences
        return Alternative(
            pool=name,
            region=pool.region,
            zone=pool.zone,
            room=len(every),
            usd_per_h=self._more_usd_per_h(every),
            attributes=common,
            own=own,
            only=tuple(sorted(every))
            if len(every) < len(self.moved(group.units, name)) and _racked(every, seats)
            else (),
        )

    def _fitting(self, units: Iterable[Unit], pool: str) -> list[Unit]:
        """As many of the units as the pool has room for."""
        most = self.pools[pool].machines
        left = None if most is None else most - self.used[pool]
        found = []
        for unit in units:
            if left is None or len(unit.machines) <= left:
                found.append(unit)
                left = None if left is None else left - len(unit.machines)
        return found

    @staticmethod
    def moved(units: Iterable[Unit], pool: str) -> dict[str, str]:
        """All machines of these units in another pool."""
        return {machine.name: pool for unit in units for machine in unit.machines}

    def right(self, moves: Moves) -> Seats | None:
        """The seats of gangs once these machines are elsewhere; None: a rule is broken, or nobody looked."""
        if self.left <= 0:
            return None
        self.left -= 1
        assignment = _elsewhere(self.ground.assignment, moves)
        if violations(self.ground.problem, self.solution(assignment)):
            return None
        return self._seats(assignment, moves)

    def solution(self, assignment: Assignment) -> Solution:
        """What the assignment comes to, counted from its names."""
        problem, report = self.ground.problem, self.ground.solution.report
        used = Counter(machine.pool for machine in assignment.machines)
        allotments = allotments_of(assignment)
        bare = Solution(
            allotments=allotments,
            beside=beside_of(assignment),
            pools=tuple(PoolUse(pool=pool, machines=count) for pool, count in sorted(used.items())),
            usd_per_h=float(price_per_h(problem, dict(used))),
            egress_usd_per_h=float(egress_per_h(problem, allotments)),
            report=replace(report, proofs=()),
        )
        cost = measured(problem, bare, Measure.COST)
        return replace(bare, report=replace(bare.report, objective_usd=cost, bound_usd=0.0))

    def _seats(self, assignment: Assignment, moves: Moves) -> Seats | None:
        """Racks for the gangs that are elsewhere; what else is new keeps those that the plan gave it."""
        ground = self.ground
        hall = ground.hall(assignment)
        planned = {
            m.name: m.rack
            for m in ground.assignment.machines
            if m.rack is not None and m.name not in moves and m.name not in ground.today
        }
        targets = set(moves.values())
        if any(pool in hall.cubes and self._grows(pool) for pool in targets):
            return None  # Where a slice would stand beside another new one is not looked for.
        free = {pool: Counter(racks) for pool, racks in ground.free.items()}
        for name, rack in planned.items():
            if self.slots[name].pool in free:
                free[self.slots[name].pool][rack] -= 1
        seats = seat(ground.problem, assignment, free, {**ground.today, **planned}, hall)
        if seats.crowded or seats.unseated:
            return None
        there = seated(
            assignment, seats, {m.name: m.rack for m in ground.assignment.machines if m.name not in moves}
        )
        broken = (
            *check_cuts(ground.problem, there, hall.uplinks),
            *check_domains(ground.problem, there, hall.cubes),
        )
        return None if broken else seats

    def _grows(self, pool: str) -> bool:
        """Whether the plan has machines in the pool that do not stand yet."""
        return any(
            m.pool == pool and m.name not in self.ground.today for m in self.ground.assignment.machines
        )

    def _more_usd_per_h(self, moves: Moves) -> float:
        """What a moved machine costs more on average, with its traffic."""
        there, here = self.solution(_elsewhere(self.ground.assignment, moves)), self.ground.solution
        more = there.usd_per_h + there.egress_usd_per_h - here.usd_per_h - here.egress_usd_per_h
        return round(more / len(moves), 9)

    def _differences(
        self, group: Movable, moves: Moves, seats: Seats
    ) -> tuple[dict[str, JsonValue], dict[str, dict[str, JsonValue]]] | None:
        """How the provider's resources differ; None where more than the machines' attributes do."""
        mine = [self.slots[name] for name in moves]
        there = [
            replace(
                slot, pool=moves[slot.name], rack=seats.nodes.get(slot.name) or seats.racks.get(slot.name)
            )
            for slot in mine
        ]
        after = self._resources(group.pool, there)
        if after is None:
            return None
        addresses = {machine.name: machine for unit in group.units for machine in unit.machines}
        different: dict[str, dict[str, JsonValue]] = {}
        for resource in after:
            planned = self.wanted.get(resource.address)
            if planned is None or planned.needs != resource.needs:
                return None
            if planned.attributes.get("network") != resource.attributes.get("network"):
                return None  # What reaches it where it is planned would not reach it there.
            if resource.address == addresses.get(resource.address.name):
                different[resource.address.name] = _changed(planned, resource)
            elif planned.attributes != resource.attributes:
                return None
        if len(different) < len(mine):
            return None
        first = next(iter(different.values()))
        common = {
            key: value
            for key, value in first.items()
            if all(key in other and other[key] == value for other in different.values())
        }
        own = {
            name: rest
            for name, all_ in different.items()
            if (rest := {key: value for key, value in all_.items() if key not in common})
        }
        return common, own

    def _resources(self, pool: str, slots: list[MachineSlot]) -> tuple[Resource, ...] | None:
        """What the provider makes of these machines alone."""
        standby = {
            m
            for r in self.ground.assignment.replicas
            if (beside := self.choices[r.choice].beside) is not None and beside.same_pool
            for m in r.beside_machines
        }
        groups = machine_groups(slots, self.ground.offerings, standby)
        placement = Placement(project=self.ground.project, machines=groups, workloads=())
        return self.resources_for(self.pools[pool].provider, placement)

    def paired(self, fallbacks: list[Fallback]) -> tuple[Fallback, ...]:
        """The fallbacks, each alternative with those of others that were verified beside it."""
        together: defaultdict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
        for (i, one), (j, other) in combinations(enumerate(fallbacks), 2):
            for a in one.alternatives:
                for b in other.alternatives:
                    both = {
                        **self.moved(self._within(one, a), a.pool),
                        **self.moved(self._within(other, b), b.pool),
                    }
                    if self.right(both) is not None:
                        together[i, a.pool].append((j, b.pool))
                        together[j, b.pool].append((i, a.pool))
        return tuple(
            replace(
                fallback,
                alternatives=tuple(
                    replace(a, together=tuple(sorted(together[i, a.pool]))) for a in fallback.alternatives
                ),
            )
            for i, fallback in enumerate(fallbacks)
        )

    def _within(self, fallback: Fallback, alternative: Alternative) -> list[Unit]:
        return self._fitting(fallback.units, alternative.pool)


def _elsewhere(assignment: Assignment, moves: Moves) -> Assignment:
    """The assignment with some machines in other pools, and without racks there."""
    return replace(
        assignment,
        machines=tuple(
            replace(m, pool=moves[m.name], rack=None) if m.name in moves else m for m in assignment.machines
        ),
    )


def _racked(moves: Moves, seats: Seats) -> bool:
    """Whether racks were chosen for some of these machines."""
    return any(name in seats.racks or name in seats.nodes for name in moves)


def _changed(before: Resource, after: Resource) -> dict[str, JsonValue]:
    """Attributes that differ, as they are afterwards."""
    names = before.attributes.keys() | after.attributes.keys()
    return {
        name: after.attributes.get(name)
        for name in sorted(names)
        if before.attributes.get(name) != after.attributes.get(name)
    }
