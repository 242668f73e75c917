"""One writer at a time: a lock file that the kernel frees when its holder dies.

POSIX: ``flock`` on a file beside the state.  Windows: ``msvcrt.locking`` of one
byte far behind the text, because a locked byte cannot be read there.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from dcplan.state import watermark
from dcplan.state.types import LockInfo

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.state.watermark import Mark

_WINDOWS_BYTE = 1 << 30


class FileLock:
    """A held lock; the file says who holds it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def note(self, mark: Mark | None) -> None:
        """Note in the file how far the state has got; see ``watermark``."""
        if self._descriptor is not None:
            watermark.note(self._descriptor, mark)

    def release(self) -> None:
        """Free it; twice does no harm."""
        if self._descriptor is not None:
            # Emptied, so that nobody reads an old holder's name; the file itself stays,
            # because removing it would let two processes lock two files of one name.
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def acquire(path: Path, info: LockInfo) -> FileLock | None:
    """The lock on ``path``, or None at once while another holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _try_lock(descriptor):
            os.close(descriptor)
            return None
        if _same_file(descriptor, path):
            break
        os.close(descriptor)  # Removed by ``remove`` between open and lock: the name means another file now.
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps(asdict(info)).encode())
    return FileLock(descriptor)


def holder(path: Path) -> LockInfo | None:
    """Who says to hold it; None when the file does not tell (yet)."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(watermark.AT_BYTE).rstrip(b"\0"))
        return LockInfo(**content)
    except (OSError, ValueError, TypeError):
        return None


def remove(path: Path) -> None:
    """Let the next ``acquire`` lock a new file, whoever still holds the old one."""
    path.unlink(missing_ok=True)


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":  # pragma: no cover - the other branch on every machine that runs the tests

    def _try_lock(descriptor: int) -> bool:
        import msvcrt  # noqa: PLC0415 - exists on Windows only

        os.lseek(descriptor, _WINDOWS_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:

    def _try_lock(descriptor: int) -> bool:
        import fcntl  # noqa: PLC0415 - exists on POSIX only

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
