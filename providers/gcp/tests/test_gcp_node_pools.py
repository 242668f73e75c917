"""Node pools of a cluster that is there, from the document to the last delete."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.provider import Placement, ReplicaSpec, WorkloadSpec
from dcplan.provider.types import request_of
from dcplan.resources import Action
from dcplan_gcp import provider
from dcplan_gcp.node_parts import body_of
from dcplan_gcp.settings import GcpSettings
from gcp_examples import machines
from gcp_project import KILLED, Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fork_server import ForkServer
    from gcp_cloud import GcpCloud

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")

DOCUMENT = """
project: in-a-cluster
providers:
  gcp:
    regions: [us-central1]
    spot: false
    machine_groups:
      - {workload: chat, as: node-pool, cluster: prod, location: us-central1}
workloads:
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 30/s, prompt_tokens: 500, output_tokens: 200}
    sla: {ttft: {p95: 2s}, tpot: {p95: 80ms}}
    constraints: {accelerators: [TPU-v6e], precisions: [bf16]}
"""

POOL = {"workload": "chat", "as": "node-pool", "cluster": "prod", "location": "us-central1"}


@pytest.fixture(scope="module")
def planned(gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a saved plan."""
    project = Project(tmp_path_factory.mktemp("pools"), gcp_forks, gcp_server)
    (project.folder / "dcplan.yaml").write_text(DOCUMENT)
    assert project.run("plan", "-out=the.plan") == 0, project.said
    return project.folder


@pytest.fixture
def pools(planned: Path, gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path: Path) -> Iterator[Project]:
    """A copy of it on a cloud with nothing but a cluster."""
    gcp_server.reset()
    gcp_server.put_cluster("prod", "us-central1")
    shutil.copytree(planned, tmp_path / "p")
    yield Project(tmp_path / "p", gcp_forks, gcp_server)
    violations = gcp_server.violations
    assert not violations, violations


def left(project: Project) -> set[str]:
    """The collections of what is there, but for the cluster."""
    return {path.split("/")[-2] for path in project.cloud.things()} - {"clusters"}


def test_a_pool_is_made_and_taken_away_whole(pools: Project) -> None:
    """It is all that there is: no network, no endpoint; nothing is left to plan; it goes with its nodes."""
    applied = pools.run("apply", "the.plan")
    (pool,) = pools.cloud.things("nodePools").values()

    assert applied == 0, pools.said
    assert [a.split(".")[1] for a in pools.known()] == ["node_pool"]
    assert pool["config"]["labels"] == {"dcplan-workload": "chat"}
    assert len(pools.cloud.things("instances")) == pool["initialNodeCount"] == 2
    assert pools.settled(), pools.said
    assert pools.run("destroy", "-auto-approve") == 0, pools.said
    assert left(pools) == set()


def test_a_sold_out_pool_is_taken_back_whole(pools: Project) -> None:
    """A node too few is none; the next plan goes to another zone."""
    pools.cloud.weather(capacity={"us-central1-a/ct6e-standard-1t": 1})
    refused, said, there = pools.run("apply", "the.plan"), pools.said, left(pools)
    again = pools.run("apply", "-auto-approve")

    assert (refused, there) == (1, set()), said
    assert "No capacity" in said
    assert again == 0, pools.said
    assert {path.split("/")[3] for path in pools.cloud.things("instances")} == {"us-central1-b"}
    assert pools.settled(), pools.said


@pytest.mark.parametrize("crash_at", ["after-intent", "after-begin", "after-ack", "after-done"])
def test_killed_while_creating(pools: Project, crash_at: str) -> None:
    """The pool is found again, whole and once."""
    died = pools.run("apply", "the.plan", crash_at=crash_at)
    again = pools.run("apply", "the.plan")

    assert (died, again) == (KILLED, 0), pools.said
    assert sorted(pools.known().values()) == sorted(pools.cloud.things("nodePools"))


def test_a_lost_answer_makes_nothing_twice(pools: Project) -> None:
    """What was made without an answer is found by its name."""
    pools.cloud.fail(method="nodePools.create", mode="after")
    applied = pools.run("apply", "the.plan")

    assert applied == 0, pools.said
    assert len(pools.cloud.things("nodePools")) == 1


