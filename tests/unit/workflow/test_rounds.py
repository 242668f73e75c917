"""Which applies go on with another plan, and what later rounds are told of earlier ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dcplan.apply import ApplyReport, Status
from dcplan.apply.types import ChangeResult
from dcplan.diag import Diagnostic, Result, error, warning
from dcplan.plan.next_best import MOST_ROUNDS
from dcplan.plan.settings import ApplySettings
from dcplan.plan.types import Digests, Plan
from dcplan.resources import Action, Address
from dcplan.workflow.rounds import PlanAnew, Terms, fell_short, in_rounds
from dcplan.workflow.settings import ApplyFlags
from dcplan.workflow.types import Applied, Scope

if TYPE_CHECKING:
    from collections.abc import Collection

    from dcplan.diag import Diagnostics

A, B = Address("x", "machine", "a"), Address("x", "machine", "b")
PLAN = Plan(
    dcplan="0",
    project="p",
    created_at="now",
    inputs=Digests(document="d", offerings="", lineage="l", serial=0),
    usd_per_h=1.0,
)
OUT = error("no-capacity", "No capacity", "None is free.", address=str(B))
ENDS = {A: Status.DONE, B: Status.FAILED}


def ended(
    *said: Diagnostic,
    ends: dict[Address, Status] | None = None,
    sold_out: tuple[str, ...] = ("x/p",),
    interrupted: bool = False,
) -> Result[Applied]:
    """What came of a round."""
    results = tuple(
        ChangeResult(address=address, action=Action.CREATE, status=status)
        for address, status in (ENDS if ends is None else ends).items()
    )
    report = ApplyReport(results=results, sold_out=sold_out, interrupted=interrupted)
    return Result(Applied(plan=PLAN, report=report, recovered=0), said or (OUT,))


@pytest.mark.parametrize(
    ("applied", "short"),
    [
        (ended(), True),
        (ended(OUT, warning("w", "Beside it", "Nothing.")), True),
        (ended(error("quota-exceeded", "Quota", "Full.", address=str(B))), True),
        (ended(error("permission-denied", "No", "No.", address=str(B))), False),
        (ended(OUT, error("permission-denied", "No", "No.", address=str(A))), False),
        (ended(ends={A: Status.FAILED, B: Status.FAILED}), False),
        (ended(ends={A: Status.IN_PROGRESS, B: Status.FAILED}), False),
        (ended(ends={A: Status.DONE, B: Status.DONE}), False),
        (ended(sold_out=()), False),
        (ended(interrupted=True), False),
        (Result(None, (OUT,)), False),
    ],
)
def test_only_a_round_that_lacks_nothing_but_machines_is_followed(
    applied: Result[Applied], *, short: bool
) -> None:
    """Whatever else went wrong, or is still under way, is for people or for the next apply."""
    assert fell_short(applied) is short


class Play:
    """Rounds whose ends are written down beforehand, and what was asked between them."""

    def __init__(self, *ends: Result[Applied]) -> None:
        self.ends = list(ends)
        self.kept: list[Collection[Address]] = []
        self.anew: list[PlanAnew] = []
        self.beyond: list[Diagnostics] = []

    def run(self, terms: Terms, plan: Plan = PLAN, found: Plan | None = PLAN) -> int:
        """The number of the last round."""

        def act(_: Plan, kept: Collection[Address]) -> Result[Applied]:
            self.kept.append(frozenset(kept))
            return self.ends[len(self.kept) - 1]

        def plan_anew(anew: PlanAnew, _: Result[Applied]) -> Plan | None:
            self.anew.append(anew)
            return found

        def may(_: Plan, beyond: Diagnostics) -> bool:
            self.beyond.append(beyond)
            return not beyond

        return in_rounds(plan, terms, act=act, plan_anew=plan_anew, may=may).round


def test_each_round_knows_what_was_sold_out_and_made_before() -> None:
    """Pools add up, and what was made is to be kept until all that is bought is there."""
    play = Play(ended(), ended(ends={B: Status.FAILED}, sold_out=("x/q",)), ended(ends={B: Status.DONE}))
    scope = Scope(targets=("chat",))

    assert play.run(Terms(approved=True, scope=scope)) == 3
    assert [(one.round, one.sold_out) for one in play.anew] == [(2, ("x/p",)), (3, ("x/p", "x/q"))]
    assert {one.scope for one in play.anew} == {scope}
    assert play.kept == [set(), {A}, {A}]


def test_rounds_come_to_an_end() -> None:
    """However many pools there are."""
    assert Play(*[ended()] * 9).run(Terms(approved=True)) == MOST_ROUNDS


@pytest.mark.parametrize(
    "terms",
    [
        Terms(approved=True, saved=True),
        Terms(approved=True, scope=Scope(replaces=("x.machine.b",))),
        Terms(approved=True, flags=ApplyFlags(failover="pools")),
        Terms(approved=True, flags=ApplyFlags(failover="never")),
        Terms(approved=True, flags=ApplyFlags(on_error="stop")),
        Terms(approved=True, flags=ApplyFlags(on_error="rollback-new")),
    ],
)
def test_some_applies_have_one_round(terms: Terms) -> None:
    """Saved plans, what is made anew on request, and where the user wants something else."""
    assert Play(ended()).run(terms) == 1


def test_where_there_is_no_other_plan_the_round_was_the_last() -> None:
    """Nothing is carried out, and nobody is asked."""
    play = Play(ended())

    assert play.run(Terms(approved=True), found=None) == 1
    assert play.beyond == []


@pytest.mark.parametrize(("approved", "errors", "rounds"), [(True, 1, 1), (False, 0, 2)])
def test_what_is_beyond_the_agreement_is_an_error_only_where_nobody_is_asked(
    *, approved: bool, errors: int, rounds: int
) -> None:
    """Whoever is asked sees the new plan and its cost, and decides."""
    play = Play(ended(), ended(ends={B: Status.DONE}))

    assert play.run(Terms(approved=approved), found=replace(PLAN, usd_per_h=2.0)) == rounds
    assert [len(said) for said in play.beyond] == [errors]


def test_the_document_may_allow_more() -> None:
    """Twice as much is within 100 %."""
    play = Play(ended(), ended(ends={B: Status.DONE}))
    plan = replace(PLAN, apply=ApplySettings(failover_at_most=1.0))

    assert play.run(Terms(approved=True), plan, replace(PLAN, usd_per_h=2.0)) == 2
