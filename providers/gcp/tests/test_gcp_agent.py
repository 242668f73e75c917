"""What machines do from their first boot, with a metadata server of paper."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from dcplan_gcp import provider
from dcplan_gcp.agent import startup_script
from dcplan_gcp.placed import PREFIX
from dcplan_gcp.settings import GcpSettings

pytestmark = pytest.mark.skipif(os.name == "nt", reason="The script is for Linux")

KEY = f"{PREFIX}replica-0123456789"

_CURL = """#!/bin/bash
[[ "$*" == *"Metadata-Flavor: Google"* ]] || exit 22
case "${@: -1}" in
  */attributes/) ls "$PAPER/keys" ;;
  */attributes/*) cat "$PAPER/keys/$(basename "${@: -1}")" ;;
esac
"""
_LAUNCHER = """#!/bin/bash
echo "$1 $(basename "$2") $(cat "$2")" >>"$PAPER/log"
[[ ! -f "$PAPER/broken" ]]
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """One on paper."""

    folder: Path

    def boots(self) -> None:
        """Put its programs there."""
        (self.folder / "keys").mkdir()
        (self.folder / "keys" / "dcplan-owner").write_text("not to be run")
        for name, text in (("curl", _CURL), ("launch", _LAUNCHER)):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        (self.folder / "agent").write_text(startup_script(str(self.folder / "launch")))

    def round(self) -> list[str]:
        """What the launcher was told in one round."""
        (self.folder / "log").write_text("")
        environ = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "PAPER": str(self.folder),
            "DCPLAN_FOLDER": str(self.folder / "run"),
        }
        subprocess.run(["bash", str(self.folder / "agent"), "once"], check=True, env=environ)
        return (self.folder / "log").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One that has just booted."""
    made = Machine(tmp_path)
    made.boots()
    return made


def test_what_comes_is_started_what_changes_too_and_what_goes_is_stopped(machine: Machine) -> None:
    """Each once, and nothing is done while nothing changes."""
    key = machine.folder / "keys" / KEY
    key.write_text("one")
    rounds = [machine.round(), machine.round()]
    key.write_text("two")
    rounds.append(machine.round())
    key.unlink()
    rounds += [machine.round(), machine.round()]

    assert rounds == [
        [f"start {KEY}.json one"],
        [],
        [f"start {KEY}.json two"],
        [f"stop {KEY}.json two"],
        [],
    ]


def test_what_could_not_be_started_is_tried_again(machine: Machine) -> None:
    """A launcher that fails is called in the next round, too."""
    (machine.folder / "keys" / KEY).write_text("one")
    (machine.folder / "broken").touch()
    failed = machine.round()
    (machine.folder / "broken").unlink()

    assert failed == machine.round() == [f"start {KEY}.json one"]


def test_the_script_is_sound(machine: Machine) -> None:
    """The shell can read it, and so can shellcheck where it is installed."""
    agent = str(machine.folder / "agent")
    subprocess.run(["bash", "-n", agent], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", agent], check=True)


def test_machines_with_a_launcher_boot_with_the_script() -> None:
    """Under the key that Google's guest environment runs; other metadata stays."""
    settings = GcpSettings(launcher="/opt/launch", metadata={"team": "red"})

    assert settings.boot_metadata == {"team": "red", "startup-script": startup_script("/opt/launch")}
    assert GcpSettings(metadata={"team": "red"}).boot_metadata == {"team": "red"}


def test_two_start_up_scripts_are_one_too_many(tmp_path: Path) -> None:
    """A launcher and a script of one's own: which one shall run, nobody knows."""
    made = provider({"launcher": "/opt/launch", "metadata": {"startup-script": "true"}}, tmp_path)

    assert not made.ok
    assert [d.code for d in made.diagnostics] == ["gcp-startup-script"]
