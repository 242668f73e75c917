"""The SQLite file of a local state: its layout, how it is made, how it is told from a stranger.

WAL with ``synchronous=FULL``: a commit is on disk when it returns, readers never wait
(https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from typing import TYPE_CHECKING

from dcplan.disk import read_only
from dcplan.disk.private import make_folder
from dcplan.state.errors import StateDamaged

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA_VERSION = 1
APPLICATION_ID = 0x6463706C
"""``dcpl``, in the file's header."""
_BUSY_S = 10.0

LAYOUT_SQL = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1), lineage TEXT NOT NULL, serial INTEGER NOT NULL,
  epoch INTEGER NOT NULL, deployment TEXT NOT NULL
);
CREATE TABLE resources (address TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tries (
  address TEXT PRIMARY KEY, generation INTEGER NOT NULL, attempt INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, op_id TEXT NOT NULL UNIQUE, address TEXT NOT NULL,
  action TEXT NOT NULL, phase TEXT NOT NULL, epoch INTEGER NOT NULL, generation INTEGER NOT NULL,
  attempt INTEGER NOT NULL, body TEXT NOT NULL, object_id TEXT, operation_id TEXT, why TEXT
);
CREATE INDEX journal_open ON journal (seq) WHERE phase IN ('intent', 'ack');
"""


def connect(path: Path, *, writable: bool = True) -> sqlite3.Connection:
    """A connection to an existing state; StateDamaged when the file is not one.

    Without ``writable``, to what the file holds now, copied into memory: see ``read_only``.
    """
    _look_at_header(path)
    connection = None
    try:
        connection = _opened(path) if writable else read_only.in_memory(path)
        _look_inside(connection, path)
    except BaseException as e:
        if connection is not None:
            connection.close()
        # Busy, or out of space: the system, not the file.
        if isinstance(e, sqlite3.DatabaseError) and not isinstance(e, sqlite3.OperationalError):
            raise damaged(path, str(e)) from e
        raise
    return connection


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def make(path: Path) -> None:
    """Make an empty state with a new lineage, unless ``path`` exists (by whomever it was made).

    Built under another name and linked into place whole, so that nobody ever
    sees half of it: an empty file always means damage.
    """
    make_folder(path.parent)
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(f"BEGIN;{LAYOUT_SQL}COMMIT;")
            connection.execute("INSERT INTO meta VALUES (1, ?, 0, 0, '{}')", (str(uuid.uuid4()),))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def damaged(path: Path, why: str) -> StateDamaged:
    """The error for a state that cannot be read."""
    return StateDamaged(
        f"{path} is not a state that this dcplan can read: {why}. Nothing was changed. Put a copy of it back "
        "from a backup. If you remove it, dcplan forgets what it made, and that goes on costing money."
    )


def _look_at_header(path: Path) -> None:
    # SQLite takes an empty file for a new database; here it is a lost state.
    with path.open("rb") as file:
        header = file.read(16)
    if not header:
        raise damaged(path, "it is empty")
    if header != b"SQLite format 3\x00":
        raise damaged(path, "it is some other kind of file")


def _look_inside(connection: sqlite3.Connection, path: Path) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise damaged(path, "it is a database of another program")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        raise damaged(path, f"it has layout {version} and this dcplan reads layout {SCHEMA_VERSION}")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise damaged(path, f"SQLite finds it broken ({verdict})")
    try:
        row = connection.execute("SELECT 1 FROM meta WHERE lineage != ''").fetchone()
    except sqlite3.OperationalError:  # No such table.
        row = None
    if row is None:
        raise damaged(path, "it has no lineage")


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open folders; NTFS journals names by itself.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
