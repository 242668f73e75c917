"""The remote state: a snapshot, a log of what came after it, and a lease, on any server of blobs.

A write puts one small blob under the next number of the log, which must not exist; its size does
not depend on that of the state.  Each lease begins with a marker in the log: the next write of
whoever held an earlier one meets it and is refused, whatever the clocks say.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from dcplan.diag import Result, error
from dcplan.state import entries, frames, rows, tables
from dcplan.state.appending import append
from dcplan.state.blobs import BlobConflict, BlobRefused, BlobUncertain
from dcplan.state.entries import Entry
from dcplan.state.errors import Fenced, StateError, StateUnreadable
from dcplan.state.folding import Folder, make
from dcplan.state.lease import Keeper, Standing, fenced, give_up
from dcplan.state.patience import ALWAYS, Times
from dcplan.state.replica import Replica, lost, passed, position_of, replica_of
from dcplan.state.seen import Forgetful, Position, Seen, check
from dcplan.state.sql import SqlStore
from dcplan.state.taking import Taken, force, holder_of, take
from dcplan.state.types import Intended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from dcplan.resources import JsonValue
    from dcplan.state.blobs import Blobs
    from dcplan.state.frames import Seal
    from dcplan.state.store import Lease
    from dcplan.state.types import LockInfo, Record

FOLD_LEAST = 64
"""Entries after which a new snapshot is made, once they are together as large as the last one."""
FOLD_MOST = 512
"""Entries after which one is made anyway, so that readers have not too many to read.

