"""Whatever dcplan keeps is for its owner's eyes alone, however generous the user's umask is."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import Small

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


@pytest.fixture(autouse=True)
def _generous() -> Iterator[None]:
    """Files and folders would be everybody's to write."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """Of the folder and all in it, by path; in octal."""
    paths = [folder, *folder.rglob("*")]
    return {str(p.relative_to(folder.parent)): oct(p.stat().st_mode & 0o777) for p in paths}


def wanted(folder: Path) -> dict[str, str]:
    """As the same should be."""
    paths = [folder, *folder.rglob("*")]
    return {str(p.relative_to(folder.parent)): oct(0o700 if p.is_dir() else 0o600) for p in paths}


def test_files_of_the_work_folder_and_saved_plans(small: Small) -> None:
    """After init, plans, applies, a killed one, surgery and a second workspace; logs of SQLite included."""
    small.run("init")
    small.run("plan", "-out", "p", "-json-into", "plan.json")
    small.run("apply", "p", "-json-into", "lines.json")
    small.run("state", "rm", "local.endpoint.chat", "-auto-approve")
    small.run("workspace", "new", "trial")
    killed = small.process("apply", "-auto-approve", env={"DCPLAN_CRASH_AT": "after-ack:2"})
    work = small.folder / ".dcplan"
    kept = modes(work)
    saved = {
        name: oct((small.folder / name).stat().st_mode & 0o777) for name in ("p", "plan.json", "lines.json")
    }

    assert killed.returncode < 0
    assert kept == wanted(work)
    assert {
        ".dcplan/state.sqlite",
        ".dcplan/state.sqlite.lock",
        ".dcplan/local/hall.sqlite-wal",
        ".dcplan/workspace",
        ".dcplan/workspaces/trial/state.sqlite-wal",
        ".dcplan/workspaces/trial/state.sqlite-shm",
    } <= kept.keys()
    assert any(name.startswith(".dcplan/backups/") for name in kept)
    assert set(saved.values()) == {"0o600"}


def test_files_of_a_state_elsewhere(small: Small) -> None:
    """What init notes of the backend, and a local state in folders that are not there yet."""
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + "backend:\n  local: {path: kept/deep/state.db}\n")
    done = small.run("init"), small.run("apply", "-auto-approve")
    env = {"DCPLAN_DATA_DIR": "work/deep"}
    moved = small.run("init", env=env)

    assert [r.exit_code for r in (*done, moved)] == [0, 0, 0], moved.output
    for folder in (small.folder / name for name in (".dcplan", "kept", "work")):
        assert modes(folder) == wanted(folder)
    assert (small.folder / ".dcplan" / "backend.json").exists()
    assert (small.folder / "kept" / "deep" / "state.db").exists()


def test_a_plan_that_is_written_again_becomes_private(small: Small) -> None:
    """A file that others could read, in the place of the plan or of its JSON, keeps no such leave."""
    for name in ("p", "plan.json", "lines.json"):
        (small.folder / name).touch(0o666)
    small.run("plan", "-out", "p", "-json-into", "plan.json")
    small.run("apply", "p", "-json-into", "lines.json")

    assert {oct((small.folder / n).stat().st_mode & 0o777) for n in ("p", "plan.json", "lines.json")} == {
        "0o600"
    }
