"""kill -9 at each point of each action by itself: create, update, delete, replace."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import crash_child as child
from dcplan.apply.crash import VARIABLE
from dcplan.resources import Action
from fork_server import ForkServer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")

KILLED = -int(getattr(signal, "SIGKILL", 9))
POINTS = ("before-intent", "after-intent", "after-begin", "after-ack", "after-wait", "after-done")
ACTIONS = (Action.CREATE, Action.UPDATE, Action.DELETE, Action.REPLACE)


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """Runs applies in processes that may be killed."""
    with ForkServer("crash_child.py") as forks:
        yield forks


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a world and a state, to copy."""
    folder = tmp_path_factory.mktemp("before")
    if not child.apply(folder, "before"):
        pytest.fail("the first stage could not be made")
    return folder


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_of_one_action(
    server: ForkServer, before: Path, tmp_path: Path, point: str, action: Action
) -> None:
    """At every passage of the point, for objects told apart by token, tag and name: run again, all agree."""
    passages = 0
    for passage in range(1, 20):
        folder = tmp_path / str(passage)
        shutil.copytree(before, folder)
        job = {"folder": str(folder), "to": action.value, "parallelism": 2, "delay_s": 0.0}
        died = server.ask(job, environment={VARIABLE: f"{point}:{passage}"})
        if died == 0:
            break
        passages += 1
        again = server.ask(job)

        assert (died, again) == (KILLED, 0)
        assert child.broken_promises(folder, action.value) == []
    # At least one object of each kind passes; a replace passes twice, once to delete and once to create.
    assert passages >= (6 if action is Action.REPLACE else 3)
