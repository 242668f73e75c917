"""Each journal record as SQL.  Nothing here begins or ends a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.resources import Action
from dcplan.state import rows, runs
from dcplan.state.types import (
    Acknowledged,
    Finished,
    Intended,
    Operation,
    Phase,
    Record,
    Recorded,
    Restored,
    RunNoted,
    Voided,
)

if TYPE_CHECKING:
    import sqlite3

    from dcplan.resources import Resource


def write_record(sql: sqlite3.Connection, record: Record) -> int:  # noqa: PLR0911 - one a kind of record
    """Write one record; by how much the serial grows: 1 when it changes a resource's row, else 0."""
    match record:
        case Intended(operation=operation):
            _intend(sql, operation)
            return 0
        case Acknowledged(op_id=op_id, object_id=object_id, operation_id=operation_id):
            _move_on(sql, op_id, Phase.ACK)
            sql.execute(
                "UPDATE journal SET object_id = ?, operation_id = ? WHERE op_id = ?",
                (object_id, operation_id, op_id),
            )
            return 0
        case Voided(op_id=op_id, why=why):
            _move_on(sql, op_id, Phase.VOID)
            sql.execute("UPDATE journal SET why = ? WHERE op_id = ?", (why, op_id))
            return 0
        case Recorded(address=address, resource=resource):
            return _set_row(sql, str(address), resource)
        case Restored():
            return _restore(sql, record)
        case RunNoted():
            runs.note(sql, record)
            return 0
        case Finished(op_id=op_id, resource=resource):
            where, action, generation = _move_on(sql, op_id, Phase.DONE)
            if action == Action.CREATE:
                sql.execute(
                    "UPDATE tries SET generation = ?, attempt = 0 WHERE address = ?", (generation, where)
                )
            return _set_row(sql, where, resource)


def _restore(sql: sqlite3.Connection, record: Restored) -> int:
    """Put a whole state in place; answers by how much the serial grows, which never goes back.

    Nor do tries: what was tried since the document was made has used up its tokens.
    """
    state = record.state
    sql.execute("DELETE FROM resources")
    sql.executemany(
        "INSERT INTO resources VALUES (?, ?)",
        [(str(a), rows.dumps(rows.resource_content(r))) for a, r in state.resources.items()],
    )
    sql.executemany(
        "INSERT INTO tries VALUES (?, ?, ?) ON CONFLICT (address) DO UPDATE"
        " SET generation = excluded.generation, attempt = excluded.attempt"
        " WHERE (excluded.generation, excluded.attempt) > (generation, attempt)",
        [(str(a), t.generation, t.attempt) for a, t in record.tries.items()],
    )
    sql.execute("UPDATE meta SET lineage = ?, deployment = ?", (state.lineage, rows.dumps(state.deployment)))
    (serial,) = sql.execute("SELECT serial FROM meta").fetchone()
    return max(1, state.serial - int(serial))


def _intend(sql: sqlite3.Connection, operation: Operation) -> None:
    sql.execute(
        "INSERT INTO journal (op_id, address, action, phase, epoch, generation, attempt, body, object_id,"
        " operation_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows.operation_row(operation),
    )
    sql.execute(
        "INSERT INTO tries VALUES (?, 0, ?) ON CONFLICT (address) DO UPDATE SET attempt = excluded.attempt",
        (str(operation.address), operation.attempt),
    )


def _move_on(sql: sqlite3.Connection, op_id: str, phase: Phase) -> tuple[str, str, int]:
    """Move an open call on to ``phase``; its address, action and generation."""
    row: tuple[str, str, int] | None = sql.execute(
        "SELECT address, action, generation FROM journal WHERE op_id = ? AND phase IN ('intent', 'ack')",
        (op_id,),
    ).fetchone()
    if row is None:
        msg = f"no open operation {op_id} to make {phase}. This is a bug in dcplan."
        raise RuntimeError(msg)
    sql.execute("UPDATE journal SET phase = ? WHERE op_id = ?", (phase.value, op_id))
    return row


def _set_row(sql: sqlite3.Connection, address: str, resource: Resource | None) -> int:
    if resource is None:
        return sql.execute("DELETE FROM resources WHERE address = ?", (address,)).rowcount
    body = rows.dumps(rows.resource_content(resource))
    return sql.execute(
        "INSERT INTO resources VALUES (?, ?)"
        " ON CONFLICT (address) DO UPDATE SET body = excluded.body WHERE body != excluded.body",
        (address, body),
    ).rowcount
