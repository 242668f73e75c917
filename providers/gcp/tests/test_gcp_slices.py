"""TPU slices of several hosts: one queued resource for all of them, from the document to the last delete."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from dcplan.provider.errors import Invalid
from dcplan_gcp.slices import accelerator_type
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
  gcp: {regions: [us-central1, us-east5], spot: false}
workloads:
  tune:
    kind: train
    model: llama-3.1-8b
    framework: maxtext
    tokens: 10B
    sequence_length: 8192
    global_batch: 256
    deadline: 3d
    constraints: {accelerators: [TPU-v6e]}
"""

SLICE = "v6e-32"
"""What the plan takes: eight hosts of four chips."""


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


def hosts(project: Project) -> set[str]:
    """The queued resources that the machines of the state are parts of."""
    return {machine.partition("/hosts/")[0] for machine in project.machines()}


def test_all_hosts_are_one_queued_resource(slices: Project) -> None:
    """It is ordered once, the job is known to it, and it goes as a whole."""
    applied = slices.run("apply", "the.plan")
    queued = slices.cloud.things("queuedResources")
    (node,) = slices.cloud.things("nodes").values()

    assert applied == 0, slices.said
    assert hosts(slices) == set(queued)
    assert len(slices.machines()) == 8
    assert node["acceleratorType"] == SLICE
    assert [key for key in node["metadata"] if key.startswith("dcplan-run-job-")]
    assert slices.settled(), slices.said
    assert slices.run("destroy", "-auto-approve") == 0
    assert slices.cloud.things() == {}


def test_a_sold_out_slice_is_taken_back_and_had_elsewhere(slices: Project) -> None:
    """The queued resource that failed is deleted, so that it cannot come later; another zone has it."""
    slices.cloud.weather(capacity={f"us-central1-a/{SLICE}": 0})
    applied = slices.run("apply", "the.plan")

    assert applied == 0, slices.said
    assert hosts(slices) == set(slices.cloud.things("queuedResources"))
    assert {path.split("/")[3] for path in hosts(slices)} == {"us-central1-b"}
    assert slices.settled(), slices.said


@pytest.mark.parametrize("crash_at", ["after-intent:5", "after-begin:5", "after-done:5"])
def test_killed_while_creating(slices: Project, crash_at: str) -> None:
    """The slice is found again, whole and once."""
    died = slices.run("apply", "the.plan", crash_at=crash_at)
    again = slices.run("apply", "the.plan")

    assert (died, again) == (KILLED, 0), slices.said
    assert hosts(slices) == set(slices.cloud.things("queuedResources"))
    assert (len(hosts(slices)), len(slices.machines())) == (1, 8)


def test_an_api_that_is_switched_off_holds_nothing(slices: Project) -> None:
    """Who has no TPUs need not enable their API for dcplan to look around."""
    said = "Cloud TPU API has not been used in project 1 before or it is disabled."
    slices.cloud.fail(method="tpu.*list", status=403, reason="accessNotConfigured", message=said, times=9)

    assert slices.run("orphans") == 0, slices.said


@pytest.mark.parametrize(
    ("machine", "number", "name"),
    [
        ("ct5p-hightpu-4t", 4, "v5p-32"),
        ("ct5lp-hightpu-4t", 4, "v5litepod-16"),
        ("ct6e-standard-4t", 8, "v6e-32"),
    ],
)
def test_names_of_slices(machine: str, number: int, name: str) -> None:
    """Those of v5p count TensorCores, two a chip; the others count chips."""
    assert accelerator_type(machine, number) == name


def test_slices_that_only_groups_can_make_are_refused() -> None:
    """TPU7x is not made through Cloud TPU's API."""
    with pytest.raises(Invalid, match="managed instance groups"):
        accelerator_type("tpu7x-standard-4t", 2)


def test_the_roles_of_the_plan_have_all_that_applying_it_calls(slices: Project) -> None:
    """``dcplan iam`` of the saved plan allows each method that the apply of it calls."""
    printed = slices.run("iam", "the.plan", "-json")
    roles = json.loads((slices.folder / "out").read_text())["permissions"]
    allowed = {one for role in roles for one in role["content"]["includedPermissions"]}
    before = len(slices.cloud.seen)
    applied = slices.run("apply", "the.plan")

    assert (printed, applied) == (0, 0), slices.said
    assert [role["name"] for role in roles] == ["gcp", "gcp-machines"]
    assert not_allowed(slices.cloud.seen[before:], allowed) == []
    assert "compute.instances.delete" not in allowed
