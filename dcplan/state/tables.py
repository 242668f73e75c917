"""The tables of a state as values: what a snapshot holds, and what goes from one store to another."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from dcplan.state import runs
from dcplan.state.database import LAYOUT_SQL, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "resources": ("address", "body"),
    "tries": ("address", "generation", "attempt"),
    "journal": (
        "seq",
        "op_id",
        "address",
        "action",
        "phase",
        "epoch",
        "generation",
        "attempt",
        "body",
        "object_id",
        "operation_id",
        "why",
    ),
    "runs": ("seq", "run_id", "body"),
}
"""Every table but ``meta``, with its columns; a test compares them with the layout."""

_ONLY = {"journal": " WHERE phase IN ('intent', 'ack')"}
"""Closed calls are told by the rows they made; a snapshot keeps the open ones."""


def in_memory() -> sqlite3.Connection:
    """An empty state without a lineage, in memory; may be used from several threads, one at a time."""
    sql = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    sql.execute("PRAGMA temp_store = MEMORY")  # Of a sealed state no part may get into a file.
    sql.executescript(LAYOUT_SQL + runs.LAYOUT)
    sql.execute("INSERT INTO meta VALUES (1, '', 0, 0, '{}')")
    return sql


def dump(sql: sqlite3.Connection) -> dict[str, Any]:
    """All that a store must not lose, as JSON values: meta, resources, tries, open operations, runs."""
    lineage, serial, epoch, deployment = sql.execute(
        "SELECT lineage, serial, epoch, deployment FROM meta"
    ).fetchone()
    there = {name for (name,) in sql.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    tables = {
        name: [
            list(row)
            for row in sql.execute(
                f"SELECT {', '.join(columns)} FROM {name}{_ONLY.get(name, '')} ORDER BY 1"  # noqa: S608 - constants
            )
        ]
        for name, columns in COLUMNS.items()
        if name in there
    }
    return {
        "schema": SCHEMA_VERSION,
        "lineage": lineage,
        "serial": serial,
        "epoch": epoch,
        "deployment": deployment,
        "tables": tables,
    }


def load(sql: sqlite3.Connection, content: Mapping[str, Any]) -> None:
    """Put what ``dump`` gave in place of all rows, but for the epoch, within the caller's transaction.

    ValueError, KeyError, TypeError or sqlite3.Error when it is no such content.
    """
    if content["schema"] != SCHEMA_VERSION:
        msg = f"its tables have layout {content['schema']} and this dcplan reads layout {SCHEMA_VERSION}"
        raise ValueError(msg)
    unknown = sorted(set(content["tables"]) - COLUMNS.keys())
    if unknown or not content["lineage"]:
        msg = (
            f"it holds tables that this dcplan does not know: {', '.join(unknown)}"
            if unknown
            else "no lineage"
        )
        raise ValueError(msg)
    sql.execute(runs.LAYOUT)
    sql.execute(
        "UPDATE meta SET lineage = ?, serial = ?, deployment = ?",
        (content["lineage"], content["serial"], content["deployment"]),
    )
    for name, columns in COLUMNS.items():
        sql.execute(f"DELETE FROM {name}")  # noqa: S608 - constant
        marks = ", ".join("?" * len(columns))
        sql.executemany(
            f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608 - constants
            content["tables"].get(name, ()),
        )
