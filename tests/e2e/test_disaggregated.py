"""Prompts on workers of their own: planned, applied, and searched for without a document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from dcplan.cli.main import cli

if TYPE_CHECKING:
    from click.testing import Result

DATACENTER = """\
name: hall
region: eu-test
machines:
  h100x8: {accelerator: H100, devices: 8, vcpus: 96, memory: 2TiB, network: 3200Gbit/s, fabric: InfiniBand,
           price: $60/h}
zones:
  hall-a: {racks: {count: 2, machine: h100x8, nodes: 4}}
"""
DOCUMENT = """\
project: apart
providers:
  local: {datacenter: datacenter.yaml, ready_after: 5ms}
workloads:
  chat:
    kind: serve
    model: llama-3.1-70b
    disaggregated: always
    traffic: {requests_per_s: 20/s, prompt_tokens: 2000, output_tokens: 300}
    sla:
      ttft: {p95: 1500ms}
      tpot: {p95: 60ms}
"""
SERVE = ("search", "serve", "llama-3.1-70b", "-on", "H200", "-prompt", "4000", "-output", "500")
BOUNDS = ("-ttft", "2s", "-tpot", "30ms", "-devices", "16")


def dcplan(*arguments: str) -> Result:
    """One command in this process."""
    return CliRunner().invoke(cli, list(arguments))


def data_of(*arguments: str) -> Any:
    """What a command that goes well answers programs."""
    done = dcplan(*arguments, "-json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a document and a data centre, which is the current one."""
    (tmp_path / "dcplan.yaml").write_text(DOCUMENT)
    (tmp_path / "datacenter.yaml").write_text(DATACENTER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_units_are_planned_and_applied_and_stay(project: Path) -> None:
    """A plan shows both kinds of workers, apply makes units with both layouts, the next plan is empty."""
    (placed,) = data_of("plan")["workloads"]
    unit = placed["candidate"]["prefill"]
    shown = dcplan("plan").stdout
    applied = dcplan("apply", "-auto-approve")
    again = dcplan("plan", "-detailed-exitcode")
    pulled = json.loads(dcplan("state", "pull").stdout)
    replicas = [one for one in pulled["resources"] if ".replica." in one["address"]]

    assert f"{unit['workers']}P " in shown
    assert f"{unit['decode_workers']}D " in shown
    assert applied.exit_code == 0, applied.output
    assert again.exit_code == 0, again.output
    assert len(replicas) == placed["candidate"]["replicas"]
    for one in replicas:
        settings = one["attributes"]["settings"]
        assert settings["prefill"]["workers"] == unit["workers"]
        assert settings["prefill"]["layout"]["tensor"] == unit["layout"]["tensor"]
        assert settings["workers"] == unit["decode_workers"]
        assert len(one["attributes"]["machines"]) == max(1, placed["candidate"]["machines"])
    assert (project / ".dcplan").is_dir()


def test_a_saved_plan_and_an_explanation_hold_units(project: Path) -> None:
    """A plan file brings units back as they were planned; explain names the parts of both sides."""
    file = project / "unit.plan"
    saved = dcplan("plan", "-out", str(file))
    shown = dcplan("show", str(file)).stdout
    explained = dcplan("explain", "chat").stdout

    assert saved.exit_code == 0, saved.output
    assert " units of " in shown or " unit of " in shown
    assert "cache transfer" in explained
    assert "P TP" in explained


def test_changing_the_kind_replaces_replicas(project: Path) -> None:
    """Going back to replicas that do both makes others, and a further plan is empty again."""
    dcplan("apply", "-auto-approve")
    document = project / "dcplan.yaml"
    document.write_text(document.read_text().replace("disaggregated: always", "disaggregated: never"))
    changed = data_of("plan")
    applied = dcplan("apply", "-auto-approve")

    assert changed["changes"]
    assert all(one["candidate"]["prefill"] is None for one in changed["workloads"])
    assert applied.exit_code == 0, applied.output
    assert dcplan("plan", "-detailed-exitcode").exit_code == 0


def test_a_search_looks_at_both_kinds() -> None:
    """One ranking, most tokens first, with the kind and the workers of each; people read them, too."""
    layouts = data_of(*SERVE, *BOUNDS)["found"]["layouts"]
    rates = [one["output_tokens_per_s_per_device"] for one in layouts]
    units = [one for one in layouts if one["kind"] == "disaggregated"]
    shown = dcplan(*SERVE, *BOUNDS).stdout

    assert rates == sorted(rates, reverse=True)
    assert {one["kind"] for one in layouts} == {"aggregated", "disaggregated"}
    for one in units:
        used = sum(one[side]["workers"] * one[side]["devices"] for side in ("prefill", "decode"))
        assert used <= one["devices"]
        assert one["replicas"] * one["devices"] <= 16
        assert one["ttft"]["estimate"]["seconds"] <= 2
        assert one["tpot"]["estimate"]["seconds"] <= 0.030
        assert one["concurrency"] >= 1
    first = units[0]
    assert f"({first['prefill']['workers']}P TP" in shown
    assert "aggregated" in shown


def test_a_search_keeps_to_one_kind_when_told() -> None:
    """Never and always leave the other kind out."""
    for which, kind in (("never", "aggregated"), ("always", "disaggregated")):
        layouts = data_of(*SERVE, *BOUNDS, "-disaggregated", which)["found"]["layouts"]

        assert {one["kind"] for one in layouts} == {kind}


def test_prompts_may_run_on_other_accelerators() -> None:
    """Both accelerators are named in the table and counted together."""
    asked = (*SERVE, "-ttft", "4s", "-tpot", "40ms", "-devices", "24", "-prefill-on", "H100")
    data = data_of(*asked, "-disaggregated", "always")
    shown = dcplan(*asked, "-disaggregated", "always").stdout

    assert data["prefill_machine"]["accelerator"]["name"] == "H100"
    for one in data["found"]["layouts"]:
        assert (one["prefill"]["accelerator"], one["decode"]["accelerator"]) == ("H100", "H200")
        used = sum(one[side]["workers"] * one[side]["devices"] for side in ("prefill", "decode"))
        assert one["replicas"] * used <= 24
    assert "on H100 + " in shown
    assert "24 accelerators" in shown


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("-disaggregated", "never", "-prefill-on", "H100"), "Nothing would run on the prefill hardware"),
        (("-prefill-on", "H10"), "Unknown hardware"),
        (("-disaggregated", "always", "-prefill-on", "TPU-v5p"), "Prompts cannot be computed apart"),
        (("-disaggregated", "sometimes"), "sometimes"),
    ],
)
def test_a_wrong_question_is_answered_with_a_way_out(more: tuple[str, ...], says: str) -> None:
    """No traceback, exit code 1, and what is wrong."""
    done = dcplan(*SERVE, *BOUNDS, *more)

    assert done.exit_code == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
