"""Interrupting a real ``dcplan apply``: Ctrl-C, SIGTERM, kill -9, and a second apply at the same time."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.apply.crash import VARIABLE

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")


@contextmanager
def waiting_apply(small: Small) -> Iterator[subprocess.Popen[str]]:
    """A ``dcplan apply`` that waits for machines which take very long to start."""
    small.replace("ready_after: 20ms", "ready_after: 1h")
    with subprocess.Popen(
        [sys.executable, "-m", "dcplan", "apply", "-auto-approve", "-json"],
        cwd=small.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        try:
            counts = Counter[str]()
            # Nothing stands on a machine that is not ready, so all that is acknowledged are machines.
            while counts["apply_acknowledged"] < max(counts["machines"], 1):
                line = json.loads(child.stdout.readline())
                counts[line["type"]] += 1
                counts["machines"] += line["type"] == "planned_change" and ".machine." in line["address"]
            yield child
        finally:
            child.kill()  # Our own child; no harm where it has ended.


def start_all_machines(small: Small) -> None:
    """The machines that were asked for become ready, and further ones start at once."""
    db = sqlite3.connect(small.folder / ".dcplan" / "local" / "hall.sqlite")
    with db:
        db.execute("UPDATE objects SET due_at = 0")
    db.close()
    small.replace("ready_after: 1h", "ready_after: 0s")


def summary(text: str) -> dict[str, Any]:
    """The last JSON line."""
    last: dict[str, Any] = json.loads(text.splitlines()[-1])
    return last


def whole(small: Small) -> bool:
    """World and state agree, and nothing is left to do."""
    return (
        small.objects() == small.known() != []
        and small.run("plan", "-detailed-exitcode").exit_code == 0
        and not small.data("show")["interrupted"]
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_within_seconds_and_loses_nothing(small: Small, number: int, code: int) -> None:
    """Calls under way stay in the journal, the plan names them, and the next apply goes on from there."""
    with waiting_apply(small) as child:
        sent_s = time.monotonic()
        child.send_signal(number)
        out, err = child.communicate(timeout=30)
        took_s = time.monotonic() - sent_s
    in_world = small.objects()
    planned = small.run("plan")
    start_all_machines(small)
    again = small.run("apply", "-auto-approve")

    assert child.returncode == code
    assert took_s < 5
    assert "Stopping" in err
    assert summary(out)["interrupted"] is True
    assert summary(out)["in_progress"] == len(in_world) > 1
    assert f"{len(in_world)} interrupted operations will be finished first" in planned.stdout
    assert in_world[0][0] in planned.stdout
    assert again.exit_code == 0, again.output
    assert f"Resolving {len(in_world)} interrupted operations of an earlier apply first." in again.stdout
    assert set(in_world) < set(small.objects())
    assert whole(small)


def test_a_second_apply_is_refused_and_names_who_holds_the_state(small: Small) -> None:
    """While one apply runs, another changes nothing; once the first is killed, the next completes."""
    with waiting_apply(small) as child:
        second = small.process("apply", "-auto-approve")
        destroy = small.process("destroy", "-auto-approve")
        looked = small.process("plan")
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=30)
    start_all_machines(small)
    again = small.process("apply", "-auto-approve")

    for refused in (second, destroy):
        assert refused.returncode == 1
        assert "error: Somebody else is changing this state" in refused.stderr
        assert f"(process {child.pid}, apply since " in " ".join(refused.stderr.split())
        assert "Resolving" not in refused.stdout
    assert looked.returncode == 0, looked.stderr
    assert child.returncode == -signal.SIGKILL
    assert again.returncode == 0, again.stderr
    assert whole(small)


@pytest.mark.parametrize("point", ["after-intent:2", "after-begin:3", "after-ack:1"])
def test_a_killed_apply_of_a_saved_plan_can_be_applied_again(small: Small, point: str) -> None:
    """The same plan file is applied until it is done, through the real command."""
    small.run("plan", "-out", "p")
    died = small.process("apply", "p", env={VARIABLE: point})
    again = small.process("apply", "p")

    assert died.returncode == -signal.SIGKILL
    assert again.returncode == 0, again.stderr
    assert whole(small)


@pytest.mark.parametrize("point", ["after-begin:1", "after-done:1", "after-intent:3"])
def test_a_saved_plan_of_replacements_can_be_applied_again(small: Small, point: str) -> None:
    """Killed when old replicas are gone and the new ones not yet there, the same plan file goes on."""
    small.run("apply", "-auto-approve")
    small.faults("{fault: drift, resource: replica, attribute: workload, value: x, times: 2}")
    planned = small.run("plan", "-out", "p")
    died = small.process("apply", "p", env={VARIABLE: point})
    again = small.process("apply", "p")

    assert "to replace" in planned.stdout
    assert died.returncode == -signal.SIGKILL
    assert again.returncode == 0, again.stderr
    assert small.run("plan", "-detailed-exitcode").exit_code == 0


def test_a_broken_pipe_ends_quietly(small: Small) -> None:
    """``dcplan plan | head -1`` shows one line and no traceback."""
    with subprocess.Popen(
        [sys.executable, "-m", "dcplan", "plan"],
        cwd=small.folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        said = child.stderr.read()

    assert "Traceback" not in said


def test_what_a_living_apply_has_open_is_in_flight(small: Small) -> None:
    """plan, drift and show name who is at work on it; once that process is killed, it is interrupted."""
    looks = (("plan",), ("plan", "-destroy"), ("plan", "-refresh-only"), ("drift",), ("show",))
    with waiting_apply(small) as child:
        living = [small.run(*look).stdout for look in looks]
        data = small.data("plan")
        child.kill()
        child.wait()
        dead = [small.run(*look).stdout for look in looks]

    for text in living:
        assert f"in flight, held by {data['held_by']}" in " ".join(text.split())
        assert "interrupted" not in text
        assert "did not finish" not in text
    assert f"(process {child.pid}, apply since" in data["held_by"]
    assert all(operation.startswith("create local.machine.") for operation in data["interrupted"])
    for text in dead:
        assert "in flight" not in text
        assert "interrupted operation" in text or "did not finish" in text
