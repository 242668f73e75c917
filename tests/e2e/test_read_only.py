"""A work folder that may only be read: commands that look work, those that change are refused."""

from __future__ import annotations

import json
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from bound import bound, read_only
from dcplan.state import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.e2e.conftest import Small

LOOKING = (
    ("state", "list"),
    ("state", "show", "local.endpoint.chat"),
    ("state", "pull"),
    ("show",),
    ("output",),
    ("history",),
    ("graph", "-type=state"),
    ("drift",),
    ("orphans",),
    ("recover",),
    ("workspace", "list"),
)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of the work folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def looked(small: Small, *arguments: str) -> Result:
    """What a command says to somebody to whom file modes apply."""
    return bound(lambda: small.run(*arguments))


def test_what_only_reads_works_and_writes_nothing(applied: Small) -> None:
    """The same answers as with leave to write, drift and plans among them; the folder stays as it was."""
    applied.faults("{fault: drift, resource: replica, name: chat-2, attribute: precision, value: fp4}")
    told = {command: applied.run(*command) for command in LOOKING if command != ("drift",)}
    work = applied.folder / ".dcplan"
    before = content(work)
    with read_only(work):
        answers = {command: looked(applied, *command) for command in LOOKING}
        plan = looked(applied, "plan", "-json")
        after = content(work)

    assert {command: answers[command].stdout for command in told} == {c: r.stdout for c, r in told.items()}
    assert {r.exit_code for r in told.values()} == {0}
    assert answers["drift",].exit_code == 2
    assert "fp4" in answers["drift",].stdout
    assert plan.exit_code == 0
    assert [c["changed"] for c in json.loads(plan.stdout)["changes"]] == [["precision"]]
    assert after == before


@pytest.mark.parametrize("lost", ["", "state.sqlite-shm"])
def test_what_a_killed_apply_left_is_read(small: Small, lost: str) -> None:
    """Its last commits are in the log alone; they are read with the log's index and without."""
    small.process("apply", "-auto-approve", env={"DCPLAN_CRASH_AT": "after-ack:2"})
    work = small.folder / ".dcplan"
    copy = small.folder / "copy"
    shutil.copytree(work, copy)
    open_there = open_store(copy / "state.sqlite", create=False).unwrap()
    wanted = [str(operation.address) for operation in open_there.open_operations()]
    open_there.close()
    if lost:
        (work / lost).unlink()
    before = content(work)
    with read_only(work):
        found = json.loads(looked(small, "drift", "-json").stdout)
        after = content(work)

    assert wanted
    assert (work / "state.sqlite-wal").stat().st_size > 0
    assert [one.partition(" ")[2] for one in found["interrupted"]] == wanted
    assert after.keys() == before.keys()
    assert after["state.sqlite"] == before["state.sqlite"]
    assert after["state.sqlite-wal"] == before["state.sqlite-wal"]


def test_what_changes_is_refused_with_a_way_out(applied: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply, recover's kin and force-unlock name the file, and nothing is made; one word for all of them."""
    applied.replace("default: 500ms", "default: 3s")
    objects = applied.objects()
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # Of the main thread alone; this is another.
    with read_only(applied.folder / ".dcplan"):
        refused = [
            looked(applied, *command, "-auto-approve", "-json")
            for command in (
                ["apply"],
                ["destroy"],
                ["state", "force-unlock"],
                ["state", "rm", "local.endpoint.chat"],
            )
        ]

    assert [r.exit_code for r in refused] == [1] * len(refused)
    assert all('"code": "state-read-only"' in r.stdout for r in refused), [r.stdout[-300:] for r in refused]
    assert all(str(applied.folder / ".dcplan") in r.stdout for r in refused)
    assert applied.objects() == objects


def test_without_leave_to_read_it_is_said(applied: Small) -> None:
    """A state that is there and cannot be read is never taken for none."""
    state = applied.folder / ".dcplan" / "state.sqlite"
    state.chmod(0o200)
    said = looked(applied, "state", "list")
    state.chmod(0o600)
    if said.exit_code == 0:
        pytest.skip("file modes bind nobody here")

    assert said.exit_code == 1
    assert "The state cannot be opened" in said.stderr
    assert "Permission denied" in said.stderr
