"""What ``DCPLAN_LOG`` tells of commands: their calls, writes and lock, and never a secret."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

SECRET = "s3cr3t-of-the-hall"  # noqa: S105 - what the tests look for
LITTLE = ("-var", "load=5/s")
MACHINE = "local.machine.hall-a-l40sx2-0"


def lines(small: Small, name: str = "log") -> list[dict[str, Any]]:
    """The log's lines of JSON."""
    return [json.loads(line) for line in (small.folder / name).read_text().splitlines()]


def to(level: str, name: str = "log") -> dict[str, str]:
    """The environment that asks for it."""
    return {"DCPLAN_LOG": level, "DCPLAN_LOG_PATH": name}


def test_an_apply_can_be_followed_call_by_call(small: Small) -> None:
    """Each call with address, action, token, object, time and outcome; writes, lock, solver; all as JSON."""
    plain = small.run("plan", *LITTLE)
    done = small.run("apply", "-auto-approve", *LITTLE, env=to("json"))
    told = lines(small)
    rooms = {line["@module"] for line in told}
    begin = next(line for line in told if line["@message"] == "begin" and line["address"] == MACHINE)
    intent = next(
        i
        for i, line in enumerate(told)
        if any(begin["token"] in record for record in line.get("records", []))
    )
    ids = {address: object_id for address, _, object_id in small.objects()}

    assert done.exit_code == 0, done.output
    assert done.stderr == plain.stderr == ""
    assert stat.S_IMODE((small.folder / "log").stat().st_mode) == 0o600
    assert rooms == {f"dcplan.{room}" for room in ("cli", "plan", "provider", "solver", "state", "apply")}
    assert (begin["action"], begin["made_id"], begin["outcome"]) == ("create", ids[MACHINE], "ok")
    assert begin["duration_s"] >= 0
    assert intent < told.index(begin)
    assert [line["epoch"] for line in told if line["@message"] in {"lock", "lock released"}] == [1, 1]
    assert (told[0]["command"], told[0]["options"]) == ("apply", ["-auto-approve", "-var"])
    assert (told[-1]["@message"], told[-1]["exit_code"]) == ("command ends", 0)


def test_a_failure_is_an_error_in_the_log_with_what_was_tried(small: Small) -> None:
    """The refused call is a warning, what came of it an error; what is less grave is left out."""
    small.faults("{fault: denied, resource: machine, times: null}")
    done = small.run("apply", "-auto-approve", *LITTLE, env=to("warn"))
    text = (small.folder / "log").read_text()

    assert done.exit_code == 1
    assert (
        "[WARN]  provider: begin provider=local address=local.machine.hall-a-l40sx2-0 action=create" in text
    )
    assert "outcome=permission-denied" in text
    assert "[ERROR] apply: Failed address=local.machine.hall-a-l40sx2-0" in text
    assert "[ERROR] diagnostic: Permission denied code=permission-denied" in text
    assert "[INFO]" not in text


@pytest.mark.parametrize("level", ["json", "trace"])
def test_a_secret_is_never_in_it(small: Small, level: str) -> None:
    """Neither a hidden variable's value, where the provider tells it, nor what was typed."""
    small.replace("variables:\n", "variables:\n  token: {sensitive: true}\n")
    small.replace("datacenter: datacenter.yaml", 'datacenter: "${var.token}.yaml"')
    (small.folder / "datacenter.yaml").rename(small.folder / f"{SECRET}.yaml")
    typed = ("-var", f"token={SECRET}", *LITTLE)
    small.run("apply", "-auto-approve", *typed, env=to(level))
    (small.folder / f"{SECRET}.yaml").write_text("nonsense: true")
    wrong = small.run("plan", *typed, env=to(level))
    text = (small.folder / "log").read_text()

    assert wrong.exit_code == 1
    assert MACHINE in text
    assert "(sensitive).yaml" in text
    assert SECRET not in text


def test_without_a_file_it_goes_to_standard_error(small: Small) -> None:
    """Standard output stays what it is, so that programs read on."""
    done = small.run("state", "list", "-json", env={"DCPLAN_LOG": "info"})

    assert json.loads(done.stdout)["addresses"] == []
    assert '[INFO]  cli: command begins command="state list" options=["-json"]' in done.stderr


def test_a_wrong_level_is_warned_of_and_the_command_goes_on(small: Small) -> None:
    """The levels are named."""
    done = small.run("validate", env=to("loud"))

    assert done.exit_code == 0
    assert "warning: There is no such level of the log" in done.stderr
    assert "trace, debug, info, warn, error, json or off" in " ".join(done.stderr.split())


def test_the_file_is_named_from_where_it_was_typed(small: Small) -> None:
    """``-chdir`` does not move it."""
    done = subprocess.run(
        [sys.executable, "-m", "dcplan", "-chdir=small", "state", "list"],
        cwd=small.folder.parent,
        env={"DCPLAN_LOG": "info", "DCPLAN_LOG_PATH": "log", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "command ends exit_code=0" in (small.folder.parent / "log").read_text()
    assert not (small.folder / "log").exists()


def test_a_bug_is_in_it_with_its_traceback(small: Small) -> None:
    """What was printed before a terminal was closed can still be read."""
    program = """
import sys
from dcplan.cli import main
import dcplan.cli.commands.version as version
def broken(**_): raise RuntimeError("broken here")
version.command.callback = broken
sys.argv = ["dcplan", "version"]
main.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=small.folder,
        env=to("json"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    last = lines(small)[-1]

    assert done.returncode == 1
    assert "This is a bug in dcplan" in done.stderr
    assert (last["@level"], last["@message"]) == ("error", "exception")
    assert "RuntimeError: broken here" in last["traceback"]


def test_the_help_tells_the_variables(small: Small) -> None:
    """Who looks for them starts there."""
    told = " ".join(small.run("--help").stdout.split())

    assert "DCPLAN_LOG trace, debug, info, warn or error: tell what dcplan does" in told
    assert "DCPLAN_LOG_PATH Append the log to this file instead." in told
