"""Waiting for a lock: longer and longer, no longer than was said, and not at all once it is free."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dcplan.state import LockInfo, open_store
from dcplan.workflow.leasing import lock_info, run_url, take_lock

ANN = LockInfo(pid=7, who="ann@desk", operation="apply", since="noon")


class _NoTime(threading.Event):
    """An event whose waits are noted and take no time."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Note it."""
        self.waited.append(timeout or 0.0)
        return self.is_set()


def test_pauses_double_to_16_s_and_end_with_the_timeout(tmp_path: Path) -> None:
    """1, 2, 4, 8, 16, 16 and the rest; each is told with the holder's name."""
    holder, other = (open_store(tmp_path / "s", create=True).unwrap() for _ in range(2))
    holder.lock(ANN).unwrap()
    stop, told = _NoTime(), []
    lease = take_lock(
        other, lock_info("apply"), wait_s=50, waiting=lambda why, s: told.append((why, s)), stop=stop
    )

    assert stop.waited == [1, 2, 4, 8, 16, 16, 3]
    assert [s for _, s in told] == stop.waited
    assert "ann@desk" in told[0][0]
    assert [d.code for d in lease.diagnostics] == ["state-locked"]
    holder.close()
    other.close()


def test_a_stop_ends_the_wait(tmp_path: Path) -> None:
    """Ctrl-C while waiting: no further try."""
    holder, other = (open_store(tmp_path / "s", create=True).unwrap() for _ in range(2))
    holder.lock(ANN).unwrap()
    stop = _NoTime()
    lease = take_lock(other, lock_info("apply"), wait_s=1000, waiting=lambda *_: stop.set(), stop=stop)

    assert lease.value is None
    assert stop.waited == [1]
    holder.close()
    other.close()


def test_a_lock_that_comes_free_is_taken(tmp_path: Path) -> None:
    """The holder ends during the first pause."""
    holder, other = (open_store(tmp_path / "s", create=True).unwrap() for _ in range(2))
    held = holder.lock(ANN).unwrap()
    lease = take_lock(other, lock_info("apply"), wait_s=60, waiting=lambda *_: held.release(), stop=_NoTime())

    assert lease.ok
    holder.close()
    other.close()


@pytest.mark.parametrize(
    ("env", "url"),
    [
        (
            {"GITHUB_SERVER_URL": "https://g", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "5"},
            "https://g/o/r/actions/runs/5",
        ),
        ({"CI_JOB_URL": "https://gitlab/1"}, "https://gitlab/1"),
        ({"BUILD_URL": "https://jenkins/1"}, "https://jenkins/1"),
        ({"GITHUB_RUN_ID": "5"}, None),
    ],
)
def test_the_run_of_a_ci_service_is_known(env: dict[str, str], url: str | None) -> None:
    """Whoever waits can look where the holder's run is."""
    assert run_url(env) == url
