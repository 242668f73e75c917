"""The lease of a state on a server: kept, waited for, lost, forced, and never held twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blobs_for_tests import FaultyBlobs, FolderBlobs
from dcplan.apply.crash import VARIABLE
from dcplan.diag import Result
from dcplan.state import LockInfo
from dcplan.state.blobs import Blobs
from dcplan.state.log import Manner, open_log
from dcplan.state.patience import Times
from dcplan.workflow import stores
from folder_servers import BACKEND, IN_A, append, folder_servers, folder_site

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

QUICK = Times(ttl_s=1.0, renew_s=0.2, quiet_s=0.5, stop_s=0.2, allowance_s=0.0, pause_s=0.01)
"""A lease that is lost in a second."""


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Buckets ``a`` and ``b``."""
    return folder_servers(tmp_path / "buckets", monkeypatch)


@pytest.fixture
def remote(small: Small, servers: Path) -> Small:
    """A project whose state is in bucket ``a``, applied."""
    append(small.folder, BACKEND)
    assert small.run("init", IN_A).exit_code == 0
    assert small.run("apply", "-auto-approve").exit_code == 0
    return small


def test_a_second_apply_is_told_who_holds_the_lock_and_can_wait(remote: Small, servers: Path) -> None:
    """Without -lock-timeout at once, with it after a while; both name the holder; plan does not care."""
    holder = open_log(FolderBlobs(servers / "a" / "chat"), create=False).unwrap()
    lease = holder.lock(LockInfo(pid=7, who="ann@desk", operation="apply", since="noon")).unwrap()
    at_once = remote.run("apply", "-auto-approve")
    waited = remote.run("apply", "-auto-approve", "-lock-timeout=1s")
    planned = remote.run("plan")
    lease.release()
    free = remote.run("apply", "-auto-approve")

    for refused in (at_once, waited):
        assert refused.exit_code == 1
        assert "ann@desk (process 7, apply since noon)" in " ".join(refused.stderr.split())
    assert "Trying again in 1s" in waited.stdout
    assert "Trying again" not in at_once.stdout
    assert planned.exit_code == 0
    assert free.exit_code == 0, free.output


def test_a_lease_lost_on_the_way_ends_the_apply(
    small: Small, servers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server goes silent while machines are made: dcplan stops by itself, and the next apply goes on."""

    def cut_off(project: object, backend: object) -> Result[Blobs]:
        folder = FolderBlobs(servers / "a" / "chat")
        blobs = FaultyBlobs(folder)

        def rule(method: str, name: str) -> str | None:
            # Once the first intents are through, nobody answers any more.
            written = [folder.get(one) for one in folder.names("journal/")]
            return "before" if any(blob and b'"intended"' in blob.body for blob in written) else None

        blobs.rules.append(rule)
        return Result(blobs)

    append(small.folder, BACKEND)
    assert small.run("init", IN_A).exit_code == 0
    small.replace("ready_after: 20ms", "ready_after: 3s")
    with monkeypatch.context() as patch:
        patch.setattr(stores, "blobs_at", cut_off)
        patch.setattr(stores, "_manner", lambda *_, **__: Result(Manner(times=QUICK)))
        lost = small.run("apply", "-auto-approve")
    small.replace("ready_after: 3s", "ready_after: 20ms")
    forced = small.run("state", "force-unlock", "-auto-approve")
    finished = small.run("apply", "-auto-approve")

    assert lost.exit_code == 1, lost.output
    assert "error: " in lost.stderr
    assert "Under way was" in forced.stdout
    assert finished.exit_code == 0, finished.output
    assert len({address for address, *_ in small.objects()}) == len(small.objects())
    assert small.run("plan", "-detailed-exitcode").exit_code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("point", ["after-intent:3", "after-begin:2", "after-ack:2", "after-done:2"])
def test_a_killed_apply_is_finished_by_the_next_one(
    small: Small, servers: Path, tmp_path: Path, point: str
) -> None:
    """SIGKILL at a boundary: the lease keeps others out until it is forced, then all is made, and once."""
    env = folder_site(tmp_path)
    append(small.folder, BACKEND)
    assert small.run("init", IN_A).exit_code == 0
    killed = small.process("apply", "-auto-approve", env={**env, VARIABLE: point})
    locked = small.run("apply", "-auto-approve")
    forced = small.run("state", "force-unlock", "-auto-approve")
    finished = small.run("apply", "-auto-approve")

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert "The lock is free" not in locked.stdout
    assert "unless it is renewed" in " ".join(locked.stderr.split())
    assert "It was held by" in forced.stdout
    assert finished.exit_code == 0, finished.output
    assert _known(servers) == [(address, id_) for address, _, id_ in small.objects()]
    assert small.run("plan", "-detailed-exitcode").exit_code == 0


def _known(servers: Path) -> list[tuple[str, str]]:
    """Address and id of all that the state holds."""
    state = open_log(FolderBlobs(servers / "a" / "chat"), create=False).unwrap().read()
    return sorted((str(a), str(r.outputs["id"])) for a, r in state.resources.items())


def _until_calm(servers: Path) -> None:
    """Until an apply has made its calls and waits: stopped in a call, it keeps the world's lock."""
    blobs, seen, since_s = FolderBlobs(servers / "a" / "chat"), 0, time.monotonic()
    while seen < 3 or time.monotonic() - since_s < 0.5:
        time.sleep(0.05)
        now = len(blobs.names("journal/"))
        if now != seen:
            seen, since_s = now, time.monotonic()
        assert time.monotonic() - since_s < 60, "nothing is written"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_a_holder_that_sleeps_is_fenced_when_it_wakes(small: Small, servers: Path, tmp_path: Path) -> None:
    """Stopped in the middle of an apply, its lock forced, its work done by another: it writes nothing."""
    append(small.folder, BACKEND)
    assert small.run("init", IN_A).exit_code == 0
    small.replace("ready_after: 20ms", "ready_after: 4s")
    with subprocess.Popen(
        [sys.executable, "-m", "dcplan", "apply", "-auto-approve"],
        cwd=small.folder,
        env={**os.environ, **folder_site(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as sleeper:
        try:
            _until_calm(servers)
            sleeper.send_signal(signal.SIGSTOP)
            small.replace("ready_after: 4s", "ready_after: 20ms")
            forced = small.run("state", "force-unlock", "-auto-approve")
            finished = small.run("apply", "-auto-approve")
            before = _known(servers)
            sleeper.send_signal(signal.SIGCONT)
            _, said = sleeper.communicate(timeout=100)
        finally:
            sleeper.kill()

    assert "Under way was" in forced.stdout
    assert finished.exit_code == 0, finished.output
    assert sleeper.returncode == 1
    assert "error: The lock was taken over" in said
    assert _known(servers) == before == [(address, id_) for address, _, id_ in small.objects()]
    assert small.run("plan", "-detailed-exitcode").exit_code == 0
