"""The lease of a remote state: one blob that says who may write, and until when.

It keeps others waiting and is no protection by itself: that is the log, in which each lease
begins with a marker that its predecessors' next writes run into.
"""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dcplan.state.blobs import BlobConflict, BlobRefused, BlobUncertain
from dcplan.state.errors import StateDamaged
from dcplan.state.types import LockInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.state.blobs import Blobs
    from dcplan.state.patience import Times

LEASE = "lease.json"
_MOST = 1e11
"""Seconds and counts of a lease are smaller; as Unix time it is the year 5138."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseNote:
    """What the blob says."""

    epoch: int
    nonce: str
    """Of this taking alone."""
    holder: LockInfo | None = None
    """None: it is free."""
    expires_at_s: float = 0.0
    """Unix time, by the holder's clock."""
    ttl_s: float = 0.0
    beat: int = 0
    """How often it was renewed."""


class Standing(StrEnum):
    """How sure a holder may be of its lease."""

    FIRM = "firm"
    WAVERING = "wavering"
    """Not renewed for a while: no new calls."""
    LOST = "lost"
    """Over, or so near its end that nothing may be written."""


def to_body(note: LeaseNote) -> bytes:
    """The blob of a note, readable for people."""
    return (json.dumps({"dcplan": "lease", **asdict(note)}, indent=1) + "\n").encode()


def from_body(body: bytes, where: str) -> LeaseNote:
    """The note of a blob; StateDamaged when it is none."""
    try:
        content: dict[str, Any] = json.loads(body)
        if content.pop("dcplan") != "lease":
            raise ValueError("it is something else")  # noqa: TRY301 - told with the others below
        holder = content.pop("holder")
        note = LeaseNote(**content, holder=_holder(holder))
        _check(note)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        why = f"{type(e).__name__}: {e}" if body else "it is empty"
        raise StateDamaged(
            f"{LEASE} in {where} cannot be read ({why}), so it is not known whether somebody holds the lock. "
            f"See that nobody does, and run dcplan state force-unlock: it writes a new one."
        ) from e
    return note


def _holder(content: dict[str, Any] | None) -> LockInfo | None:
    """Who holds it, in words that may be shown: anybody who may write to the server may have written them."""
    if content is None:
        return None
    words: dict[str, Any] = {k: _printable(v) if isinstance(v, str) else v for k, v in content.items()}
    return LockInfo(**words)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _check(note: LeaseNote) -> None:
    """ValueError for numbers that no dcplan writes."""
    for number in (note.epoch, note.beat, note.expires_at_s, note.ttl_s):
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < _MOST:
            raise ValueError("a number is none")
    if not isinstance(note.epoch, int):
        raise ValueError("its epoch is no whole number")  # noqa: TRY004 - damaged text, not a caller's mistake


