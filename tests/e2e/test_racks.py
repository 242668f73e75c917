"""Gangs and the racks that they stand in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from dcplan.cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

DATACENTER = """\
name: hall
region: eu-test
machines:
  h100x8: {accelerator: H100, devices: 8, vcpus: 96, memory: 2TiB, network: 3200Gbit/s, fabric: InfiniBand,
           price: $20/h}
links:
  rack: {oversubscription: 32, latency: 2us}
  block: {latency: 5us}
zones:
  hall-a: {racks: {count: RACKS, machine: h100x8, nodes: NODES}}
"""
JOB = """
  NAME:
    kind: train
    model: llama-3.1-8b
    tokens: 20B
    sequence_length: 8192
    global_batch: 256
    deadline: DEADLINE
"""
HEAD = """\
project: near
providers:
  local: {datacenter: datacenter.yaml, ready_after: 5ms}
workloads:
"""


def write(folder: Path, *deadlines: str, racks: int, nodes: int) -> None:
    """Jobs with these deadlines, and a data centre whose racks have narrow uplinks."""
    jobs = "".join(
        JOB.replace("NAME", f"job-{i}").replace("DEADLINE", deadline) for i, deadline in enumerate(deadlines)
    )
    (folder / "dcplan.yaml").write_text(HEAD + jobs)
    site = DATACENTER.replace("RACKS", str(racks)).replace("NODES", str(nodes))
    (folder / "datacenter.yaml").write_text(site)


def dcplan(*arguments: str) -> Result:
    """One command in this process."""
    return CliRunner().invoke(cli, list(arguments))


def planned() -> dict[str, Any]:
    """Each workload of a plan, by name."""
    done = dcplan("plan", "-json")
    assert done.exit_code == 0, done.output
    return {one["name"]: one for one in json.loads(done.stdout)["workloads"]}


def racks_in_use() -> dict[str, set[str]]:
    """The racks in which the machines of each job stand."""
    state = json.loads(dcplan("state", "pull").stdout)
    found: dict[str, set[str]] = {}
    for one in state["resources"]:
        owner = one["attributes"].get("exclusive_to")
        if owner:
            found.setdefault(owner, set()).add(one["outputs"]["rack"])
    return found


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_gang_that_counts_on_one_switch_gets_one(here: Path) -> None:
    """A job in a hurry is priced behind the switch of one rack, stands there, and stays."""
    write(here, "20h", racks=2, nodes=4)
    job = planned()["job-0"]["candidate"]
    applied = dcplan("apply", "-auto-approve")
    again = dcplan("plan")

    assert (job["within"], job["machines"] > 1) == ("rack", True)
    assert applied.exit_code == 0, applied.output
    assert [len(racks) for racks in racks_in_use().values()] == [1]
    assert "Nothing to change" in again.output


def test_gangs_that_do_not_fit_into_racks_together_are_placed_another_way(here: Path) -> None:
    """Three such jobs share two racks: none stands over two racks that counts on one."""
    write(here, "30h", "30h", "30h", racks=2, nodes=4)
    jobs = planned()
    applied = dcplan("apply", "-auto-approve")
    stand = racks_in_use()

    assert applied.exit_code == 0, applied.output
    assert len(jobs) == 3
    for name, job in jobs.items():
        if job["candidate"]["within"] == "rack":
            assert len(stand[f"{name}-0"]) == 1
    assert "Nothing to change" in dcplan("plan").output


def test_a_gang_over_several_racks_is_priced_behind_its_own_cut(here: Path) -> None:
    """Seven machines in two of four racks have a wider cut than their whole pool, which the plan knows."""
    write(here, "11h", racks=16, nodes=1)
    one_each = planned()["job-0"]["candidate"]
    write(here, "11h", racks=4, nodes=4)
    paired = planned()["job-0"]["candidate"]

    assert (paired["machines"], paired["layout"]) == (one_each["machines"], one_each["layout"])
    assert paired["estimate"]["duration_s"] < one_each["estimate"]["duration_s"]


UNEVEN = """\
name: hall
region: eu-test
machines:
  h100x8: {accelerator: H100, devices: 8, vcpus: 192, memory: 2TiB, network: 400GB/s, fabric: RoCE,
           price: $18/h}
