"""What a plan does to data: told with it, before anybody agrees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dcplan.diag import Diagnostic, listed, plural, warning
from dcplan.provider.storage import AFTER_BACKUP, IF_EMPTY, ON_DELETE, WITH_DATA
from dcplan.resources import Action, Change, Reason

_DESTROYS = frozenset({Action.DELETE, Action.REPLACE})

WORDS: Mapping[str, str] = {
    IF_EMPTY: "only if it is empty",
    AFTER_BACKUP: "its data go; a backup of them stays",
    WITH_DATA: "and all that is in it",
}
"""What becomes of the data of something that is deleted, as a plan says it beside its name."""


def fate_of(change: Change) -> str:
    """What becomes of the data that a change would delete; empty for what holds none, or stays."""
    if change.action not in _DESTROYS or change.before is None or change.reason is Reason.GONE:
        return ""
    return WORDS.get(str(change.before.attributes.get(ON_DELETE)), "")


def data_lost(changes: Iterable[Change]) -> list[Diagnostic]:
    """One warning about all storage whose data would go."""
    going = {
        str(c.address): str(c.before.attributes[ON_DELETE])
        for c in changes
        if c.before is not None and fate_of(c) and c.before.attributes[ON_DELETE] != IF_EMPTY
    }
    if not going:
        return []
    first, kept = next(iter(going)), [address for address, fate in going.items() if fate == AFTER_BACKUP]
    whose = "" if len(kept) == len(going) else f" of {listed(kept)}"
    backup = f" A backup{whose} is made first, and stays until you delete it." if kept else ""
    one = first if len(going) == 1 else "ADDRESS"
    detail = (
        f"The data in {listed(list(going))} would be deleted.{backup} To keep what is there: dcplan state rm "
        f"{one}, and name it in the document with `adopt` (a bucket) or `id` (a file system)."
    )
    summary = f"Data of {plural(len(going), 'storage')} would be deleted"
    return [warning("data-deleted", summary, detail, address=first)]
