"""What every store does with the SQLite tables that hold a state, wherever these are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from dcplan.resources import Address
from dcplan.state import rows, runs, tables
from dcplan.state.types import Acknowledged, Finished, Intended, Recorded, State, Tries, Voided
from dcplan.state.write import write_record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from dcplan.resources import JsonValue, Resource
    from dcplan.state.types import Operation, Record

_ROW = "op_id, address, action, phase, epoch, generation, attempt, body, object_id, operation_id"


class SqlStore(ABC):
    """The reading and the words of writing of a ``StateStore``; subclasses say where the tables are."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """One consistent view of the tables; StateDamaged when rows in it cannot be read."""

    @abstractmethod
    def write(self, records: Sequence[Record]) -> None:
        """All of these in one durable transaction, or none and a ``StateError``."""

    # Reading

    def read(self) -> State:
        """One consistent snapshot; StateDamaged when rows cannot be read."""
        with self._reading() as sql:
            return state_in(sql)

    def open_operations(self) -> tuple[Operation, ...]:
        """The calls whose outcome is not known yet, oldest first."""
        with self._reading() as sql:
            found = sql.execute(
                f"SELECT {_ROW} FROM journal WHERE phase IN ('intent', 'ack') ORDER BY seq"  # noqa: S608 - constant
            ).fetchall()
            return tuple(rows.operation_from(row) for row in found)

    def tries(self) -> dict[Address, Tries]:
        """How often each address was made and tried."""
        with self._reading() as sql:
            found = sql.execute("SELECT address, generation, attempt FROM tries").fetchall()
            return {Address.parse(a): Tries(generation=g, attempt=n) for a, g, n in found}

    def generation(self, address: Address) -> int:
        """How many times this address has been made; 0 for never."""
        with self._reading() as sql:
            row = sql.execute("SELECT generation FROM tries WHERE address = ?", (str(address),)).fetchone()
            return 0 if row is None else int(row[0])

    def runs(self, newest: int | None = None) -> tuple[Mapping[str, JsonValue], ...]:
        """What was noted of the ``newest`` runs, the last one first."""
        with self._reading() as sql:
            return tuple(content for _, content in runs.listed(sql, newest))

    def export(self) -> dict[str, Any]:
        """All that must not be lost, as JSON values that ``replace`` of any store takes."""
        with self._reading() as sql:
            return tables.dump(sql)

    # Writing

    def intents(self, operations: Sequence[Operation]) -> None:
        """These calls are about to be made."""
        self.write([Intended(operation=operation) for operation in operations])

    def ack(self, op_id: str, object_id: str, operation_id: str | None = None) -> None:
        """The provider took this call."""
        self.write([Acknowledged(op_id=op_id, object_id=object_id, operation_id=operation_id)])

    def done(self, op_id: str, resource: Resource | None) -> None:
        """The object is ready as ``resource`` says, or gone: closes the call and sets the row."""
        self.write([Finished(op_id=op_id, resource=resource)])

    def void(self, op_id: str, why: str) -> None:
        """The call made nothing."""
        self.write([Voided(op_id=op_id, why=why)])

    def record(self, found: Mapping[Address, Resource | None]) -> None:
        """What a refresh saw: a resource as it is now, or None for one that is gone."""
        self.write([Recorded(address=address, resource=resource) for address, resource in found.items()])


def state_in(sql: sqlite3.Connection) -> State:
    """The state that the tables hold."""
    lineage, serial, deployment = sql.execute("SELECT lineage, serial, deployment FROM meta").fetchone()
    listed = sql.execute("SELECT address, body FROM resources ORDER BY address").fetchall()
    return State(
        lineage=lineage,
        serial=serial,
        resources=rows.resources_from(listed),
        deployment=rows.loads(deployment),
    )


def write_all(sql: sqlite3.Connection, records: Sequence[Record]) -> None:
    """Write records within a transaction of the caller's; the serial grows with each row that changes."""
    moved = sum(write_record(sql, record) for record in records)
    if moved:
        sql.execute("UPDATE meta SET serial = serial + ?", (moved,))


def set_deployment(sql: sqlite3.Connection, deployment: Mapping[str, JsonValue]) -> None:
    """Set the summary of what was last applied; the serial grows when it differs."""
    text = rows.dumps(deployment)
    sql.execute("UPDATE meta SET deployment = ?, serial = serial + 1 WHERE deployment != ?", (text, text))
