"""Where the providers have something else than the state says, and what is not looked at."""

from __future__ import annotations

import pytest

from dcplan.plan.diff import diff
from dcplan.plan.drift import Ignore, drift_of, idle
from dcplan.provider.types import Found
from dcplan.resources import Action, Address, JsonValue, Reason, Resource, ResourceGraph

A, B = Address("local", "machine", "a-0"), Address("local", "replica", "r.with.dots")


def row(address: Address, **attributes: JsonValue) -> Resource:
    """A resource as the state has it."""
    return Resource(address=address, attributes=attributes, outputs={"id": "o1", "ip": "1"})


def seen(address: Address, *, ready: bool = True, ip: str = "1", **attributes: JsonValue) -> Found:
    """An object as a provider has it."""
    return Found(object_id="o1", address=address, ready=ready, attributes=attributes, outputs={"ip": ip})


def test_what_is_alike_is_no_drift() -> None:
    """Equal attributes and outputs, lists for tuples included, are no difference."""
    prior = {A: row(A, size=1, racks=("x", "y"))}

    assert drift_of(prior, {A: seen(A, size=1, racks=["x", "y"])}) == ()


def test_gone_changed_and_not_ready_are_told_apart() -> None:
    """A lost object has no after; a changed one its new values; one that is not ready says so."""
    prior = {A: row(A, size=1), B: row(B, size=1)}
    gone, changed = drift_of(prior, {A: None, B: seen(B, size=2, ip="9")})
    (unready,) = drift_of(prior, {A: seen(A, ready=False, size=1)})

    assert (gone.address, gone.after) == (A, None)
    assert (changed.attributes, changed.outputs, changed.ready) == (("size",), ("ip",), True)
    assert changed.after is not None
    assert (changed.after.attributes, changed.after.outputs) == ({"size": 2}, {"id": "o1", "ip": "9"})
    assert (unready.attributes, unready.outputs, unready.ready) == ((), (), False)


def test_outputs_that_are_not_known_yet_are_no_drift() -> None:
    """A provider that tells fewer outputs than the state holds has not changed them."""
    prior = {A: row(A, size=1)}
    found = Found(object_id="o1", address=A, ready=True, attributes={"size": 1}, outputs={})

    assert drift_of(prior, {A: found}) == ()


@pytest.mark.parametrize("rule", ["local.machine.a-0.size", "machine.size", "local.machine.size", "*.size"])
def test_a_rule_hides_one_attribute_and_no_other(rule: str) -> None:
    """By address, kind or provider's kind: what is ignored counts as in the state, the rest is told."""
    prior = {A: row(A, size=1, rack="r1")}
    found = {A: seen(A, size=2, rack="r2")}
    (drift,) = drift_of(prior, found, (Ignore.parse(rule),))

    assert drift.attributes == ("rack",)
    assert drift.after is not None
    assert drift.after.attributes == {"size": 1, "rack": "r2"}
    assert drift_of(prior, {A: seen(A, size=2, rack="r1")}, (Ignore.parse(rule),)) == ()


def test_rules_are_of_their_resources_only_and_hide_no_loss() -> None:
    """A rule of another resource hides nothing, names may hold dots, and what is gone is always told."""
    prior = {B: row(B, size=1)}

    assert drift_of(prior, {B: seen(B, size=2)}, (Ignore.parse("local.machine.a-0.size"),)) != ()
    assert drift_of(prior, {B: seen(B, size=2)}, (Ignore.parse("local.replica.r.with.dots.size"),)) == ()
    assert drift_of(prior, {B: None}, (Ignore.parse("*.*"),)) != ()


@pytest.mark.parametrize("text", ["size", ".size", "machine.", ""])
def test_a_rule_without_two_parts_cannot_be_read(text: str) -> None:
    """It must say of what, and which attribute."""
    with pytest.raises(ValueError, match="is not ADDRESS"):
        Ignore.parse(text)


def test_ground_that_the_state_has_lost_takes_along_what_stood_on_it() -> None:
    """Once a lost machine's row is gone, its create still replaces the replica that needs it."""
    replica = Resource(address=B, attributes={}, needs=(A,), outputs={"id": "o2"})
    desired = ResourceGraph.of((Resource(address=A, attributes={}), replica))
    changes = {c.address: c for c in diff({B: replica}, desired, {}).changes}

    assert changes[A].action is Action.CREATE
    assert (changes[B].action, changes[B].reason) == (Action.REPLACE, Reason.GROUND)


def test_one_value_in_an_attribute_can_be_ignored() -> None:
    """A path hides what it leads to, also when it is new or gone; the rest of the attribute is told."""
    prior = {A: row(A, settings={"slots": 8, "port": 1})}
    rule = (Ignore.parse("machine.settings.slots"),)
    both, gone = seen(A, settings={"slots": 9, "port": 2}), seen(A, settings={"port": 1})
    (drift,) = drift_of(prior, {A: both}, rule)

    assert drift.after is not None
    assert drift.after.attributes == {"settings": {"slots": 8, "port": 2}}
    assert drift_of(prior, {A: gone}, rule) == ()
    assert (
        drift_of({A: row(A, settings={"port": 1})}, {A: seen(A, settings={"port": 1, "slots": 9})}, rule)
        == ()
    )


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("machne.size", 'Did you mean "machine"?'),
        ("machine.sise", 'Did you mean "size"?'),
        ("local.machine.a-0.sise", 'Did you mean "size"?'),
    ],
)
def test_a_rule_that_can_hide_nothing_says_why(rule: str, hint: str) -> None:
    """A kind or an attribute that is mistyped is told, with what was probably meant."""
    why = idle(Ignore.parse(rule), {A: row(A, size=1)}, {("local", "machine")})

    assert why is not None
    assert hint in why


@pytest.mark.parametrize("rule", ["machine.size", "*.*", "*.ip", "local.machine.b-9.size", "machine.size.x"])
def test_a_rule_that_may_hide_something_is_not_told(rule: str) -> None:
    """What it is about is there, or may come."""
    assert idle(Ignore.parse(rule), {A: row(A, size=1)}, {("local", "machine")}) is None
