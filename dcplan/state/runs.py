"""The journal of runs as SQL: one row a command that wrote, for ``history``.  Nothing decides by it.

Every store that materialises its records by ``write_record`` has it by itself; one that keeps
snapshots must keep these rows in them, too (``listed`` reads them, ``note`` writes them).
Nothing here begins or ends a transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.state import rows

if TYPE_CHECKING:
    import sqlite3

    from dcplan.resources import JsonValue
    from dcplan.state.types import RunNoted

KEPT = 1000
"""Runs that are kept; older ones go as new ones come."""

# A state that an older dcplan made has no such table, and needs none until something is written.
LAYOUT = """
CREATE TABLE IF NOT EXISTS runs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, body TEXT NOT NULL
)
"""


def note(sql: sqlite3.Connection, record: RunNoted) -> None:
    """Write a run, or over what was said of it before; does not count as a change of the state."""
    sql.execute(LAYOUT)
    sql.execute(
        "INSERT INTO runs (run_id, body) VALUES (?, ?)"
        " ON CONFLICT (run_id) DO UPDATE SET body = excluded.body",
        (record.run_id, rows.dumps(record.content)),
    )
    sql.execute("DELETE FROM runs WHERE seq <= (SELECT max(seq) FROM runs) - ?", (KEPT,))


def listed(
    sql: sqlite3.Connection, newest: int | None = None
) -> tuple[tuple[str, dict[str, JsonValue]], ...]:
    """``run_id`` and content of the ``newest`` runs (None: all that are kept), the last one first."""
    if sql.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'runs'").fetchone() is None:
        return ()
    found = sql.execute(
        "SELECT run_id, body FROM runs ORDER BY seq DESC LIMIT ?", (-1 if newest is None else newest,)
    ).fetchall()
    return tuple((run_id, rows.loads(body)) for run_id, body in found)
