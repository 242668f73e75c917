"""Data centres from lists of machines and kinds of fabric, from the document to machines that stand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from dcplan.cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

JOB = """\
project: lists
providers:
  local: {datacenter: datacenter.yaml, ready_after: 5ms}
workloads:
  job:
    kind: train
    model: llama-3.1-8b
    tokens: 20B
    sequence_length: 8192
    global_batch: 128
    deadline: DEADLINE
"""


def dcplan(*arguments: str) -> Result:
    """One command in this process."""
    return CliRunner().invoke(cli, list(arguments))


def machines() -> list[dict[str, Any]]:
    """What stands after an apply: attributes and outputs of each machine."""
    applied = dcplan("apply", "-auto-approve")
    assert applied.exit_code == 0, applied.output
    resources = json.loads(dcplan("state", "pull").stdout)["resources"]
    return [
        {**r["attributes"], **r["outputs"]} for r in resources if r["address"].startswith("local.machine")
    ]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_list_of_machines_is_planned_and_its_free_machines_are_given(here: Path) -> None:
    """The job stands on hosts of the list that nobody uses, and the plan converges."""
    rows = [f"gpu{i},h100x8,s1,r{i // 2},{0 if i < 2 else 8}" for i in range(8)]
    (here / "nodes.csv").write_text("\n".join(["name,machine,block,rack,free_devices", *rows]))
    (here / "datacenter.yaml").write_text(
        "name: lab\nregion: eu\nmachines:\n  h100x8: {catalog: p5.48xlarge, price: $40/h}\nnodes: nodes.csv\n"
    )
    (here / "dcplan.yaml").write_text(JOB.replace("DEADLINE", "2d"))
    stand = machines()

    assert stand
    assert {one["address"] for one in stand} <= {f"gpu{i}" for i in range(2, 8)}
    assert "Nothing to change" in dcplan("plan").output


def test_a_job_on_a_tpu_pod_is_a_slice_of_whole_cubes(here: Path) -> None:
    """More than a cube is whole cubes, each full."""
    (here / "datacenter.yaml").write_text(
        "name: pods\nregion: eu\nmachines:\n  v5p: {catalog: ct5p-hightpu-4t, price: $16.8/h}\n"
        "zones: {hall: {fabric: {kind: tpu-pod, machine: v5p, cubes: 4}}}\n"
    )
    (here / "dcplan.yaml").write_text(JOB.replace("DEADLINE", "9h"))
    stand = machines()
    cubes = [one["rack"] for one in stand]

    assert len(stand) > 16
    assert {cubes.count(cube) for cube in cubes} == {16}
    assert "Nothing to change" in dcplan("plan").output
