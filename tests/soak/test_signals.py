"""How a runner in the cloud ends a job: SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from teams import cancelled

if TYPE_CHECKING:
    from cloud_project import FarProject
    from fork_server import ForkServer

WEATHER = {
    "creates take ten minutes": {"ready_after_s": 600.0},
    "calls hang for a minute": {"hang_s": 60.0},
    "both, and deletes": {"ready_after_s": 600.0, "latency_s": 1.0, "delete_takes_s": 600.0},
}


@pytest.mark.timeout(0)
@pytest.mark.parametrize("weather", WEATHER.values(), ids=WEATHER)
@pytest.mark.parametrize("after_s", [0.0, 0.5, 2.0])
def test_a_cancelled_job_ends_by_its_first_signal(
    project: FarProject, far: ForkServer, weather: dict[str, float], after_s: float
) -> None:
    """Wherever the cancel meets it, dcplan is gone within five seconds; the next apply makes all whole."""
    project.cloud.weather(**weather)
    with project.started("apply", "-auto-approve") as child:
        while project.cloud.books()["requests"] < 1:
            time.sleep(0.05)
        time.sleep(after_s)
        took_s = cancelled(child)
    project.cloud.weather()
    time.sleep(min(weather.get("hang_s", 0.0) + 1, 61))  # What the cloud still has in hand, it does.
    project.cloud.all_ready()
    again = project.forked(far, "apply", "-auto-approve")

    assert child.returncode == 130
    assert took_s < 5
    assert again == 0, project.said()
    assert project.wrongs(far) == []
    assert not any(call.startswith("delete") for call in project.cloud.books()["calls"])
