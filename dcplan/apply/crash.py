"""A hook for tests: die exactly here.

With ``DCPLAN_CRASH_AT="after-intent:3"`` the third passage of the point
``after-intent`` kills the process with SIGKILL, which no handler sees and which
flushes nothing: what a power cut or the kernel's memory killer does.  Unset, a
passage costs one look into the environment.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "DCPLAN_CRASH_AT"

POINTS = (
    "before-intent",
    "after-intent",
    "after-begin",
    "after-ack",
    "after-wait",
    "after-done",
    "after-void",
    "before-failover",
    "after-failover",
    "before-cleanup",
    "after-cleanup",
    "before-rollback",
    "after-rollback",
    "recover-start",
    "recover-after-begin",
    "recover-after-ack",
    "recover-after-wait",
    "recover-after-done",
    "recover-after-void",
    "before-plan-anew",
    "after-plan-anew",
)
"""All points.  ``before-`` and ``after-intent``, ``-ack``, ``-done``, ``-void`` stand on both sides of
what is written to the journal; ``after-begin`` and ``after-wait`` are where an answer came and is
not written yet.  ``-failover`` stands around what moves a machine to another pool, ``-cleanup`` around
each delete of a gang's machine that is let go for that, ``-rollback`` around each delete of what a failed
run made.  Those of ``recover`` are the same while interrupted operations are resolved.  ``-plan-anew`` stands
around the making of a plan between two rounds of one apply."""


def crash_point(name: str) -> None:
    """Kill this process when the environment asks for it here."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    point, _, passages = wanted.partition(":")
    if point != name:
        return
    left = int(passages or 1) - 1
    if left > 0:
        # Counted down in the environment, so that the product keeps no counter for its tests.
        os.environ[VARIABLE] = f"{point}:{left}"
        return
    # Windows has no SIGKILL; its SIGTERM ends a process just as abruptly.
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
