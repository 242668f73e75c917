"""``create_before_destroy``: what is replaced gets a successor under another name, and goes after it.

Two things cannot have one name, nor one device.  So successors have names of their own; one that would sit
where its predecessor sits gets a machine of its own for that, and that machine's predecessor goes with it.
The order follows by itself: create, let the endpoint point to it, delete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Result, agreeing, error, has_errors, listed, plural
from dcplan.plan.lifecycle import Compared, Owners
from dcplan.plan.renaming import ON_MACHINES, Renames
from dcplan.plan.types import Overlap
from dcplan.resources import Action, Address, Change, JsonValue, Resource, ResourceGraph
from dcplan.resources.machines import machines_in
from dcplan.resources.seats import seats_of

if TYPE_CHECKING:
    from dcplan.placement.purchase_types import QuotaRule
    from dcplan.placement.types import Pool

Seat = tuple[str, JsonValue, JsonValue]
"""Provider, machine and number of a device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many machines there are to be had."""

    pools: Mapping[str, Pool]
    quotas: tuple[QuotaRule, ...] = ()
    free: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Machines that nobody holds, by pool and rack, where racks are known."""


def succession(
    compared: Compared, changes: Collection[Change], workloads: Collection[str], room: Room
) -> Result[ResourceGraph]:
    """What is wanted, with successors for what ``changes`` replaces of ``workloads`` and their machines.

    Errors: ``successor-shares`` where a machine cannot be doubled because others use it, and
    ``successor-room`` where there are too few machines for both.
    """
    work = _Work(compared, changes, frozenset(workloads))
    if not work.replaced:
        return Result(compared.desired)
    said = list(work.settle())
    if said:
        return Result(None, tuple(said))
    renames = Renames(addresses=_fresh(work.replaced, compared))
    twins = [compared.desired.resources[a] for a in sorted(work.replaced) if a.kind not in ON_MACHINES]
    overlaps = _overlaps(twins, room)
    said += _too_many(compared.desired, overlaps, room)
    said += _no_rack(twins, room)
    if has_errors(tuple(said)):
        return Result(None, tuple(said))
    desired = ResourceGraph.of(renames.resource(r) for r in compared.desired.resources.values())
    return Result(desired, tuple(said))


class _Work:
    """Grows the set of what is replaced until every successor has devices of its own."""

    def __init__(self, compared: Compared, changes: Collection[Change], workloads: frozenset[str]) -> None:
        self.prior = compared.prior
        self.desired = compared.desired.resources
        self.workloads = workloads
        self.owners = (Owners.among(self.prior), Owners.among(self.desired))
        self.leaving = {c.address for c in changes if c.action in {Action.DELETE, Action.REPLACE}}
        self.replaced = {
            c.address
            for c in changes
            if c.action is Action.REPLACE and c.address.kind != "endpoint" and self._ours(c.address)
        }

    def _users(self, address: Address) -> frozenset[str]:
        return self.owners[0][address] | self.owners[1][address]

    def _ours(self, address: Address) -> bool:
        """Whether only workloads that asked for it are on it."""
        users = self._users(address)
        return bool(users) and users <= self.workloads

    def settle(self) -> Iterator[Diagnostic]:
        """Double machines as long as a successor would sit on a device that is still taken."""
        while True:
            taken = self._taken()
            crowded = {
                (address, self._machine_of(address, seat))
                for address in self.replaced
                for seat in seats_of(self.desired[address])
                if seat in taken
            }
            machines = {machine for _, machine in crowded} - self.replaced
            if not machines:
                return
            alone = sorted(machine for machine in machines if not self._ours(machine))
            if alone:
                yield from (self._shared(address) for address in alone)
                return
            self.replaced |= machines
            self.replaced |= {
                a
                for a, r in self.desired.items()
                if a in self.prior and a.kind in ON_MACHINES - {"endpoint"} and machines.intersection(r.needs)
            }

    def _taken(self) -> set[Seat]:
        """Devices of what goes, on machines that stay."""
        gone = self.leaving | self.replaced
        return {
            seat
            for address, resource in self.prior.items()
            if address in gone
            for seat in seats_of(resource)
            if not any(m.name == seat[1] and m.provider == seat[0] for m in self.replaced)
        }

    def _machine_of(self, address: Address, seat: Seat) -> Address:
        return next(n for n in self.desired[address].needs if n.name == seat[1])

    def _shared(self, machine: Address) -> Diagnostic:
        users = self._users(machine)
        others, ours = sorted(users - self.workloads), sorted(users & self.workloads)
        detail = (
            f"{listed(ours)} would get other replicas on {machine}, where {listed(others)} runs too, so the "
            "machine cannot be doubled for a while. Give both create_before_destroy, or leave it out: then "
            "the old replicas stop before the new ones start."
        )
        return error(
            "successor-shares",
            "A successor has no room beside its predecessor",
            detail,
            path=("workloads", ours[0], "lifecycle", "create_before_destroy"),
            address=str(machine),
        )