So the bytes that are written stay in proportion to what is said, and not to the size of the state times
the number of writes.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a remote state is kept."""

    times: Times = ALWAYS
    """Of the lease."""
    seal: Seal | None = None
    """Encrypts what is written."""
    seen: Seen | None = None
    """Remembers how far the state has come."""
    beat: bool = True
    """False: nobody renews the lease."""


def open_log(
    blobs: Blobs,
    *,
    create: bool,
    manner: Manner | None = None,
) -> Result[LogStore]:
    """The state that these blobs hold; with ``create``, a new one where none is.

    Diagnostics: ``state-missing`` without ``create``, ``state-damaged`` for blobs
    that are torn, foreign or missing (never taken for an empty state),
    ``state-went-back`` when an older one was put in its place, and
    ``state-not-read`` when the server refuses or does not answer.
    """
    how = manner or Manner()
    times, seal, seen = how.times, how.seal, how.seen
    try:
        replica = replica_of(blobs, times, seal)
        if replica is None and seen is not None and seen.position is not None:
            raise lost(blobs.where)
        if replica is None and create:
            make(blobs, times, seal)
            replica = replica_of(blobs, times, seal)
        if replica is not None and seen is not None:
            seen.check(position_of(replica), blobs.where)
    except StateError as e:
        return Result(None, (e.diagnostic(),))
    if replica is None:
        detail = (
            f"There is no state in {blobs.where}. The first apply makes it; if you expected one, see that "
            f"the backend's settings are right."
        )
        return Result(None, (error("state-missing", "There is no state yet", detail),))
    return Result(LogStore(blobs, replica, how))


class LogStore(SqlStore):
    """A ``StateStore`` on blobs.  May be used from several threads.

    Without the lease it shows what was there when it was opened; ``lock`` brings it up to date.
    """

    def __init__(self, blobs: Blobs, replica: Replica, manner: Manner) -> None:
        self._blobs = blobs
        self._replica = replica
        self._times = manner.times
        self._seal = manner.seal
        self._seen: Seen | Forgetful = manner.seen or Forgetful()
        self._beat = manner.beat
        self._folder = Folder(blobs, manner.times, manner.seal)
        self._lease: LogLease | None = None
        self._broken: str | None = None
        self._one_at_a_time = threading.RLock()

    @property
    def where(self) -> str:
        """For people."""
        return self._blobs.where

    @property
    def position(self) -> Position:
        """How far the state has come, as last seen."""
        with self._one_at_a_time:
            return position_of(self._replica)

    def close(self) -> None:
        """Release the lease, if any, and let go of connections."""
        if self._lease is not None:
            self._lease.release()
        with self._one_at_a_time:
            self._seen.remember(self.position)
            self._replica.sql.close()
            self._blobs.close()

    # The lock

    def lock(self, info: LockInfo) -> Result[Lease]:
        """The lease, or at once a diagnostic ``state-locked`` saying who holds it."""
        with self._one_at_a_time:
            try:
                taken = take(self._blobs, self._times, self._seal, info)
                if isinstance(taken, Taken):
                    self._as_seen(taken)
            except StateError as e:
                return Result(None, (e.diagnostic(),))
            if not isinstance(taken, Taken):
                return Result(None, (taken,))
            self._replica.sql.close()
            self._replica = taken.replica
            self._seen.remember(self.position)
            self._broken = None
            keeper = Keeper(self._blobs, self._times, taken.note, taken.version, taken.sent_s)
            self._lease = LogLease(self, keeper, info)
            if self._beat:
                keeper.start()
            return Result(self._lease)

    def force_unlock(self) -> int:
        """Bump the epoch, with a marker in the log, so that the holder's next write is refused."""
        with self._one_at_a_time:
            self._replica.sql.close()
            self._replica = force(self._blobs, self._times, self._seal)
            return self._replica.epoch

    def holder(self) -> LockInfo | None:
        """Who holds the lock now; None for nobody, or when the lease cannot be read."""
        return holder_of(self._blobs, self._times)

    @property
    def why_lost(self) -> str | None:
        """Why the lease that was held is over though nobody released it; None while it is held."""
        return None if self._lease is None else self._lease.why_lost

    def look(self) -> None:
        """Ask the server whose the lease is."""
        if (lease := self._lease) is not None:
            lease.keeper.look()

    @property
    def wavering(self) -> bool:
        """Whether the lease could not be renewed for a while, so that it may be lost soon."""
        return self._lease is not None and self._lease.standing is Standing.WAVERING

    @property
    def epoch(self) -> int:
        """That of the lease held."""
        return self._held_lease().epoch

    def let_go(self, lease: LogLease) -> None:
        """Called by the lease as it is released: fold what was written, free the blob, then sweep."""
        gone: Sequence[int] = ()
        with self._one_at_a_time:
            if self._lease is not lease:
                return
            if lease.standing is not Standing.LOST and self._broken is None:
                gone = self._folded(least=1) or ()
            self._lease = None
        lease.keeper.end()
        self._folder.sweep(gone)

    # Writing

    def write(self, records: Sequence[Record]) -> None:
        """All of these in one blob, durable when this returns, or none and a ``StateError``.

        While the lease could not be renewed for some time, intents wait until it is, or is lost.
        """
        if records:
            if any(isinstance(record, Intended) for record in records):
                self._until_firm()
            self._append(records=tuple(records))

    def set_deployment(self, deployment: Mapping[str, JsonValue]) -> None:
        """The summary of what was last applied; the serial grows when it differs."""
        with self._reading() as sql:
            (text,) = sql.execute("SELECT deployment FROM meta").fetchone()
        if rows.dumps(deployment) != text:
            self._append(deployment=dict(deployment))
        else:
            self._may_write()

    def compact(self, keep: int = 1000) -> int:  # noqa: ARG002 - a snapshot holds open calls only
        """Make a snapshot of what was written; drops closed calls, and answers how many."""
        with self._one_at_a_time:
            self._may_write()
            closed = "phase IN ('done', 'void')"
            (dropped,) = self._replica.sql.execute(
                f"SELECT count(*) FROM journal WHERE {closed}"  # noqa: S608 - constant
            ).fetchone()
            if not self._fold(least=1):
                return 0
            self._replica.sql.execute(f"DELETE FROM journal WHERE {closed}")  # noqa: S608 - constant
            return int(dropped)

    def replace(self, content: Mapping[str, Any]) -> None:
        """Put what ``export`` gave, here or elsewhere, in place of everything."""
        with self._one_at_a_time:
            self._append()  # Empty: only to meet whoever has taken the lease over.
            sql = self._replica.sql
            sql.execute("BEGIN")
            try:
                tables.load(sql, content)
                gone = self._folder.fold(self._replica)
                sql.execute("COMMIT")
            except (BlobConflict, BlobUncertain, BlobRefused) as e:
                raise StateError(f"{self.where} was not written: {e} Nothing was changed.") from e
            finally:
                if sql.in_transaction:
                    sql.execute("ROLLBACK")
            self._folder.sweep(gone)

    # Inside

    def _as_seen(self, taken: Taken) -> None:
        """Give the lease back when the state is older than what was seen here, now or earlier."""
        try:
            check(position_of(taken.replica), self.position, self.where)
            self._seen.check(position_of(taken.replica), self.where)
        except StateError:
            taken.replica.sql.close()
            give_up(self._blobs, taken.note, taken.version)
            raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._one_at_a_time:
            try:
                yield self._replica.sql
            except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as e:
                raise frames.damaged(self.where, "the state", f"{type(e).__name__}: {e}") from e

    def _append(
        self, *, records: tuple[Record, ...] = (), deployment: Mapping[str, JsonValue] | None = None
    ) -> None:
        """Try it out on the tables, put the blob, and only then keep it in the tables."""
        with self._one_at_a_time:
            lease, replica = self._may_write(), self._replica
            entry = Entry(
                slot=replica.slot + 1,
                lineage=replica.lineage,
                epoch=lease.epoch,
                nonce=uuid.uuid4().hex,
                at_s=self._times.clock(),
                records=records,
                deployment=deployment,
            )
            sql = replica.sql
            sql.execute("BEGIN")
            try:
                entries.enact(sql, entry)
                size_bytes = self._put(lease, entry)
                sql.execute("COMMIT")
            finally:
                if sql.in_transaction:
                    sql.execute("ROLLBACK")
            passed(replica, entry)
            self._seen.remember(self.position)  # Now: a process that is killed says nothing at its end.
            replica.log_bytes += size_bytes
            large = replica.log_bytes >= replica.snapshot_bytes
            self._fold(least=FOLD_LEAST if large else FOLD_MOST)

    def _put(self, lease: LogLease, entry: Entry) -> int:
        try:
            return append(self._blobs, entry, self._times, self._seal, give_up=lambda: lease.keeper.why_lost)
        except Fenced as e:
            lease.keeper.lose(e.detail)
            raise
        except StateUnreadable as e:
            # It may arrive yet.  Whatever came after it would stand on sand.
            self._broken = e.detail
            raise StateError(e.detail) from e

    def _fold(self, *, least: int) -> bool:
        """As ``_folded``, and remove what the snapshot made needless."""
        gone = self._folded(least=least)
        self._folder.sweep(gone or ())
        return gone is not None

    def _folded(self, *, least: int) -> Sequence[int] | None:
        """Make a snapshot when ``least`` entries would go into it; that it fails costs only time."""
        if len(self._replica.folded) < least:
            return None
        try:
            return self._folder.fold(self._replica)
        except (BlobConflict, BlobUncertain, BlobRefused, StateUnreadable):
            return None

    def _may_write(self) -> LogLease:
        lease = self._held_lease()
        if lease.keeper.why_lost is not None:
            raise Fenced(fenced(lease.epoch, lease.keeper.why_lost))
        if self._replica.epoch != lease.epoch:
            raise Fenced(fenced(lease.epoch, f"The state is at lease {self._replica.epoch} now."))
        if self._broken is not None:
            raise StateError(self._broken)
        return lease

    def _until_firm(self) -> None:
        """Wait while it is not sure that the lease is still held."""
        while self._held_lease().standing is Standing.WAVERING:
            self._times.sleep(self._times.pause_s)

    def _held_lease(self) -> LogLease:
        if self._lease is None:
            msg = "a write to the state without its lock. This is a bug in dcplan."
            raise RuntimeError(msg)
        return self._lease


class LogLease:
    """A ``Lease`` on a ``LogStore``."""

    def __init__(self, store: LogStore, keeper: Keeper, info: LockInfo) -> None:
        self.keeper = keeper
        self._store = store
        self._info = info

    @property
    def epoch(self) -> int:
        """Grows with each lease."""
        return self.keeper.note.epoch

    @property
    def info(self) -> LockInfo:
        """Who holds it."""
        return self._info

    @property
    def standing(self) -> Standing:
        """How sure it is that it is still held."""
        return self.keeper.standing

    @property
    def why_lost(self) -> str | None:
        """Why it is over, or None while it is held."""
        return self.keeper.why_lost

    def when_lost(self, call: Callable[[], None]) -> None:
        """Have ``call`` made once, from another thread, should it be lost."""
        self.keeper.when_lost(call)

    def release(self) -> None:
        """Give it back; twice does no harm."""
        self._store.let_go(self)

    def __enter__(self) -> Self:
        """Use it in a ``with``."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release it."""
        self.release()
