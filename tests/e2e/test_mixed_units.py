"""Prompts and tokens on two types of machines: planned, applied, changed and destroyed."""

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
           price: $40/h}
  a100x8: {accelerator: A100-80, devices: 8, vcpus: 96, memory: 2TiB, network: 3200Gbit/s, fabric: InfiniBand,
           price: $16/h}
zones:
  hall-a: {racks: {new: {machine: h100x8, nodes: 24}, old: {machine: a100x8, nodes: 24}}}
  hall-b: {racks: {new: {machine: h100x8, nodes: 24}, old: {machine: a100x8, nodes: 24}}}
"""
SPREAD = "constraints: {spread: {over: zone, at_least: 2}}"
DOCUMENT = f"""\
project: mixed
providers:
  local: {{datacenter: datacenter.yaml, ready_after: 5ms}}
workloads:
  chat:
    kind: serve
    model: llama-3.1-70b
    disaggregated: always
    {SPREAD}
    traffic: {{requests_per_s: 15/s, prompt_tokens: 4000, output_tokens: 600}}
    sla:
      ttft: {{p95: 3s}}
      tpot: {{p95: 60ms}}
"""


def dcplan(*arguments: str) -> Result:
    """One command in this process."""
    return CliRunner().invoke(cli, list(arguments))


def done(*arguments: str) -> str:
    """What a command that goes well shows."""
    result = dcplan(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def edited(project: Path, old: str, new: str) -> None:
    """Put other words into the document."""
    document = project / "dcplan.yaml"
    document.write_text(document.read_text().replace(old, new))


def resources() -> dict[str, dict[str, Any]]:
    """Attributes of everything in the state, by address."""
    return {one["address"]: one["attributes"] for one in json.loads(done("state", "pull"))["resources"]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a document and a data centre, which is the current one."""
    (tmp_path / "dcplan.yaml").write_text(DOCUMENT)
    (tmp_path / "datacenter.yaml").write_text(DATACENTER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_cheapest_unit_has_machines_of_two_types(project: Path) -> None:
    """The plan names both and costs both; it is cheaper than any plan on either type alone."""
    plan = json.loads(done("plan", "-json"))
    (placed,) = plan["workloads"]
    shown, explained = done("plan"), done("explain", "chat")
    alone, before = [], SPREAD
    for accelerator in ("H100", "A100-80"):
        only = f"constraints: {{accelerators: [{accelerator}]}}"
        edited(project, before, only)
        alone.append(json.loads(done("plan", "-json"))["usd_per_h"])
        before = only
    candidate, beside = placed["candidate"], placed["candidate"]["beside"]
    count = candidate["replicas"]

    assert (beside["machine"], candidate["machine"]) == ("h100x8", "a100x8")
    assert plan["usd_per_h"] == count * (40 * beside["machines"] + 16 * candidate["machines"])
    assert plan["usd_per_h"] == placed["usd_per_h"] < min(alone)
    assert f"{beside['devices']} x H100 + {candidate['devices']} x A100-80" in shown
    assert "prompts in hall-a/main/h100x8" in shown
    assert "H100 (h100x8) + " in explained


def test_mixed_units_are_applied_stay_and_go(project: Path) -> None:
    """Both parts of a unit are in one zone, no device has two; fewer units leave the others be."""
    done("apply", "-auto-approve")
    first = resources()
    again = dcplan("plan", "-detailed-exitcode")
    edited(project, "15/s", "9/s")
    fewer = json.loads(done("plan", "-json"))
    done("apply", "-auto-approve")
    second = resources()
    settled = dcplan("plan", "-detailed-exitcode")
    destroyed = done("destroy", "-auto-approve")
    zone = {address.rpartition(".")[2]: one.get("zone") for address, one in first.items()}
    seats = []
    for address, one in first.items():
        if ".replica." in address:
            machines = [*one["machines"], *one["prefill_machines"]]
            seats += [(m, d) for m in one["machines"] for d in one["devices"]]
            seats += [(m, d) for m in one["prefill_machines"] for d in one["prefill_devices"]]

            assert len({zone[machine] for machine in machines}) == 1

    assert again.exit_code == 0, again.output
    assert len(seats) == len(set(seats))
    assert {change["action"] for change in fewer["changes"]} <= {"delete", "update"}
    assert second.items() <= {**first, "local.endpoint.chat": second["local.endpoint.chat"]}.items()
    assert len(second) < len(first)
    assert settled.exit_code == 0, settled.output
    assert "Nothing of this project is left" in destroyed
    assert resources() == {}


def test_a_saved_plan_brings_both_types_back(project: Path) -> None:
    """What a file holds is applied as it was planned, and ``show`` tells of it as the plan did."""
    file = str(project / "mixed.plan")
    done("plan", "-out", file)
    shown = done("show", file)
    done("apply", file)

    assert "x H100 + " in shown
    assert ", prompts on hall-" in shown
    assert dcplan("plan", "-detailed-exitcode").exit_code == 0


def test_machines_far_apart_are_not_mixed(project: Path) -> None:
    """With one type in each zone there is no unit of two types, and the plan goes without."""
    datacenter = project / "datacenter.yaml"
    new, old = "new: {machine: h100x8, nodes: 24}", "old: {machine: a100x8, nodes: 24}"
    text = datacenter.read_text().replace(f"hall-a: {{racks: {{{new}, {old}", f"hall-a: {{racks: {{{new}")
    datacenter.write_text(text.replace(f"hall-b: {{racks: {{{new}, {old}", f"hall-b: {{racks: {{{old}"))
    edited(project, SPREAD, "constraints: {}")
    (placed,) = json.loads(done("plan", "-json"))["workloads"]

    assert placed["candidate"]["prefill"] is not None
    assert placed["candidate"]["beside"] is None
    assert placed["beside"] == []
