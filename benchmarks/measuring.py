"""Run whole processes and tell what they cost: CPU, wall clock, memory.

The kernel counts (``os.wait4``), so nothing is added to what is measured, and
descendants that a process waited for are in its CPU time.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
"""``ru_maxrss`` is in bytes on macOS and in KiB elsewhere (getrusage(2))."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process cost."""

    cpu_s: float
    """User and system."""
    wall_s: float
    rss_mb: float
    """The most memory it held at once, in 10^6 bytes.  Linux never says less than this script's own."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What several runs of one command cost."""

    runs: tuple[Run, ...]

    def spread(self, part: str) -> tuple[float, float, float]:
        """Smallest, median and largest of ``cpu_s``, ``wall_s`` or ``rss_mb``."""
        values = [getattr(run, part) for run in self.runs]
        return min(values), statistics.median(values), max(values)

    def as_data(self) -> dict[str, object]:
        """For JSON."""
        named = {
            part: dict(zip(("min", "median", "max"), (round(v, 4) for v in self.spread(part)), strict=True))
            for part in ("cpu_s", "wall_s", "rss_mb")
        }
        return {"runs": len(self.runs), **named}


class WrongExitError(RuntimeError):
    """A command ended otherwise than it should: its cost would mean nothing."""


def once(command: Sequence[str], folder: Path, env: Mapping[str, str], *, expect: int = 0) -> tuple[Run, str]:
    """Run a command in ``folder``; what it cost and what it printed.

    Raises WrongExitError, with the end of its output, when it does not exit with ``expect``.
    """
    output = folder / ".output"
    with output.open("wb") as file:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, file.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, file.fileno(), 2),
        ]
        before = Path.cwd()
        os.chdir(folder)
        try:
            start = time.perf_counter()
            child = os.posix_spawnp(command[0], command, env, file_actions=actions)
            _, status, used = os.wait4(child, 0)
            wall_s = time.perf_counter() - start
        finally:
            os.chdir(before)
    text = output.read_text(encoding="utf-8", errors="replace")
    code = os.waitstatus_to_exitcode(status)
    if code != expect:
        raise WrongExitError(f"{' '.join(command)} exited {code}, not {expect}:\n{text[-2000:]}")
    return Run(used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss * RSS_UNIT_BYTES / 1e6), text


def several(
    command: Sequence[str], folder: Path, env: Mapping[str, str], *, runs: int, expect: int = 0
) -> Figures:
    """Run a command ``runs`` times, after one that is not counted and fills the caches."""
    if runs > 1:
        once(command, folder, env, expect=expect)
    return Figures(tuple(once(command, folder, env, expect=expect)[0] for _ in range(runs)))
