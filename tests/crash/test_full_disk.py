"""The disk takes no more while the state is written: a clear refusal, and one apply with room mends it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloud_project import environment
from full_disk import small_disk, whole_after

if TYPE_CHECKING:
    from cloud_project import FarProject
    from fork_server import ForkServer


@pytest.mark.parametrize("limit_bytes", [30_000, 45_000, 150_000])
def test_short_writes_lose_nothing(project: FarProject, far: ForkServer, limit_bytes: int) -> None:
    """The kernel writes a part and then refuses: before anything is made, amid and late in an apply."""
    code = project.forked(far, "apply", "-auto-approve", file_limit_bytes=limit_bytes)
    said = project.said()

    assert code == 1
    assert "The state could not be" in said or "The state cannot be opened" in said
    assert "Not complete" in said or not project.cloud.books()["objects"]
    assert whole_after(project, far, code, said) == []


def test_no_space_left_loses_nothing(project: FarProject, far: ForkServer) -> None:
    """A real file system runs full during an apply; given room, the next one ends as if it never had been."""
    (project.folder / ".dcplan").mkdir()
    with small_disk(project.folder / ".dcplan", 140_000):
        code = project.forked(far, "apply", "-auto-approve")
        said = project.said()
        made = len(project.cloud.books()["objects"])
        for path in (project.folder / ".dcplan").iterdir():
            (project.folder / f"kept-{path.name}").write_bytes(path.read_bytes())
    for path in project.folder.glob("kept-*"):
        path.rename(project.folder / ".dcplan" / path.name.removeprefix("kept-"))

    assert code == 1
    assert made > 0
    assert whole_after(project, far, code, said) == []


def test_a_state_on_a_full_disk_is_never_cut_short(project: FarProject, far: ForkServer) -> None:
    """Refused again and again while it grows, the state can always be read, and its serial only grows."""
    serials = []
    for limit_bytes in (60_000, 90_000, 120_000):
        project.forked(far, "apply", "-auto-approve", file_limit_bytes=limit_bytes)
        if project.forked(far, "state", "pull") == 0:
            serials.append(json.loads(project.said())["serial"])

    assert serials == sorted(serials)
    assert len(serials) == 3
    assert whole_after(project, far, 0, "") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [("plan",), ("apply", "-auto-approve")])
def test_an_output_that_cannot_be_written_is_told(
    project: FarProject, far: ForkServer, arguments: tuple[str, ...]
) -> None:
    """Redirected to a full disk, a command says so in a sentence and fails; an apply makes all whole."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dcplan", *arguments],
            cwd=project.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )

    assert done.returncode == 1
    assert "error: The output could not be written" in done.stderr
    assert whole_after(project, far, done.returncode, done.stderr) == []
