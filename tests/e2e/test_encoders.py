"""Encoders from a document to machines, and searched for without one."""

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
project: texts
providers:
  local: {datacenter: datacenter.yaml, ready_after: 5ms}
models:
  mine: {huggingface: config.json}
workloads:
  embed:
    kind: serve
    model: mine
    traffic: {requests_per_s: 500/s, prompt_tokens: 400, output_tokens: 1}
    sla: {ttft: {p95: 200ms}}
  pretrain:
    kind: train
    model: bert-large
    tokens: 300B
    sequence_length: 512
    global_batch: 4096
    deadline: 14d
"""
CONFIG = {
    "model_type": "modernbert",
    "architectures": ["ModernBertForMaskedLM"],
    "hidden_size": 1024,
    "intermediate_size": 2624,
    "num_attention_heads": 16,
    "num_hidden_layers": 28,
    "vocab_size": 50368,
    "local_attention": 128,
}
BERT = ("bert-large", "-on", "H100", "-devices", "8")


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
    """A folder with a document, a model and a data centre, which is the current one."""
    (tmp_path / "dcplan.yaml").write_text(DOCUMENT)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "datacenter.yaml").write_text(DATACENTER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_encoders_are_planned_applied_and_taken_down(project: Path) -> None:
    """One is served by its TTFT and without a cache, one trained; the next plan is empty."""
    planned = {one["name"]: one["candidate"]["estimate"] for one in data_of("plan")["workloads"]}
    applied = dcplan("apply", "-auto-approve")
    again = dcplan("plan", "-detailed-exitcode")
    explained = dcplan("explain", "embed")
    gone = dcplan("destroy", "-auto-approve")

    assert [one["metric"] for one in planned["embed"]["predicted"]] == ["ttft"]
    assert planned["embed"]["memory"]["kv_cache_bytes"] == 0
    assert planned["pretrain"]["duration_s"] <= 14 * 86400
    assert applied.exit_code == 0, applied.output
    assert again.exit_code == 0, again.output
    assert "TTFT p95" in explained.stdout
    assert gone.exit_code == 0, gone.output
    assert (project / ".dcplan").is_dir()


def test_tokens_of_an_encoder_are_told_by_validate(project: Path) -> None:
    """What an encoder cannot do, and formats nobody trains in, are told at their lines before any plan."""
    document = project / "dcplan.yaml"
    text = document.read_text().replace("output_tokens: 1}", "output_tokens: 40}")
    text = text.replace("ttft: {p95: 200ms}", "tpot: {p95: 20ms}")
    document.write_text(text + "    constraints: {precisions: [int4]}\n")
    done = dcplan("validate")

    assert done.exit_code == 1
    assert done.output.count("The model generates nothing") == 2
    assert "A number format is not for training" in done.output
    assert "dcplan.yaml:19" in done.output


def test_layouts_of_an_encoder_are_found_without_a_document() -> None:
    """Search and estimate answer in texts a second, and have no time per further token."""
    found = dcplan("search", "serve", *BERT, "-prompt", "384", "-output", "1")
    data = data_of("search", "serve", *BERT, "-prompt", "384", "-output", "1")
    one = dcplan("estimate", "serve", *BERT[:3], "-layout", "tp1", "-prompt", "384", "-output", "1")
    wrong = dcplan("search", "serve", *BERT, "-prompt", "384", "-output", "20", "-tpot", "20ms")

    assert found.exit_code == 0, found.output
    assert "answers/s each" in found.stdout
    assert {layout["tpot"] for layout in data["found"]["layouts"]} == {None}
    assert one.exit_code == 0, one.output
    assert "TPOT" not in one.stdout
    assert (wrong.exit_code, wrong.output.count("generates nothing")) == (1, 2)


def test_an_encoder_is_not_trained_in_a_format_for_serving() -> None:
    """Search and estimate refuse it with the formats that would do."""
    asked = ("-sequence", "512", "-batch", "1024", "-format", "int4")
    searched = dcplan("search", "train", *BERT, *asked)
    estimated = dcplan("estimate", "train", *BERT[:3], "-layout", "dp8", *asked)

    for done in (searched, estimated):
        assert done.exit_code == 1
        assert "bf16, fp16, fp8, fp8-block, mxfp8 or fp4" in " ".join(done.output.split())
