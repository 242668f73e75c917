"""A machine of paper that runs a start-up script, and what every cloud's script must do on it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from dcplan.provider.start_up import StartUp

_LAUNCHER = """#!/bin/bash
echo "$1 $(basename "$2") $(cat "$2")" >>"$PAPER/log"
[[ ! -f "$PAPER/broken" ]]
"""
_NOTED = """#!/bin/bash
echo "$(basename "$0") $*" >>"$PAPER/booted"
"""
CHECKS = (["bash", "-n"], [str(Path(sys.executable).with_name("shellcheck"))])
"""Shellcheck is installed with what developers need."""
NAMES = "names"
"""The folder with what the machine's metadata says shall run."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One on paper."""

    folder: Path

    def boots(self, script: str, programs: dict[str, str]) -> None:
        """Put its programs there."""
        (self.folder / NAMES).mkdir()
        noted = dict.fromkeys(("install", "systemctl"), _NOTED)
        for name, text in {**programs, "launch": _LAUNCHER, **noted}.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        # What systemd reads is written to a folder that a test may not have.
        unit = "/etc/systemd/system/dcplan-agent.service"
        assert unit in script
        (self.folder / "agent").write_text(script.replace(unit, str(self.folder / "unit")))

    @property
    def launcher(self) -> str:
        """By its path."""
        return str(self.folder / "launch")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The script with these arguments."""
        environ = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "PAPER": str(self.folder),
            "DCPLAN_FOLDER": str(self.folder / "run"),
            "DCPLAN_BOOT_FOLDER": str(self.folder / "boot"),
        }
        command = ["bash", str(self.folder / "agent"), *arguments]
        return subprocess.run(command, check=False, env=environ, capture_output=True, text=True)

    def round(self) -> list[str]:
        """What the launcher was told in one round."""
        (self.folder / "log").write_text("")
        self.run("once").check_returncode()
        return (self.folder / "log").read_text().splitlines()

    def told(self, name: str, value: str) -> None:
        """Its metadata say that this shall run."""
        (self.folder / NAMES / name).write_text(value)


class AgentContract:
    """What the script of every cloud does; a subclass names its own."""

    name: ClassVar[str]
    """Of something that shall run."""

    def script(self, launcher: str, start_up: StartUp | None = None) -> str:
        """The cloud's."""
        raise NotImplementedError

    def programs(self) -> dict[str, str]:
        """What answers in place of the cloud, by name."""
        raise NotImplementedError

    def machine(self, folder: Path, start_up: StartUp | None = None) -> Machine:
        """One that has just been started."""
        made = Machine(folder)
        made.boots(self.script(made.launcher, start_up), self.programs())
        return made

    def test_what_comes_is_started_what_changes_too_and_what_goes_is_stopped(self, tmp_path: Path) -> None:
        """Each once, and nothing is done while nothing changes."""
        machine = self.machine(tmp_path)
        machine.told(self.name, "one")
        rounds = [machine.round(), machine.round()]
        machine.told(self.name, "two")
        rounds.append(machine.round())
        (tmp_path / NAMES / self.name).unlink()
        rounds += [machine.round(), machine.round()]

        assert rounds == [
            [f"start {self.name}.json one"],
            [],
            [f"start {self.name}.json two"],
            [f"stop {self.name}.json two"],
            [],
        ]

    def test_what_could_not_be_started_is_tried_again(self, tmp_path: Path) -> None:
        """A launcher that fails is called in the next round, too."""
        machine = self.machine(tmp_path)
        machine.told(self.name, "one")
        (tmp_path / "broken").touch()
        failed = machine.round()
        (tmp_path / "broken").unlink()

        assert failed == machine.round() == [f"start {self.name}.json one"]

    def test_what_the_cloud_does_not_answer_stops_nothing(self, tmp_path: Path) -> None:
        """While its metadata cannot be read, a machine goes on with what it runs."""
        machine = self.machine(tmp_path)
        machine.told(self.name, "one")
        machine.round()
        (tmp_path / "curl").write_text("#!/bin/bash\nexit 28\n")
        (tmp_path / "log").write_text("")
        silent = machine.run("once")

        assert silent.returncode != 0
        assert (tmp_path / "log").read_text() == ""

    def test_it_becomes_a_service(self, tmp_path: Path) -> None:
        """At boot it is put in its place and started by systemd."""
        machine = self.machine(tmp_path)
        machine.run().check_returncode()
        booted = (tmp_path / "booted").read_text()

        assert "install -m 755" in booted
        assert "systemctl restart dcplan-agent.service" in booted
        assert "ExecStart=/usr/local/sbin/dcplan-agent run" in (tmp_path / "unit").read_text()

    def test_the_users_script_runs_first(self, tmp_path: Path) -> None:
        """As it was written, by its own interpreter, before the service starts, and not in each round."""
        text = "#!/usr/bin/env python3\nprint('braces {{ }} and $HOME stay', file=open('{}/said', 'a'))\n"
        mine = StartUp(name="boot.py", text=text.replace("{}/said", f"{tmp_path}/said"))
        machine = self.machine(tmp_path, mine)
        machine.run().check_returncode()
        machine.round()

        assert (tmp_path / "said").read_text() == "braces {{ }} and $HOME stay\n"
        assert (tmp_path / "boot" / "start_up").read_text() == mine.text
        assert "systemctl restart" in (tmp_path / "booted").read_text()

    def test_where_it_fails_nothing_is_started(self, tmp_path: Path) -> None:
        """The launcher is not called on a machine that is not as its owner wants it."""
        machine = self.machine(tmp_path, StartUp(name="boot.sh", text="#!/bin/sh\nexit 3\n"))
        ended = machine.run()

        assert (ended.returncode, (tmp_path / "booted").exists()) == (1, False)
        assert "the start-up script failed" in ended.stderr

    def test_the_shell_can_read_it(self, tmp_path: Path) -> None:
        """With and without a script of the user's, bash and shellcheck find nothing in it."""
        mine = StartUp(name="boot.sh", text="#!/bin/bash\necho mounted\n")
        for i, start_up in enumerate((None, mine)):
            file = tmp_path / f"{i}.sh"
            file.write_text(self.script("/opt/a launcher's", start_up))
            checked = [
                subprocess.run([*c, file], check=False, capture_output=True, text=True) for c in CHECKS
            ]

            assert [(c.returncode, c.stdout + c.stderr) for c in checked] == [(0, "")] * len(CHECKS)
            assert "{{" not in file.read_text()
            assert "{%" not in file.read_text()
            assert file.read_text().startswith("#!/bin/bash\n")
            assert not file.read_text().endswith("\n\n")
