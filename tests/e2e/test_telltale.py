"""A provider that echoes hidden values in all it says: they stand in no file and no output all the same."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.diag.hidden import SHOWN_INSTEAD

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

TELLTALE = Path(__file__).parents[1] / "support" / "telltale"
"""A folder that, on the path of Python, brings the provider ``telltale``."""
TOKEN = "s3cr3t-of-the-hall"  # noqa: S105 - what the tests look for
PIN = "471147"
VALUES = ("-var", f"token={TOKEN}", "-var", f"pin={PIN}")


@pytest.fixture
def telling(small: Small, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A project on such a provider."""
    monkeypatch.syspath_prepend(str(TELLTALE))
    small.replace("variables:\n", "variables:\n  token: {sensitive: true}\n  pin: {ephemeral: true}\n")
    small.replace(
        "  local:\n    datacenter: datacenter.yaml\n    ready_after: 20ms\n    faults: []\n",
        '  telltale: {datacenter: datacenter.yaml, token: "${var.token}", pin: "${var.pin}", fails: ""}\n',
    )
    small.replace("default: 50/s", "default: 5/s")
    return small


def fails(small: Small, how: str) -> None:
    """Let the provider fail in this way."""
    text = (small.folder / "dcplan.yaml").read_text()
    before = text.partition("fails: ")[2].partition("}")[0]
    small.replace(f"fails: {before}}}", f"fails: {how}}}")


def leaks(small: Small, *said: str) -> list[str]:
    """Where a hidden value stands: files that dcplan wrote, or what it said."""
    found = [
        str(path.relative_to(small.folder))
        for path in sorted(small.folder.rglob("*"))
        if path.is_file() and _holds(path.read_bytes())
    ]
    return found + [text for text in said if _holds(text.encode())]


def _holds(data: bytes) -> bool:
    return TOKEN.encode() in data or PIN.encode() in data


def test_outputs_are_kept_without_it(telling: Small) -> None:
    """State, plan, drift, events and what is shown say (sensitive); nothing is to be changed afterwards."""
    runs = [
        telling.run("apply", "-json", "-auto-approve", *VALUES),
        telling.run("plan", "-detailed-exitcode", "-out", "p", *VALUES),
        telling.run("drift", "-json", *VALUES),
        telling.run("refresh", "-auto-approve", *VALUES),
        telling.run("state", "pull"),
        telling.run("output", "-json", *VALUES),
        telling.run("orphans", "-json", *VALUES),
    ]
    (resource, *_) = telling.state().resources.values()
    login: Any = resource.outputs["login"]

    assert [run.exit_code for run in runs] == [0] * len(runs), "\n".join(run.output for run in runs)
    assert leaks(telling, *(run.output for run in runs)) == []
    assert login["pins"] == [SHOWN_INSTEAD, SHOWN_INSTEAD]
    assert resource.outputs[SHOWN_INSTEAD] == "as a name"
    assert runs[0].stdout.count('"hidden-in-outputs"') == len({a.kind for a in telling.state().resources})


@pytest.mark.parametrize(("how", "code"), [("denied", 1), ("broken", 0)])
def test_no_error_tells_it(telling: Small, how: str, code: int) -> None:
    """Refused, throttled and failing in ways that no provider may: in words, events, journal and history."""
    fails(telling, how)
    runs = [
        telling.run("apply", "-json", "-auto-approve", *VALUES),
        telling.run("plan", *VALUES),
        telling.run("recover", "-auto-approve", *VALUES),
        telling.run("apply", "-auto-approve", *VALUES),
        telling.run("history", "-json"),
        telling.run("show", "-json"),
    ]

    assert runs[0].exit_code == code
    assert SHOWN_INSTEAD in runs[0].stdout
    assert '"apply_retry"' in runs[0].stdout
    assert leaks(telling, *(run.output for run in runs)) == []


def test_what_an_interrupted_apply_finds_is_kept_without_it(telling: Small) -> None:
    """Objects that are looked up after a crash echo it too, and are taken into the state."""
    fails(telling, "denied")
    telling.run("apply", "-auto-approve", *VALUES)
    fails(telling, '""')
    held = telling.state().resources
    (lost,) = (r for r in held.values() if r.address.kind == "replica")
    telling.run("state", "rm", str(lost.address), "-auto-approve")
    adopted = telling.run("orphans", "adopt", str(lost.outputs["id"]), "-auto-approve", *VALUES)

    assert adopted.exit_code == 0, adopted.output
    assert telling.state().resources.keys() == held.keys()
    assert leaks(telling, adopted.output) == []


@pytest.mark.parametrize(
    ("how", "code", "said"), [("planning", 1, "RuntimeError: no machines for"), ("thread", 0, "ValueError:")]
)
def test_neither_logs_nor_exceptions_tell_it(telling: Small, how: str, code: int, said: str) -> None:
    """A log line, an exception that ends the command, and one that ends a provider's thread."""
    fails(telling, how)
    done = telling.process("apply", "-auto-approve", *VALUES, env=_path())

    assert done.returncode == code, done.stderr
    assert f"connecting with {SHOWN_INSTEAD}" in done.stderr
    assert f"{said} {SHOWN_INSTEAD}" in done.stderr
    assert leaks(telling, done.stdout, done.stderr) == []


def _path() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(TELLTALE), *filter(None, [os.environ.get("PYTHONPATH")])])}
