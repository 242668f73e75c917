"""What machines do from their first boot, with a metadata server of paper."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dcplan.provider.start_up import StartUp
from dcplan_gcp import provider
from dcplan_gcp.agent import MOST_BYTES, OURS_BYTES, PREFIX, startup_script
from dcplan_gcp.settings import GcpSettings
from paper_machine import AgentContract, Machine

pytestmark = pytest.mark.skipif(os.name == "nt", reason="The script is for Linux")

_CURL = """#!/bin/bash
[[ "$*" == *"Metadata-Flavor: Google"* ]] || exit 22
case "${@: -1}" in
  */attributes/) ls "$PAPER/names" ;;
  */attributes/*) cat "$PAPER/names/$(basename "${@: -1}")" ;;
esac
"""


class TestAgent(AgentContract):
    """On Google Cloud, metadata say it themselves."""

    name = f"{PREFIX}replica-0123456789"

    def script(self, launcher: str, start_up: StartUp | None = None) -> str:
        """The start-up script."""
        return startup_script(launcher, start_up) or ""

    def programs(self) -> dict[str, str]:
        """The metadata server."""
        return {"curl": _CURL}

    def machine(self, folder: Path, start_up: StartUp | None = None) -> Machine:
        """One with other metadata, too."""
        made = super().machine(folder, start_up)
        made.told("dcplan-owner", "not to be run")
        return made


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


def test_the_users_script_comes_with_ours_or_alone(tmp_path: Path) -> None:
    """It is read from the document's folder; a cloud-config is refused, since nothing there reads it."""
    (tmp_path / "boot.sh").write_text("#!/bin/bash\nmount /data\n")
    (tmp_path / "config").write_text("#cloud-config\n{}\n")
    both = provider({"launcher": "/opt/launch", "start_up": "boot.sh"}, tmp_path).unwrap()
    alone = provider({"start_up": "boot.sh"}, tmp_path).unwrap()
    config = provider({"start_up": "config"}, tmp_path)
    twice = provider({"start_up": "boot.sh", "metadata": {"startup-script": "true"}}, tmp_path)

    assert "\nmount /data\n" in both.settings.boot_metadata["startup-script"]  # type: ignore[attr-defined]
    assert alone.settings.boot_metadata == {"startup-script": "#!/bin/bash\nmount /data\n"}  # type: ignore[attr-defined]
    assert [d.code for d in config.diagnostics] == ["gcp-cloud-config"]
    assert [d.code for d in twice.diagnostics] == ["gcp-startup-script"]


def test_a_script_stays_below_the_limit_of_metadata(tmp_path: Path) -> None:
    """256 KiB with our part, which keeps to what it is given."""
    (tmp_path / "large").write_text("#!/bin/bash\n".ljust(MOST_BYTES - OURS_BYTES + 1, "#"))
    made = provider({"start_up": "large"}, tmp_path)

    assert len(startup_script("/opt/launch") or "") < OURS_BYTES
    assert [d.code for d in made.diagnostics] == ["start-up-size"]