def test_a_busy_cluster_is_waited_for(pools: Project) -> None:
    """Google does one thing at a time to a cluster."""
    said = "Cluster is running incompatible operation operation-7."
    pools.cloud.fail(method="nodePools.create", status=400, reason="failedPrecondition", message=said)

    assert pools.run("apply", "the.plan") == 0, pools.said


def test_it_grows_in_place_and_refused_growth_is_taken_back(pools: Project) -> None:
    """More traffic, more nodes of the same pool, as long as there are some."""
    assert pools.run("apply", "the.plan") == 0, pools.said
    path = pools.folder / "dcplan.yaml"
    path.write_text(path.read_text().replace("30/s", "60/s"))
    pools.cloud.weather(capacity={"us-central1-a/ct6e-standard-1t": 3})
    refused, there = pools.run("apply", "-auto-approve"), len(pools.cloud.things("instances"))
    groups = {
        path.split("/")[3]: g["targetSize"] for path, g in pools.cloud.things("instanceGroupManagers").items()
    }

    assert refused == 0, pools.said
    assert (there, groups) == (4, {"us-central1-a": 2, "us-central1-b": 2})
    assert pools.settled(), pools.said


def body(machine: str, **other: Any) -> dict[str, Any]:
    """What is asked for to have a gang of four, or four machines."""
    gang = other.get("gang", False)
    names = tuple(f"m-{n}" for n in range(4))
    seats = [names] if gang else [(name,) for name in names]
    specs = tuple(
        ReplicaSpec(name=f"chat-{n}", machines=seat, devices=(0,), settings={})
        for n, seat in enumerate(seats)
    )
    placement = Placement(
        project="p",
        machines=(machines(machine, *names, **other),),
        workloads=(WorkloadSpec(name="chat", kind="train", replicas=specs),),
    )
    gcp = provider({"machine_groups": [POOL], "queued": True}, Path()).unwrap()
    (group,) = gcp.resources_for(placement).unwrap()
    request = request_of(group, Action.CREATE, token="t", lineage="us", needs={})  # noqa: S106 - of a request
    return body_of(request, "us-central1-a", "p", GcpSettings(), ["projects/p/regions/r/resourcePolicies/w"])


def test_what_pools_are_asked_for() -> None:
    """Drivers and a taint for GPUs, a topology for slices, a policy for TPU7x, a queue for what is queued."""
    gpus, near = body("g2-standard-48"), body("a3-highgpu-8g", gang=True)
    tpus, newest = body("ct6e-standard-4t", gang=True), body("tpu7x-standard-4t", gang=True)
    waits, spot = body("g2-standard-48", purchase="queued"), body("g2-standard-48", purchase="spot")

    assert gpus["config"]["accelerators"][0]["acceleratorType"] == "nvidia-l4"
    assert gpus["config"]["accelerators"][0]["acceleratorCount"] == "4"
    assert gpus["config"]["taints"][0]["key"] == "nvidia.com/gpu"
    assert near["placementPolicy"] == {"type": "COMPACT"}
    assert tpus["placementPolicy"] == {"type": "COMPACT", "tpuTopology": "4x4"}
    assert newest["placementPolicy"] == {"policyName": "w"}
    assert (waits["initialNodeCount"], waits["config"]["flexStart"]) == (0, True)
    assert waits["autoscaling"]["totalMaxNodeCount"] == 4
    assert spot["config"]["spot"] is True


def test_a_pool_needs_a_cluster_in_its_region() -> None:
    """Without one, or elsewhere, it is told before anything is asked for."""
    alone = provider({"machine_groups": [{"workload": "chat", "as": "node-pool"}]}, Path())
    far = provider({"machine_groups": [{**POOL, "location": "us-east4"}]}, Path()).unwrap()
    chat = WorkloadSpec(
        name="chat",
        kind="train",
        replicas=(ReplicaSpec(name="chat-0", machines=("m",), devices=(0,), settings={}),),
    )
    told = far.resources_for(
        Placement(project="p", machines=(machines("g2-standard-48", "m"),), workloads=(chat,))
    )

    assert [d.code for d in alone.diagnostics] == ["group-cluster"]
    assert [d.code for d in told.diagnostics] == ["group-region"]
