"""Calls to a server of blobs, tried again where that is safe; and the clocks that leases go by."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dcplan.state.blobs import BlobRefused, BlobUncertain
from dcplan.state.errors import StateUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.state.blobs import Blob, Blobs

T = TypeVar("T")

TRIES = 5
"""How often one read is sent, and one write whose fate is not known."""


def steady_s() -> float:
    """Seconds that only go forward, also while the machine sleeps where the system can tell."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long a lease lasts, and the clocks; all in seconds."""

    ttl_s: float = 60.0
    """A lease that was not renewed for so long may be taken by others."""
    renew_s: float = 15.0
    """How often it is renewed."""
    quiet_s: float = 25.0
    """So long before its end, its holder begins no new calls."""
    stop_s: float = 5.0
    """So long before its end, its holder writes nothing more."""
    allowance_s: float = 5.0
    """So long after its end others wait before they take it: clocks differ."""
    pause_s: float = 0.2
    """The first pause before trying again is drawn from 0 to this; each next range is twice as wide."""
    clock: Callable[[], float] = time.time
    """Unix time."""
    steady: Callable[[], float] = steady_s
    """Seconds that are never set back."""
    sleep: Callable[[float], None] = time.sleep

    def pause(self, failed: int) -> None:
        """Wait before trying again; ``failed`` is how often it failed, from 1.  Full jitter."""
        range_s = self.pause_s * 2 ** (failed - 1)
        self.sleep(random.uniform(0.0, range_s))  # noqa: S311 - spreads calls, guards nothing


ALWAYS = Times()
"""What users get."""


def read_blob(blobs: Blobs, name: str, times: Times) -> Blob | None:
    """What the name holds; StateUnreadable when no answer comes."""
    return again(lambda: blobs.get(name), blobs.where, times)


def again(read: Callable[[], T], where: str, times: Times) -> T:
    """The answer of a call that changes nothing, sent up to ``TRIES`` times."""
    failed = 0
    while True:
        try:
            return read()
        except BlobRefused as e:
            raise StateUnreadable(f"{where} was not read: {e}") from e
        except BlobUncertain as e:
            failed += 1
            if failed >= TRIES:
                detail = f"{where} does not answer ({e}). Nothing was changed. Try again when it does."
                raise StateUnreadable(detail) from e
            times.pause(failed)
