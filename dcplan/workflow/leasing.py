"""Take the lock of a state: say who one is, and wait for whoever holds it."""

from __future__ import annotations

import getpass
import os
import platform
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dcplan.diag import Result
from dcplan.state import LockInfo

if TYPE_CHECKING:
    from dcplan.state import Lease, StateStore

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 16.0


Waiting = Callable[[str, float], None]
"""Told who holds the lock, and in how many seconds it is tried again."""


def lock_info(operation: str, env: Mapping[str, str] | None = None) -> LockInfo:
    """Who wants the lock, for the message that others get."""
    return LockInfo(
        pid=os.getpid(),
        who=who(),
        operation=operation,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        run_url=run_url(os.environ if env is None else env),
    )


def who() -> str:
    """``user@host``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a user id that has no name.
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user}@{platform.node()}"


def run_url(env: Mapping[str, str]) -> str | None:
    """Where this run of a CI service can be watched: GitHub Actions, GitLab CI and Jenkins tell it."""
    parts = [env.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    if all(parts):
        server, repository, run = parts
        return f"{server}/{repository}/actions/runs/{run}"
    return env.get("CI_JOB_URL") or env.get("BUILD_URL") or None


def take_lock(
    store: StateStore,
    info: LockInfo,
    *,
    wait_s: float = 0.0,
    waiting: Waiting = lambda _who, _pause_s: None,
    stop: threading.Event | None = None,
) -> Result[Lease]:
    """The lease; while another holds it, tries again for ``wait_s``, with pauses from 1 to 16 s.

    ``stop`` ends the wait at once.
    """
    stopped = stop or threading.Event()
    pause_s, left_s = FIRST_PAUSE_S, wait_s
    while True:
        lease = store.lock(info)
        if lease.value is not None or [d.code for d in lease.diagnostics] != ["state-locked"]:
            return lease
        if left_s <= 0 or stopped.is_set():
            return lease
        pause_s = min(pause_s, left_s)
        waiting(lease.diagnostics[0].detail.partition(" Wait until")[0], pause_s)
        stopped.wait(pause_s)
        left_s -= pause_s
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
