"""A disk that takes no more: a small memory file system, or the limit of a process for its files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from cloud_project import FarProject
    from fork_server import ForkServer


@contextmanager
def small_disk(at: Path, size_bytes: int) -> Iterator[None]:
    """A file system of so many bytes at a folder; the test is skipped where nobody may mount one."""
    at.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(at)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def whole_after(project: FarProject, forks: ForkServer, code: int, said: str) -> list[str]:
    """What a command that met a full disk did wrong, and whether one apply with room makes all whole."""
    found = []
    if code not in {0, 1}:
        found.append(f"exit {code}: {said[-2000:]}")
    if code == 1 and "error: " not in said:
        found.append(f"no diagnostic: {said[-2000:]}")
    if "Traceback" in said or "bug in dcplan" in said:
        found.append(f"a traceback: {said[-2000:]}")
    again = project.forked(forks, "apply", "-auto-approve")
    if again != 0:
        return [*found, f"the apply with room exits {again}: {project.said()[-2000:]}"]
    return found + project.wrongs(forks)
