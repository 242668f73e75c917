"""One entry into the log: written once, told from others' entries, also when answers are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.state import entries, frames
from dcplan.state.blobs import BlobConflict, BlobRefused, BlobUncertain
from dcplan.state.errors import Fenced, StateError, StateUnreadable
from dcplan.state.patience import TRIES
from dcplan.state.replica import read_entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.state.blobs import Blobs
    from dcplan.state.entries import Entry
    from dcplan.state.frames import Seal
    from dcplan.state.patience import Times


def append(
    blobs: Blobs,
    entry: Entry,
    times: Times,
    seal: Seal | None,
    *,
    give_up: Callable[[], str | None] = lambda: None,
) -> int:
    """Put an entry into its slot, durable when this returns; its size in bytes.

    Raises ``Fenced`` when the slot is another's, ``StateUnreadable`` when it is
    not known whether the entry is written, and ``StateError`` when it is not.
    ``give_up`` answers why not to try any longer, once there is a reason.
    """
    label = frames.Label(kind="entry", name=entry.name, lineage=entry.lineage)
    body = frames.framed(label, entries.to_content(entry), seal)
    why = ""
    for tried in range(1, TRIES + 1):
        try:
            blobs.put(entry.name, body, expected=None)
        except BlobRefused as e:
            raise StateError(_not_written(blobs.where, str(e))) from e
        except BlobConflict as e:
            why = str(e)
            there = read_entry(blobs, entry.slot, times, seal, entry.lineage)
        except BlobUncertain as e:
            why = str(e)
            there = read_entry(blobs, entry.slot, times, seal, entry.lineage)
        else:
            if tried > 1:
                _look_behind(blobs, entry, times, seal)
            return len(body)
        if there is not None:
            if there.nonce == entry.nonce:
                return len(body)
            raise Fenced(_taken(entry, there))
        lost = give_up()
        if lost is not None:
            raise Fenced(lost)
        times.pause(tried)
    raise StateUnreadable(
        f"It is not known whether {entry.name} in {blobs.where} was written: the server does not answer "
        f"({why}). Calls already made are in the journal; once it answers, run the command again and it goes "
        f"on from there."
    )


def _look_behind(blobs: Blobs, entry: Entry, times: Times, seal: Seal | None) -> None:
    """Fenced when another lease has begun behind a slot that was empty on a second try.

    The first try may have arrived, been taken in by the next holder and folded
    away; then the slot is empty again, and what was put there now is read by nobody.
    That holder's marker is in the next slot, and stays.
    """
    behind = read_entry(blobs, entry.slot + 1, times, seal, entry.lineage_after)
    if behind is not None:
        raise Fenced(_taken(entry, behind))


def _taken(ours: Entry, theirs: Entry) -> str:
    return (
        f"This process held lease {ours.epoch}; the state is at lease {theirs.epoch} now, because it ran out "
        f"or was forced. Nothing more is written from here. What was under way is in the journal for the "
        f"next apply."
    )


def _not_written(where: str, why: str) -> str:
    return (
        f"{where} was not written: {why} Calls already made are in the journal; once the cause is mended, "
        f"run the command again and it goes on from there."
    )
