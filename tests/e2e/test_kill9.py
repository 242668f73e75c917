"""The kernel kills dcplan at any moment of an apply: the next apply makes all whole, and nothing twice."""

from __future__ import annotations

import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dcplan.apply.crash import POINTS, VARIABLE
from fork_server import ForkServer

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")

KILLED = -signal.SIGKILL


class Forks(NamedTuple):
    """The server that forks a process for each command."""

    server: ForkServer

    def run(
        self,
        small: Small,
        *arguments: str,
        environment: dict[str, str] | None = None,
        kill_after_s: float | None = None,
    ) -> int:
        """``dcplan ARGUMENTS`` in the project's folder; its exit status, -9 when it was killed."""
        job = {"folder": str(small.folder), "arguments": arguments}
        return self.server.ask(job, environment=environment, kill_after_s=kill_after_s)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """One server for all tests of this file."""
    with ForkServer("forked_cli.py") as server:
        yield Forks(server)


@pytest.fixture(scope="module")
def running(
    forks: Forks, new_small: Callable[[Path], Small], tmp_path_factory: pytest.TempPathFactory
) -> Small:
    """A project that runs as its document wants; tests copy its folder and leave it alone."""
    small = new_small(tmp_path_factory.mktemp("running") / "small")
    assert forks.run(small, "apply", "-auto-approve") == 0
    return small


@pytest.fixture
def copied(running: Small, small: Small) -> Small:
    """A copy of the running project."""
    shutil.copytree(running.folder, small.folder, dirs_exist_ok=True)
    return small


def wrongs(forks: Forks, small: Small, *arguments: str, wanted: set[str]) -> list[str]:
    """What is not as it must be after a completed apply; empty when all is well."""
    objects, known = small.objects(), small.known()
    machines = sum(address.startswith("local.machine.") for address, _, _ in known)
    found = []
    if objects != known:
        found.append(f"the world holds {objects}, the state {known}")
    if sorted(address for address, _, _ in objects) != sorted(wanted):
        found.append(f"wanted were {sorted(wanted)}, there is {objects}")
    if small.held_nodes() != machines:
        found.append(f"{small.held_nodes()} nodes are held for {machines} machines")
    if forks.run(small, "plan", "-detailed-exitcode", *arguments) != 0:
        found.append("the next plan has changes")
    return found


def addresses(small: Small) -> set[str]:
    """What stands in the state."""
    return {address for address, _, _ in small.known()}


def crash(at: str) -> dict[str, str]:
    """The environment that kills dcplan at this point."""
    return {VARIABLE: at}


WALK = ("before-intent", "after-intent", "after-begin", "after-ack", "after-wait", "after-done")
LOOSE = ("-var", "ttft=3s")


@pytest.mark.parametrize("passage", [1, 4, 9])
@pytest.mark.parametrize("point", WALK)
def test_killed_while_creating(forks: Forks, small: Small, running: Small, point: str, passage: int) -> None:
    """Whatever had been begun is found again; every machine is made once."""
    died = forks.run(small, "apply", "-auto-approve", environment=crash(f"{point}:{passage}"))
    again = forks.run(small, "apply", "-auto-approve")

    assert (died, again) == (KILLED, 0)
    assert wrongs(forks, small, wanted=addresses(running)) == []


@pytest.mark.parametrize("passage", [1, 3])
@pytest.mark.parametrize("point", WALK)
def test_killed_while_changing(forks: Forks, copied: Small, point: str, passage: int) -> None:
    """Updates and deletes that were begun are brought to their end."""
    before = addresses(copied)
    died = forks.run(copied, "apply", "-auto-approve", *LOOSE, environment=crash(f"{point}:{passage}"))
    again = forks.run(copied, "apply", "-auto-approve", *LOOSE)
    after = addresses(copied)

    assert (died, again) == (KILLED, 0)
    assert after < before
    assert wrongs(forks, copied, *LOOSE, wanted=after) == []


@pytest.mark.parametrize("point", ["after-intent", "after-begin", "after-ack", "after-done"])
def test_killed_while_destroying(forks: Forks, copied: Small, point: str) -> None:
    """A destroy can be run again until nothing is left."""
    died = forks.run(copied, "destroy", "-auto-approve", environment=crash(f"{point}:5"))
    again = forks.run(copied, "destroy", "-auto-approve")

    assert (died, again) == (KILLED, 0)
    assert (copied.objects(), copied.known(), copied.held_nodes()) == ([], [], 0)


def test_killed_after_a_call_that_came_to_nothing(forks: Forks, small: Small, running: Small) -> None:
    """What is known not to have been made is made by the next apply."""
    small.faults('{fault: stock-out, name: "*-1"}')
    died = forks.run(small, "apply", "-auto-approve", environment=crash("after-void"))
    again = forks.run(small, "apply", "-auto-approve")

    assert (died, again) == (KILLED, 0)
    assert wrongs(forks, small, wanted=addresses(running)) == []


RECOVERY = {
    "recover-start": "after-begin:2",
    "recover-after-begin": "after-intent:1",
    "recover-after-ack": "after-begin:1",
    "recover-after-wait": "after-ack:1",
    "recover-after-done": "after-ack:1",
    "recover-after-void": "after-intent:1",
}
"""Each point of the recovery, and the crash that makes it necessary."""


@pytest.mark.parametrize(("point", "first"), RECOVERY.items())
def test_killed_again_while_recovering(
    forks: Forks, small: Small, running: Small, point: str, first: str
) -> None:
    """The recovery itself can be killed, three times in a row, too."""
    if point == "recover-after-void":
        # Sent again, the call is turned away: so nothing was made.
        small.faults("{fault: stock-out, times: 3}")
        # A pool that was found sold out would be left alone for a while, and the same things stand elsewhere.
        small.replace("workloads:\n", "apply: {sold_out_for: 0s}\nworkloads:\n")
    died = [forks.run(small, "apply", "-auto-approve", environment=crash(first))]
    died += [forks.run(small, "apply", "-auto-approve", environment=crash(point)) for _ in range(3)]
    again = forks.run(small, "apply", "-auto-approve")

    assert died[:2] == [KILLED, KILLED]
    assert set(died[2:]) <= {KILLED, 0}
    assert again == 0
    assert wrongs(forks, small, wanted=addresses(running)) == []


ELSEWHERE = {f"{side}-{what}" for side in ("before", "after") for what in ("failover", "cleanup", "rollback")}
"""Points that ``tests/crash/test_kill9_failover.py`` crashes at."""
BETWEEN = {"before-plan-anew", "after-plan-anew"}
"""Points that ``tests/crash/test_kill9_rounds.py`` crashes at."""


def test_every_crash_point_is_crashed_at() -> None:
    """A point that is added to the apply must be added here."""
    assert {*WALK, "after-void", *RECOVERY, *ELSEWHERE, *BETWEEN} == set(POINTS)


@pytest.mark.parametrize("seed", range(8))
def test_killed_at_a_random_time(forks: Forks, small: Small, running: Small, seed: int) -> None:
    """Three kills at any time, between two instructions if need be; then a whole apply."""
    moment = random.Random(seed)  # noqa: S311 - repeatable, not secret
    small.replace("ready_after: 20ms", "ready_after: 20ms\n    latency: 3ms")
    died = [
        forks.run(small, "apply", "-auto-approve", kill_after_s=moment.uniform(0.05, 0.45)) for _ in range(3)
    ]
    again = forks.run(small, "apply", "-auto-approve")

    assert set(died) <= {KILLED, 0}
    assert again == 0
    assert wrongs(forks, small, wanted=addresses(running)) == []
