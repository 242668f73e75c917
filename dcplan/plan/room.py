"""See that a part of the changes has room for what it makes: pure functions of values.

The whole of the changes always has.  A part may leave out the very delete that frees a machine: then
it would be refused by its provider, or be had elsewhere for more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.plan.select import after, reachable, requirements
from dcplan.plan.types import ForRoom
from dcplan.resources import Address
from dcplan.resources.machines import is_group, machines_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from dcplan.plan.select import Requirements
    from dcplan.plan.succession import Room
    from dcplan.resources import Change, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """So much there is, of which a machine of each pool takes so much."""

    within: str
    each: Mapping[str, int]
    at_most: int
    rack: str | None = None
    """Only machines that stand in this rack, or are bound to it, count."""


def bounds_of(room: Room, prior: Mapping[Address, Resource], changes: Iterable[Change]) -> tuple[Bound, ...]:
    """Pools whose number of machines is known, racks that something is bound to, and quotas."""
    pools = (
        Bound(within=name, each={name: 1}, at_most=pool.machines)
        for name, pool in sorted(room.pools.items())
        if pool.machines is not None
    )
    quotas = (Bound(within=f"quota {q.name}", each=dict(q.each), at_most=q.at_most) for q in room.quotas)
    return (*pools, *_racks(room, prior, changes), *quotas)


def _racks(room: Room, prior: Mapping[Address, Resource], changes: Iterable[Change]) -> Iterator[Bound]:
    """The racks that machines to be made are bound to: what is free there, and what this state holds."""
    bound = {
        (pool, rack)
        for change in changes
        if change.after is not None
        and isinstance(pool := change.after.attributes.get("pool"), str)
        and isinstance(rack := change.after.attributes.get("rack"), str)
    }
    for pool, rack in sorted(bound):
        free = room.free.get(pool, {}).get(rack)
        if free is not None:
            empty = Bound(within=f"rack {rack}", each={pool: 1}, at_most=0, rack=rack)
            held = sum(_takes(resource, empty) for resource in prior.values())
            yield replace(empty, at_most=free + held)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """All changes, and what is there before them."""

    changes: Sequence[Change]
    required: Requirements
    prior: Mapping[Address, Resource]


def taking_along(
    changes: Iterable[Change],
    taken: Collection[Change],
    prior: Mapping[Address, Resource],
    bounds: Iterable[Bound],
) -> tuple[tuple[Change, ...], tuple[ForRoom, ...]]:
    """The part with those of ``changes`` that make room for it and what these need, and which these are.

    Of several that would do, those that touch least.
    """
    listed = tuple(changes)
    whole = _Whole(changes=listed, required=requirements(listed), prior=prior)
    chosen = {change.address for change in taken}
    found: dict[str, ForRoom] = {}
    # What is taken along may make something itself, elsewhere: looked at again until nothing is short.
    while (lack := next(_lacks(whole, chosen, bounds), None)) is not None:
        before = found.get(lack.within)
        found[lack.within] = lack if before is None else _both(before, lack)
        chosen |= reachable(whole.required, map(Address.parse, lack.frees))
    return tuple(change for change in listed if change.address in chosen), tuple(found.values())


def lacking(
    changes: Iterable[Change],
    taken: Collection[Change],
    prior: Mapping[Address, Resource],
    bounds: Iterable[Bound],
) -> tuple[ForRoom, ...]:
    """What the part has no room for because of deletes that are left out."""
    listed = tuple(changes)
    whole = _Whole(changes=listed, required=requirements(listed), prior=prior)
    return tuple(_lacks(whole, {change.address for change in taken}, bounds))


def _lacks(whole: _Whole, chosen: set[Address], bounds: Iterable[Bound]) -> Iterator[ForRoom]:
    """What is short once the ``chosen`` are made, as far as a change that is left out frees some of it."""
    then = after(whole.prior, (change for change in whole.changes if change.address in chosen))
    for bound in bounds:
        missing = sum(_takes(resource, bound) for resource in then.values()) - bound.at_most
        makes = [a for a, r in then.items() if _takes(r, bound) > _takes(whole.prior.get(a), bound)]
        frees = _frees(whole, chosen, bound, missing) if missing > 0 and makes else []
        if frees:
            yield ForRoom(
                within=bound.within,
                missing=missing,
                makes=tuple(map(str, sorted(makes))),
                frees=tuple(map(str, sorted(frees))),
            )


def _frees(whole: _Whole, chosen: set[Address], bound: Bound, missing: int) -> list[Address]:
    """Of the changes that are left out, those that free so much and touch least besides."""
    freed = {
        change.address: _takes(change.before, bound) - _takes(change.after, bound)
        for change in whole.changes
        if change.address not in chosen
    }
    cost = {a: len(reachable(whole.required, (a,)) - chosen) for a, free in freed.items() if free > 0}
    frees: list[Address] = []
    for address in sorted(cost, key=lambda a: (cost[a], a)):
        if missing <= 0:
            break
        frees.append(address)
        missing -= freed[address]
    return frees


def _takes(resource: Resource | None, bound: Bound) -> int:
    if resource is None or not isinstance(pool := resource.attributes.get("pool"), str):
        return 0
    if is_group(resource.attributes):
        return bound.each.get(pool, 0) * machines_in(resource) if bound.rack is None else 0
    rack = resource.attributes.get("rack") or resource.outputs.get("rack")
    return bound.each.get(pool, 0) if bound.rack in {None, rack} else 0


def _both(one: ForRoom, other: ForRoom) -> ForRoom:
    return ForRoom(
        within=one.within,
        missing=one.missing + other.missing,
        makes=tuple(sorted({*one.makes, *other.makes})),
        frees=tuple(sorted({*one.frees, *other.frees})),
    )
