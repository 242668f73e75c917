"""kill -9 at every boundary of an apply loses nothing and doubles nothing."""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import crash_child as child
from dcplan.apply.crash import POINTS, VARIABLE
from fork_server import ForkServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")

_KILLED = -int(getattr(signal, "SIGKILL", 9))
_FAILURE_POINTS = ("-failover", "-cleanup", "-rollback", "-plan-anew")
"""What a failure asks for; ``test_kill9_failover`` kills there."""
_APPLY_POINTS = [p for p in POINTS if not p.startswith("recover-") and not p.endswith(_FAILURE_POINTS)]
_RECOVER_POINTS = [p for p in POINTS if p.startswith("recover-")]


class _Server(NamedTuple):
    """Runs applies in processes that may be killed."""

    forks: ForkServer

    def apply(
        self,
        folder: Path,
        *,
        to: str = "after",
        crash_at: str | None = None,
        parallelism: int = 1,
        delay_s: float = 0.0,
        kill_after_s: float | None = None,
    ) -> int:
        """The exit status of one apply: 0 for done, -9 for killed."""
        job = {"folder": str(folder), "to": to, "parallelism": parallelism, "delay_s": delay_s}
        environment = {VARIABLE: crash_at} if crash_at else {}
        return self.forks.ask(job, environment=environment, kill_after_s=kill_after_s)


@pytest.fixture(scope="module")
def server() -> Iterator[_Server]:
    """One server for the whole file."""
    with ForkServer("crash_child.py") as forks:
        yield _Server(forks)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a world and a state in stage ``before``, to copy."""
    folder = tmp_path_factory.mktemp("before")
    if not child.apply(folder, "before"):
        pytest.fail("the first stage could not be made")
    return folder


def _copy(before: Path, to: Path) -> Path:
    shutil.copytree(before, to)
    return to


@pytest.mark.parametrize("parallelism", [1, 4])
@pytest.mark.parametrize("point", _APPLY_POINTS)
def test_apply_after_a_kill_ends_as_if_there_had_been_none(
    server: _Server, before: Path, tmp_path: Path, point: str, parallelism: int
) -> None:
    """Killed at the n-th passage of a point, for every n, and run again: world, wish and state agree."""
    for passage in range(1, 30):
        folder = _copy(before, tmp_path / str(passage))
        first = server.apply(folder, crash_at=f"{point}:{passage}", parallelism=parallelism)
        if first == 0:
            break
        second = server.apply(folder, parallelism=parallelism)

        assert first == _KILLED
        assert second == 0
        assert child.broken_promises(folder, "after") == []
    # Eight calls lead from one stage to the other, so the ninth passage does not come; none is void.
    assert (1 if point == "after-void" else 9) == passage


@pytest.mark.parametrize("point", _RECOVER_POINTS)
@pytest.mark.parametrize("first_point", ["after-intent", "after-begin", "after-ack", "after-wait"])
def test_recovery_itself_may_be_killed(
    server: _Server, before: Path, tmp_path: Path, first_point: str, point: str
) -> None:
    """Killed during apply, killed again while that is resolved, run a third time: all agree."""
    for passage in (1, 3, 6, 8):
        folder = _copy(before, tmp_path / str(passage))
        first = server.apply(folder, crash_at=f"{first_point}:{passage}", parallelism=4)
        second = server.apply(folder, crash_at=f"{point}:1", parallelism=4)
        third = server.apply(folder)

        assert first == _KILLED
        assert second in {0, _KILLED}
        assert third == 0
        assert child.broken_promises(folder, "after") == []


def test_every_recovery_point_is_reached(server: _Server, before: Path, tmp_path: Path) -> None:
    """The points of recovery are passed: a kill asked for at each of them does happen."""
    reached = set()
    for point in _RECOVER_POINTS:
        for passage in range(1, 9):
            folder = _copy(before, tmp_path / f"{point}-{passage}")
            server.apply(folder, crash_at=f"after-intent:{passage}")
            if server.apply(folder, crash_at=f"{point}:1") == _KILLED:
                reached.add(point)
                break

    assert set(_RECOVER_POINTS) == reached


def test_kills_at_random_times_leave_one_of_each(server: _Server, before: Path, tmp_path: Path) -> None:
    """Twenty kills at random moments, each followed by one apply: world, wish and state agree."""
    chance = random.Random(20250101)  # noqa: S311 - moments, not secrets
    killed = 0
    for trial in range(20):
        folder = _copy(before, tmp_path / str(trial))
        after_s = chance.uniform(0.0, 0.15)
        killed += server.apply(folder, parallelism=3, delay_s=0.01, kill_after_s=after_s) == _KILLED
        last = server.apply(folder, parallelism=3)

        assert last == 0
        assert child.broken_promises(folder, "after") == []
    assert killed > 0


def test_destroy_may_be_killed(server: _Server, before: Path, tmp_path: Path) -> None:
    """Killed at any write of a destroy and run again: nothing is left in the world or the state."""
    for point in ("after-intent", "after-begin", "after-ack", "after-done"):
        for passage in range(1, 5):
            folder = _copy(before, tmp_path / f"{point}-{passage}")
            first = server.apply(folder, to="nothing", crash_at=f"{point}:{passage}")
            second = server.apply(folder, to="nothing")

            assert (first, second) == (_KILLED, 0)
            assert child.broken_promises(folder, "nothing") == []
