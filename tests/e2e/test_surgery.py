"""The state changed by hand: mv, rm and push, each with a backup and never past a lock."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

from dcplan.resources import Address
from dcplan.state import LockInfo, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Small

FIRST = "local.replica.chat-0"
RENAMED = "local.replica.first"


def words(text: str) -> str:
    """Without line breaks."""
    return " ".join(text.split())


def pulled(small: Small) -> dict[str, Any]:
    """The state as a document."""
    document: dict[str, Any] = json.loads(small.run("state", "pull").stdout)
    return document


def backups(small: Small) -> list[Path]:
    """Copies of the state that were kept."""
    return sorted((small.folder / ".dcplan" / "backups").glob("*"))


def test_a_moved_resource_is_the_same_object_under_another_address(applied: Small) -> None:
    """Its object and outputs stay, what needs it needs the new address, and nothing is made anew."""
    before, objects = pulled(applied), [(owner, id_) for _, owner, id_ in applied.objects()]
    done = applied.run("state", "mv", FIRST, RENAMED, "-auto-approve")
    resources = applied.state().resources

    assert done.exit_code == 0, done.output
    assert Address.parse(FIRST) not in resources
    old = next(r for r in before["resources"] if r["address"] == FIRST)
    assert resources[Address.parse(RENAMED)].outputs == old["outputs"]
    assert Address.parse(RENAMED) in resources[Address.parse("local.endpoint.chat")].needs
    assert [(owner, id_) for _, owner, id_ in applied.objects()] == objects


def test_the_backup_of_a_change_can_be_pushed_again(applied: Small) -> None:
    """It is for its owner alone, holds the state with its tries, and brings it back under a higher serial."""
    before = pulled(applied)
    done = applied.data("state", "rm", FIRST, "-auto-approve")
    (backup,) = backups(applied)
    lost = pulled(applied)
    refused = applied.run("state", "push", str(backup), "-auto-approve")
    forced = applied.run("state", "push", str(backup), "-auto-approve", "-force")
    after = pulled(applied)

    assert done["backup"] == os.path.relpath(backup, applied.folder)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert json.loads(backup.read_text()) == before
    assert before["tries"][FIRST]["generation"] == 1
    assert FIRST not in [r["address"] for r in lost["resources"]]
    assert refused.exit_code == 1
    assert "error: The document is older than the state" in refused.stderr
    assert forced.exit_code == 0
    assert {**after, "serial": 0} == {**before, "serial": 0}
    assert after["serial"] > lost["serial"]


def test_a_removed_resource_stays_in_the_data_centre(applied: Small) -> None:
    """Rm forgets and deletes nothing; it names the object that stays, and warns of what needs it."""
    before = applied.objects()
    done = applied.run("state", "rm", FIRST, "-auto-approve")

    assert applied.objects() == before
    assert f"{FIRST} is forgotten; replica-" in done.stdout
    assert "warning: Something needs what is forgotten" in done.stderr


MISTAKES = (
    (("mv", "local.replica.chat-x", RENAMED), 'Did you mean "local.replica.chat-'),
    (("mv", FIRST, "local.replica.chat-1"), "error: There is already a resource at this address"),
    (("mv", FIRST, "local.machine.chat-0"), "error: A move cannot change the kind"),
    (("rm", "nodots", "local.replica.gone"), "2 errors."),
    (("push", "dcplan.yaml"), "dcplan.yaml: At the top: Invalid JSON"),
)


def test_what_cannot_be_done_is_told_and_changes_nothing(applied: Small) -> None:
    """Each mistake is a diagnostic with a way out; the state stays, and no backup is written."""
    before = pulled(applied)
    for arguments, said in MISTAKES:
        done = applied.run("state", *arguments, "-auto-approve")

        assert done.exit_code == 1
        assert said in words(done.stderr)
    assert pulled(applied) == before
    assert backups(applied) == []


def test_nothing_is_changed_without_a_yes(applied: Small) -> None:
    """Where nobody can answer, the change is shown and not made."""
    before = pulled(applied)
    done = applied.process("state", "mv", FIRST, RENAMED)

    assert done.returncode == 1
    assert f"{FIRST} becomes {RENAMED}" in done.stdout
    assert "Add -auto-approve" in done.stderr
    assert pulled(applied) == before


def test_the_state_of_another_project_is_not_pushed(
    applied: Small, new_small: Callable[[Path], Small], tmp_path: Path
) -> None:
    """Another lineage is refused by name; into an empty folder it may go, with its lineage and tries."""
    document = json.dumps({**pulled(applied), "lineage": "another"})
    (applied.folder / "other.json").write_text(document)
    refused = applied.run("state", "push", "other.json", "-auto-approve")
    empty = new_small(tmp_path / "empty")
    taken = empty.run("state", "push", str(applied.folder / "other.json"), "-auto-approve")

    assert refused.exit_code == 1
    assert "error: The document is of another state" in refused.stderr
    assert taken.exit_code == 0
    assert pulled(empty) == {**json.loads(document), "serial": pulled(empty)["serial"]}


def test_a_change_waits_for_no_lock_that_another_holds(applied: Small) -> None:
    """Somebody applies: the change is refused with their name."""
    store = open_store(applied.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
    try:
        with store.lock(LockInfo(pid=7, who="ann@host", operation="apply", since="now")).unwrap():
            done = applied.run("state", "rm", FIRST, "-auto-approve")
    finally:
        store.close()

    assert done.exit_code == 1
    assert "ann@host" in done.stderr
    assert backups(applied) == []
