"""``dcplan.lock``: what it takes, what it refuses, and what is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.provider.origins import ProviderOrigin
from dcplan.workflow import Project, locking
from dcplan.workflow.locking import check_lock, update_lock

if TYPE_CHECKING:
    from pathlib import Path


class Machine:
    """A machine with a project, and one build of the provider ``cloud``."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project = Project(folder=folder)
        self.has("1.0", "a" * 64)
        monkeypatch.setattr(locking, "origins", lambda names: [self.origin] if "cloud" in names else [])
        monkeypatch.setattr(locking, "altered_files", lambda _: self.altered)

    def has(self, version: str, digest: str | None, altered: tuple[str, ...] = ()) -> None:
        """Install a build."""
        self.origin = ProviderOrigin(name="cloud", package="dcplan-cloud", version=version, digest=digest)
        self.altered = altered

    def lock(self, *, upgrade: bool = False, readonly: bool = False, add: bool = False) -> list[str]:
        """Bring the lock up to date; codes of what is wrong."""
        made = update_lock(self.project, ["cloud"], upgrade=upgrade, readonly=readonly, add=add)
        return [d.code for d in made.diagnostics]

    def check(self, *names: str) -> list[str]:
        """Codes of what plans and applies say."""
        return [d.code for d in check_lock(self.project, names or ["cloud"])]

    def entry(self) -> dict[str, Any]:
        """What stands in the file."""
        data = json.loads((self.project.folder / "dcplan.lock").read_text())
        entry: dict[str, Any] = data["providers"]["cloud"]
        return entry


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """One with an empty project."""
    return Machine(tmp_path, monkeypatch)


def test_without_a_lock_nothing_is_refused(machine: Machine) -> None:
    """A folder that was never prepared plans with what is installed."""
    assert machine.check() == []


def test_what_is_locked_is_held_until_somebody_upgrades(machine: Machine) -> None:
    """Another version and another build are refused by plans and by init, and accepted by -upgrade."""
    assert machine.lock() == []
    assert machine.entry()["digests"] == [f"sha256:{'a' * 64}"]
    for version, digest in (("1.1", "a" * 64), ("1.0", "b" * 64)):
        machine.has(version, digest)

        assert machine.check() == ["provider-other-than-locked"]
        assert machine.lock() == ["provider-other-than-locked"]
    assert machine.lock(upgrade=True) == []
    assert machine.check() == []
    assert machine.entry() == {
        "package": "dcplan-cloud",
        "version": "1.0",
        "digests": [f"sha256:{'b' * 64}"],
    }


def test_builds_of_other_platforms_are_added_and_stay(machine: Machine) -> None:
    """``providers lock`` keeps the digests of a version beside each other; another version it refuses."""
    machine.lock()
    machine.has("1.0", "b" * 64)

    assert machine.lock(add=True) == []
    assert len(machine.entry()["digests"]) == 2
    assert machine.check() == []
    machine.has("1.1", "c" * 64)
    assert machine.lock(add=True) == ["provider-other-than-locked"]


def test_a_read_only_lock_is_never_written(machine: Machine) -> None:
    """Whatever would change it is an error; what does not is fine."""
    assert machine.lock(readonly=True) == ["lock-read-only"]
    assert not (machine.project.folder / "dcplan.lock").exists()
    machine.lock()
    assert machine.lock(readonly=True) == []


def test_a_package_that_was_altered_is_not_locked(machine: Machine) -> None:
    """Files that are not as they were installed are named, and -upgrade does not help."""
    machine.has("1.0", "a" * 64, altered=("cloud/x.py",))

    assert machine.lock() == ["provider-altered"]
    assert machine.lock(upgrade=True) == ["provider-altered"]


def test_a_checkout_has_a_version_and_no_digest(machine: Machine) -> None:
    """Its build is not known, so only versions are compared."""
    machine.lock()
    machine.has("1.0", None)
    assert machine.check() == []
    machine.has("1.1", None)
    assert machine.check() == ["provider-other-than-locked"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2, "providers": {}}', '{"version": 1}', "\x00"])
def test_a_damaged_lock_is_refused_and_not_taken_for_none(machine: Machine, text: str) -> None:
    """Neither plans nor init take it for a project without a lock."""
    (machine.project.folder / "dcplan.lock").write_text(text)

    assert machine.check() == ["lock-damaged"]
    assert machine.lock() == ["lock-damaged"]
    assert machine.lock(upgrade=True) == []


def test_a_provider_that_came_later_must_be_locked_first(machine: Machine) -> None:
    """A lock that does not know it refuses it, and init adds it."""
    update_lock(machine.project, [], upgrade=False, readonly=False)

    assert machine.check() == ["provider-not-locked"]
    assert machine.lock() == []
    assert machine.check() == []
