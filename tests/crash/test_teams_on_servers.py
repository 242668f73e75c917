"""The whole program on S3, Cloud Storage and PostgreSQL: two folders share a state and nothing else."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from fault_proxy import Wire, fault_proxy
from kill_storm import KILLED
from state_servers import NOBODY, StateServer
from teams import Team

if TYPE_CHECKING:
    from pathlib import Path

    from cloud_project import Cloud
    from fork_server import ForkServer

MORE = ("-var", "chat=90/s")


def test_a_plan_is_saved_applied_killed_and_finished_elsewhere(team: Team, forks: ForkServer) -> None:
    """Killed in Ann's folder in the middle of a change, finished in Bob's: nothing lost, nothing doubled."""
    planned = team.ann.forked(forks, "plan", "-out", "p")
    applied, whole = team.ann.process("apply", "p", env=NOBODY)
    again = team.ann.forked(forks, "plan", "-detailed-exitcode")
    team.cloud.kill_at(5, after=True)
    killed = team.ann.forked(forks, "apply", "-auto-approve", *MORE)
    locked = team.bob.forked(forks, "apply", "-auto-approve", *MORE)
    told = team.bob.said()
    forced = team.bob.forked(forks, "state", "force-unlock", "-auto-approve")
    finished = team.bob.forked(forks, "apply", "-auto-approve", *MORE)
    said = team.bob.said()

    assert (planned, applied) == (0, 0), whole
    assert (again, killed, locked, forced, finished) == (0, KILLED, 1, 0, 0), said
    assert "Somebody else is changing this state" in told
    assert "Resolving" in said
    assert team.bob.wrongs(forks, *MORE) == []
    assert team.ann.wrongs(forks, *MORE) == []
    assert team.kept_on_the_server_alone()


def test_of_two_applies_at_once_one_is_told_who_holds_the_lock(team: Team) -> None:
    """Both start together in folders of their own: each object is made once."""
    team.cloud.weather(latency_s=0.3)
    with ExitStack() as stack:
        both = [
            stack.enter_context(one.started("apply", "-auto-approve", env=NOBODY))
            for one in (team.ann, team.bob)
        ]
        ended = [(child.communicate(timeout=100)[1], child.returncode) for child in both]

    assert sorted(code for _, code in ended) == [0, 1], ended
    (told,) = [" ".join(err.split()) for err, code in ended if code]
    assert "holds the lock on" in told
    assert "apply since" in told
    assert team.cloud.books()["doubled"] == []


@pytest.mark.parametrize(("server", "signals"), [("postgres", 1), ("postgres", 2)], indirect=["server"])
def test_a_server_that_falls_silent_holds_nobody_up(
    tmp_path: Path, cloud: Cloud, server: StateServer, forks: ForkServer, signals: int
) -> None:
    """Ctrl-C while the state's server does not answer: gone in five seconds, by the second one in one."""
    with fault_proxy(server.port) as proxy:
        team = Team.written(tmp_path, cloud, server, port=proxy.port)
        assert team.ann.forked(forks, "init") == 0, team.ann.said()
        cloud.weather(ready_after_s=1.0)
        with team.ann.started("apply", "-auto-approve", env=NOBODY) as child:
            team.wait_for(1)
            proxy.fail(Wire.HOLDS_ANSWERS)
            time.sleep(1.3)  # What becomes ready meanwhile cannot be written down.
            for _ in range(signals):
                sent_s = time.monotonic()
                child.send_signal(signal.SIGINT)
                time.sleep(0.3)
            child.communicate(timeout=30)
            took_s = time.monotonic() - sent_s
        proxy.mend()
        cloud.weather()
        cloud.all_ready()
        forced = team.ann.forked(forks, "state", "force-unlock", "-auto-approve")
        again = team.ann.forked(forks, "apply", "-auto-approve")

        assert child.returncode == 130
        assert took_s < (5 if signals == 1 else 1)
        assert (forced, again) == (0, 0), team.ann.said()
        assert team.ann.wrongs(forks) == []
