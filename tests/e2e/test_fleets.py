"""Fleets of unlike machines, end to end on the local data centre."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dcplan.cli.main import cli

CENTRE = """
name: lab
region: eu-lab
source: a test
date: 2026-11-01
machines:
  h100x8: {accelerator: H100, devices: 8, vcpus: 192, memory: 2TiB, network: 3200Gbit/s, fabric: RoCE,
           price: $18/h}
  l40sx8: {accelerator: L40S, devices: 8, vcpus: 128, memory: 1TiB, network: 400Gbit/s, fabric: RoCE,
           scale_up_domain: 1, price: $6/h}
  parts: {accelerator: H100, devices: 8, vcpus: 192, memory: 2TiB, network: 3200Gbit/s, fabric: RoCE,
          price: $18/h, mig: 3g.40gb}
  xeon: {catalog: m7i.48xlarge, price: $9.68/h}
zones:
  lab-a:
    blocks:
      b1: {racks: {r1: {machine: h100x8, nodes: 2}, r2: {machine: l40sx8, nodes: 3}}}
      b2: {racks: {r1: {machine: parts, nodes: 1}, r2: {machine: xeon, nodes: 3}}}
"""

SMALL = """
project: fleet
providers: {local: {datacenter: datacenter.yaml, ready_after: 1ms}}
workloads:
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 6/s, prompt_tokens: 300, output_tokens: 100}
    sla: {ttft: {p95: 4s}, tpot: {p95: 200ms}}
    constraints: {accelerators: [ACCELERATOR]}
"""

LARGE = """
project: fleet
providers: {local: {datacenter: datacenter.yaml, ready_after: 1ms}}
workloads:
  chat:
    kind: serve
    mixed: MIXED
    model: llama-3.1-70b
    traffic: {requests_per_s: RATE/s, prompt_tokens: 1155, output_tokens: 211}
    sla: {ttft: {p95: 4s}, tpot: {p95: 150ms}}
    constraints: {precisions: [bf16, fp8], accelerators: [H100, L40S]}
"""


def write(folder: Path, document: str, **values: object) -> None:
    """A data centre and a document, with values for its words in capitals."""
    for name, value in values.items():
        document = document.replace(name.upper(), str(value))
    (folder / "datacenter.yaml").write_text(CENTRE)
    (folder / "dcplan.yaml").write_text(document)


def run(*arguments: str) -> Result:
    """One command, which must succeed."""
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == 0, result.output
    return result


def planned() -> dict[str, Any]:
    """The plan as data."""
    data: dict[str, Any] = json.loads(run("plan", "-json").stdout)
    return data


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_mixed_fleet_is_planned_applied_and_known_again(tmp_path: Path) -> None:
    """Two kinds carry what one cannot, the endpoint weighs them, the next plan is empty."""
    write(tmp_path, LARGE, mixed="auto", rate=68)
    [chat] = planned()["workloads"]
    kinds = chat["mix"]["kinds"]
    run("apply", "-auto-approve")
    endpoint = run("state", "show", "local.endpoint.chat").output
    again = planned()

    assert {kind["candidate"]["machine"] for kind in kinds} == {"h100x8", "l40sx8"}
    assert sum(kind["load"] for kind in kinds) == pytest.approx(1)
    for kind in kinds:
        estimate = kind["candidate"]["estimate"]
        assert estimate["requests_per_s"] <= estimate["max_requests_per_s"]
        assert str(kind["weight"]) in endpoint
    assert again["changes"] == []


def test_without_mixing_the_same_load_has_no_place(tmp_path: Path) -> None:
    """``mixed: never`` says which machines are short."""
    write(tmp_path, LARGE, mixed="never", rate=68)
    result = CliRunner().invoke(cli, ["plan"])

    assert result.exit_code == 1
    assert "machine short" in result.output or "machines short" in result.output


def test_more_load_leaves_the_replicas_that_fit(tmp_path: Path) -> None:
    """A little more load moves no replica of the kind that is full anyway."""
    write(tmp_path, LARGE, mixed="auto", rate=68)
    run("apply", "-auto-approve")
    write(tmp_path, LARGE, mixed="auto", rate=69)
    [chat] = planned()["workloads"]
    large = chat["mix"]["kinds"][0]
    touched = [
        c["address"]
        for c in planned()["changes"]
        if c["address"].startswith("local.replica.") and c["action"] != "create"
    ]

    assert len(touched) <= sum(k["replicas"] for k in chat["mix"]["kinds"]) - large["replicas"]


@pytest.mark.parametrize(
    ("accelerator", "machine", "devices"), [("h100/3g.40gb", "parts", 1), ("xeon-8488c", "xeon", 2)]
)
def test_parts_of_gpus_and_cpus_serve(tmp_path: Path, accelerator: str, machine: str, devices: int) -> None:
    """A small model runs on a part of a GPU alone, and on the sockets of a host."""
    write(tmp_path, SMALL, accelerator=accelerator)
    [chat] = planned()["workloads"]

    assert chat["candidate"]["machine"] == machine
    assert chat["candidate"]["devices"] <= devices
    assert run("apply", "-auto-approve").exit_code == 0
    assert planned()["changes"] == []
