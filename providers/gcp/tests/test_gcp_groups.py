"""Managed instance groups from the document to the last delete: sold out, grown, killed."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gcp_project import KILLED, Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fork_server import ForkServer
    from gcp_cloud import GcpCloud

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")

DOCUMENT = """
project: in-groups
providers:
  gcp:
    regions: [us-central1, us-east4]
    spot: false
    machine_groups:
      - {workload: chat, as: managed-group}
      - {workload: tune, as: managed-group}
workloads:
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 30/s, prompt_tokens: 500, output_tokens: 200}
    sla: {ttft: {p95: 2s}, tpot: {p95: 80ms}}
    constraints: {accelerators: [TPU-v6e], precisions: [bf16]}
  tune:
    kind: train
    model: llama-3.1-8b
    tokens: 20B
    sequence_length: 8192
    global_batch: 256
    deadline: 36h
    constraints: {accelerators: [H100], precisions: [bf16]}
"""


@pytest.fixture(scope="module")
def planned(gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a saved plan."""
    project = Project(tmp_path_factory.mktemp("groups"), gcp_forks, gcp_server)
    (project.folder / "dcplan.yaml").write_text(DOCUMENT)
    assert project.run("plan", "-out=the.plan") == 0, project.said
    return project.folder


@pytest.fixture
def groups(planned: Path, gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path: Path) -> Iterator[Project]:
    """A copy of it on an empty cloud."""
    gcp_server.reset()
    shutil.copytree(planned, tmp_path / "p")
    yield Project(tmp_path / "p", gcp_forks, gcp_server)
    violations = gcp_server.violations
    assert not violations, violations


def test_groups_are_made_and_taken_away_whole(groups: Project) -> None:
    """One group a workload, an endpoint in front of one; then nothing to plan; then nothing at all."""
    applied = groups.run("apply", "the.plan")

    assert applied == 0, groups.said
    assert sorted(a.split(".")[1] for a in groups.known()) == [
        "endpoint",
        "managed_group",
        "managed_group",
        "network",
    ]
    assert groups.settled(), groups.said
    assert groups.run("destroy", "-auto-approve") == 0, groups.said
    assert groups.cloud.things() == {}


def managers(project: Project) -> dict[str, dict[str, Any]]:
    """The groups that are there, by the name of their workload's model or job."""
    there = project.cloud.things("instanceGroupManagers")
    return {path.split("-")[4]: body for path, body in there.items()}


def wrongs(project: Project) -> list[str]:
    """What is not as it must be after a completed apply; empty when all is well."""
    there = sorted(project.cloud.things("instanceGroupManagers"))
    known = sorted(i for a, i in project.known().items() if a.startswith("gcp.managed_group."))
    found = [] if there == known else [f"there are {there}, known are {known}"]
    templates = len(project.cloud.things("instanceTemplates"))
    return found if templates == len(known) else [*found, f"there are {templates} templates"]


def member_of(project: Project, workload: str) -> dict[str, Any]:
    """A machine of a workload's group, with its metadata as ``items``."""
    there = project.cloud.things("instances")
    body = next(body for path, body in there.items() if f"-{workload}-" in path)
    return {**body, "items": {item["key"]: item["value"] for item in body["metadata"]["items"]}}


def test_members_know_what_to_run(groups: Project) -> None:
    """A served model's by their template alone; those of a gang once all of them are there, in one order."""
    assert groups.run("apply", "the.plan") == 0, groups.said
    chat = json.loads(member_of(groups, "chat")["items"]["dcplan-run-group"])
    tune = json.loads(member_of(groups, "tune")["items"]["dcplan-run-group"])
    names = sorted(p.rpartition("/")[2] for p in groups.cloud.things("instances") if "-tune-" in p)

    assert chat["attributes"]["workload"] == "chat"
    assert chat["attributes"]["each"] == [[0]]
    assert tune["on"] == names
    assert len(names) == 2
    assert (
        "instanceGroups/"
        in next(iter(groups.cloud.things("backendServices").values()))["backends"][0]["group"]
    )


