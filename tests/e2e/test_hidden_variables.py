"""Sensitive and ephemeral values are used, and stand nowhere; of two sources the later one wins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

SECRET = "s3cr3t-of-the-hall"  # noqa: S105 - what the tests look for
CODE = "4711-once"


@pytest.fixture
def hidden(small: Small) -> Small:
    """A project whose world's name is made of two hidden values."""
    small.replace(
        "variables:\n",
        "variables:\n"
        "  token: {sensitive: true, validation: [{condition: value.size() > 5, message: Short.}]}\n"
        "  code: {ephemeral: true}\n",
    )
    small.replace("    faults: []", '    faults: []\n    world: "w-${var.token}-${var.code}.sqlite"')
    small.replace("default: 50/s", "default: 5/s")
    return small


def everything_written(folder: Path) -> bytes:
    """All files that dcplan wrote."""
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def test_hidden_values_stand_nowhere(hidden: Small) -> None:
    """Neither in the plan file, the state, nor in what is printed for people or programs."""
    values = ("-var", f"token={SECRET}", "-var", f"code={CODE}")
    runs = [
        hidden.run("validate", "-json", *values),
        hidden.run("plan", "-out", "p", *values),
        hidden.run("plan", "-json", *values),
        hidden.run("apply", "p", *values),
        hidden.run("apply", "-json", "-auto-approve", *values, "-var", "load=9/s"),
        hidden.run("show", "p"),
        hidden.run("state", "pull"),
    ]
    said = "".join(run.output for run in runs)
    files = everything_written(hidden.folder)

    assert [run.exit_code for run in runs] == [0] * len(runs), said
    assert (hidden.folder / f"w-{SECRET}-{CODE}.sqlite").exists()
    assert SECRET not in said
    assert CODE not in said
    assert SECRET.encode() not in files
    assert CODE.encode() not in files


def test_a_saved_plan_asks_for_what_it_does_not_keep(hidden: Small) -> None:
    """It names the variable; a file of values beside the document is read again by itself."""
    (hidden.folder / "dcplan.vars.yaml").write_text(f"token: {SECRET}\n")
    hidden.run("plan", "-out", "p", "-var", f"code={CODE}")
    refused = hidden.run("apply", "p")
    settled = hidden.run("apply", "p", "-var", f"code={CODE}", "-var", "load=1/s")

    assert refused.exit_code == 1
    assert "A hidden variable must be given again" in refused.stderr
    assert '"code"' in refused.stderr
    assert '"token"' not in refused.stderr
    assert settled.exit_code == 0, settled.output
    assert "A variable is settled by the plan" in settled.stderr


def test_an_error_does_not_tell_it(hidden: Small) -> None:
    """What is said of the file that cannot be read comes without the value in its name."""
    hidden.replace("datacenter: datacenter.yaml", 'datacenter: "${var.token}/hall.yaml"')
    done = hidden.run("apply", "-auto-approve", "-var", f"token={SECRET}", "-var", f"code={CODE}")

    assert done.exit_code == 1
    assert SECRET not in done.output
    assert "(sensitive)/hall.yaml" in done.output


def test_a_refused_value_is_not_shown(hidden: Small) -> None:
    """Not even by the line of the file that it stands in."""
    (hidden.folder / "x.auto.vars.yaml").write_text("token: tiny1\n")
    done = hidden.run("validate", "-var", "code=1")

    assert done.exit_code == 1
    assert "error: A value does not meet its rule" in done.stderr
    assert "Short." in done.stderr
    assert "tiny1" not in done.output


def test_the_later_source_wins(small: Small) -> None:
    """Default, environment, dcplan.vars.yaml, *.auto.vars.yaml by name, then options in their order."""

    def load(*arguments: str, env: dict[str, str] | None = None) -> str:
        shown = small.run("plan", *arguments, env=env).stdout
        return shown.split("for ")[1].split("/s")[0].strip()

    env = {"DCPLAN_VAR_LOAD": "6/s"}
    (small.folder / "dcplan.vars.yaml").write_text("load: 7/s\n")
    found = [load(env=env)]
    for name, rate in (("b.auto.vars.yaml", 9), ("a.auto.vars.yaml", 8), ("f.yaml", 10)):
        (small.folder / name).write_text(f"load: {rate}/s\n")
    found.append(load(env=env))
    found.append(load("-var-file", "f.yaml", "-var", "load=11/s"))
    found.append(load("-var", "load=11/s", "--var-file=f.yaml"))

    assert found == ["7", "9", "11", "10"]
