"""What is left of a plan after an interrupted apply, and what is stale."""

from __future__ import annotations

from dataclasses import replace

from dcplan.apply import check_fresh
from dcplan.plan.remaining import remaining
from dcplan.plan.types import Digests, Plan, ReadEntry
from dcplan.resources import Action, Address, Change, Resource, digest_of
from dcplan.state.types import State


def a_box(name: str, size: int = 1, object_id: str | None = None) -> Resource:
    """A box, made if it has an id."""
    return Resource(
        address=Address("local", "box", name),
        attributes={"size": size},
        outputs={} if object_id is None else {"id": object_id},
    )


def a_plan(state: State, *changes: Change) -> Plan:
    """A plan of these changes, made from ``state``."""
    return Plan(
        dcplan="0",
        project="p",
        created_at="now",
        changes=changes,
        inputs=Digests(document="", offerings="", lineage=state.lineage, serial=state.serial),
        read_set=tuple(
            ReadEntry(address=str(c.address), digest=digest_of(state.resources.get(c.address)))
            for c in changes
        ),
    )


def create(name: str) -> Change:
    """Make a box."""
    return Change(address=Address("local", "box", name), action=Action.CREATE, before=None, after=a_box(name))


def a_state(*resources: Resource, serial: int = 3) -> State:
    """A state of these."""
    return State(lineage="l", serial=serial, resources={r.address: r for r in resources})


def test_what_was_made_since_is_not_made_again() -> None:
    """Of two creates one is there already: the other is left, and the plan is still fresh."""
    plan = a_plan(a_state(), create("a"), create("b"))
    now = a_state(a_box("a", object_id="1"), serial=4)

    left = remaining(plan, now)

    assert [c.address.name for c in left.changes] == ["b"]
    assert left.unchanged == 1
    assert check_fresh(left, now) == ()


def test_a_first_plan_can_be_taken_up_again() -> None:
    """A plan from before there was any state goes on after a crash in its first apply."""
    plan = a_plan(State(), create("a"), create("b"))
    now = a_state(a_box("a", object_id="1"), serial=1)

    left = remaining(plan, now)

    assert [c.address.name for c in left.changes] == ["b"]
    assert check_fresh(left, now) == ()


def test_something_else_at_the_address_makes_the_plan_stale() -> None:
    """Another box of the same name is nothing this plan made."""
    plan = a_plan(a_state(), create("a"))
    now = a_state(a_box("a", size=9, object_id="1"), serial=4)

    left = remaining(plan, now)

    assert left is plan
    assert [d.code for d in check_fresh(left, now)] == ["plan-stale"]


def test_a_replacement_of_equal_attributes_counts_only_once_it_happened() -> None:
    """Before it the row is as the plan saw it; after it the row has another id."""
    before = a_box("a", object_id="1")
    change = Change(address=before.address, action=Action.REPLACE, before=before, after=a_box("a"))
    plan = a_plan(a_state(before), change)

    assert remaining(plan, a_state(before)).changes == (change,)
    assert remaining(plan, a_state(replace(before, outputs={"id": "2"}))).changes == ()


def test_a_delete_is_done_once_the_address_is_empty() -> None:
    """Nothing there is what the plan wants."""
    box = a_box("a", object_id="1")
    change = Change(address=box.address, action=Action.DELETE, before=box, after=None)

    assert remaining(a_plan(a_state(box), change), a_state()).changes == ()


def test_of_a_replacement_cut_short_the_create_is_left() -> None:
    """The old one is deleted, the new one is not there yet; what it stands on must still be as it was."""
    before = a_box("a", object_id="1")
    change = Change(address=before.address, action=Action.REPLACE, before=before, after=a_box("a", size=2))
    plan = a_plan(a_state(before), change)
    now = a_state(serial=4)
    left = remaining(plan, now)

    assert [(c.action, c.before, c.after) for c in left.changes] == [(Action.CREATE, None, change.after)]
    assert check_fresh(left, now) == ()


def test_a_replacement_is_not_taken_up_after_something_else_was_applied() -> None:
    """The address is empty because a later plan wanted it so."""
    before = a_box("a", object_id="1")
    change = Change(address=before.address, action=Action.REPLACE, before=before, after=a_box("a", size=2))
    plan = replace(a_plan(a_state(before), change), created_at="2026-01-01T00:00:00+00:00")
    now = replace(a_state(serial=4), deployment={"applied_at": "2026-01-01T00:00:07+00:00"})
    left = remaining(plan, now)

    assert left is plan
    assert [d.code for d in check_fresh(left, now)] == ["plan-stale"]
