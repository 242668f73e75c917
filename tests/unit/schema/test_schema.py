"""Schema: the committed files are the ones the code makes, and they accept what the code accepts."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dcplan import schema

ROOT = Path(__file__).resolve().parents[3]

DOCUMENT = """
project: demo
variables:
  region: {default: us-east-1}
providers:
  aws: {profile: "${env.PROFILE}", anything: [1, 2]}
models:
  own: {architecture: {layers: "${var.layers}", hidden: 64, heads: 4, ffn: 128, vocab: 1000}}
workloads:
  chat:
    kind: serve
    model: own
    traffic: {requests_per_s: 40/s, prompt_tokens: {mean: 4k}, output_tokens: 200, headroom: 30%}
    sla: {ttft: {p95: 500ms, p99: "${var.slow}"}, availability: 99.9%}
    constraints: {regions: ["${var.region}"], precisions: [fp8]}
constraints: {budget: $5000/month}
"""


def _validator() -> Any:
    return jsonschema.Draft202012Validator(json.loads(schema.text("document.v1")))


@pytest.mark.parametrize("name", sorted(schema.FORMATS))
def test_the_committed_schema_is_in_sync(name: str) -> None:
    """What stands in ``schemas/`` is what the types say today."""
    file = ROOT / "schemas" / f"{name}.json"
    committed = file.read_text(encoding="utf-8") if file.exists() else ""
    made = schema.text(name)
    diff = "".join(
        difflib.unified_diff(committed.splitlines(True), made.splitlines(True), str(file.name), "made now")
    )

    assert not diff, f"{diff}\nrun: make schemas"


@pytest.mark.parametrize("name", sorted(schema.FORMATS))
def test_every_schema_is_a_schema(name: str) -> None:
    """The text is valid JSON Schema of the dialect it names."""
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.text(name)))


def test_the_document_schema_accepts_quantities_and_references() -> None:
    """Units, percentages and ``${...}`` pass an editor's check."""
    errors = [error.message for error in _validator().iter_errors(yaml.safe_load(DOCUMENT))]

    assert errors == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("p95: 500ms", "p95: 500"),
        ("p95: 500ms", "p95: 500 fortnights"),
        ("kind: serve", "kind: serving"),
        ("precisions: [fp8]", "precisions: [fp9]"),
        ("  chat:", "  Chat_1:"),
        ("model: own", "modle: own"),
        ("heads: 4", "heads: 0"),
        ("budget: $5000/month", "budget: 5000"),
    ],
)
def test_the_document_schema_refuses_what_the_loader_refuses(right: str, wrong: str) -> None:
    """An editor underlines the commonest mistakes."""
    data = yaml.safe_load(DOCUMENT.replace(right, wrong))

    assert not _validator().is_valid(data)


def test_fields_are_described() -> None:
    """The sentence under a field reaches the editor."""
    made = json.loads(schema.text("document.v1"))

    assert made["$defs"]["Sla"]["properties"]["ttft"]["description"] == "Time to first token."


def test_write_makes_one_file_a_format(tmp_path: Path) -> None:
    """Each format's file holds its text."""
    files = schema.write(tmp_path / "schemas")

    assert [f"{name}.json" for name in schema.FORMATS] == [file.name for file in files]
    assert files[0].read_text(encoding="utf-8") == schema.text(next(iter(schema.FORMATS)))
