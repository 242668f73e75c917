"""One apply in several rounds: once no pool of its plan has machines left, a new plan follows.

Each round is a transaction like any other, with a plan and a lock of its own, so that a kill between two
rounds leaves what a kill between two applies does.  Nothing old is let go of for what could not be had:
a plan deletes machines only once those in their place are there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.apply.crash import crash_point
from dcplan.apply.types import Status
from dcplan.diag import Result, Severity, error
from dcplan.plan.next_best import MOST_ROUNDS, agreed, beyond
from dcplan.resources import Action
from dcplan.workflow.settings import NO_FLAGS
from dcplan.workflow.types import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from dcplan.diag import Diagnostics
    from dcplan.plan.types import Plan
    from dcplan.resources import Address
    from dcplan.workflow.settings import ApplyFlags
    from dcplan.workflow.types import Applied, Scope

WANT_OF_MACHINES = frozenset({"no-capacity", "quota-exceeded"})
"""Codes of failures after which another plan may do better."""
_MADE = {Action.CREATE, Action.REPLACE}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAnew:
    """A round has ended for want of machines, and the next one begins."""

    round: int
    """Its number; that of the plan that was agreed to is 1."""
    sold_out: tuple[str, ...]
    """``provider/pool``: all that were found sold out in this apply, in which nothing more is bought."""
    scope: Scope
    """What the new plan is confined to: as the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for all rounds of an apply."""

    scope: Scope = EVERYTHING
    """Of its first plan."""
    flags: ApplyFlags = NO_FLAGS
    saved: bool = False
    """Whether the plan came from a file, which holds all that apply may do."""
    approved: bool = False
    """Whether nobody is asked: then what was agreed to with the first plan is the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one round did, and how many there were."""

    plan: Plan
    applied: Result[Applied]
    round: int


def in_rounds(
    plan: Plan,
    terms: Terms,
    *,
    act: Callable[[Plan, Collection[Address]], Result[Applied]],
    plan_anew: Callable[[PlanAnew, Result[Applied]], Plan | None],
    may: Callable[[Plan, Diagnostics], bool],
) -> Turn:
    """Apply ``plan`` and, for want of machines, what is planned anew; the last round.

    ``act`` carries out one plan and lets go of no machines that earlier rounds made, which it is told, before
    all that the plan buys are there; ``plan_anew`` makes and shows the next one, None where there is none;
    ``may`` is asked before it is carried out, with errors for what is beyond what was agreed to where
    nobody can be asked.
    """
    rounds = _Rounds(plan, terms)
    turn = Turn(plan=plan, applied=act(plan, ()), round=1)
    while True:
        anew = rounds.after(turn)
        if anew is None:
            return turn
        crash_point("before-plan-anew")
        found = plan_anew(anew, turn.applied)
        crash_point("after-plan-anew")
        if found is None or not may(found, rounds.errors(found)):
            return turn
        turn = Turn(plan=found, applied=act(found, rounds.made), round=anew.round)


class _Rounds:
    """What is learned from round to round."""

    def __init__(self, first: Plan, terms: Terms) -> None:
        self._first = first
        self._terms = terms
        self._options = terms.flags.over(first.apply)
        self._refused: set[str] = set()
        self.made: set[Address] = set()
        """What was made so far."""

    def after(self, turn: Turn) -> PlanAnew | None:
        """What follows a round; None: nothing."""
        applied = turn.applied.value
        if applied is None:
            return None
        report = applied.report
        self._refused |= {*report.sold_out}
        self.made |= {r.address for r in report.results if r.status is Status.DONE and r.action in _MADE}
        if self._terms.saved or turn.round >= MOST_ROUNDS or not self._wanted(turn):
            return None
        return PlanAnew(
            round=turn.round + 1,
            sold_out=tuple(sorted(self._refused)),
            scope=self._terms.scope,
        )

    def _wanted(self, turn: Turn) -> bool:
        """Whether a new plan may help; what was to be made anew, it would make anew once more."""
        anew = self._options.plans_anew and not self._terms.scope.replaces
        return anew and fell_short(turn.applied)

    def errors(self, plan: Plan) -> Diagnostics:
        """Why a plan must not be carried out without a question; nothing where it may, or one is asked."""
        if not self._terms.approved:
            return ()
        allowed = agreed(self._first, self._refused, self.made, self._first.apply.failover_at_most)
        why = list(beyond(allowed, plan))
        if not why:
            return ()
        detail = (
            f"{' '.join(why)} It was not begun, because nobody is asked with -auto-approve. To see it and to "
            "answer: dcplan apply. How much more a new plan may cost unasked, the document can say: "
            "apply: {failover_at_most: 20%}"
        )
        return (error("plan-beyond-agreed", "The new plan is more than was agreed to", detail),)


def fell_short(applied: Result[Applied]) -> bool:
    """Whether a round came to its end, and lacks nothing but machines."""
    if applied.value is None or applied.value.report.interrupted:
        return False
    report = applied.value.report
    failed = {str(r.address) for r in report.results if r.status is Status.FAILED}
    errors = [d for d in applied.diagnostics if d.severity is Severity.ERROR]
    short = {d.address for d in errors if d.code in WANT_OF_MACHINES}
    others = [d for d in errors if d.code not in WANT_OF_MACHINES]
    return bool(failed and report.sold_out) and failed <= short and not others and not report.in_progress


def as_warnings(said: Diagnostics) -> Diagnostics:
    """Problems that another plan is made for."""
    return tuple(replace(d, severity=Severity.WARNING) for d in said)
