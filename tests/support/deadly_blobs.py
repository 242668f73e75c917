"""A server of state whose client dies right after one of its own writes was taken."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dcplan.diag import Result
from dcplan.state import backends
from dcplan.state.under import Under

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.state.blobs import Blobs


@dataclass(slots=True)
class Fuse:
    """Kills this process when it has burnt ``left`` times."""

    left: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def burn(self) -> None:
        """Once."""
        with self.lock:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Deadly(Under):
    """Blobs that burn a fuse with each write that has been taken."""

    def __init__(self, inner: Blobs, fuse: Fuse) -> None:
        super().__init__(inner, "")
        self._fuse = fuse

    @property
    def where(self) -> str:
        """For people, as if nothing lay in between."""
        return self._inner.where

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """Write, and perhaps die."""
        version = super().put(name, body, expected=expected)
        self._fuse.burn()
        return version

    def delete(self, name: str) -> None:
        """Remove, and perhaps die."""
        super().delete(name)
        self._fuse.burn()


def die_at_write(at: int) -> None:
    """Let this process die after the ``at``-th write to whatever server its state is on."""
    fuse, opened = Fuse(at), backends.open_blobs

    def deadly(kind: str, settings: Mapping[str, object]) -> Result[Blobs]:
        server = opened(kind, settings)
        return Result(server.value and Deadly(server.value, fuse), server.diagnostics)

    # Whoever opens a server looks this name up in that module.
    backends.open_blobs = deadly  # type: ignore[assignment]