class Keeper:
    """Renews a lease that was taken, in a thread of its own, and says how sure it still is."""

    def __init__(self, blobs: Blobs, times: Times, note: LeaseNote, version: str, taken_s: float) -> None:
        self.note = note
        self._blobs = blobs
        self._times = times
        self._version = version
        self._renewed_s = taken_s
        self._lost: str | None = None
        self._when_lost: list[Callable[[], None]] = []
        self._one_at_a_time = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="dcplan-lease", daemon=True)

    def start(self) -> None:
        """Renew from now on."""
        self._thread.start()

    @property
    def why_lost(self) -> str | None:
        """Why nothing may be written any more; None while something may."""
        if self._lost is None and self._age_s() >= self._times.ttl_s - self._times.stop_s:
            self._lost = (
                f"The lease could not be renewed for {self._age_s():.0f} s, and after "
                f"{self._times.ttl_s:.0f} s others may take it."
            )
        return self._lost

    @property
    def standing(self) -> Standing:
        """How sure the lease is now."""
        if self.why_lost is not None:
            return Standing.LOST
        quiet = self._age_s() >= self._times.ttl_s - self._times.quiet_s
        return Standing.WAVERING if quiet else Standing.FIRM

    def when_lost(self, call: Callable[[], None]) -> None:
        """Have ``call`` made once, from a thread of its own, should the lease be lost."""
        self._when_lost.append(call)

    def lose(self, why: str) -> None:
        """Somebody else has it."""
        if self._lost is None:
            self._lost = why

    def look(self) -> None:
        """Ask whose the lease is; ``why_lost`` tells.  Without an answer, it tells what the time does."""
        with self._one_at_a_time:
            if self._ended.is_set() or self._lost is not None:
                return
            try:
                self._look()
            except StateDamaged as e:
                self.lose(e.detail)

    def renew(self) -> None:
        """Put the end of the lease off, once."""
        with self._one_at_a_time:
            if self._ended.is_set() or self._lost is not None:
                return
            sent_s = self._times.steady()
            # A clock that was set back meanwhile must not make it look over to others.
            put_off_s = self.note.expires_at_s + sent_s - self._renewed_s
            expires_at_s = max(self._times.clock() + self._times.ttl_s, put_off_s)
            note = replace(self.note, expires_at_s=expires_at_s, beat=self.note.beat + 1)
            try:
                self._version = self._blobs.put(LEASE, to_body(note), expected=self._version)
                self.note = note
                self._renewed_s = sent_s
            except (BlobConflict, BlobUncertain):
                self._look()
            except BlobRefused:
                return  # No right to it any more: the lease runs out, and is told so.

    def end(self) -> None:
        """Renew no more, and let others have it at once."""
        self._ended.set()
        with self._one_at_a_time:
            if self._lost is None:
                give_up(self._blobs, self.note, self._version)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=self._times.stop_s)

    def _look(self) -> None:
        """What came of a renewal whose answer was lost or was no."""
        try:
            blob = self._blobs.get(LEASE)
        except (BlobUncertain, BlobRefused):
            return
        if blob is None:
            self.lose(f"{LEASE} was removed from {self._blobs.where}.")
            return
        found = from_body(blob.body, self._blobs.where)
        if found.nonce == self.note.nonce:
            self._version = blob.version  # Ours: the next renewal goes on from it.
            return
        self.lose(f"{_name(found)} has taken the lock (lease {found.epoch}).")

    def _keep(self) -> None:
        pause_s = self._times.renew_s
        while not self._ended.wait(pause_s):
            before = self.note.beat
            try:
                self.renew()
            except Exception as e:  # noqa: BLE001 - a thread's exception would be lost; the lease is, then
                self.lose(f"The lease could not be renewed ({type(e).__name__}: {e}).")
            if self.why_lost is not None:
                for call in self._when_lost:
                    call()
                return
            pause_s = self._times.renew_s if self.note.beat > before else self._times.renew_s / 5

    def _age_s(self) -> float:
        return self._times.steady() - self._renewed_s


def fresh_note(epoch: int, info: LockInfo | None, times: Times) -> LeaseNote:
    """A note that nobody has written yet."""
    ends_s = times.clock() + times.ttl_s if info is not None else 0.0
    return LeaseNote(epoch=epoch, nonce=uuid.uuid4().hex, holder=info, expires_at_s=ends_s, ttl_s=times.ttl_s)


def fenced(ours: int, why: str) -> str:
    """What to say of a write under a lease that is lost."""
    return (
        f"This process held lease {ours} and holds it no more. {why} Nothing more is written from here. What "
        f"was under way is in the journal for the next apply."
    )


def give_up(blobs: Blobs, note: LeaseNote, version: str) -> None:
    """Say that the lease is free; where that fails, it ends by itself."""
    free = LeaseNote(epoch=note.epoch, nonce=uuid.uuid4().hex)
    try:
        blobs.put(LEASE, to_body(free), expected=version)
    except (BlobConflict, BlobUncertain, BlobRefused):
        return


def _name(note: LeaseNote) -> str:
    return "Somebody" if note.holder is None else note.holder.who
