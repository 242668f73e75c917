"""How far a local state had got when its writer died, so that a lost end of its log is noticed.

SQLite takes a write-ahead log whose end is damaged or gone for one that ended earlier
(https://www.sqlite.org/fileformat2.html#walformat): what was committed there would be forgotten
without a word.  So the holder of the lock notes, after each commit, how far the state has got, in the
lock file.  A holder that ends well empties that file, and SQLite folds the log in.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

AT_BYTE = 4096
"""Where in the lock file it stands, behind the holder's name."""


class Mark(NamedTuple):
    """Three numbers of a state that never shrink."""

    epoch: int
    serial: int
    calls: int
    """Calls that were ever intended."""


def of(sql: sqlite3.Connection) -> Mark:
    """How far the state has got."""
    calls = "COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'journal'), 0)"
    return Mark(*sql.execute(f"SELECT epoch, serial, {calls} FROM meta").fetchone())  # noqa: S608 - constant


def note(descriptor: int, mark: Mark | None) -> None:
    """Write it into the open lock file; None takes it away.

    Not forced to disk, and not told where a full disk refuses it: what is read is then an older mark, or
    none, which does no harm.
    """
    text = b"" if mark is None else b"%020d %020d %020d" % mark
    with contextlib.suppress(OSError):
        os.lseek(descriptor, AT_BYTE, os.SEEK_SET)
        os.write(descriptor, text + b" %08x\n" % zlib.crc32(text))


def left(path: Path) -> Mark | None:
    """What a holder, dead or alive, has noted last in the lock file; None where nothing can be read."""
    try:
        with path.open("rb") as file:
            file.seek(AT_BYTE)
            text, _, checksum = file.readline().rstrip(b"\n").rpartition(b" ")
        if not text or int(checksum, 16) != zlib.crc32(text):
            return None
        return Mark(*(int(part) for part in text.split()))
    except (OSError, ValueError, TypeError):
        return None


def behind(now: Mark, noted: Mark) -> bool:
    """Whether a state lacks something that its last writer had committed."""
    return any(have < had for have, had in zip(now, noted, strict=True))
