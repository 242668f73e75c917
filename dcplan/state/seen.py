"""What this checkout last saw of a remote state, so that an older one put in its place is noticed.

Kept in a file of the work folder.  Whoever may write to the server could put back what it held
last week; every part of it would be sound, and machines made since would be forgotten.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from dcplan.disk.private import make_folder
from dcplan.state.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path


class WentBack(StateError):  # noqa: N818 - a state of things, as Fenced
    """The state is older than what was seen before, or another one."""

    code = "state-went-back"
    summary = "The state is older than what was seen here before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a remote state has come.  None of the numbers ever goes back."""

    lineage: str
    serial: int
    epoch: int
    slot: int

    def behind(self, seen: Position) -> str | None:
        """In which way this is older than ``seen``, or None."""
        if self.lineage != seen.lineage:
            return f"it is another state (lineage {self.lineage}; {seen.lineage} was seen here)"
        for name in ("epoch", "slot", "serial"):
            now, then = getattr(self, name), getattr(seen, name)
            if now < then:
                return f"its {name} is {now}, and {then} was seen here"
        return None


def check(now: Position, seen: Position, where: str) -> None:
    """Raise ``WentBack`` when ``now`` is older than ``seen``."""
    why = now.behind(seen)
    if why is not None:
        raise WentBack(
            f"Of the state in {where}, {why}. Somebody has put back an older version or another state. "
            f"With it dcplan would forget machines that were made since, and they go on costing money. "
            f"Put back the newest one; if this is the right one, say so with: dcplan init -reconfigure"
        )


class Seen:
    """The file that remembers; ``where`` it was seen is only told, never compared."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def position(self) -> Position | None:
        """What was seen last; None for nothing, also when the file cannot be read."""
        try:
            return Position(**json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def check(self, now: Position, where: str) -> None:
        """Raise ``WentBack`` when ``now`` is older than what was seen."""
        seen = self.position
        if seen is not None:
            check(now, seen, where)

    def remember(self, now: Position) -> None:
        """Note what was seen, unless another command has seen it come farther meanwhile.

        A folder that cannot be written costs only the check.
        """
        before = self.position
        if before == now or (before is not None and before.lineage == now.lineage and now.behind(before)):
            return
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            make_folder(self._path.parent)
            descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(now), file)
            draft.replace(self._path)

    def forget(self) -> None:
        """See with new eyes: whatever is there next is right."""
        self._path.unlink(missing_ok=True)


class Forgetful:
    """Remembers nothing, where whatever is there is right."""

    def check(self, now: Position, where: str) -> None:
        """Any position will do."""

    def remember(self, now: Position) -> None:
        """No."""
