"""Faults: what can be made to go wrong in the simulated data centre, and how it is counted.

A fault is a row of the world, so it works for every process that uses the
world and its count survives a crash.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from dcplan.resources import Action

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


class FaultKind(StrEnum):
    """What goes wrong."""

    STOCK_OUT = "stock-out"
    """A create finds no machine.  Without ``times`` the offering shows as unavailable, too."""
    THROTTLE = "throttle"
    """The call is turned away, to come again after ``seconds``."""
    DENIED = "denied"
    """The credentials do not allow the call."""
    LOST_BEFORE = "lost-before"
    """The connection drops before the call arrives: nothing is done."""
    LOST_ANSWER = "lost-answer"
    """The call is done, then the connection drops."""
    ERROR_AFTER_CREATE = "error-after-create"
    """The object is made, then the answer is an internal error."""
    SLOW_CREATE = "slow-create"
    """The object takes ``seconds`` longer to become ready."""
    SLOW_DELETE = "delete-still-running"
    """The delete is taken, but the object stays for ``seconds``."""
    VANISH = "vanish"
    """Just before the call an object disappears behind dcplan's back."""
    DRIFT = "drift"
    """Just before the call somebody sets ``attribute`` of an object to ``value``."""


class Call(StrEnum):
    """The calls a fault can lie in wait for."""

    BEGIN = "begin"
    WAIT = "wait"
    LOOKUP = "lookup"
    REFRESH = "refresh"
    OWNED = "owned"


BEHIND_BACK = frozenset({FaultKind.VANISH, FaultKind.DRIFT})
"""Faults of objects, not of calls: each time they fire, one object is hit."""

CREATES_ONLY = frozenset({FaultKind.STOCK_OUT, FaultKind.ERROR_AFTER_CREATE, FaultKind.SLOW_CREATE})

MACHINE = "machine"
"""The kind of resource that stock-outs are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, where, and how often."""

    kind: FaultKind
    call: Call | None = None
    """Which call; by default ``refresh`` for what happens behind dcplan's back, ``begin`` for the rest."""
    action: Action | None = None
    """Only begins of this action."""
    resource: str = "*"
    """Pattern of resource kinds (``machine``, ``replica``...)."""
    name: str = "*"
    """Pattern of resource names, as in file names."""
    machine: str = "*"
    """Pattern of machine types (creates of machines)."""
    zone: str = "*"
    """Pattern of zones (creates of machines)."""
    times: int | None = 1
    """How often; None is always."""
    skip: int = 0
    """So many matching calls go well first."""
    seconds: float = 1.0
    """To wait before trying again (throttle), or more time that it takes (slow ones)."""
    attribute: str = ""
    value: str = ""
    """What drift sets."""

    @property
    def waits_for(self) -> Call:
        """The call it lies in wait for."""
        if self.call is not None:
            return self.call
        return Call.REFRESH if self.kind in BEHIND_BACK else Call.BEGIN

    def meets(self, target: Target) -> bool:
        """Whether a call is one that this fault waits for."""
        if target.call is not self.waits_for:
            return False
        if self.action is not None and target.action is not self.action:
            return False
        if self.kind in CREATES_ONLY and target.action is not Action.CREATE:
            return False
        if self.kind is FaultKind.SLOW_DELETE and target.action is not Action.DELETE:
            return False
        if self.kind is FaultKind.STOCK_OUT and target.kind != MACHINE:
            return False
        return self.covers(target)

    def covers(self, target: Target) -> bool:
        """Whether all patterns fit."""
        pairs = (
            (target.kind, self.resource),
            (target.name, self.name),
            (target.machine, self.machine),
            (target.zone, self.zone),
        )
        return all(pattern == "*" or fnmatch.fnmatchcase(text, pattern) for text, pattern in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a fault is held against: one call about one resource."""

    call: Call
    kind: str = ""
    name: str = ""
    action: Action | None = None
    machine: str = ""
    zone: str = ""


_FIELDS = "kind, call, action, resource, name, machine, zone, times, skip, seconds, attribute, value"


def add(db: sqlite3.Connection, fault: Fault, origin: str = "") -> None:
    """Put ``fault`` into the world.  With an ``origin`` it is put there once only, however often asked."""
    db.execute(
        f"INSERT OR IGNORE INTO faults (origin, {_FIELDS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - constant
        (
            origin or None,
            fault.kind.value,
            fault.waits_for.value,
            fault.action.value if fault.action else None,
            fault.resource,
            fault.name,
            fault.machine,
            fault.zone,
            fault.times,
            fault.skip,
            fault.seconds,
            fault.attribute,
            fault.value,
        ),
    )


def standing(db: sqlite3.Connection) -> list[tuple[int, Fault]]:
    """The faults that can still happen, oldest first, with their row numbers."""
    rows = db.execute(f"SELECT id, {_FIELDS} FROM faults WHERE times IS NULL OR times > 0 ORDER BY id")  # noqa: S608
    return [(row[0], _fault(row[1:])) for row in rows]


def _fault(row: tuple[str, str, str | None, str, str, str, str, int | None, int, float, str, str]) -> Fault:
    """The fault of a row, with what is left of ``times`` and ``skip``."""
    return Fault(
        kind=FaultKind(row[0]),
        call=Call(row[1]),
        action=Action(row[2]) if row[2] else None,
        resource=row[3],
        name=row[4],
        machine=row[5],
        zone=row[6],
        times=row[7],
        skip=row[8],
        seconds=row[9],
        attribute=row[10],
        value=row[11],
    )


def count_down(db: sqlite3.Connection, row: int, fault: Fault) -> bool:
    """Note that ``fault`` met a call; whether it strikes this time."""
    if fault.skip > 0:
        db.execute("UPDATE faults SET skip = skip - 1 WHERE id = ?", (row,))
        return False
    if fault.times is not None:
        db.execute("UPDATE faults SET times = times - 1 WHERE id = ?", (row,))
    return True


def strike(db: sqlite3.Connection, targets: Sequence[Target]) -> list[Fault]:
    """The faults that strike a call, counted.  A call about many resources has many targets."""
    struck = []
    for row, fault in standing(db):
        if fault.kind in BEHIND_BACK or not any(fault.meets(target) for target in targets):
            continue
        if count_down(db, row, fault):
            struck.append(fault)
    return struck
