"""What exists gets another name, is let go, or is taken over: planned, applied, and then nothing more."""

from __future__ import annotations

import json
import sqlite3
import sys
from typing import TYPE_CHECKING

import pytest

from dcplan.apply.crash import VARIABLE

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

LITTLE = ("-var", "load=5/s")


@pytest.fixture
def little(small: Small) -> Small:
    """A machine, a replica and an endpoint that run."""
    done = small.run("apply", "-auto-approve", *LITTLE)
    assert done.exit_code == 0, done.output
    return small


def add(small: Small, text: str) -> None:
    """Write something at the end of the document."""
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + text)


def ids(small: Small) -> dict[str, str]:
    """Address to object id, as the data centre has it."""
    return {address: object_id for address, _, object_id in small.objects()}


def actions(small: Small, *arguments: str) -> list[tuple[str, str]]:
    """Action and address of each change of a plan, those of the state alone first."""
    plan = small.data("plan", *LITTLE, *arguments)
    return [(c["action"], c["address"]) for c in (*plan["state_changes"], *plan["changes"])]


def test_a_renamed_workload_keeps_all_that_runs(little: Small) -> None:
    """Its resources get new names with the same objects, at the provider too, and the next plan is empty."""
    before = ids(little)
    little.replace("  chat:", "  talk:")
    add(little, "moved: [{from: chat, to: talk}]\n")
    planned = actions(little)
    shown = little.run("plan", *LITTLE).stdout
    applied = little.run("apply", "-auto-approve", *LITTLE)
    after = ids(little)

    assert applied.exit_code == 0, applied.output
    assert {action for action, _ in planned} - {"record"} == {"move", "update"}
    assert "-> local.replica.talk-0  was local.replica.chat-0" in shown
    assert "2 to move" in shown
    assert after["local.replica.talk-0"] == before["local.replica.chat-0"]
    assert after["local.endpoint.talk"] == before["local.endpoint.chat"]
    assert little.known() == little.objects()
    assert actions(little) == []


def test_a_renamed_machine_keeps_what_stands_on_it(little: Small) -> None:
    """The replica goes on by the machine's new name and is not replaced."""
    before = ids(little)
    add(little, "moved: [{from: local.machine.hall-a-l40sx2-0, to: local.machine.big-0}]\n")
    planned = actions(little)
    applied = little.run("apply", "-auto-approve", *LITTLE)

    assert applied.exit_code == 0, applied.output
    assert ("move", "local.machine.big-0") in planned
    assert {action for action, _ in planned} <= {"move", "update", "record"}
    assert ids(little)["local.machine.big-0"] == before["local.machine.hall-a-l40sx2-0"]
    assert ids(little)["local.replica.chat-0"] == before["local.replica.chat-0"]
    assert actions(little) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends with another code")
def test_killed_between_move_and_update_the_next_apply_goes_on(little: Small) -> None:
    """The moves are durable by then; a saved plan, applied again, makes only what is left."""
    before = ids(little)
    little.replace("  chat:", "  talk:")
    add(little, "moved: [{from: chat, to: talk}]\n")
    little.run("plan", "-out", "p", *LITTLE)
    little.process("apply", "p", env={VARIABLE: "before-intent:1"})
    moved = [a for a, _, _ in little.known()]
    again = little.run("apply", "p")

    assert "local.replica.talk-0" in moved
    assert again.exit_code == 0, again.output
    assert ids(little)["local.replica.talk-0"] == before["local.replica.chat-0"]
    assert actions(little) == []


def test_what_is_forgotten_stays_and_is_nobodys(little: Small) -> None:
    """Nothing is deleted; its machine is not on offer any more; new things of its name do not clash."""
    before = ids(little)
    little.replace("  chat:", "  other:")
    add(little, "removed: [{from: chat, destroy: false}]\n")
    planned = actions(little)
    applied = little.run("apply", "-auto-approve", *LITTLE)
    lineage = little.state().lineage
    left = {object_id for _, owner, object_id in little.objects() if owner != lineage}

    assert applied.exit_code == 0, applied.output
    assert [a for action, a in planned if action == "forget"] == sorted(before)
    assert left == set(before.values())
    assert actions(little) == []


def test_what_was_forgotten_can_be_imported_again(little: Small) -> None:
    """The entries that import -generate writes bring it back, and nothing is made or changed for that."""
    before = ids(little)
    text = (little.folder / "dcplan.yaml").read_text()
    little.replace("  chat:", "  other:")
    add(little, "removed: [{from: chat, destroy: false}]\n")
    little.run("apply", "-auto-approve", *LITTLE)
    little.run("destroy", "-auto-approve")
    assert little.known() == []
    unowned = little.run("import", "--generate")
    generated = little.run("import", "--generate", *before.values())
    (little.folder / "dcplan.yaml").write_text(text + generated.stdout)
    planned = actions(little)
    applied = little.run("apply", "-auto-approve", *LITTLE)

    assert "nothing to import" in unowned.stdout
    assert "#   chat:\n#     kind: serve" in generated.stdout
    assert sorted(planned) == sorted(("import", address) for address in before)
    assert applied.exit_code == 0, applied.output
    assert {a: i for a, _, i in little.known()} == before
    assert actions(little) == []


def test_an_import_in_vain_or_of_nothing_is_an_error(little: Small) -> None:
    """What would be deleted at once is not taken over; an id that nobody has is told at its place."""
    (object_id,) = (i for a, i in ids(little).items() if ".machine." in a)
    add(
        little,
        "import: [{to: local.machine.hall-b-l40sx2-0, id: nope}, "
        f"{{to: local.machine.x-0, id: {object_id}}}]\n",
    )
    missing = little.data("plan", *LITTLE)["diagnostics"]
    little.replace("{to: local.machine.hall-b-l40sx2-0, id: nope}, ", "")
    elsewhere = little.data("plan", *LITTLE)["diagnostics"]

    assert [(d["code"], d["path"]) for d in missing] == [("import-missing", ["import", 0, "id"])]
    assert missing[0]["range"]["start"]["line"] > 20
    assert [d["code"] for d in elsewhere] == ["import-elsewhere"]


def test_generate_writes_a_new_file_and_json(little: Small) -> None:
    """A file that exists is never written over; JSON has the same rows."""
    (object_id,) = (i for a, i in ids(little).items() if ".endpoint." in a)
    db = sqlite3.connect(little.folder / ".dcplan" / "state.sqlite")
    with db:
        db.execute("DELETE FROM resources WHERE address = 'local.endpoint.chat'")
    db.close()
    written = little.run("import", "-generate", "-out", "imports.yaml")
    again = little.run("import", "-generate", "-out", "imports.yaml")
    data = json.loads(little.run("import", "-generate", "-json").stdout)

    assert written.exit_code == 0
    assert f"{{to: local.endpoint.chat, id: {object_id}}}" in (little.folder / "imports.yaml").read_text()
    assert again.exit_code == 1
    assert [(row["to"], row["ours"]) for row in data["objects"]] == [("local.endpoint.chat", True)]


def test_without_generate_the_command_says_where_imports_are_written(small: Small) -> None:
    """Imports are planned, so they stand in the document."""
    done = small.run("import", "x")

    assert done.exit_code == 1
    assert "Objects are imported by the document" in done.stderr
