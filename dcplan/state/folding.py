"""Snapshots: make the first one, and fold the log into a new one."""

from __future__ import annotations

import contextlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.state import entries, tables
from dcplan.state import replica as replicas
from dcplan.state.blobs import BlobConflict, BlobRefused, BlobUncertain
from dcplan.state.errors import StateError, StateUnreadable
from dcplan.state.patience import TRIES, Times, read_blob
from dcplan.state.replica import SNAPSHOT, Replica

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.state.blobs import Blobs
    from dcplan.state.frames import Seal

_AT_ONCE = 8
"""Entries that are removed side by side."""
MARKERS_KEPT_S = 30 * 86400.0
"""A marker fences whoever held an earlier lease, however long that process slept, up to this."""


def make(blobs: Blobs, times: Times, seal: Seal | None) -> None:
    """Put an empty state with a new lineage, unless one is there, by whomever."""
    sql = tables.in_memory()
    sql.execute("UPDATE meta SET lineage = ?", (str(uuid.uuid4()),))
    empty = Replica(sql=sql, version="", through=0, slot=0, markers={})
    body = replicas.snapshot_of(empty, uuid.uuid4().hex, seal)
    sql.close()
    for tried in range(1, TRIES + 1):
        try:
            blobs.put(SNAPSHOT, body, expected=None)
        except BlobRefused as e:
            raise StateError(f"{blobs.where} was not written: {e}") from e
        except BlobConflict:
            return
        except BlobUncertain:
            if read_blob(blobs, SNAPSHOT, times) is not None:
                return
            times.pause(tried)
        else:
            return
    raise StateUnreadable(f"{blobs.where} does not answer. Try again when it does.")


@dataclass(frozen=True, slots=True)
class Folder:
    """Makes snapshots while the lease is held."""

    blobs: Blobs
    times: Times
    seal: Seal | None = None

    def fold(self, replica: Replica) -> tuple[int, ...]:
        """Put a snapshot of the tables in place of the last one; the slots to ``sweep`` now.

        Raises ``BlobConflict`` when another holder has put one, and what the
        server raises; the log is whole then, and nothing is lost.
        """
        old = self.times.clock() - MARKERS_KEPT_S
        pruned = {slot for slot, at_s in replica.markers.items() if at_s < old}
        kept = {slot: at_s for slot, at_s in replica.markers.items() if slot not in pruned}
        everything, replica.markers = replica.markers, kept
        try:
            version = self._put(replica)
        except BaseException:
            replica.markers = everything
            raise
        replica.version, replica.through, replica.log_bytes = version, replica.slot, 0
        gone = tuple(sorted(replica.folded | pruned))
        replica.folded = set()
        return gone

    def sweep(self, slots: Sequence[int]) -> None:
        """Remove the entries in these slots, several at once; the lease need not be held any more."""
        if slots:
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="dcplan-sweep") as pool:
                list(pool.map(self._remove, slots))

    def _remove(self, slot: int) -> None:
        with contextlib.suppress(BlobConflict, BlobUncertain, BlobRefused):
            # One that stays costs nothing but its bytes: it is behind the snapshot.
            self.blobs.delete(entries.name_of(slot))

    def _put(self, replica: Replica) -> str:
        nonce = uuid.uuid4().hex
        body = replicas.snapshot_of(replica, nonce, self.seal)
        replica.snapshot_bytes = len(body)
        expected = replica.version
        while True:
            try:
                return self.blobs.put(SNAPSHOT, body, expected=expected)
            except (BlobConflict, BlobUncertain):
                found = read_blob(self.blobs, SNAPSHOT, self.times)
                if found is None or found.version == expected:
                    raise
                written = replicas.written_by(found.body, self.blobs.where, self.seal)
                if written.nonce == nonce:
                    return found.version
                if written.epoch >= replica.epoch:
                    raise
                # A holder before us was late with a snapshot of what is in our tables, too.
                expected = found.version
