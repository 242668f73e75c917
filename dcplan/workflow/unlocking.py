"""Who holds the lock of a state, whether that process is still there, and how it is taken from it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.diag import Result
from dcplan.state import LocalStore, LockInfo, StateError
from dcplan.workflow.history import lives
from dcplan.workflow.stores import open_state

if TYPE_CHECKING:
    from dcplan.state import StateStore
    from dcplan.workflow.types import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose name is on a lock."""

    info: LockInfo
    alive: bool | None
    """Whether its process is there; None on another machine, where nobody here can tell."""
    leased: bool
    """A lease on a server, which outlives its process for a while; a local lock ends with it."""

    @property
    def free(self) -> bool:
        """Whether nobody holds the lock in truth: the kernel frees that of a process that has ended."""
        return self.alive is False and not self.leased


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    """A lock that was taken from its holder."""

    epoch: int
    """Writes of earlier ones are refused from now on."""
    holder: Holder | None
    """Who had it; None for nobody, or when that could not be told."""
    open_operations: tuple[str, ...]
    """Calls whose outcome is not known: what the holder had under way."""


def holder_of(project: Project) -> Result[Holder | None]:
    """Who holds the lock, or has left a name on it; None, without a diagnostic, for nobody."""
    opened = open_state(project, create=False)
    if opened.value is None:
        return Result(None, opened.diagnostics)
    try:
        return Result(_holder(opened.value))
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))
    finally:
        opened.value.close()


def force_unlock(project: Project) -> Result[Unlocked]:
    """Take the lock from a process that hangs: it can write no more."""
    opened = open_state(project, create=False)
    if opened.value is None:
        return Result(None, opened.diagnostics)
    try:
        holder = _holder(opened.value)
        epoch = opened.value.force_unlock()
        left = tuple(f"{o.action.value} {o.address}" for o in opened.value.open_operations())
        return Result(Unlocked(epoch=epoch, holder=holder, open_operations=left))
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))
    finally:
        opened.value.close()


def _holder(store: StateStore) -> Holder | None:
    info = store.holder()
    if info is None:
        return None
    here = info.who.rpartition("@")[2] == platform.node()
    return Holder(
        info=info, alive=lives(info.pid) if here else None, leased=not isinstance(store, LocalStore)
    )
