"""Wrong documents and wrong arguments: each problem at its place, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Small


def json_lines(text: str) -> list[dict[str, Any]]:
    """Every line as one JSON object."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "arguments",
    [["pla"], ["plan", "-nonsense"], ["plan", "-var", "x"], ["apply", "nowhere.plan"], ["apply", "-json"]],
)
def test_wrong_usage_ends_with_1_and_never_with_2(small: Small, arguments: list[str]) -> None:
    """2 means that there are changes; wrong arguments are errors."""
    done = small.run(*arguments)

    assert done.exit_code == 1
    assert "error: " in done.stderr
    assert not small.touched()


def test_a_mistyped_command_gets_a_suggestion(small: Small) -> None:
    """``dcplan aply`` asks whether apply was meant."""
    done = small.process("aply")

    assert done.returncode == 1
    assert "There is no command 'aply'. Did you mean \"apply\"?" in done.stderr


WRONG = """\
project: small
providers:
  local: {datacentre: datacenter.yaml, ready_after: 20}
workloads:
  chat:
    kind: serve
    model: llama-3.1-8bb
    traffic: {requests_per_s: 30/s, prompt_tokens: 512, output_tokens: 128}
    sla:
      ttft: {p95: 1s}
"""


@pytest.mark.parametrize("command", ["validate", "init", "plan", "apply", "destroy", "graph", "explain"])
def test_a_wrong_document_tells_every_error_at_its_line(small: Small, command: str) -> None:
    """Three mistakes, three places, the lines themselves, the ways out; nothing is written."""
    (small.folder / "dcplan.yaml").write_text(WRONG)
    done, as_json = small.run(command), small.run(command, "-json", *_approval(command))

    assert done.exit_code == 1
    assert done.stdout == ""
    for place in ("dcplan.yaml:3:11", "dcplan.yaml:3:53", "dcplan.yaml:7:12"):
        assert place in done.stderr
    assert 'Did you mean "datacenter"?' in done.stderr
    assert 'Did you mean "llama-3.1-8b"?' in done.stderr
    assert "write 20s, 20m or 20ms" in done.stderr
    assert "3 errors." in done.stderr
    assert as_json.exit_code == 1
    assert _lines_of(command, as_json.stdout) == [3, 3, 7]
    assert not small.touched()


def _approval(command: str) -> list[str]:
    return ["-auto-approve"] if command in {"apply", "destroy"} else []


def _lines_of(command: str, text: str) -> list[int]:
    """The lines that the JSON diagnostics point at."""
    if command in {"apply", "destroy"}:
        found = [line for line in json_lines(text) if line["type"] == "diagnostic"]
    else:
        found = json.loads(text)["diagnostics"]
    return sorted(d["range"]["start"]["line"] for d in found)


def test_a_folder_without_a_document_says_what_to_do(tmp_path: Path, small: Small) -> None:
    """Plan in an empty folder names the file that is missing."""
    (tmp_path / "empty").mkdir()
    done = small.run("-chdir", str(tmp_path / "empty"), "plan")

    assert done.exit_code == 1
    assert "There is no dcplan.yaml in" in done.stderr


def test_chdir_works_in_another_folder(small: Small, tmp_path: Path) -> None:
    """-chdir=FOLDER is as if dcplan had been started there."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = small.run(f"-chdir={small.folder}", "validate")

    assert (done.exit_code, done.stdout) == (0, "The document is valid: 1 workload of project small.\n")


def test_init_can_be_repeated(small: Small) -> None:
    """Init makes the state once and leaves it alone the second time."""
    first, second = small.data("init"), small.data("init")
    said = small.run("init")

    assert first["lineage"] == second["lineage"]
    assert first["providers"] == ["local"]
    assert (said.exit_code, said.stdout.splitlines()[0]) == (
        0,
        "Ready: 0 resources in .dcplan/state.sqlite; 1 provider: local.",
    )


def test_a_plan_made_after_init_can_be_applied(small: Small) -> None:
    """An empty state is no obstacle."""
    small.run("init")
    small.run("plan", "-out", "p")
    done = small.run("apply", "p")

    assert done.exit_code == 0, done.output
    assert small.objects() == small.known()


def test_validate_as_json_counts(small: Small) -> None:
    """A valid document: no errors, no diagnostics."""
    assert small.data("validate") == {
        "format_version": "1.0",
        "valid": True,
        "error_count": 0,
        "warning_count": 0,
        "diagnostics": [],
    }


def test_somebody_with_an_empty_folder_gets_a_first_document(small: Small) -> None:
    """Without a document the way out is named; -example writes one that plans, and writes over nothing."""
    for name in ("dcplan.yaml", "datacenter.yaml"):
        small.folder.joinpath(name).unlink()
    nothing = small.run("plan")
    made = small.run("init", "-example")
    planned = small.run("plan", "-detailed-exitcode")
    again = small.run("init", "-example")

    assert nothing.exit_code == 1
    assert "dcplan init -example" in nothing.stderr
    assert made.exit_code == 0
    assert planned.exit_code == 2
    assert again.exit_code == 1
    assert "dcplan.yaml is there already, and nothing is written over." in again.stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["plan", "-ot", "x"], 'There is no option -ot. Did you mean "-out"?'),
        (["plan", "-chdir", "x"], "-chdir stands before the command"),
        (["-f", "x", "plan"], "Most options stand after the command"),
        (["apply", "x.plan"], "Save a plan with: dcplan plan -out FILE"),
        (["apply", "dcplan.yaml", "-f", "dcplan.yaml"], "A saved plan is applied exactly as it is"),
        (["help"], "dcplan COMMAND --help"),
        (["taint", "local.machine.a-0"], "To make something anew: dcplan plan -replace=ADDRESS"),
        (["force-unlock"], "Write: dcplan state force-unlock"),
        (["plan", "-refresh=maybe"], "error: Invalid value for -refresh: 'maybe'"),
        (["state", "show"], "error: Missing argument ADDRESS"),
    ],
)
def test_wrong_usage_is_told_what_was_meant(small: Small, arguments: list[str], hint: str) -> None:
    """Options are named as they were typed, and the way out stands beside."""
    done = small.process(*arguments)

    assert done.returncode == 1
    assert hint in done.stderr


def test_a_long_line_is_shown_around_the_mistake(small: Small) -> None:
    """The mark stands under the place, also where only a part of the line fits."""
    small.replace("faults: []", f"faults: [{'{fault: vanish}, ' * 9}{{fault: stockout}}]")
    shown = small.run("validate").stderr.splitlines()
    marked = next(i for i, line in enumerate(shown) if "^^^" in line)
    start = shown[marked].index("^")

    assert shown[marked - 1][start:].startswith("stockout")
    assert max(map(len, shown)) <= 100
    assert 'Did you mean "stock-out"?' in " ".join(shown)
