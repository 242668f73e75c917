"""Room for what a part of the changes makes: which deletes are taken along, and how many."""

from __future__ import annotations

from dataclasses import replace

from dcplan.plan.room import Bound, bounds_of, lacking, taking_along
from dcplan.plan.succession import Room
from dcplan.resources import Action, Address, Change, JsonValue, Resource

POOL = Bound(within="a", each={"a": 1}, at_most=2)
QUOTA = Bound(within="quota", each={"a": 2, "b": 2}, at_most=6)


def machine(name: str, pool: str) -> Resource:
    """A machine of a pool."""
    return Resource(address=Address("local", "machine", name), attributes={"pool": pool})


def make(resource: Resource) -> Change:
    """The change that makes it."""
    return Change(address=resource.address, action=Action.CREATE, before=None, after=resource)


def drop(resource: Resource) -> Change:
    """The change that deletes it."""
    return Change(address=resource.address, action=Action.DELETE, before=resource, after=None)


def replica(machine_: Resource) -> Resource:
    """What stands on a machine."""
    return Resource(
        address=Address("local", "replica", f"on-{machine_.address.name}"),
        attributes={"machines": [machine_.address.name], "devices": [0]},
        needs=(machine_.address,),
    )


OLD, IDLE, NEW = machine("old", "a"), machine("z-idle", "a"), machine("new", "a")
ON_OLD = replica(OLD)


def prior(*resources: Resource) -> dict[Address, Resource]:
    """What is there."""
    return {r.address: r for r in resources}


def test_the_delete_that_touches_least_is_taken() -> None:
    """An idle machine goes before one on which something runs, and no more go than must."""
    changes = (make(NEW), drop(OLD), drop(ON_OLD), drop(IDLE))
    part, told = taking_along(changes, changes[:1], prior(OLD, ON_OLD, IDLE), [POOL])

    assert [c.address.name for c in part] == ["new", "z-idle"]
    assert [(one.within, one.missing, one.makes, one.frees) for one in told] == [
        ("a", 1, ("local.machine.new",), ("local.machine.z-idle",))
    ]


def test_what_stands_on_what_goes_goes_too() -> None:
    """The delete that makes room brings along what it must not be made without."""
    changes = (make(NEW), drop(OLD), drop(ON_OLD))
    part, _ = taking_along(changes, changes[:1], prior(OLD, ON_OLD, IDLE), [POOL])

    assert part == changes


def test_one_delete_serves_a_pool_and_a_quota() -> None:
    """What is taken for the one counts for the other; a quota counts over pools, by its own unit."""
    other = machine("other", "b")
    changes = (make(NEW), drop(IDLE), drop(other))
    both, told = taking_along(changes, changes[:1], prior(OLD, IDLE, other), [POOL, QUOTA])
    quota_only = lacking(changes, changes[:1], prior(OLD, IDLE, other), [QUOTA])

    assert [c.address.name for c in both] == ["new", "z-idle"]
    assert [one.within for one in told] == ["a"]
    assert [(one.within, one.missing) for one in quota_only] == [("quota", 2)]


def test_what_is_too_small_already_asks_nothing_of_a_part_that_makes_nothing_there() -> None:
    """A pool that shrank is no reason to delete more than was named."""
    changes = (drop(OLD), drop(ON_OLD), drop(IDLE), make(machine("far", "b")))
    full = Bound(within="a", each={"a": 1}, at_most=0)

    assert taking_along(changes, changes[3:], prior(OLD, ON_OLD, IDLE), [full]) == (changes[3:], ())


def test_a_rack_that_something_is_bound_to_is_a_bound_of_its_own() -> None:
    """The pool has room, its rack has none: what leaves that rack is taken, not what is cheaper elsewhere."""
    here = replace(IDLE, outputs={"rack": "a/r1"})
    there = replace(machine("a-idle", "a"), outputs={"rack": "a/r2"})
    gang = replace(NEW, attributes={"pool": "a", "rack": "a/r1"})
    changes = (make(gang), drop(here), drop(there))
    room = Room(pools={}, free={"a": {"a/r1": 0, "a/r2": 3}})
    bounds = bounds_of(room, prior(here, there), changes)
    part, told = taking_along(changes, changes[:1], prior(here, there), bounds)

    assert [(one.within, one.at_most) for one in bounds] == [("rack a/r1", 1)]
    assert [c.address.name for c in part] == ["new", "z-idle"]
    assert [one.within for one in told] == ["rack a/r1"]


def test_a_group_takes_all_its_machines() -> None:
    """A machine group that goes frees as many machines of its pool as it has, and takes as many."""
    members: dict[str, JsonValue] = {"pool": "a", "members": ["m-0", "m-1"]}
    here = Resource(address=Address("aws", "group", "old"), attributes=members)
    there = replace(here, address=Address("aws", "group", "new"))
    changes = (make(there), drop(here))
    part, told = taking_along(changes, changes[:1], prior(here), [POOL])

    assert [c.address.name for c in part] == ["new", "old"]
    assert [one.missing for one in told] == [2]