def test_a_sold_out_group_is_taken_back_whole_and_had_elsewhere(groups: Project) -> None:
    """One machine too few is none at all; the next plan knows that the pool is sold out."""
    groups.cloud.weather(capacity={"us-central1-a/ct6e-standard-1t": 1})
    applied = groups.run("apply", "the.plan")
    left = [path for path in groups.cloud.things("instances") if "-chat-" in path]
    again = groups.run("apply", "-auto-approve")

    assert (applied, left) == (1, []), groups.said
    assert again == 0, groups.said
    assert wrongs(groups) == []
    assert {p.split("/")[3] for p in groups.cloud.things("instances") if "-chat-" in p} == {"us-central1-b"}
    assert groups.settled(), groups.said


@pytest.mark.parametrize("crash_at", ["after-intent:2", "after-begin:2", "after-ack:2", "after-done:2"])
def test_killed_while_creating(groups: Project, crash_at: str) -> None:
    """The group that was begun is found again, and made once."""
    died = groups.run("apply", "the.plan", crash_at=crash_at)
    again = groups.run("apply", "the.plan")

    assert (died, again) == (KILLED, 0), groups.said
    assert wrongs(groups) == []


def test_killed_while_destroying(groups: Project) -> None:
    """A destroy can be run again until nothing is left."""
    assert groups.run("apply", "the.plan") == 0
    died = groups.run("destroy", "-auto-approve", crash_at="after-begin:2")
    again = groups.run("destroy", "-auto-approve")

    assert (died, again) == (KILLED, 0), groups.said
    assert groups.cloud.things() == {}


@pytest.mark.parametrize("method", ["instanceTemplates.insert", "instanceGroupManagers.insert"])
def test_lost_answers_make_nothing_twice(groups: Project, method: str) -> None:
    """What was made without an answer is found."""
    groups.cloud.fail(method=method, mode="after", times=2)
    applied = groups.run("apply", "the.plan")

    assert applied == 0, groups.said
    assert wrongs(groups) == []


def grown(project: Project, requests_per_s: int) -> int:
    """Apply the document for more traffic; its exit status."""
    text = (project.folder / "dcplan.yaml").read_text()
    (project.folder / "dcplan.yaml").write_text(text.replace("30/s", f"{requests_per_s}/s"))
    return project.run("apply", "-auto-approve")


def test_a_group_grows_and_shrinks_in_place(groups: Project) -> None:
    """More traffic, more members of the same group; its machines go on running."""
    assert groups.run("apply", "the.plan") == 0, groups.said
    before = managers(groups)["chat"]
    first = {p for p in groups.cloud.things("instances") if "-chat-" in p}
    more = grown(groups, 60)
    after = managers(groups)["chat"]
    second = {p for p in groups.cloud.things("instances") if "-chat-" in p}

    assert more == 0, groups.said
    assert (after["id"], after["targetSize"] > before["targetSize"]) == (before["id"], True)
    assert first < second
    assert groups.settled(), groups.said


def test_a_growth_that_is_refused_is_taken_back(groups: Project) -> None:
    """The group has the size that it had, and what it ran; what is missing is had in another zone."""
    assert groups.run("apply", "the.plan") == 0, groups.said
    before = managers(groups)["chat"]
    first = {p for p in groups.cloud.things("instances") if "-chat-" in p}
    groups.cloud.weather(capacity={"us-central1-a/ct6e-standard-1t": len(first)})
    applied, said = grown(groups, 60), groups.said
    there = groups.cloud.things("instanceGroupManagers")
    after = there[before["selfLink"].partition("/compute/v1/")[2]]
    now = {p for p in groups.cloud.things("instances") if "-chat-" in p}

    assert applied == 0, said
    assert "failed No capacity" in said
    assert (after["targetSize"], after["allInstancesConfig"]) == (
        before["targetSize"],
        before["allInstancesConfig"],
    )
    assert first < now
    assert {p.split("/")[3] for p in now - first} == {"us-central1-b"}
    assert groups.settled(), groups.said
