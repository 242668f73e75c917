"""What agreeing to a plan allows should machines be sold out, and what is more than that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dcplan.plan.next_best import Agreed, Instead, NextBest, agreed, beyond
from dcplan.plan.types import Digests, Plan
from dcplan.resources import Action, Address, Change, Resource

A, B = Address("x", "machine", "a"), Address("x", "machine", "b")


def a_plan(*changes: Change, **more: Any) -> Plan:
    """One of $10 an hour with a dollar of traffic."""
    inputs = Digests(document="d", offerings="", lineage="l", serial=0)
    plan = Plan(
        dcplan="0", project="p", created_at="now", inputs=inputs, usd_per_h=10.0, egress_usd_per_h=1.0
    )
    return replace(plan, changes=changes, **more)


def change(action: Action, address: Address, **attributes: Any) -> Change:
    """A change of a machine."""
    thing = Resource(address=address, attributes={"pool": "p", **attributes})
    before = None if action is Action.CREATE else thing
    return Change(
        address=address, action=action, before=before, after=None if action is Action.DELETE else thing
    )


def next_best(name: str, *usd_per_h: float) -> NextBest:
    """What is planned anew without ``x/name``, one after the other."""
    steps = tuple(Instead(buys=(), usd_per_h=usd) for usd in usd_per_h)
    return NextBest(machines=(name,), regions=("r",), count=1, pools=(f"x/{name}",), steps=steps)


SHOWN = (next_best("one", 2.0, 5.0), next_best("two", 3.0), next_best("three", -4.0))


@pytest.mark.parametrize(
    ("refused", "at_most", "usd_per_h"),
    [
        ((), None, 11.0),
        (("x/one",), None, 16.0),
        (("x/one", "x/two"), None, 19.0),
        (("x/three",), None, 11.0),
        (("x/other",), None, 11.0),
        (("x/one",), 0.1, 12.1),
        (("x/one",), 0.0, 11.0),
    ],
)
def test_what_may_be_spent_is_what_was_shown_of_what_is_sold_out(
    refused: tuple[str, ...], at_most: float | None, usd_per_h: float
) -> None:
    """The dearest of its next best plans, added up; or the share of its own cost that the document says."""
    allowed = agreed(a_plan(next_best=SHOWN), refused, (), at_most)

    assert allowed.usd_per_h == pytest.approx(usd_per_h)


def test_a_cost_that_is_not_known_allows_nothing() -> None:
    """Neither that of the first plan nor that of the next."""
    unknown = a_plan(usd_per_h=None)

    assert list(beyond(agreed(unknown, (), ()), a_plan())) == ["What it costs is not known."]
    assert list(beyond(agreed(a_plan(), (), ()), unknown)) == ["What it costs is not known."]


ALLOWED = Agreed(document="d", usd_per_h=11.0, goes=frozenset({A}), bought=frozenset(), runs=frozenset())


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (a_plan(change(Action.DELETE, A), change(Action.CREATE, B)), ""),
        (a_plan(change(Action.UPDATE, B)), ""),
        (a_plan(change(Action.DELETE, B)), "It destroys what was to stay: x.machine.b."),
        (a_plan(change(Action.REPLACE, B)), "It destroys what was to stay: x.machine.b."),
        (a_plan(change(Action.CREATE, B, most_usd=9.0)), "It buys what is paid for at once: x.machine.b."),
        (a_plan(usd_per_h=12.5), "It costs $13.50/h, and $11.00/h is the most that was agreed to."),
        (a_plan(usd_per_h=10.009), ""),
    ],
)
def test_what_is_more_than_was_agreed_to_is_told(plan: Plan, why: str) -> None:
    """What may go may go and what is new may come; all else is for somebody to answer."""
    assert " ".join(beyond(ALLOWED, plan)) == why


def test_another_document_and_what_no_longer_runs_are_more_than_was_agreed_to() -> None:
    """Each is told."""
    allowed = replace(ALLOWED, document="e", runs=frozenset({"chat"}))

    assert list(beyond(allowed, a_plan())) == [
        "The document was changed meanwhile.",
        "It leaves out what was to run: chat.",
    ]
