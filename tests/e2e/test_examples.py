"""The examples are right: editors can check them, and dcplan plans them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from dcplan.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted((ROOT / "examples").glob("*/dcplan.yaml"))
SCHEMAS = [
    *((path, "document.v1") for path in DOCUMENTS),
    *((path, "inventory.v1") for path in sorted((ROOT / "examples").glob("*/datacenter.yaml"))),
]


def test_there_are_examples() -> None:
    """The tests below are about something."""
    assert DOCUMENTS


@pytest.mark.parametrize(("document", "name"), SCHEMAS)
def test_an_example_names_its_schema_and_fits_it(document: Path, name: str) -> None:
    """The first line leads editors to the schema, and the file is valid by it."""
    text = document.read_text(encoding="utf-8")
    mark, _, reference = text.splitlines()[0].partition("$schema=")
    schema = document.parent / reference
    validator = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))

    assert mark == "# yaml-language-server: "
    assert schema.resolve() == ROOT / "schemas" / f"{name}.json"
    # YAML 1.1 makes dates of dates; editors, and dcplan, read YAML 1.2, where they are text.
    data = json.loads(json.dumps(yaml.safe_load(text), default=str))
    assert [error.message for error in validator.iter_errors(data)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.parent.name)
def test_an_example_can_be_planned(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the folder plans without errors or warnings, every workload placed, at a proven cost."""
    folder = tmp_path / document.parent.name
    shutil.copytree(document.parent, folder, ignore=shutil.ignore_patterns(".dcplan"))
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(cli, ["plan", "-json"], catch_exceptions=False)
    data = json.loads(done.stdout)

    assert done.exit_code == 0, done.stdout
    assert [d for d in data["diagnostics"] if d["severity"] == "error"] == []
    assert {w["name"] for w in data["workloads"]} == set(yaml.safe_load(document.read_text())["workloads"])
    assert data["solver"]["gap"] <= 0.005
    assert data["usd_per_h"] > 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.parent.name)
def test_an_example_is_left_as_it_was_written(document: Path) -> None:
    """Nobody has applied inside the repository."""
    assert not (document.parent / ".dcplan").exists()


def test_clouds_that_only_plan_say_so_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apply on them ends with an error for each, without a question and without a trace."""
    folder = tmp_path / "clouds"
    shutil.copytree(ROOT / "examples" / "02-two-clouds", folder)
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.chdir(folder)

    done = CliRunner().invoke(cli, ["apply"], input="yes\n", catch_exceptions=False)

    assert done.exit_code == 1
    assert done.output.count("A provider cannot apply yet") == 2
    assert "Shall dcplan" not in done.output
    assert sorted(path.name for path in folder.iterdir()) == before
