"""What is planned anew if machines are sold out wherever a plan may have them, and what may be unasked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dcplan.resources import Action
from dcplan.units import format_usd_per_h

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dcplan.plan.types import Plan
    from dcplan.resources import Address, Change

MOST_ROUNDS = 4
"""Of one apply: its plan, and what is planned anew."""
_NEAR_USD = 0.01
"""Prices per hour that are told alike."""

Ended = Literal["nothing-fits", "not-computed", "enough"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """New machines of one type in one region that the plan does not have."""

    provider: str
    region: str
    machine: str
    machines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead:
    """Another plan for the same document."""

    buys: tuple[Bought, ...]
    """In place of what is sold out."""
    usd_per_h: float
    """More than planned, traffic included; negative is less."""
    lets_go: int = 0
    """Machines that stand and that the plan keeps, and this would not."""
    leaves_out: tuple[str, ...] = ()
    """Workloads that need not run, and would not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextBest:
    """What is planned anew, one after the other, if machines of these types are sold out in these regions."""

    machines: tuple[str, ...]
    """Their types."""
    regions: tuple[str, ...]
    count: int
    """New machines of these types in the plan."""
    pools: tuple[str, ...]
    """``provider/pool``: all that are sold out then."""
    steps: tuple[Instead, ...] = ()
    """Each is what there is once the one before is sold out, too."""
    ended: Ended = "enough"
    """Why there are no more of them."""

    @property
    def most_usd_per_h(self) -> float:
        """The most that one of them costs more than planned; 0 where none costs more."""
        return max([0.0, *(step.usd_per_h for step in self.steps)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What whoever agreed to a plan has agreed to, should machines be sold out."""

    document: str
    usd_per_h: float | None
    """At most, of machines and traffic; None: the plan's cost is not known."""
    goes: frozenset[Address]
    """What may be destroyed."""
    bought: frozenset[Address]
    """What may be paid for at once."""
    runs: frozenset[str]
    """Workloads that must go on to be planned."""


def total_usd_per_h(plan: Plan) -> float | None:
    """Of machines and traffic; None is unknown."""
    return None if plan.usd_per_h is None else plan.usd_per_h + plan.egress_usd_per_h


def agreed(
    plan: Plan, refused: Collection[str], made: Collection[Address], at_most: float | None = None
) -> Agreed:
    """What agreeing to ``plan`` allows once ``refused`` (``provider/pool``) are sold out.

    Its cost and what its ``next_best`` costs more; with ``at_most``, so much of its own cost more instead
    (0.2: a fifth).  What an apply has ``made`` itself may be destroyed again.
    """
    known = total_usd_per_h(plan)
    most = None
    if known is not None and at_most is not None:
        most = known * (1.0 + at_most)
    elif known is not None:
        most = known + sum(one.most_usd_per_h for one in plan.next_best if {*one.pools} & {*refused})
    return Agreed(
        document=plan.inputs.document,
        usd_per_h=most,
        goes=frozenset({c.address for c in plan.changes if _destroys(c)} | {*made}),
        bought=frozenset(c.address for c in plan.changes if _is_paid_at_once(c)),
        runs=frozenset(w.name for w in plan.workloads),
    )


def beyond(allowed: Agreed, plan: Plan) -> Iterator[str]:
    """Why ``plan`` is more than was agreed to, a sentence each; nothing where it is not."""
    cost = total_usd_per_h(plan)
    if allowed.document != plan.inputs.document:
        yield "The document was changed meanwhile."
    if cost is None or allowed.usd_per_h is None:
        yield "What it costs is not known."
    elif cost > allowed.usd_per_h + _NEAR_USD:
        yield (
            f"It costs {format_usd_per_h(cost)}, and {format_usd_per_h(allowed.usd_per_h)} is the most that "
            "was agreed to."
        )
    gone = sorted(str(c.address) for c in plan.changes if _destroys(c) and c.address not in allowed.goes)
    if gone:
        yield f"It destroys what was to stay: {_few(gone)}."
    paid = sorted(
        str(c.address) for c in plan.changes if _is_paid_at_once(c) and c.address not in allowed.bought
    )
    if paid:
        yield f"It buys what is paid for at once: {_few(paid)}."
    left = sorted(allowed.runs - {w.name for w in plan.workloads})
    if left:
        yield f"It leaves out what was to run: {_few(left)}."


def _destroys(change: Change) -> bool:
    return change.action in {Action.DELETE, Action.REPLACE}


def _is_paid_at_once(change: Change) -> bool:
    made = change.action in {Action.CREATE, Action.REPLACE} and change.after is not None
    return made and change.after is not None and "most_usd" in change.after.attributes


def _few(names: list[str]) -> str:
    shown = 4
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
