"""What is compared, and what follows from a difference."""

from __future__ import annotations

from dataclasses import replace

from dcplan.plan.diff import diff
from dcplan.provider.types import Found, Idempotency, Kind
from dcplan.resources import Action, Address, Reason, Resource, ResourceGraph


def a_kind(name: str, *, points_only: bool = False) -> Kind:
    """A kind whose ``size`` cannot be changed in place."""
    return Kind(
        name=name,
        outputs=("id",),
        replace_on=("size",),
        idempotency=Idempotency.TOKEN,
        token_ttl_s=60.0,
        consistency_window_s=0.0,
        spends_money=False,
        kept=("script",),
        points_only=points_only,
    )


KINDS = {
    ("local", "machine"): a_kind("machine"),
    ("local", "replica"): a_kind("replica"),
    ("local", "endpoint"): a_kind("endpoint", points_only=True),
}


def at(kind: str, name: str) -> Address:
    """An address of the local provider."""
    return Address("local", kind, name)


def a_machine(size: int = 8, colour: str = "red") -> Resource:
    """A machine called m."""
    return Resource(
        address=at("machine", "m"), attributes={"size": size, "colour": colour}, known_after_apply=("id",)
    )


def a_replica() -> Resource:
    """A replica on m."""
    return Resource(address=at("replica", "r"), attributes={"size": 1}, needs=(at("machine", "m"),))


def an_endpoint() -> Resource:
    """An endpoint over r."""
    return Resource(address=at("endpoint", "e"), attributes={}, needs=(at("replica", "r"),))


def made(resource: Resource) -> Resource:
    """The resource as the state has it once it exists."""
    return replace(resource, outputs={"id": f"id-{resource.address.name}"})


def prior(*resources: Resource) -> dict[Address, Resource]:
    """A state of these."""
    return {r.address: made(r) for r in resources}


def found(resource: Resource, **attributes: str) -> Found:
    """The resource as the provider has it."""
    return Found(
        object_id="id",
        address=resource.address,
        ready=True,
        attributes={**resource.attributes, **attributes},
        outputs={},
    )


def test_the_same_is_no_change() -> None:
    """Lists and tuples count as equal, outputs do not count at all."""
    resource = replace(a_machine(), attributes={"size": 8, "devices": (0, 1)})
    stored = {resource.address: replace(made(resource), attributes={"size": 8, "devices": [0, 1]})}

    result = diff(stored, ResourceGraph.of([resource]), KINDS)

    assert result.changes == ()
    assert result.unchanged == 1


def test_new_and_unwanted_are_create_and_delete() -> None:
    """What is only wanted is made, what is only there goes."""
    result = diff(
        prior(a_machine()), ResourceGraph.of([replace(a_machine(), address=at("machine", "n"))]), KINDS
    )

    assert [(c.address.name, c.action) for c in result.changes] == [
        ("m", Action.DELETE),
        ("n", Action.CREATE),
    ]


def test_what_can_be_changed_in_place_is_updated() -> None:
    """The change names the attribute and keeps the outputs."""
    (change,) = diff(prior(a_machine()), ResourceGraph.of([a_machine(colour="blue")]), KINDS).changes

    assert (change.action, change.changed) == (Action.UPDATE, ("colour",))
    assert change.after is not None
    assert change.after.outputs == {"id": "id-m"}


def test_a_replaced_machine_takes_its_replicas_along_but_not_the_endpoint() -> None:
    """What stands on it is made anew; what only points at that stays."""
    wanted = ResourceGraph.of([a_machine(size=4), a_replica(), an_endpoint()])

    changes = diff(prior(a_machine(), a_replica(), an_endpoint()), wanted, KINDS).changes

    assert [(c.address.name, c.action, c.reason) for c in changes] == [
        ("m", Action.REPLACE, Reason.CANNOT_UPDATE),
        ("r", Action.REPLACE, Reason.GROUND),
    ]


