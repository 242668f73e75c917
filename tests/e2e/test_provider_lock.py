"""The lock of providers at the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Small


def test_plans_and_applies_hold_the_lock_that_init_wrote(small: Small) -> None:
    """With another version in the lock, plans new and saved are refused; -upgrade mends it."""
    small.run("plan", "-out", "p")
    small.run("init")
    path = small.folder / "dcplan.lock"
    path.write_text(path.read_text().replace('"version": "', '"version": "9.'))
    codes = [small.run(*command).exit_code for command in (("plan",), ("apply", "p"), ("init",))]
    listed = small.run("providers")

    assert codes == [1, 1, 1]
    assert "locked at 9." in listed.stdout
    assert "error: A provider is not the locked one" in listed.stderr
    assert small.run("validate").exit_code == 0
    assert small.objects() == []
    assert small.run("init", "-upgrade", "-lockfile=readonly").exit_code == 1
    assert small.run("init", "-upgrade").exit_code == 0
    assert small.run("providers", "lock").stdout.startswith("dcplan.lock: nothing to add.")
    assert small.run("apply", "p").exit_code == 0
