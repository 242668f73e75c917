"""TPU7x slices of several hosts: one managed instance group, from the document to the last delete."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from gcp_allowed import not_allowed
from gcp_project import KILLED, Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fork_server import ForkServer
    from gcp_cloud import GcpCloud

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")

DOCUMENT = """
project: slices
providers:
  gcp:
    regions: [us-central1]
    spot: false
    reservations:
      - {machine: tpu7x-standard-4t, zone: us-central1-c, machines: 16, usd_per_h: $48/h}
workloads:
  tune:
    kind: train
    model: llama-3.1-8b
    framework: maxtext
    tokens: 60B
    sequence_length: 8192
    global_batch: 256
    deadline: 3d
    constraints: {accelerators: [TPU7x]}
"""

ZONE = "us-central1-c/tpu7x-standard-4t"


@pytest.fixture(scope="module")
def planned(gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a saved plan."""
    project = Project(tmp_path_factory.mktemp("slices"), gcp_forks, gcp_server)
    (project.folder / "dcplan.yaml").write_text(DOCUMENT)
    assert project.run("plan", "-out=the.plan") == 0, project.said
    return project.folder


@pytest.fixture
def slices(planned: Path, gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path: Path) -> Iterator[Project]:
    """A copy of it on an empty cloud."""
    gcp_server.reset()
    shutil.copytree(planned, tmp_path / "p")
    yield Project(tmp_path / "p", gcp_forks, gcp_server)
    violations = gcp_server.violations
    assert not violations, violations


def hosts(project: Project) -> int:
    """How many machines there are, all of one group."""
    (group,) = project.cloud.things("instanceGroupManagers").values()
    there = len(project.cloud.things("instances"))
    assert group["targetSize"] == there
    return there


def test_all_hosts_are_one_group(slices: Project) -> None:
    """It is made once, its hosts know their job, nothing is left to plan, and it goes as a whole."""
    applied = slices.run("apply", "the.plan")
    (policy,) = slices.cloud.things("resourcePolicies").values()
    running = next(iter(slices.cloud.things("instances").values()))["metadata"]["items"]

    assert applied == 0, slices.said
    assert sorted(a.split(".")[1] for a in slices.known()) == ["managed_group", "network"]
    assert "acceleratorTopology" in policy["workloadPolicy"]
    assert hosts(slices) > 1
    assert "dcplan-run-group" in {item["key"] for item in running}
    assert slices.settled(), slices.said
    assert slices.run("destroy", "-auto-approve") == 0, slices.said
    assert slices.cloud.things() == {}


def test_a_sold_out_slice_leaves_no_host(slices: Project) -> None:
    """Told as such; once there are hosts again, the next apply has them."""
    slices.cloud.weather(capacity={ZONE: 1})
    refused, said = slices.run("apply", "the.plan"), slices.said
    left = slices.cloud.things("instances")
    slices.cloud.weather(capacity={})
    again = slices.run("apply", "the.plan")

    assert (refused, left) == (1, {}), said
    assert "No capacity" in said
    assert again == 0, slices.said


@pytest.mark.parametrize("crash_at", ["after-intent:2", "after-begin:2", "after-ack:2", "after-done:2"])
def test_killed_while_creating(slices: Project, crash_at: str) -> None:
    """The group is found again, whole and once."""
    died = slices.run("apply", "the.plan", crash_at=crash_at)
    again = slices.run("apply", "the.plan")

    assert (died, again) == (KILLED, 0), slices.said
    assert hosts(slices) > 1


def test_the_roles_of_the_plan_have_all_that_applying_it_calls(slices: Project) -> None:
    """``dcplan iam`` of the saved plan allows each method that the apply of it calls."""
    printed = slices.run("iam", "the.plan", "-json")
    roles = json.loads((slices.folder / "out").read_text())["permissions"]
    allowed = {one for role in roles for one in role["content"]["includedPermissions"]}
    before = len(slices.cloud.seen)
    applied = slices.run("apply", "the.plan")

    assert (printed, applied) == (0, 0), slices.said
    assert not_allowed(slices.cloud.seen[before:], allowed) == []
    assert "compute.instanceGroupManagers.create" in allowed
