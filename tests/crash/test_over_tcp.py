"""Against a cloud in another process, over TCP: whatever goes wrong there, each object is made once."""

from __future__ import annotations

import json
import random
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from kill_storm import KILLED, storm

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from cloud_project import Cloud, FarProject
    from fork_server import ForkServer


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kills_in_a_storm_leave_no_orphan_and_no_double(tmp_path: Path, seed: int) -> None:
    """Five kills at random, all faults at once: after each, one apply makes cloud, wish and state agree."""
    tally = storm(tmp_path, kills=5, seed=seed)

    assert tally.wrongs == []
    assert tally.killed == 5
    assert tally.adopted > 0


WEATHER = {
    "answers are lost": {"lost_after": 0.25},
    # A create that nothing tells from a new one is tried three times, and rightly given up after.
    "calls are lost": {"lost_before": 0.25, "most_in_a_row": 2},
    "errors come after the deed": {"error_after": 0.25, "seen_after_s": 0.35},
    "all calls are throttled now and then": {"throttled": 0.4},
}


@pytest.mark.parametrize("weather", WEATHER.values(), ids=WEATHER)
def test_one_apply_makes_one_of_each(project: FarProject, far: ForkServer, weather: dict[str, float]) -> None:
    """A quarter of all calls goes wrong in one way, and new objects are seen late: one apply is enough."""
    project.cloud.weather(seed=4, **weather)
    code = project.forked(far, "apply", "-auto-approve", "-var", "chat=10/s", "-var", "code=5/s")
    said = project.said()
    project.cloud.weather()

    assert (code, said.count("Traceback")) == (0, 0)
    assert project.wrongs(far, "-var", "chat=10/s", "-var", "code=5/s") == []


@pytest.mark.parametrize(
    ("wish", "after"),
    [
        (("-var", "chat=90/s"), False),
        (("-var", "chat=90/s"), True),
        (("-var", "zones=hall-b"), True),
        (("-var", "ttft=3s"), False),
    ],
    ids=["more, before the deed", "more, after the deed", "elsewhere, after", "fewer, before"],
)
def test_killed_at_any_call_of_a_change(
    project: FarProject, far: ForkServer, wish: tuple[str, ...], *, after: bool
) -> None:
    """Killed while the cloud has a create, update, replace or delete in hand: one apply makes it whole."""
    project.forked(far, "apply", "-auto-approve")
    project.cloud.weather(seen_after_s=0.35, ready_after_s=0.01, delete_takes_s=0.02)
    project.cloud.kill_at(random.Random(str(wish)).randint(1, 12), after=after)  # noqa: S311 - repeatable
    died = project.forked(far, "apply", "-auto-approve", *wish)
    again = project.forked(far, "apply", "-auto-approve", *wish)

    assert (died, again) == (KILLED, 0)
    assert project.wrongs(far, *wish) == []


def test_of_applies_at_once_one_acts_and_the_others_say_who(project: FarProject, far: ForkServer) -> None:
    """Three applies start together: each object is made once, and nobody is left without an answer."""
    project.cloud.weather(latency_s=0.2)
    with ExitStack() as stack:
        children = [stack.enter_context(project.started("apply", "-auto-approve")) for _ in range(3)]
        ended = [(*child.communicate(timeout=120), child.returncode) for child in children]
    project.cloud.weather()

    codes = [code for _, _, code in ended]
    assert 0 in codes
    assert all(
        code == 0 or "Somebody else is changing this state" in err or "out of date" in err
        for _, err, code in ended
    ), ended
    assert project.wrongs(far) == []


def _started_creates(cloud: Cloud, child: subprocess.Popen[str], count: int) -> None:
    """Wait until the cloud has so many objects, for as long as a busy machine may take to start an apply."""
    until_s = time.monotonic() + 150
    while len(cloud.books()["objects"]) < count:
        if child.poll() is not None:
            pytest.fail(f"the apply has ended: {child.communicate()}")
        if time.monotonic() > until_s:
            pytest.fail(f"the apply still runs, and made only {cloud.books()['objects']}")
        time.sleep(0.02)


def test_a_stopped_wait_is_resumed_and_taints_nothing(project: FarProject, far: ForkServer) -> None:
    """Ctrl-C while creates take ten minutes: gone within five seconds; nothing is deleted or made again."""
    project.cloud.weather(ready_after_s=600.0)
    with project.started("apply", "-auto-approve") as child:
        _started_creates(project.cloud, child, 10)
        time.sleep(0.1)
        sent_s = time.monotonic()
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=30)
        took_s = time.monotonic() - sent_s
    project.cloud.weather()
    project.cloud.all_ready()
    project.forked(far, "plan", "-json")
    planned = json.loads(project.said())
    again = project.forked(far, "apply", "-auto-approve")

    assert (child.returncode, again) == (130, 0)
    assert took_s < 5
    assert {c["action"] for c in planned["changes"]} == {"create"}
    assert len(planned["interrupted"]) == 10
    assert project.wrongs(far) == []
    assert not any(call.startswith("delete") for call in project.cloud.books()["calls"])


def test_a_second_signal_ends_a_call_that_hangs(project: FarProject, far: ForkServer) -> None:
    """The cloud does not answer at all: the second Ctrl-C ends it within a second; nothing is lost."""
    project.cloud.weather(hang_s=6.0)
    with project.started("apply", "-auto-approve") as child:
        while project.cloud.books()["requests"] < 1:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        time.sleep(0.3)
        sent_s = time.monotonic()
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=30)
        took_s = time.monotonic() - sent_s
    project.cloud.weather()
    again = project.forked(far, "apply", "-auto-approve")

    assert (child.returncode, again) == (130, 0)
    assert took_s < 1
    assert project.wrongs(far) == []
