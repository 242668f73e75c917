"""Provider settings leave the process without what came from the environment, and come back with it."""

from __future__ import annotations

from pathlib import Path

from dcplan.config import filled, load_document

DOCUMENT = """\
project: p
variables:
  token: {type: string, default: none}
  ready: {type: duration, default: 1s}
providers:
  local:
    datacenter: "${env.HALL}/dc.yaml"
    world: "${var.token}"
    ready_after: "${var.ready}"
    note: "a plain $${sign}"
workloads:
  w: {kind: train, model: llama-3.1-8b, tokens: 1B, sequence_length: 4096, global_batch: 8}
"""

ENV = {"HALL": "/secret/hall", "DCPLAN_VAR_TOKEN": "s3cr3t-token-of-the-hall", "DCPLAN_VAR_READY": "2s"}


def test_values_of_the_environment_stay_outside_and_come_back(tmp_path: Path) -> None:
    """Texts from the environment are kept by name; filled in again they are what the document had."""
    path = tmp_path / "dcplan.yaml"
    path.write_text(DOCUMENT)

    loaded = load_document([path], env=ENV).unwrap()
    kept = loaded.portable_settings
    back = filled(kept, ENV).unwrap()

    assert kept["local"]["datacenter"] == "${env.HALL}/dc.yaml"
    assert kept["local"]["world"] == "${env.DCPLAN_VAR_TOKEN}"
    assert "s3cr3t" not in str(kept)
    assert "/secret" not in str(kept)
    assert back == loaded.document.providers
    assert back["local"]["note"] == "a plain ${sign}"


def test_what_is_not_set_here_is_told_by_name(tmp_path: Path) -> None:
    """Each missing variable of the environment is an error that names it."""
    path = tmp_path / "dcplan.yaml"
    path.write_text(DOCUMENT)
    kept = load_document([path], env=ENV).unwrap().portable_settings

    result = filled(kept, {})

    assert result.value is None
    assert [d.code for d in result.diagnostics] == ["unset-environment"] * 3
    assert "DCPLAN_VAR_TOKEN" in result.diagnostics[1].detail
