"""What the blobs of a remote state say, as SQLite tables in memory: one meaning for all stores."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dcplan.state import entries, frames, tables
from dcplan.state.entries import Entry
from dcplan.state.errors import StateDamaged, StateUnreadable
from dcplan.state.patience import TRIES, Times, again, read_blob
from dcplan.state.seen import Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dcplan.state.blobs import Blob, Blobs
    from dcplan.state.frames import Seal

SNAPSHOT = "state.json"
_ANY = frames.Wanted(kind="state", name=SNAPSHOT)
_MOST_TRIES = 50
"""How often a state is read that is changed again and again meanwhile."""
_AT_ONCE = 8
"""Entries that are read side by side."""


@dataclass(slots=True, kw_only=True)
class Replica:
    """The tables, and up to where of the log they tell."""

    sql: sqlite3.Connection
    version: str
    """Of the snapshot blob."""
    through: int
    """The last slot that the snapshot holds."""
    slot: int
    """The last slot that the tables hold."""
    markers: dict[int, float]
    """Slots that begin an epoch, and when they were written (Unix time)."""
    snapshot_bytes: int = 0
    """Size of the snapshot blob."""
    log_bytes: int = 0
    """Size of the entries with records behind it, as far as they are known."""
    folded: set[int] = field(default_factory=set)
    """Slots with records that are still there and that the next snapshot makes needless."""

    @property
    def lineage(self) -> str:
        """Of the state as the tables hold it."""
        return str(self.sql.execute("SELECT lineage FROM meta").fetchone()[0])

    @property
    def epoch(self) -> int:
        """The newest one."""
        return int(self.sql.execute("SELECT epoch FROM meta").fetchone()[0])


def position_of(replica: Replica) -> Position:
    """How far the state has come."""
    lineage, serial, epoch = replica.sql.execute("SELECT lineage, serial, epoch FROM meta").fetchone()
    return Position(lineage=str(lineage), serial=int(serial), epoch=int(epoch), slot=replica.slot)


def lost(where: str) -> StateDamaged:
    """The error for a state that was seen and is not there any more."""
    return StateDamaged(
        f"{SNAPSHOT} has gone from {where}. Nothing was changed. Put back an earlier version of it, as the "
        f"server keeps them when versioning is on; or, if the state was moved or removed on purpose, say so "
        f"with: dcplan init -reconfigure"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Which writing of which lease a snapshot is."""

    nonce: str
    epoch: int


def replica_of(blobs: Blobs, times: Times, seal: Seal | None) -> Replica | None:
    """The state as it is now; None where none is.

    Raises ``StateDamaged`` for blobs that cannot be read or are missing, and
    ``StateUnreadable`` when the server does not answer.
    """
    gaps, version = 0, ""
    for tried in range(1, _MOST_TRIES + 1):
        replica = _from_snapshot(blobs, times, seal)
        if replica is None:
            _check_nothing(blobs, times)
            return None
        if catch_up(replica, blobs, times, seal):
            return replica
        # Its holder has made a snapshot meanwhile and removed what that holds: begin with that one.
        replica.sql.close()
        gaps = gaps + 1 if replica.version == version else 1
        version = replica.version
        if gaps >= TRIES:
            raise StateDamaged(
                f"The log in {blobs.where} has a gap after its snapshot that does not go away. Nothing was "
                f"changed. Put back the missing blobs under {entries.PREFIX}, or an earlier version of "
                f"{SNAPSHOT}."
            )
        times.pause(min(tried, TRIES))
    raise StateUnreadable(f"{blobs.where} changes all the time. Try again.")


def catch_up(replica: Replica, blobs: Blobs, times: Times, seal: Seal | None) -> bool:
    """Take in what was written since; False when the log goes on only in a newer snapshot.

    Whoever holds no lease gets a state that was, whole and in order; what is written and
    folded meanwhile may be missing.  Whoever takes the lease looks again (``log``).
    """
    listed = again(lambda: blobs.names(entries.PREFIX), blobs.where, times)
    slots = [slot for name in listed if (slot := entries.slot_of(name)) is not None]
    replica.folded |= {s for s in slots if s <= replica.through and s not in replica.markers}
    news = [slot for slot in slots if slot > replica.slot]
    if news != list(range(replica.slot + 1, replica.slot + 1 + len(news))):
        return False
    for slot, blob in zip(news, _fetched(blobs, news, times), strict=True):
        if blob is None:
            return False
        take_in(replica, _entry_in(blob, slot, blobs.where, seal, replica.lineage), blobs.where)
    return True


