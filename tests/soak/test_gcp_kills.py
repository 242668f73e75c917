"""Every crash point at many moments on Google Cloud: all is whole in the end, and nothing twice."""

from __future__ import annotations

import pytest

from gcp_project import KILLED, Project

WALK = ("before-intent", "after-intent", "after-begin", "after-ack", "after-wait", "after-done")


@pytest.mark.parametrize("passage", [1, 3, 9])
@pytest.mark.parametrize("point", WALK)
def test_killed_while_creating(on_gcp: Project, point: str, passage: int) -> None:
    """Whatever had been begun is found again; every machine is made once."""
    died = on_gcp.run("apply", "the.plan", crash_at=f"{point}:{passage}")
    again = on_gcp.run("apply", "the.plan")

    assert (died, again) == (KILLED, 0), on_gcp.said
    assert on_gcp.wrongs() == []


@pytest.mark.parametrize(
    "point",
    ["after-void", "before-failover", "after-failover", "before-cleanup", "after-cleanup"],
)
def test_killed_while_going_elsewhere(on_gcp: Project, point: str) -> None:
    """A gang that was on its way is whole in the end, and nothing of it is left behind."""
    on_gcp.cloud.weather(capacity={"us-central1-a/a3-highgpu-8g": 1})
    died = on_gcp.run("apply", "the.plan", crash_at=point)
    again = on_gcp.run("apply", "the.plan")

    assert (died, again) == (KILLED, 0), on_gcp.said
    assert on_gcp.wrongs() == []


@pytest.mark.parametrize("passage", [2, 6])
@pytest.mark.parametrize("point", ["after-intent", "after-begin", "after-ack", "after-done"])
def test_killed_while_destroying(on_gcp: Project, point: str, passage: int) -> None:
    """A destroy can be run again until nothing is left."""
    assert on_gcp.run("apply", "the.plan") == 0
    died = on_gcp.run("destroy", "-auto-approve", crash_at=f"{point}:{passage}")
    again = on_gcp.run("destroy", "-auto-approve")

    assert (died, again) == (KILLED, 0), on_gcp.said
    assert on_gcp.cloud.things() == {}


RECOVERY = {
    "recover-start": "after-begin:2",
    "recover-after-begin": "after-begin:2",
    "recover-after-ack": "after-begin:2",
    "recover-after-wait": "after-ack:2",
    "recover-after-done": "after-ack:2",
    "recover-after-void": "after-intent:2",
}
"""Each point of the recovery, and the crash that makes it necessary."""


@pytest.mark.parametrize(("point", "first"), RECOVERY.items())
def test_killed_again_while_recovering(on_gcp: Project, point: str, first: str) -> None:
    """The recovery itself can be killed."""
    died = [on_gcp.run("apply", "the.plan", crash_at=first)]
    died += [on_gcp.run("apply", "the.plan", crash_at=point)]
    again = on_gcp.run("apply", "the.plan")

    assert (died, again) == ([KILLED, KILLED], 0), on_gcp.said
    assert on_gcp.wrongs() == []


FAULTS = {
    "answers lost": {"mode": "after"},
    "requests lost": {"mode": "before"},
    "errors of the server": {"status": 503, "reason": "backendError"},
    "too many calls": {"status": 403, "reason": "rateLimitExceeded"},
}

METHODS = ("networks.insert", "instances.insert", "setMetadata", "healthChecks.insert", "firewalls.insert")


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("method", METHODS)
def test_faults_make_nothing_twice(on_gcp: Project, what: str, method: str) -> None:
    """Calls without an answer, or with a bad one, are looked into or sent again; the apply goes through."""
    for skip in (0, 1):
        on_gcp.cloud.fail(method=method, skip=skip, **FAULTS[what])
    applied = on_gcp.run("apply", "the.plan")

    assert applied == 0, on_gcp.said
    assert on_gcp.wrongs() == []
