"""The world: the SQLite file in which the simulated data centre exists.

It is not dcplan's state.  It stands for the real machines, so it outlives
dcplan's processes and crashes, and several of them may use it at once.
Every change is one durable transaction: it is there wholly or not at all.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from typing import TYPE_CHECKING, Generic, TypeVar

from dcplan.disk.private import make_folder
from dcplan.disk.read_only import in_memory, may_write
from dcplan.provider.errors import Ambiguous, Invalid, ProviderError, TransientError
from dcplan.provider.local import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dcplan.provider.local.faults import Fault

T = TypeVar("T")

WORLD_VERSION = "1"
BUSY_MS = 30_000
"""How long a call waits for another process that is writing."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS nodes (
    position INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    zone TEXT NOT NULL, block TEXT NOT NULL, rack TEXT NOT NULL,
    machine TEXT NOT NULL, address TEXT NOT NULL,
    listed INTEGER NOT NULL,
    held_by INTEGER UNIQUE
);
CREATE INDEX IF NOT EXISTS free_nodes ON nodes (zone, block, rack, position) WHERE held_by IS NULL AND listed;
CREATE TABLE IF NOT EXISTS racks (
    zone TEXT NOT NULL, block TEXT NOT NULL, rack TEXT NOT NULL, machine TEXT NOT NULL,
    free INTEGER NOT NULL,
    PRIMARY KEY (zone, block, rack, machine)
) WITHOUT ROWID;
DROP INDEX IF EXISTS free_racks;
CREATE INDEX IF NOT EXISTS free_in_zone ON racks (machine, zone, free, block, rack) WHERE free > 0;
CREATE INDEX IF NOT EXISTS free_in_block ON racks (machine, zone, block, free, rack) WHERE free > 0;
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL, name TEXT NOT NULL, lineage TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    attributes TEXT NOT NULL, outputs TEXT NOT NULL,
    gang TEXT,
    state TEXT NOT NULL CHECK (state IN ('creating', 'deleting')),
    due_at REAL NOT NULL,
    UNIQUE (kind, name, lineage)
);
CREATE INDEX IF NOT EXISTS by_lineage ON objects (lineage);
CREATE INDEX IF NOT EXISTS by_gang ON objects (gang) WHERE gang IS NOT NULL;
CREATE INDEX IF NOT EXISTS going ON objects (due_at) WHERE state = 'deleting';
CREATE TABLE IF NOT EXISTS needs (
    seq INTEGER NOT NULL, needed INTEGER NOT NULL, PRIMARY KEY (seq, needed)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS needed_by ON needs (needed);
CREATE TABLE IF NOT EXISTS calls (
    token TEXT PRIMARY KEY, digest TEXT NOT NULL, object_id TEXT NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY, origin TEXT UNIQUE,
    kind TEXT NOT NULL, call TEXT NOT NULL, action TEXT,
    resource TEXT NOT NULL, name TEXT NOT NULL, machine TEXT NOT NULL, zone TEXT NOT NULL,
    times INTEGER, skip INTEGER NOT NULL, seconds REAL NOT NULL,
    attribute TEXT NOT NULL, value TEXT NOT NULL
);
INSERT OR IGNORE INTO meta VALUES ('version', '1');
"""
# An object is ready, or gone, once ``due_at`` has passed: nothing has to run
# for that to happen, so it happens whatever becomes of dcplan.


class LocalWorld:
    """One world file.  Safe for threads and processes; opened when first used.

    ``path`` is created, readable by its owner only, where it is missing.  Where this
    process may not write, what is there now is looked at in memory, and no call gets through.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending: list[_Job[object]] = []
        self._pending_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._writer: _Handle | None = None
        self._reader: _Handle | None = None

    @property
    def only_looks(self) -> bool:
        """Whether the file is there and may not be written: what is written is forgotten then."""
        return self.path.exists() and not may_write(self.path)

    def inject(self, fault: Fault) -> None:
        """Make ``fault`` happen from now on."""
        self.write(lambda db: faults.add(db, fault))

    def faults(self) -> tuple[Fault, ...]:
        """The faults that can still happen, with what is left of their counts."""
        return tuple(fault for _, fault in self.read(faults.standing))

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` in one transaction and return its answer once that is durable.

        Calls of several threads that come together share one disk write.  What
        ``work`` raises undoes its own changes only.
        """
        job: _Job[T] = _Job(work)
        with self._pending_lock:
            self._pending.append(job)  # type: ignore[arg-type]  # a list of jobs with different answers
        with self._write_lock:
            if not job.done:
                with self._pending_lock:
                    batch, self._pending = self._pending, []
                self._commit(batch)
        return job.answer()

    def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """What ``look`` finds in the last durable world."""
        if self.only_looks:
            return self.write(look)  # In the one copy, where faults that struck have left their traces.
        with self._read_lock, _translated():
            self._reader = self._handle(self._reader)
            return look(self._reader.db)

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._write_lock, self._read_lock:
            for handle in (self._writer, self._reader):
                if handle is not None:
                    handle.close()
            self._writer = self._reader = None

    def _commit(self, batch: list[_Job[object]]) -> None:
        """Run a batch in one transaction.  Its jobs are done afterwards, well or badly."""
        try:
            with _translated():
                self._writer = self._handle(self._writer)
                db = self._writer.db
                db.execute("BEGIN IMMEDIATE")
                for job in batch:
                    job.run(db)
            _finish(db)
        except Exception as problem:  # noqa: BLE001 - each waiting thread raises it, see answer()
            self._give_up(batch, problem)
        except BaseException as interruption:
            msg = "The call was interrupted while the world file was being written."
            self._give_up(batch, Ambiguous(msg))
            raise interruption from None

    def _give_up(self, batch: list[_Job[object]], problem: Exception) -> None:
        """End a transaction that failed."""
        for job in batch:
            job.fail(problem)
        if self._writer is not None and self._writer.db.in_transaction:
            self._writer.db.rollback()

    def _handle(self, handle: _Handle | None) -> _Handle:
        """An open connection: the one there is, or a new one (also after a fork)."""
        if handle is not None and handle.pid == os.getpid():
            return handle
        return _Handle(self.path, owner=self)


class _Job(Generic[T]):
    """One piece of writing that waits for its transaction."""

    def __init__(self, work: Callable[[sqlite3.Connection], T]) -> None:
        self._work = work
        self._answer: list[T] = []
        self._problem: Exception | None = None
        self.done = False

    def run(self, db: sqlite3.Connection) -> None:
        """Do the work; a failure undoes it and leaves the others' work alone."""
        try:
            with _translated(), savepoint(db):
                self._answer = [self._work(db)]
        except Exception as problem:  # noqa: BLE001 - handed to the thread that asked, see answer()
            self._problem = problem
        self.done = True

    def fail(self, problem: Exception) -> None:
        """Nothing of the whole transaction came to be."""
        self._problem = problem
        self.done = True

    def answer(self) -> T:
        """What the work returned; raises what it raised."""
        if self._problem is not None:
            raise self._problem
        return self._answer[0]


class _Handle:
    """A connection, closed with its owner."""

    def __init__(self, path: Path, owner: object) -> None:
        self.pid = os.getpid()
        self.db = _open(path)
        self.close = weakref.finalize(owner, self.db.close)


@contextlib.contextmanager
def savepoint(db: sqlite3.Connection) -> Iterator[None]:
    """Undo what happens inside if it ends in an exception."""
    db.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK TO part")
        db.execute("RELEASE part")
        raise
    db.execute("RELEASE part")


def _finish(db: sqlite3.Connection) -> None:
    """Commit.  If that fails nobody knows what is on the disk."""
    try:
        db.execute("COMMIT")
    except sqlite3.Error as problem:
        msg = f"The simulated data centre could not write its world file ({problem})."
        raise Ambiguous(msg) from problem


def _open(path: Path) -> sqlite3.Connection:
    """A connection to the world, made if it is missing; to a copy in memory where it may only be read."""
    db = in_memory(path) if path.exists() and not may_write(path) else _on_disk(path)
    try:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'free_in_block'").fetchone():
            # One transaction: another process sees no tables or all of them.  A world of before this
            # index gets it here, and keeps what stands in it.
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        _check_version(db)
    except BaseException:
        db.close()
        raise
    return db


def _on_disk(path: Path) -> sqlite3.Connection:
    make_folder(path.parent)
    # SQLite would make the file readable for everybody; its side files copy the mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
    try:
        _enter_wal(db)
        db.execute("PRAGMA synchronous = FULL")
    except BaseException:
        db.close()
        raise
    return db


def _check_version(db: sqlite3.Connection) -> None:
    """Refuse a world that this dcplan does not know how to read."""
    (version,) = db.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
    if version != WORLD_VERSION:
        msg = (
            f"The world file of the simulated data centre has version {version}; this dcplan reads "
            f"version {WORLD_VERSION}. Use the dcplan that wrote it, or another `world` path."
        )
        raise Invalid(msg)


def _enter_wal(db: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; SQLite does not wait by itself where two processes do so at once."""
    deadline_s = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.01)
        else:
            return


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Let no exception of SQLite or the file system out but as a provider's error."""
    try:
        yield
    except ProviderError:
        raise
    except sqlite3.OperationalError as problem:
        msg = f"The world file of the simulated data centre cannot be used now ({problem})."
        raise TransientError(msg) from problem
    except (sqlite3.Error, OSError) as problem:
        msg = f"The world file of the simulated data centre cannot be used ({problem})."
        raise Invalid(msg) from problem