def _fetched(blobs: Blobs, slots: Sequence[int], times: Times) -> Iterator[Blob | None]:
    """What is in the slots, in their order, several asked for at once where there are many."""
    names = [entries.name_of(slot) for slot in slots]
    if len(names) <= _AT_ONCE:
        yield from (read_blob(blobs, name, times) for name in names)
        return
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="dcplan-state") as pool:
        yield from pool.map(lambda name: read_blob(blobs, name, times), names)


def read_entry(blobs: Blobs, slot: int, times: Times, seal: Seal | None, lineage: str) -> Entry | None:
    """The entry in a slot of the state of this lineage, or None; StateDamaged when it is none."""
    blob = read_blob(blobs, entries.name_of(slot), times)
    return None if blob is None else _entry_in(blob, slot, blobs.where, seal, lineage)


def _entry_in(blob: Blob, slot: int, where: str, seal: Seal | None, lineage: str) -> Entry:
    name = entries.name_of(slot)
    wanted = frames.Wanted(kind="entry", name=name, lineage=lineage)
    content = frames.unframed(wanted, blob.body, where, seal)
    try:
        entry = entries.from_content(content, lineage)
    except (ValueError, KeyError, TypeError) as e:
        raise frames.damaged(where, name, f"{type(e).__name__}: {e}") from e
    if entry.slot != slot:
        raise frames.damaged(where, name, f"it was written for slot {entry.slot}")
    return entry


def take_in(replica: Replica, entry: Entry, where: str) -> None:
    """Do to the tables what the next entry says."""
    current = replica.epoch
    if entry.epoch != current and not (entry.marker and entry.epoch > current):
        why = f"it was written under lease {entry.epoch}, after lease {current} had begun"
        raise frames.damaged(where, entry.name, why)
    sql = replica.sql
    try:
        sql.execute("BEGIN")
        entries.enact(sql, entry)
        sql.execute("COMMIT")
    except (sqlite3.Error, RuntimeError, ValueError) as e:
        raise frames.damaged(where, entry.name, f"it does not follow from what is before it ({e})") from e
    finally:
        if sql.in_transaction:
            sql.execute("ROLLBACK")
    passed(replica, entry)


def passed(replica: Replica, entry: Entry) -> None:
    """Note that the tables hold this entry."""
    replica.slot = entry.slot
    if entry.marker:
        replica.markers[entry.slot] = entry.at_s
    else:
        replica.folded.add(entry.slot)


def snapshot_of(replica: Replica, nonce: str, seal: Seal | None) -> bytes:
    """The snapshot blob that the tables make."""
    content: dict[str, Any] = {
        **tables.dump(replica.sql),
        "through": replica.slot,
        "nonce": nonce,
        "markers": sorted(replica.markers.items()),
    }
    at = tuple((key, int(content[key])) for key in ("epoch", "serial", "through"))
    label = frames.Label(kind="state", name=SNAPSHOT, lineage=str(content["lineage"]), at=at)
    return frames.framed(label, content, seal)


def written_by(body: bytes, where: str, seal: Seal | None) -> Writer:
    """Who wrote a snapshot."""
    content = frames.unframed(_ANY, body, where, seal)
    return Writer(nonce=str(content.get("nonce", "")), epoch=int(content.get("epoch", 0)))


def _from_snapshot(blobs: Blobs, times: Times, seal: Seal | None) -> Replica | None:
    blob = read_blob(blobs, SNAPSHOT, times)
    if blob is None:
        return None
    content = frames.unframed(_ANY, blob.body, blobs.where, seal)
    sql = tables.in_memory()
    try:
        tables.load(sql, content)
        sql.execute("UPDATE meta SET epoch = ?", (int(content["epoch"]),))
        through = int(content["through"])
        markers = {int(slot): float(at_s) for slot, at_s in content["markers"]}
    except (sqlite3.Error, ValueError, KeyError, TypeError) as e:
        sql.close()
        raise frames.damaged(blobs.where, SNAPSHOT, f"{type(e).__name__}: {e}") from e
    return Replica(
        sql=sql,
        version=blob.version,
        through=through,
        slot=through,
        markers=markers,
        snapshot_bytes=len(blob.body),
    )


def _check_nothing(blobs: Blobs, times: Times) -> None:
    """No snapshot: fine where there is no log either."""
    left = again(lambda: blobs.names(entries.PREFIX), blobs.where, times)
    if left:
        why = f"it is missing, but {len(left):,} entries of its log are there"
        raise frames.damaged(blobs.where, SNAPSHOT, why)
