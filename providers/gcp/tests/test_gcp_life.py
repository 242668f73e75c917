"""A document's whole life on Google Cloud, by the command line: kills, lost answers, sold-out zones."""

from __future__ import annotations

import sys

import pytest

from gcp_project import KILLED, Project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")


def test_a_plan_is_made_once_and_taken_away_whole(on_gcp: Project) -> None:
    """After an apply there is nothing to plan; after a destroy there is nothing at all, subnets included."""
    applied = on_gcp.run("apply", "the.plan")
    wrongs = on_gcp.wrongs()
    settled = on_gcp.run("plan", "-detailed-exitcode")
    destroyed = on_gcp.run("destroy", "-auto-approve")

    assert (applied, wrongs, settled, destroyed) == (0, [], 0, 0)
    assert on_gcp.cloud.things() == {}


def test_sold_out_zones_are_left_for_others(on_gcp: Project) -> None:
    """Replicas go to the next zone, a gang as a whole to the next region, where its subnet is made."""
    on_gcp.cloud.weather(capacity={"us-central1-a/ct6e-standard-1t": 1, "us-central1-a/a3-highgpu-8g": 1})
    applied = on_gcp.run("apply", "the.plan")

    assert (applied, on_gcp.wrongs()) == (0, [])
    assert on_gcp.zones("ct6e") == {"us-central1-a", "us-central1-b"}
    assert {zone.rpartition("-")[0] for zone in on_gcp.zones("a3-highgpu")} == {"us-east4"}
    assert on_gcp.run("plan", "-detailed-exitcode") == 0, on_gcp.said
    assert on_gcp.run("destroy", "-auto-approve") == 0
    assert on_gcp.cloud.things() == {}


def test_killed_while_destroying(on_gcp: Project) -> None:
    """A destroy can be run again until nothing is left."""
    assert on_gcp.run("apply", "the.plan") == 0
    died = on_gcp.run("destroy", "-auto-approve", crash_at="after-begin:6")
    again = on_gcp.run("destroy", "-auto-approve")

    assert (died, again) == (KILLED, 0), on_gcp.said
    assert on_gcp.cloud.things() == {}


FAULTS = {
    "answers lost": {"mode": "after"},
    "too many calls": {"status": 403, "reason": "rateLimitExceeded"},
}
"""``make soak`` has more."""


@pytest.mark.parametrize("what", FAULTS)
def test_faults_make_nothing_twice(on_gcp: Project, what: str) -> None:
    """Calls without an answer, or with a bad one, are looked into or sent again; the apply goes through."""
    for method in ("instances.insert", "setMetadata", "firewalls.insert"):
        on_gcp.cloud.fail(method=method, **FAULTS[what])
    applied = on_gcp.run("apply", "the.plan")

    assert applied == 0, on_gcp.said
    assert on_gcp.wrongs() == []


def test_what_is_denied_says_which_permission(on_gcp: Project) -> None:
    """Google names the permission, and dcplan passes it on; nothing is left half made that nobody knows."""
    said = "Required 'compute.instances.create' permission for 'projects/example/zones/us-central1-a'"
    on_gcp.cloud.fail(method="instances.insert", status=403, reason="forbidden", message=said, times=99)
    applied = on_gcp.run("apply", "the.plan")

    assert applied == 1
    assert "Permission denied" in on_gcp.said
    assert "compute.instances.create" in on_gcp.said
    assert on_gcp.cloud.things("instances") == {}
    assert on_gcp.run("destroy", "-auto-approve") == 0
    assert on_gcp.cloud.things() == {}


def test_a_used_up_quota_leads_elsewhere(on_gcp: Project) -> None:
    """A quota belongs to a region: the gang goes to another one."""
    on_gcp.cloud.fail(
        method="instances.insert",
        path="zones/us-central1-.*a3-highgpu",
        mode="operation",
        code="QUOTA_EXCEEDED",
        message="Quota 'NVIDIA_H100_GPUS' exceeded. Limit: 16.0 in region us-central1.",
        status=403,
        times=99,
    )
    applied = on_gcp.run("apply", "the.plan")

    assert applied == 0, on_gcp.said
    assert {zone.rpartition("-")[0] for zone in on_gcp.zones("a3-highgpu")} == {"us-east4"}
    assert on_gcp.wrongs() == []
