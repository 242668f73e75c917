"""What a plan may do, for whoever says what must be allowed for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.plan.fallbacks import Alternative, Fallback, Unit
from dcplan.plan.settings import ApplySettings
from dcplan.plan.types import Digests, Plan
from dcplan.resources import Action, Address, Change, Resource
from dcplan.workflow.permitting import deeds_of

HOST, JOB = Address("aws", "instance", "h-0"), Address("aws", "job", "tune")


def made(address: Address) -> Change:
    """The create of a resource."""
    after = Resource(address=address, attributes={"region": "us-east-1", "zone": "a", "pool": "home"})
    return Change(address=address, action=Action.CREATE, before=None, after=after)


def plan_of(*changes: Change, failover: str | None = None, on_error: str | None = None) -> Plan:
    """A plan in which the host may be had in another region, too."""
    there = Alternative(pool="other", region="us-west-2", zone="b", room=1, usd_per_h=0.0)
    home = Fallback(
        pool="home",
        region="us-east-1",
        units=(Unit(machines=(HOST,), shares=()),),
        alternatives=(there,),
    )
    return Plan(
        dcplan="0",
        project="p",
        created_at="2026-11-22T20:00:00+00:00",
        changes=changes,
        fallbacks=(home,),
        apply=ApplySettings(failover=failover, on_error=on_error),
        inputs=Digests(document="", offerings="", lineage="l", serial=1),
    )


def told(plan: Plan) -> set[tuple[str, str, object]]:
    """What is done, to what, and where."""
    return {
        (d.action.value, d.resource.address.kind, d.resource.attributes["region"]) for d in deeds_of(plan)
    }


def test_failover_makes_elsewhere_and_gives_back() -> None:
    """A machine may be made in each alternative, and what was had of a gang is deleted again."""
    assert told(plan_of(made(HOST), made(JOB))) == {
        ("create", "instance", "us-east-1"),
        ("delete", "instance", "us-east-1"),
        ("create", "instance", "us-west-2"),
        ("delete", "instance", "us-west-2"),
        ("create", "job", "us-east-1"),
    }


def test_without_failover_nothing_is_deleted() -> None:
    """A plan that only makes, and may not go elsewhere, only makes."""
    assert told(plan_of(made(HOST), failover="never")) == {("create", "instance", "us-east-1")}


def test_what_may_be_rolled_back_may_be_deleted() -> None:
    """With rollback-new everything that is made may be taken away again."""
    plan = plan_of(made(JOB), failover="never", on_error="rollback-new")

    assert told(plan) == {("create", "job", "us-east-1"), ("delete", "job", "us-east-1")}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action.DELETE, {"delete"}),
        (Action.UPDATE, {"update"}),
        (Action.REPLACE, {"delete", "create"}),
    ],
)
def test_a_change_is_what_it_takes(action: Action, expected: set[str]) -> None:
    """A replace is a delete and a create; the others are one call each."""
    change = made(JOB)
    changed = replace(change, action=action, before=change.after)

    assert {deed[0] for deed in told(plan_of(changed, failover="never"))} == expected
