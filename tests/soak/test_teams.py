"""What takes as long as a lease lasts, and how a runner in the cloud ends a job, on servers of state."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from state_servers import NOBODY
from teams import Team, cancelled

if TYPE_CHECKING:
    from fork_server import ForkServer


@pytest.mark.timeout(0)
def test_a_holder_that_sleeps_past_its_lease_is_fenced(team: Team, forks: ForkServer) -> None:
    """Ann's machine sleeps; Bob waits for the end of her lease and finishes; she wakes and writes nothing."""
    team.cloud.weather(ready_after_s=5.0)
    with team.ann.started("apply", "-auto-approve", env=NOBODY) as sleeper:
        team.wait_for(3)
        sleeper.send_signal(signal.SIGSTOP)
        began_s = time.monotonic()
        code, said = team.bob.process("apply", "-auto-approve", "-lock-timeout=3m", env=NOBODY)
        took_s = time.monotonic() - began_s
        sleeper.send_signal(signal.SIGCONT)
        _, told = sleeper.communicate(timeout=120)

    assert code == 0, said
    assert "Trying again" in said
    assert took_s > 40
    assert sleeper.returncode == 1
    assert "error: The lock was taken over" in told
    assert team.bob.wrongs(forks) == []
    assert team.ann.wrongs(forks) == []


@pytest.mark.timeout(0)
@pytest.mark.parametrize("server", ["s3"], indirect=True)
@pytest.mark.parametrize("after_s", [0.0, 0.5, 2.0])
def test_a_cancelled_job_is_finished_by_another_runner(team: Team, forks: ForkServer, after_s: float) -> None:
    """SIGINT, SIGTERM, SIGKILL while creates take ten minutes: gone by the first, and no lock stays."""
    team.cloud.weather(ready_after_s=600.0)
    with team.ann.started("apply", "-auto-approve", env=NOBODY) as child:
        team.wait_for(1)
        time.sleep(after_s)
        took_s = cancelled(child)
    team.cloud.weather()
    team.cloud.all_ready()
    again = team.bob.forked(forks, "apply", "-auto-approve")

    assert child.returncode == 130
    assert took_s < 5
    assert again == 0, team.bob.said()
    assert team.bob.wrongs(forks) == []
    assert not any(call.startswith("delete") for call in team.cloud.books()["calls"])
