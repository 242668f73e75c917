"""SQLite files that this process may only read: a folder without leave to write, a read-only mount, a backup.

SQLite keeps a write-ahead log and an index beside a database, and cannot open one where it can make neither
(https://www.sqlite.org/wal.html#readonly).  So what stands in such a file is copied into memory as a whole.
A log or a journal that a writer has left beside it is read as well: without it the newest commits would be
missing, or one that was never finished would count.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

SIDES = ("-wal", "-journal", "-shm")
"""What SQLite keeps beside a database, by the end of its name; the first two hold content."""
_TRIES = 20
_PAUSE_S = 0.05
_BUSY_S = 10.0

_Stamp = tuple[int, int, int] | None


def may_write(path: Path) -> bool:
    """Whether this process may change the file, and make others beside it.  A full disk is no matter here."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def in_memory(path: Path) -> sqlite3.Connection:
    """A database in memory with what the file at ``path`` holds now; nothing is written beside the file.

    It is one commit as a whole, also while another process, which may write, does so.  ``OSError`` where the
    file cannot be read or will not keep still, ``sqlite3.DatabaseError`` where it is no sound database.
    """
    for _ in range(_TRIES):
        before = _stamps(path)
        try:
            found = _through_sqlite(path) or (_copied(path) if _unfinished(path) else _still(path))
        except (OSError, sqlite3.Error):
            if _stamps(path) == before:
                raise
            found = None  # Read while it was written; what was wrong may be right now.
        if found is not None:
            connection, locked = found
            if locked or _stamps(path) == before:
                return connection
            connection.close()
        time.sleep(_PAUSE_S)
    raise OSError(errno.EBUSY, "another process writes to it all the time", str(path))


def _through_sqlite(path: Path) -> tuple[sqlite3.Connection, bool] | None:
    """The content as SQLite reads it, with its locks; None where it would have to make files, or may not."""
    sides = all(_beside(path, end).exists() for end in ("-wal", "-shm"))
    if not sides and os.access(path.parent, os.W_OK):
        return None  # It may make them, and would leave them behind.
    try:
        return _taken(f"{path.absolute().as_uri()}?mode=ro"), True
    except sqlite3.OperationalError:
        return None


def _still(path: Path) -> tuple[sqlite3.Connection, bool]:
    """The content of a file without a log beside it: nobody has it open for writing."""
    return _taken(f"{path.absolute().as_uri()}?mode=ro&immutable=1"), False


def _copied(path: Path) -> tuple[sqlite3.Connection, bool]:
    """The content of a file and the log beside it, put together in a folder of our own."""
    with tempfile.TemporaryDirectory(prefix="dcplan-") as folder:
        copy = Path(folder) / path.name
        for end in ("", *SIDES[:2]):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(_beside(path, end), _beside(copy, end))
        return _taken(copy.as_uri()), False


def _taken(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as source:
            source.backup(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _unfinished(path: Path) -> bool:
    """Whether a log or journal with content stands beside it."""
    return any((stamp := _stamp(_beside(path, end))) is not None and stamp[1] for end in SIDES[:2])


def _stamps(path: Path) -> tuple[_Stamp, ...]:
    return tuple(_stamp(_beside(path, end)) for end in ("", *SIDES[:2]))


def _stamp(path: Path) -> _Stamp:
    """By what a file that was written to is told; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns  # Not ctime: SQLite sets the owner as it looks.


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)
