"""``dcplan --help`` starts in a blink because it imports nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

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
