"""A script that forks one process a job, so that each starts in a blink and may be killed at any moment.

The script calls ``serve``; the test starts it with ``ForkServer`` and asks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Job = dict[str, Any]
"""What goes to the script, as JSON.  ``environment`` is set in the child, ``kill_after_s`` ends it."""


def serve(run: Callable[[Job], int]) -> None:
    """Read one job a line from standard input, ``run`` it in a forked child, answer with its exit status.

    Killed after ``kill_after_s`` when that is given; -9 is the status of one that was killed.
    """
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.environ.update(job["environment"])
            os._exit(run(job))
        if job["kill_after_s"] is not None:
            time.sleep(job["kill_after_s"])
            os.kill(pid, signal.SIGKILL)  # Our own child, not waited for yet: the id is still its.
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


class ForkServer:
    """A running script of this folder; use it in a ``with``."""

    def __init__(self, script: str, *, env: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name(script))],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(
        self, job: Job, *, environment: dict[str, str] | None = None, kill_after_s: float | None = None
    ) -> int:
        """The exit status of one job."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        full = {**job, "environment": environment or {}, "kill_after_s": kill_after_s}
        self._process.stdin.write(json.dumps(full) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=10)
