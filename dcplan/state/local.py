"""The local state: one SQLite file with snapshot, journal and epoch, and a lock file beside it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dcplan.diag import Diagnostic, Result, error
from dcplan.resources import Address
from dcplan.state import database, lock, rows
from dcplan.state.errors import Fenced, StateDamaged, StateError, StateUnreadable
from dcplan.state.types import (
    Acknowledged,
    Finished,
    Intended,
    Recorded,
    State,
    Tries,
    Voided,
)
from dcplan.state.write import write_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from dcplan.resources import JsonValue, Resource
    from dcplan.state.store import Lease
    from dcplan.state.types import LockInfo, Operation, Record

_ROW = "op_id, address, action, phase, epoch, generation, attempt, body, object_id, operation_id"


def open_store(path: Path | str, *, create: bool) -> Result[LocalStore]:
    """The state at ``path`` (such as ``.dcplan/state.db``); with ``create``, a new one where none is.

    Diagnostics: ``state-missing`` without ``create``, ``state-damaged`` for a
    file that is empty, broken, of a stranger or of another layout (never taken
    for an empty state), ``state-not-opened`` when the system refuses.
    """
    path = Path(path)
    try:
        if not path.exists():
            if not create:
                return Result(None, (_missing(path),))
            database.make(path)
        return Result(LocalStore(path, database.connect(path)))
    except StateDamaged as e:
        return Result(None, (e.diagnostic(),))
    except (OSError, sqlite3.Error) as e:
        detail = f"{path} cannot be opened: {e}. See that the folder exists and that you may write to it."
        return Result(None, (error("state-not-opened", "The state cannot be opened", detail),))


class LocalStore:
    """A ``StateStore`` in one SQLite file.  May be used from several threads."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lease: LocalLease | None = None
        self._one_at_a_time = threading.RLock()

    @property
    def lock_path(self) -> Path:
        """The lock file."""
        return self.path.with_name(self.path.name + ".lock")

    def close(self) -> None:
        """Release the lease, if any, and close the file."""
        with self._one_at_a_time:
            if self._lease is not None:
                self._lease.release()
            self._connection.close()

    # Reading

    def read(self) -> State:
        """One consistent snapshot; StateDamaged when rows cannot be read."""
        with self._reading() as sql:
            lineage, serial, deployment = sql.execute(
                "SELECT lineage, serial, deployment FROM meta"
            ).fetchone()
            listed = sql.execute("SELECT address, body FROM resources ORDER BY address").fetchall()
            return State(
                lineage=lineage,
                serial=serial,
                resources=rows.resources_from(listed),
                deployment=rows.loads(deployment),
            )

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

    # The lock

    def lock(self, info: LockInfo) -> Result[Lease]:
        """The lease, or at once a diagnostic ``state-locked`` saying who holds it."""
        held = lock.acquire(self.lock_path, info)
        if held is None:
            return Result(None, (_locked(self.path, lock.holder(self.lock_path)),))
        try:
            epoch = self._next_epoch()
        except StateError as e:
            held.release()
            return Result(None, (e.diagnostic(),))
        self._lease = LocalLease(self, held, epoch, info)
        return Result(self._lease)

    def force_unlock(self) -> int:
        """Bump the epoch, so that the holder's writes are refused, and let others lock a new file."""
        epoch = self._next_epoch()
        lock.remove(self.lock_path)
        return epoch

    @property
    def epoch(self) -> int:
        """That of the lease held."""
        return self._held_lease().epoch

    def forget_lease(self, lease: LocalLease) -> None:
        """Called by the lease as it is released."""
        if self._lease is lease:
            self._lease = None

    # Writing

    def write(self, records: Sequence[Record]) -> None:
        """All of these in one durable transaction, or none and a ``StateError``."""
        if not records:
            return
        with self._writing() as sql:
            moved = sum(write_record(sql, record) for record in records)
            if moved:
                sql.execute("UPDATE meta SET serial = serial + ?", (moved,))

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

    def set_deployment(self, deployment: Mapping[str, JsonValue]) -> None:
        """The summary of what was last applied; the serial grows when it differs."""
        text = rows.dumps(deployment)
        with self._writing() as sql:
            sql.execute(
                "UPDATE meta SET deployment = ?, serial = serial + 1 WHERE deployment != ?", (text, text)
            )

    def compact(self, keep: int = 1000) -> int:
        """Drop closed calls but those among the newest ``keep``; answers how many were dropped."""
        with self._writing() as sql:
            return sql.execute(
                "DELETE FROM journal WHERE phase IN ('done', 'void')"
                " AND seq <= (SELECT max(seq) FROM journal) - ?",
                (keep,),
            ).rowcount

    # Transactions

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._one_at_a_time:
            try:
                self._connection.execute("BEGIN")
                yield self._connection
            except sqlite3.OperationalError as e:
                raise StateUnreadable(f"{self.path} was not read: {e}. Mend the cause and try again.") from e
            except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as e:
                raise database.damaged(self.path, f"{type(e).__name__}: {e}") from e
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction under the lease; Fenced when the epoch has moved on."""
        with self._one_at_a_time:
            ours = self._held_lease().epoch
            with self._transaction() as sql:
                (epoch,) = sql.execute("SELECT epoch FROM meta").fetchone()
                if epoch != ours:
                    raise Fenced(_fenced(ours, epoch))
                yield sql

    def _held_lease(self) -> LocalLease:
        if self._lease is None:
            msg = "a write to the state without its lock. This is a bug in dcplan."
            raise RuntimeError(msg)
        return self._lease

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        sql = self._connection
        try:
            sql.execute("BEGIN IMMEDIATE")
            yield sql
            sql.execute("COMMIT")
        except sqlite3.Error as e:
            detail = (
                f"{self.path} was not written: {e}. Calls already made are in the journal; once the cause is "
                f"mended, run the command again and it goes on from there."
            )
            raise StateError(detail) from e
        finally:
            if sql.in_transaction:
                sql.execute("ROLLBACK")

    def _next_epoch(self) -> int:
        with self._one_at_a_time, self._transaction() as sql:
            sql.execute("UPDATE meta SET epoch = epoch + 1")
            return int(sql.execute("SELECT epoch FROM meta").fetchone()[0])


class LocalLease:
    """A ``Lease`` on a ``LocalStore``."""

    def __init__(self, store: LocalStore, held: lock.FileLock, epoch: int, info: LockInfo) -> None:
        self._store = store
        self._held = held
        self._epoch = epoch
        self._info = info

    @property
    def epoch(self) -> int:
        """Grows with each lease."""
        return self._epoch

    @property
    def info(self) -> LockInfo:
        """Who holds it."""
        return self._info

    def release(self) -> None:
        """Give it back; twice does no harm."""
        self._store.forget_lease(self)
        self._held.release()

    def __enter__(self) -> Self:
        """Use it in a ``with``."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release it."""
        self.release()


def _missing(path: Path) -> Diagnostic:
    detail = (
        f"There is no state at {path}. The first apply makes it; if you expected one, see that you are in "
        f"the right folder."
    )
    return error("state-missing", "There is no state yet", detail)


def _locked(path: Path, holder: LockInfo | None) -> Diagnostic:
    who = "Another dcplan"
    if holder is not None:
        who = f"{holder.who} (process {holder.pid}, {holder.operation} since {holder.since})"
    detail = (
        f"{who} holds the lock on {path}. Wait until it ends. The lock goes with the process that holds it; "
        f"dcplan state force-unlock is for one that hangs."
    )
    return error("state-locked", "Somebody else is changing this state", detail)


def _fenced(ours: int, theirs: int) -> str:
    return (
        f"This process held lease {ours}; the state is at lease {theirs} now, because the lock was forced. "
        f"Nothing more is written from here. What was under way is in the journal for the next apply."
    )