def _fresh(replaced: Collection[Address], compared: Compared) -> dict[Address, Address]:
    """A name that nothing has, for each: the same stem with the next number."""
    taken = {*compared.prior, *compared.desired.resources}
    names: dict[Address, Address] = {}
    for address in sorted(replaced):
        stem, _, number = address.name.rpartition("-")
        stem = stem if number.isdecimal() and stem else address.name
        count = 0
        while (new := Address(address.provider, address.kind, f"{stem}-{count}")) in taken:
            count += 1
        taken.add(new)
        names[address] = new
    return names


def _machines(resources: Collection[Resource]) -> Counter[str]:
    """How many machines of each pool these are."""
    counts: Counter[str] = Counter()
    for resource in resources:
        if isinstance(pool := resource.attributes.get("pool"), str):
            counts[pool] += machines_in(resource)
    return counts


def _overlaps(twins: Collection[Resource], room: Room) -> tuple[Overlap, ...]:
    """How many machines of each pool stand twice for a while."""
    counts = _machines(twins)
    return tuple(
        Overlap(
            pool=pool,
            machine=room.pools[pool].machine,
            machines=count,
            usd_per_h=count * room.pools[pool].usd_per_h,
        )
        for pool, count in sorted(counts.items())
        if pool in room.pools
    )


def _too_many(desired: ResourceGraph, overlaps: Collection[Overlap], room: Room) -> Iterator[Diagnostic]:
    """Errors where pools or quotas do not hold predecessors and successors together."""
    wanted = _machines(desired.resources.values())
    extra = {o.pool: o.machines for o in overlaps}
    for overlap in overlaps:
        most = room.pools[overlap.pool].machines
        if most is not None and wanted[overlap.pool] + overlap.machines > most:
            left = max(most - wanted[overlap.pool], 0)
            yield _no_room(
                overlap, f"{overlap.pool} has {plural(most, 'machine')}, of which {left:,} would be free"
            )
    for rule in room.quotas:
        used = sum((wanted[pool] + extra.get(pool, 0)) * each for pool, each in rule.each)
        mine = [o for o in overlaps if o.pool in dict(rule.each)]
        if mine and used > rule.at_most:
            yield _no_room(mine[0], f"the quota {rule.name} is {rule.at_most:,} {rule.unit}, not {used:,}")


def _no_rack(twins: Collection[Resource], room: Room) -> Iterator[Diagnostic]:
    """Errors where a rack that machines are bound to has no room for their successors."""
    wanted: Counter[tuple[str, str]] = Counter()
    for twin in twins:
        pool, rack = twin.attributes.get("pool"), twin.attributes.get("rack")
        if isinstance(pool, str) and isinstance(rack, str):
            wanted[pool, rack] += 1
    for (pool, rack), count in sorted(wanted.items()):
        free = room.free.get(pool, {}).get(rack, 0)
        if pool in room.pools and count > free:
            overlap = Overlap(pool=pool, machine=room.pools[pool].machine, machines=count, usd_per_h=0.0)
            yield _no_room(overlap, f"in rack {rack} {plural(free, 'machine')} {agreeing(free, 'are')} free")


def _no_room(overlap: Overlap, why: str) -> Diagnostic:
    detail = (
        f"create_before_destroy needs {overlap.machines:,} more {overlap.machine} for a while, but {why}. "
        "Leave create_before_destroy out: then the old ones stop before the new ones start, in their place."
    )
    return error("successor-room", "There is no room for successors", detail, address=overlap.pool)


def overlaps_of(
    changes: Collection[Change], prior: Mapping[Address, Resource], workloads: Collection[str], room: Room
) -> tuple[Overlap, ...]:
    """The machines that wait for their successors, by pool, and what they cost meanwhile."""
    owners = Owners.among(prior)
    made = {c.after.attributes.get("pool") for c in changes if c.action is Action.CREATE and c.after}
    waiting = [
        c.before
        for c in changes
        if c.action is Action.DELETE
        and c.before is not None
        and c.before.attributes.get("pool") in made - {None}
        and owners[c.address]
        and owners[c.address] <= frozenset(workloads)
    ]
    return _overlaps(waiting, room)