def test_what_is_gone_is_made_again_with_what_stood_on_it() -> None:
    """A machine that vanished behind our back comes back, and its replica is started anew."""
    wanted = ResourceGraph.of([a_machine(), a_replica()])
    seen = {at("machine", "m"): None, at("replica", "r"): found(a_replica())}

    changes = diff(prior(a_machine(), a_replica()), wanted, KINDS, seen).changes

    assert [(c.address.name, c.action, c.reason) for c in changes] == [
        ("m", Action.CREATE, Reason.GONE),
        ("r", Action.REPLACE, Reason.GROUND),
    ]


def test_drift_is_mended() -> None:
    """An attribute that somebody else changed is set back."""
    seen = {at("machine", "m"): found(a_machine(), colour="green")}

    (change,) = diff(prior(a_machine()), ResourceGraph.of([a_machine()]), KINDS, seen).changes

    assert (change.action, change.reason, change.changed) == (Action.UPDATE, Reason.DRIFTED, ("colour",))


def test_what_gives_way_is_told_apart_from_what_nobody_wants() -> None:
    """Replicas of a workload that is left out, and machines of their own, go for a reason of their own."""
    low = Resource(address=at("replica", "low-0"), attributes={"workload": "low"})
    own = Resource(address=at("machine", "own"), attributes={"exclusive_to": "low-0"})
    old = Resource(address=at("replica", "old-0"), attributes={"workload": "old"})
    changes = diff(prior(low, own, old), ResourceGraph.of(()), KINDS, left_out={"low"}).changes

    assert {c.address.name: c.reason for c in changes} == {
        "low-0": Reason.PREEMPTED,
        "own": Reason.PREEMPTED,
        "old-0": Reason.NOT_WANTED,
    }


def test_what_forces_a_replacement_is_named() -> None:
    """Of two attributes that differ the one that cannot be changed in place, also on new ground."""
    wanted = ResourceGraph.of(
        [a_machine(size=4, colour="blue"), replace(a_replica(), attributes={"size": 2})]
    )

    machine, replica = diff(prior(a_machine(), a_replica()), wanted, KINDS).changes

    assert (machine.changed, machine.forced_by) == (("colour", "size"), ("size",))
    assert (replica.changed, replica.forced_by) == (("size",), ("size",))


def test_what_follows_its_ground_keeps_what_else_changes() -> None:
    """An update that becomes a replacement still names its attributes."""
    old = replace(a_replica(), attributes={"size": 1, "colour": "red"})
    wanted = ResourceGraph.of([a_machine(size=4), replace(old, attributes={"size": 1, "colour": "blue"})])

    _, replica = diff(prior(a_machine(), old), wanted, KINDS).changes

    assert (replica.action, replica.reason) == (Action.REPLACE, Reason.GROUND)
    assert replica.changed == ("colour", "needs")


def test_drift_keeps_what_the_provider_has() -> None:
    """The value that is there is in the change, as the state does not have it; one as recorded is not."""
    there = {at("machine", "m"): found(a_machine(), colour="green")}

    (change,) = diff(prior(a_machine()), ResourceGraph.of([a_machine()]), KINDS, there).changes

    assert (change.reason, change.changed, change.drifted) == (
        Reason.DRIFTED,
        ("colour",),
        {"colour": "green"},
    )


def test_how_something_was_made_is_its_own() -> None:
    """What only tells how a thing was made changes nothing that is there, and holds for what is made anew."""
    before, wanted = a_machine(), a_machine(colour="blue")
    before = replace(before, attributes={**before.attributes, "script": "old"})
    wanted = replace(wanted, attributes={**wanted.attributes, "script": "new"})
    same = replace(wanted, attributes={**before.attributes, "script": "new"})
    larger = replace(wanted, attributes={**wanted.attributes, "size": 16})

    (updated,) = diff(prior(before), ResourceGraph.of([wanted]), KINDS).changes
    (replaced,) = diff(prior(before), ResourceGraph.of([larger]), KINDS).changes

    assert diff(prior(before), ResourceGraph.of([same]), KINDS).changes == ()
    assert diff(prior(a_machine()), ResourceGraph.of([same]), KINDS).changes == ()
    assert (updated.changed, updated.after and updated.after.attributes["script"]) == (("colour",), "old")
    assert replaced.after is not None
    assert replaced.after.attributes["script"] == "new"
