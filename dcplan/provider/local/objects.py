"""The objects of the world: machines taken, servers and jobs running, endpoints routing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.provider.local import faults, nodes
from dcplan.provider.local.faults import Call, FaultKind, Target
from dcplan.provider.types import Found, Request
from dcplan.resources import Address, JsonValue

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence


NOBODY = "nobody/"
"""Begins the owner of what has none; what follows makes names of such things unique."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One row of the world's objects."""

    seq: int
    id: str
    kind: str
    name: str
    lineage: str
    token: str
    attributes: Mapping[str, JsonValue]
    outputs: Mapping[str, JsonValue]
    deleting: bool
    due_at_s: float
    """Unix time at which it is ready or, when it is being deleted, gone."""
    made_at_s: float | None = None
    """When the call that made it came; None for what no call made."""

    def found(self, provider: str, now_s: float) -> Found:
        """The object as the provider tells of it."""
        return Found(
            object_id=self.id,
            address=Address(provider, self.kind, self.name),
            ready=not self.deleting and self.due_at_s <= now_s,
            attributes=self.attributes,
            outputs=self.outputs,
            token=self.token,
            lineage=None if self.lineage.startswith(NOBODY) else self.lineage,
            made_at_s=self.made_at_s,
        )


_COLUMNS = (
    "seq, id, kind, name, lineage, token, attributes, outputs, state, due_at,"
    " (SELECT at FROM calls WHERE calls.token = objects.token)"
)
_ALIVE = "NOT (state = 'deleting' AND due_at <= :now)"


def _thing(row: tuple[int, str, str, str, str, str, str, str, str, float, float | None]) -> Thing:
    """The object of a row."""
    return Thing(
        seq=row[0],
        id=row[1],
        kind=row[2],
        name=row[3],
        lineage=row[4],
        token=row[5],
        attributes=json.loads(row[6]),
        outputs=json.loads(row[7]),
        deleting=row[8] == "deleting",
        due_at_s=row[9],
        made_at_s=row[10],
    )


def select(db: sqlite3.Connection, now_s: float, where: str, **values: object) -> list[Thing]:
    """The objects alive now for which ``where`` holds, oldest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM objects WHERE {_ALIVE} AND ({where}) ORDER BY seq",  # noqa: S608 - constants only
        {"now": now_s, **values},
    )
    return [_thing(row) for row in rows]


def by_ids(db: sqlite3.Connection, now_s: float, ids: Iterable[str]) -> dict[str, Thing]:
    """The objects alive now with these ids, in one query however many they are."""
    wanted = json.dumps(list(ids))
    things = select(db, now_s, "id IN (SELECT value FROM json_each(:ids))", ids=wanted)
    return {thing.id: thing for thing in things}


def by_id(db: sqlite3.Connection, now_s: float, object_id: str) -> Thing | None:
    """The object with this id, if it is alive now."""
    return next(iter(select(db, now_s, "id = :id", id=object_id)), None)


def by_name(db: sqlite3.Connection, now_s: float, kind: str, name: str, lineage: str) -> Thing | None:
    """The object of this owner with this kind and name, if it is alive now."""
    where = "kind = :kind AND name = :name AND lineage = :lineage"
    return next(iter(select(db, now_s, where, kind=kind, name=name, lineage=lineage)), None)


def needs_of(db: sqlite3.Connection, seq: int) -> set[int]:
    """What object ``seq`` stands on."""
    return {needed for (needed,) in db.execute("SELECT needed FROM needs WHERE seq = ?", (seq,))}


def dependants(db: sqlite3.Connection, now_s: float, seq: int) -> list[Thing]:
    """What is alive now and needs object ``seq``."""
    return select(db, now_s, "seq IN (SELECT seq FROM needs WHERE needed = :seq)", seq=seq)


def insert(db: sqlite3.Connection, request: Request, gang: str | None, ready_at_s: float) -> tuple[int, str]:
    """Add the object that a request asks for, without outputs; its row number and its id."""
    address = request.address
    values = (
        address.kind,
        address.name,
        request.lineage,
        request.token,
        text(request.attributes),
        gang,
        ready_at_s,
    )
    cursor = db.execute(
        "INSERT INTO objects (id, kind, name, lineage, token, attributes, outputs, gang, state, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, '{}', ?, 'creating', ?)",
        # The final id holds the row number, which SQLite never gives twice.
        (f"new-{request.token}", *values),
    )
    seq = cursor.lastrowid or 0
    object_id = f"{address.kind}-{seq:06d}"
    db.execute("UPDATE objects SET id = ? WHERE seq = ?", (object_id, seq))
    return seq, object_id


def set_outputs(db: sqlite3.Connection, seq: int, outputs: Mapping[str, JsonValue]) -> None:
    """Note what the provider answers for object ``seq``."""
    db.execute("UPDATE objects SET outputs = ? WHERE seq = ?", (text(outputs), seq))


def set_needs(db: sqlite3.Connection, seq: int, needed: Sequence[int]) -> None:
    """Note what object ``seq`` stands on."""
    db.execute("DELETE FROM needs WHERE seq = ?", (seq,))
    db.executemany("INSERT OR IGNORE INTO needs VALUES (?, ?)", ((seq, other) for other in needed))


def remove(db: sqlite3.Connection, seq: int) -> None:
    """Let object ``seq`` be gone, and free what it held."""
    nodes.release(db, seq)
    db.execute("DELETE FROM needs WHERE seq = ?", (seq,))
    db.execute("DELETE FROM objects WHERE seq = ?", (seq,))


def sweep(db: sqlite3.Connection, now_s: float) -> None:
    """Remove the objects whose deletion has come to its end."""
    rows = db.execute("SELECT seq FROM objects WHERE state = 'deleting' AND due_at <= ?", (now_s,)).fetchall()
    for (seq,) in rows:
        remove(db, seq)


def meddle(db: sqlite3.Connection, call: Call, now_s: float) -> None:
    """Let happen what was ordered to happen behind dcplan's back, just before ``call``."""
    for row, fault in faults.standing(db):
        if fault.kind not in faults.BEHIND_BACK or fault.waits_for is not call:
            continue
        skip, times = fault.skip, fault.times
        for thing in select(db, now_s, "state <> 'deleting'"):
            if times == 0:
                break
            if not fault.covers(_target(thing)):
                continue
            if skip > 0:
                skip -= 1
            else:
                times = None if times is None else times - 1
                _hit(db, thing, fault)
        db.execute("UPDATE faults SET skip = ?, times = ? WHERE id = ?", (skip, times, row))


def _hit(db: sqlite3.Connection, thing: Thing, fault: faults.Fault) -> None:
    """Take one object away, or change one of its attributes."""
    if fault.kind is FaultKind.VANISH:
        remove(db, thing.seq)
        return
    changed = {**thing.attributes, fault.attribute: fault.value}
    db.execute("UPDATE objects SET attributes = ? WHERE seq = ?", (text(changed), thing.seq))


def _target(thing: Thing) -> Target:
    """What patterns of a fault are held against."""
    return target_of(Address("", thing.kind, thing.name), thing.attributes, Call.REFRESH)


def target_of(address: Address, attributes: Mapping[str, JsonValue], call: Call) -> Target:
    """What a fault sees of a call about this resource."""
    machine, zone = attributes.get("machine"), attributes.get("zone")
    return Target(
        call=call,
        kind=address.kind,
        name=address.name,
        machine=machine if isinstance(machine, str) else "",
        zone=zone if isinstance(zone, str) else "",
    )


def text(value: Mapping[str, JsonValue]) -> str:
    """JSON, the same for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
