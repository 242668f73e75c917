"""Streams of ``-json`` that end badly, or in between: each line is what the schema says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from blobs_for_tests import FolderBlobs
from dcplan.provider.local import LocalProvider
from dcplan.provider.types import Ack, Request
from dcplan.state import LockInfo, open_store
from dcplan.state.log import open_log
from event_lines import check, lines_of
from folder_servers import BACKEND, IN_A, append, folder_servers

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

HOLDER = LockInfo(pid=1, who="ann@desk", operation="apply", since="now")


@contextmanager
def running(small: Small, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """``dcplan ARGUMENTS`` in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "dcplan", *arguments],
        cwd=small.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()  # Our own child; no harm where it has ended.


def until(child: subprocess.Popen[str], type_: str) -> list[dict[str, Any]]:
    """The lines up to the first of this type."""
    assert child.stdout is not None
    lines: list[dict[str, Any]] = []
    while not lines or lines[-1]["type"] != type_:
        lines.append(json.loads(child.stdout.readline()))
    return lines


def stopped(small: Small, number: int, command: str, *, after: str) -> list[dict[str, Any]]:
    """The lines of a command that gets a signal after its first line of this type."""
    with running(small, command, "-auto-approve", "-json") as child:
        lines = until(child, after)
        child.send_signal(number)
        rest, _ = child.communicate(timeout=30)
    return [*lines, *lines_of(rest)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
def test_a_stream_that_is_stopped_ends_with_its_summary(small: Small) -> None:
    """Ctrl-C in an apply, in its recovery and in a destroy; then the recovery that nobody stops."""
    small.replace("ready_after: 20ms", "ready_after: 1h")
    applied = stopped(small, signal.SIGINT, "apply", after="apply_acknowledged")
    resumed = stopped(small, signal.SIGINT, "recover", after="lock_acquired")
    small.replace("ready_after: 1h", "ready_after: 0s")
    due(small)
    recovered = lines_of(small.run("recover", "-auto-approve", "-json").stdout)
    small.run("apply", "-auto-approve")
    small.faults("{fault: delete-still-running, after: 1h, times: null}")
    destroyed = stopped(small, signal.SIGTERM, "destroy", after="apply_acknowledged")

    for lines in (applied, resumed, recovered, destroyed):
        check(lines)
        assert lines[0]["type"] == "version"
    for lines in (applied, resumed, destroyed):
        assert lines[-1]["type"] == "change_summary"
        assert lines[-1]["interrupted"] is True
        assert lines[-1]["in_progress"] > 0
    assert recovered[-1]["type"] == "change_summary"
    assert recovered[-1]["recovered"] == applied[-1]["in_progress"] > 0


def due(small: Small) -> None:
    """What is being made is ready at once."""
    import sqlite3  # noqa: PLC0415 - the simulation's own file

    db = sqlite3.connect(small.folder / ".dcplan" / "local" / "hall.sqlite")
    with db:
        db.execute("UPDATE objects SET due_at = ?", (time.time(),))
    db.close()


def test_a_stream_of_what_did_not_go_as_planned(small: Small) -> None:
    """A pool that is sold out, a refusal and what it makes skip, a wait for the lock, drift: all told."""
    small.faults("{fault: stock-out, zone: hall-a, skip: 1, times: 1}", "{fault: denied, resource: replica}")
    failed = lines_of(small.run("apply", "-auto-approve", "-json").stdout)
    small.run("apply", "-auto-approve")
    store = open_store(small.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
    with store.lock(HOLDER).unwrap():
        waited = lines_of(small.run("destroy", "-auto-approve", "-json", "-lock-timeout=1s").stdout)
    store.close()
    vanished(small)
    refreshed = lines_of(small.run("refresh", "-auto-approve", "-json").stdout)
    types = {line["type"] for line in (*failed, *waited, *refreshed)}

    for lines in (failed, waited, refreshed):
        check(lines)
    assert types >= {"capacity_attempt", "apply_errored", "apply_skipped", "lock_waiting", "resource_drift"}
    assert failed[-1]["failed"] > 0
    assert failed[-1]["skipped"] > 0


def vanished(small: Small) -> None:
    """Somebody removed what an endpoint names."""
    import sqlite3  # noqa: PLC0415 - as ``due``

    db = sqlite3.connect(small.folder / ".dcplan" / "local" / "hall.sqlite")
    with db:
        db.execute("DELETE FROM objects WHERE kind = 'endpoint'")
    db.close()


def test_a_stream_whose_lock_is_taken_away_says_so(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody forces the lock while the first call is made: nothing more is written; that is told."""
    servers = folder_servers(tmp_path / "buckets", monkeypatch)
    append(small.folder, BACKEND)
    assert small.run("init", IN_A).exit_code == 0
    begin = LocalProvider.begin

    def robbed(self: LocalProvider, request: Request) -> Ack:
        other = open_log(FolderBlobs(servers / "a" / "chat"), create=False).unwrap()
        other.force_unlock()
        other.close()
        return begin(self, request)

    monkeypatch.setattr(LocalProvider, "begin", robbed)
    lines = lines_of(small.run("apply", "-auto-approve", "-json").stdout)
    told = [line["type"] for line in lines]

    check(lines)
    assert "lock_lost" in told
    assert told[-1] == "change_summary"