links: {rack: {oversubscription: 3}}
zones:
  a: {blocks: {b: {racks: {r1: {machine: h100x8, nodes: 5}, r2: {machine: h100x8, nodes: 9},
      r3: {machine: h100x8, nodes: 13}, r4: {machine: h100x8, nodes: 11}, r5: {machine: h100x8, nodes: 11}}}}}
"""
LARGE = """
  big:
    kind: train
    model: llama-3.3-70b
    tokens: 60B
    sequence_length: 8192
    global_batch: 1024
    deadline: 8d
"""


def test_ranks_are_mapped_to_racks_and_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan tells which ranks are where, machines are listed in that order, and a job keeps it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dcplan.yaml").write_text(HEAD + LARGE)
    (tmp_path / "datacenter.yaml").write_text(UNEVEN)
    before = json.loads(dcplan("plan", "-json").output)["workloads"][0]["ranks"]
    applied = dcplan("apply", "-auto-approve")
    after = json.loads(dcplan("plan", "-json").output)
    state = json.loads(dcplan("show", "-json").output)
    (job,) = [r for r in state["resources"] if r["address"].startswith("local.job.")]
    racks = {r["address"].rpartition(".")[2]: r["outputs"].get("rack") for r in state["resources"]}
    told = [part["rack"] for part in before["parts"] for _ in range(part["first"], part["last"] + 1)]

    assert applied.exit_code == 0, applied.output
    assert len(before["parts"]) > 1
    assert before["sent_bytes"] < before["by_turns_bytes"]
    assert [racks[name] for name in job["attributes"]["machines"]] == told
    assert job["attributes"]["settings"]["rank_order"] == ["tensor", "context", "data", "pipeline"]
    assert after["changes"] == []
    assert after["workloads"][0]["ranks"] == before


POD = """\
name: pod
region: eu-test
machines:
  v5e: {accelerator: TPU-v5e, devices: 4, vcpus: 112, memory: 192GiB, network: 100Gbit/s, fabric: ICI,
        price: $5/h}
zones:
  a: {fabric: {kind: tpu-pod, machine: v5e, topology: 8x16}}
"""


def test_slices_in_a_pod_are_boxes_of_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts of a job are neighbours in the grid, and after an apply there is nothing to do."""
    monkeypatch.chdir(tmp_path)
    jobs = "".join(
        JOB.replace("NAME", f"job-{i}").replace("DEADLINE", "30d\n    framework: maxtext") for i in range(2)
    )
    (tmp_path / "dcplan.yaml").write_text(HEAD + jobs)
    (tmp_path / "datacenter.yaml").write_text(POD)
    applied = dcplan("apply", "-auto-approve")
    state = json.loads(dcplan("show", "-json").output)
    nodes = {r["address"].rpartition(".")[2]: r["outputs"].get("node") for r in state["resources"]}

    assert applied.exit_code == 0, applied.output
    for job in (r for r in state["resources"] if r["address"].startswith("local.job.")):
        cells = [int(nodes[m].rpartition("/n")[2]) - 1 for m in job["attributes"]["machines"]]
        rows, columns = {c // 8 for c in cells}, {c % 8 for c in cells}

        assert len(rows) * len(columns) == len(cells)
        assert max(rows) - min(rows) + 1 == len(rows)
        assert max(columns) - min(columns) + 1 == len(columns)
    assert json.loads(dcplan("plan", "-json").output)["changes"] == []


def test_the_plan_says_which_network_a_gang_counts_on(here: Path) -> None:
    """A gang of one rack has the links of its switch, and the plan says so."""
    write(here, "20h", racks=2, nodes=4)

    assert "a device in one rack" in " ".join(dcplan("plan").output.split())
