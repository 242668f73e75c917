"""The local state: one SQLite file with snapshot, journal and epoch, and a lock file beside it."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dcplan.diag import Diagnostic, Result, error
from dcplan.disk import read_only
from dcplan.state import database, lock, tables, watermark
from dcplan.state.errors import (
    Fenced,
    StateDamaged,
    StateError,
    StateReadOnly,
    StateReplaced,
    StateUnreadable,
)
from dcplan.state.sql import SqlStore, set_deployment, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from dcplan.resources import JsonValue
    from dcplan.state.store import Lease
    from dcplan.state.types import LockInfo, Record


def open_store(path: Path | str, *, create: bool) -> Result[LocalStore]:
    """The state at ``path`` (such as ``.dcplan/state.db``); with ``create``, a new one where none is.

    Diagnostics: ``state-missing`` without ``create``, ``state-damaged`` for a
    file that is empty, broken, of a stranger or of another layout (never taken
    for an empty state), ``state-not-opened`` when the system refuses.  Where this
    process may not write, the store reads what is there now, and cannot be locked.
    """
    path = Path(path)
    # Read before the state is: a writer may go on meanwhile.
    noted = watermark.left(_lock_path(path))
    try:
        if not path.exists():
            if not create:
                return Result(None, (_missing(path),))
            database.make(path)
        writable = read_only.may_write(path)
        file = path.stat()  # Before it is opened: replaced in between, it is not written to.
        store = LocalStore(path, file, database.connect(path, writable=writable), writable=writable)
        try:
            store.check_watermark(noted)
        except BaseException:
            store.close()
            raise
        return Result(store)
    except StateDamaged as e:
        return Result(None, (e.diagnostic(),))
    except (OSError, sqlite3.Error) as e:
        why = (e.strerror if isinstance(e, OSError) else None) or str(e)
        what = "write to" if create else "read"
        detail = f"{path} cannot be opened: {why}. See that the folder exists and that you may {what} it."
        return Result(None, (error("state-not-opened", "The state cannot be opened", detail),))


class LocalStore(SqlStore):
    """A ``StateStore`` in one SQLite file.  May be used from several threads."""

    def __init__(
        self, path: Path, file: os.stat_result, connection: sqlite3.Connection, *, writable: bool = True
    ) -> None:
        self.path = path
        self._file = file
        self._writable = writable
        self._connection = connection
        self._lease: LocalLease | None = None
        self._one_at_a_time = threading.RLock()

    @property
    def where(self) -> str:
        """For people."""
        return str(self.path)

    @property
    def why_lost(self) -> str | None:
        """That the lock was forced; the kernel takes it from nobody who lives."""
        with self._one_at_a_time:
            if self._lease is None:
                return None
            ours = self._lease.epoch
            try:
                with self._reading() as sql:
                    (epoch,) = sql.execute("SELECT epoch FROM meta").fetchone()
            except StateError:
                return None  # The next write says what is wrong.
        return None if epoch == ours else _forced(ours, epoch)

    def look(self) -> None:
        """Nothing to ask: ``why_lost`` reads it."""

    @property
    def wavering(self) -> bool:
        """Never: the kernel keeps the lock."""
        return False

    def holder(self) -> LockInfo | None:
        """Who says to hold the lock; None when nobody does."""
        return lock.holder(self.lock_path)

    @property
    def lock_path(self) -> Path:
        """The lock file."""
        return _lock_path(self.path)

    def check_watermark(self, noted: watermark.Mark | None) -> None:
        """StateDamaged when the state has not got as far as a writer before has noted."""
        if noted is not None and watermark.behind(watermark.of(self._connection), noted):
            raise database.damaged(
                self.path,
                "the end of its log is lost or damaged, with what an earlier apply has written there (if you "
                f"put an older copy back on purpose, remove {self.lock_path.name} beside it)",
            )

    def close(self) -> None:
        """Release the lease, if any, and close the file."""
        with self._one_at_a_time:
            if self._lease is not None:
                self._lease.release()
            self._connection.close()

    # The lock

    def lock(self, info: LockInfo) -> Result[Lease]:
        """The lease, or at once a diagnostic ``state-locked`` saying who holds it.

        ``state-read-only`` where this process may not write.
        """
        if not self._writable:
            return Result(None, (_read_only(self.path).diagnostic(),))
        try:
            held = lock.acquire(self.lock_path, info)
        except FileNotFoundError:
            return Result(None, (_replaced(self.path).diagnostic(),))
        if held is None:
            return Result(None, (_locked(self.path, lock.holder(self.lock_path)),))
        try:
            mark = self._next_epoch()
        except StateError as e:
            held.release()
            return Result(None, (e.diagnostic(),))
        held.note(mark)
        self._lease = LocalLease(self, held, mark.epoch, info)
        return Result(self._lease)

    def force_unlock(self) -> int:
        """Bump the epoch, so that the holder's writes are refused, and let others lock a new file."""
        if not self._writable:
            raise _read_only(self.path)
        epoch = self._next_epoch().epoch
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
            write_all(sql, records)

    def set_deployment(self, deployment: Mapping[str, JsonValue]) -> None:
        """The summary of what was last applied; the serial grows when it differs."""
        with self._writing() as sql:
            set_deployment(sql, deployment)

    def compact(self, keep: int = 1000) -> int:
        """Drop closed calls but those among the newest ``keep``; answers how many were dropped."""
        with self._writing() as sql:
            return sql.execute(
                "DELETE FROM journal WHERE phase IN ('done', 'void')"
                " AND seq <= (SELECT max(seq) FROM journal) - ?",
                (keep,),
            ).rowcount

    def replace(self, content: Mapping[str, Any]) -> None:
        """Put what ``export`` gave, here or elsewhere, in place of everything, in one transaction."""
        self._held_lease().note(None)  # Its numbers may be smaller.
        with self._writing() as sql:
            tables.load(sql, content)

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
                mark = watermark.of(sql)
            self._held_lease().note(mark)

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
            self._check_there()
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

    def _check_there(self) -> None:
        """StateReplaced when the name is another file's by now, as after the folder was removed.

        What is written to a file without a name is lost, and with it whatever is made after.
        """
        try:
            there = os.path.samestat(self.path.stat(), self._file)
        except FileNotFoundError:
            there = False
        if not there:
            raise _replaced(self.path)

    def _next_epoch(self) -> watermark.Mark:
        with self._one_at_a_time, self._transaction() as sql:
            sql.execute("UPDATE meta SET epoch = epoch + 1")
            return watermark.of(sql)


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

    @property
    def why_lost(self) -> str | None:
        """None: the kernel keeps it as long as this process lives; forced, the next write tells."""
        return None

    def when_lost(self, call: Callable[[], None]) -> None:
        """Never calls: see ``why_lost``."""

    def note(self, mark: watermark.Mark | None) -> None:
        """How far the state has got."""
        self._held.note(mark)

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


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


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


def _read_only(path: Path) -> StateReadOnly:
    return StateReadOnly(
        f"This process may not write to {path}, or not make files beside it, so it changes nothing there. "
        f"Commands that only read work all the same. Run this one as a user who may write to {path.parent}, "
        f"or mount that folder for writing."
    )


def _replaced(path: Path) -> StateReplaced:
    return StateReplaced(
        f"{path} was removed, or another file put in its place, while this process had it open. Nothing more "
        f"is written from here. Run the command again, and it goes by what is there now. What this one had "
        f"under way, only the file that is gone knows: put it back if you can."
    )


def _fenced(ours: int, theirs: int) -> str:
    return (
        f"{_forced(ours, theirs)} Nothing more is written from here. What was under way is in the journal "
        f"for the next apply."
    )


def _forced(ours: int, theirs: int) -> str:
    return f"This process held lease {ours}; the state is at lease {theirs} now, because the lock was forced."
