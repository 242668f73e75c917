"""Take the lease of a remote state, from nobody or from somebody whose time is over."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, error
from dcplan.state.appending import append
from dcplan.state.blobs import BlobConflict, BlobRefused, BlobUncertain
from dcplan.state.entries import Entry
from dcplan.state.errors import Fenced, StateDamaged, StateError, StateUnreadable
from dcplan.state.lease import LEASE, LeaseNote, fresh_note, from_body, give_up, to_body
from dcplan.state.patience import TRIES, read_blob
from dcplan.state.replica import SNAPSHOT, Replica, catch_up, lost, passed, replica_of

if TYPE_CHECKING:
    from dcplan.state.blobs import Blobs
    from dcplan.state.frames import Seal
    from dcplan.state.patience import Times
    from dcplan.state.types import LockInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A lease, and the state as it was when it began."""

    note: LeaseNote
    version: str
    """Of the lease's blob."""
    sent_s: float
    """When it was asked for, by the steady clock."""
    replica: Replica


def take(blobs: Blobs, times: Times, seal: Seal | None, info: LockInfo) -> Taken | Diagnostic:
    """The lease, or a diagnostic that says who holds it; raises ``StateError`` for all else."""
    blob = read_blob(blobs, LEASE, times)
    current = None if blob is None else from_body(blob.body, blobs.where)
    if current is not None and _held(current, times):
        return _locked(blobs.where, current, times)
    replica = _replica(blobs, times, seal)
    sent_s = times.steady()
    note = fresh_note(_next_epoch(replica, current), info, times)
    version = _put_note(blobs, note, None if blob is None else blob.version, times)
    if version is None:
        replica.sql.close()
        now = read_blob(blobs, LEASE, times)
        other = note if now is None else from_body(now.body, blobs.where)
        return _locked(blobs.where, other, times)
    try:
        replica = mark(blobs, replica, note.epoch, times, seal)
    except StateError:
        replica.sql.close()
        give_up(blobs, note, version)
        raise
    return Taken(note=note, version=version, sent_s=sent_s, replica=replica)


def force(blobs: Blobs, times: Times, seal: Seal | None) -> Replica:
    """Begin an epoch that nobody holds: whoever holds the lease can write no more, and others may take it."""
    replica = _replica(blobs, times, seal)
    for _ in range(TRIES):
        blob = read_blob(blobs, LEASE, times)
        current = None
        if blob is not None:
            with contextlib.suppress(StateDamaged):  # Forced is the way out of that.
                current = from_body(blob.body, blobs.where)
        note = fresh_note(_next_epoch(replica, current), None, times)
        if _put_note(blobs, note, None if blob is None else blob.version, times) is not None:
            return mark(blobs, replica, note.epoch, times, seal)
        # Its holder renewed it just now.
    raise StateError(f"{LEASE} in {blobs.where} changes again and again. Try once more.")


def holder_of(blobs: Blobs, times: Times) -> LockInfo | None:
    """Who holds the lease now; None for nobody, or when it cannot be read."""
    try:
        blob = read_blob(blobs, LEASE, times)
        note = None if blob is None else from_body(blob.body, blobs.where)
    except StateError:
        return None
    return note.holder if note is not None and _held(note, times) else None


def mark(blobs: Blobs, replica: Replica, epoch: int, times: Times, seal: Seal | None) -> Replica:
    """Put the marker of ``epoch`` into the first free slot; the state up to it.

    Closes ``replica`` when another one takes its place.  ``Fenced`` when a later epoch has begun.
    """
    for _ in range(TRIES * TRIES):
        if not catch_up(replica, blobs, times, seal):
            replica = _again(replica, blobs, times, seal)
        if replica.epoch >= epoch:
            raise Fenced(_overtaken(blobs.where))
        marker = Entry(
            slot=replica.slot + 1,
            lineage=replica.lineage,
            epoch=epoch,
            nonce=uuid.uuid4().hex,
            at_s=times.clock(),
            marker=True,
        )
        try:
            append(blobs, marker, times, seal)
        except Fenced:
            continue  # Its holder has written once more: take that in, and try the next slot.
        snapshot = read_blob(blobs, SNAPSHOT, times)
        if snapshot is not None and snapshot.version == replica.version:
            replica.sql.execute("UPDATE meta SET epoch = ?", (epoch,))
            passed(replica, marker)
            return replica
        replica = _again(replica, blobs, times, seal)
        if replica.through < marker.slot:
            # An earlier holder was late with a snapshot; the marker is behind it, and was taken in.
            if replica.epoch != epoch:
                raise Fenced(_overtaken(blobs.where))
            return replica
        # The slot is one that the new snapshot holds: nobody reads the marker.
        with contextlib.suppress(BlobConflict, BlobUncertain, BlobRefused):
            blobs.delete(marker.name)
    raise StateError(f"The state in {blobs.where} changes all the time, so no lease could begin. Try again.")


def _overtaken(where: str) -> str:
    return f"Somebody else has taken the lock on {where} at the same moment. Try again."


def _again(old: Replica, blobs: Blobs, times: Times, seal: Seal | None) -> Replica:
    old.sql.close()
    return _replica(blobs, times, seal)


def _replica(blobs: Blobs, times: Times, seal: Seal | None) -> Replica:
    replica = replica_of(blobs, times, seal)
    if replica is None:
        raise lost(blobs.where)
    return replica


def _next_epoch(replica: Replica, current: LeaseNote | None) -> int:
    return max(replica.epoch, 0 if current is None else current.epoch) + 1


def _put_note(blobs: Blobs, note: LeaseNote, expected: str | None, times: Times) -> str | None:
    """Write the lease's blob; its version, or None when somebody was faster."""
    for tried in range(1, TRIES + 1):
        try:
            return blobs.put(LEASE, to_body(note), expected=expected)
        except BlobRefused as e:
            raise StateError(f"{blobs.where} was not written: {e}") from e
        except (BlobConflict, BlobUncertain):
            found = read_blob(blobs, LEASE, times)
            if found is not None and found.version != expected:
                ours = _nonce(found.body, blobs.where) == note.nonce
                return found.version if ours else None
            times.pause(tried)
    raise StateUnreadable(f"{blobs.where} does not answer. Nothing was changed. Try again when it does.")


def _nonce(body: bytes, where: str) -> str | None:
    try:
        return from_body(body, where).nonce
    except StateDamaged:
        return None


def _held(note: LeaseNote, times: Times) -> bool:
    return note.holder is not None and times.clock() < note.expires_at_s + times.allowance_s


def _locked(where: str, note: LeaseNote, times: Times) -> Diagnostic:
    who, run = "Another dcplan", ""
    if note.holder is not None:
        holder = note.holder
        who = f"{holder.who} (process {holder.pid}, {holder.operation} since {holder.since})"
        run = f" Its run: {holder.run_url}." if holder.run_url else ""
    ends = datetime.fromtimestamp(note.expires_at_s, UTC).isoformat(timespec="seconds")
    left_s = max(0.0, note.expires_at_s + times.allowance_s - times.clock())
    detail = (
        f"{who} holds the lock on {where}.{run} Wait until it ends, or have dcplan wait with "
        f"-lock-timeout=10m. Should it have died, the lock is free in {left_s:.0f} s (at {ends} unless it "
        f"is renewed). dcplan state force-unlock is for one that hangs."
    )
    return error("state-locked", "Somebody else is changing this state", detail)
