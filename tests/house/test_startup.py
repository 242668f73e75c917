"""``dcplan --help`` starts in a blink because it imports nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "asyncio", "boto3", "google", "importlib.metadata", "jinja2", "networkx", "numpy",
    "ortools", "pandas", "pydantic", "rich", "scipy", "sqlite3", "torch", "yaml",
)  # fmt: skip


def imported_by(arguments: list[str]) -> set[str]:
    """The modules that a run of dcplan with these arguments leaves imported."""
    program = f"""
import sys, json, contextlib, io
from dcplan.cli.main import cli
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    cli.main({arguments!r}, prog_name="dcplan")
print(json.dumps(sorted(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["plan", "--help"],
        ["apply", "--help"],
        ["search", "serve", "--help"],
        ["estimate", "train", "--help"],
        ["measure", "--help"],
        ["calibrate", "--help"],
        ["-V"],
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """Not one of the heavy packages is imported to print help.

    If you are here because this test failed: import it inside the function that
    needs it, as the commands in dcplan/cli/commands do.
    """
    modules = imported_by(arguments)

    assert {name for name in HEAVY if name in modules} == set()


def test_a_heavy_import_is_noticed() -> None:
    """A command that does work shows up in the same list."""
    modules = imported_by(["schema", "document"])

    assert "pydantic" in modules


def test_a_plan_renders_no_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What machines boot with is laid out when they are made; a plan does not import Jinja2 for it."""
    (tmp_path / "dcplan.yaml").write_text(
        "project: p\n"
        "providers: {aws: {regions: [us-east-1], launcher: /opt/launch}}\n"
        "workloads:\n"
        "  chat:\n"
        "    kind: serve\n"
        "    model: llama-3.1-8b\n"
        "    traffic: {requests_per_s: 2/s, prompt_tokens: 800, output_tokens: 200}\n"
        "    sla: {ttft: {p95: 2s}, tpot: {p95: 80ms}}\n"
    )
    monkeypatch.chdir(tmp_path)
    modules = imported_by(["plan", "-out=p"])

    assert (tmp_path / "p").exists()
    assert "dcplan_aws.lowering" in modules
    assert {"jinja2", "botocore"} & modules == set()
