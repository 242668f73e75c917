"""When something is wrong with the state itself: words instead of tracebacks, and ways out that exist."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from typing import TYPE_CHECKING

import pytest

from dcplan.apply.crash import VARIABLE
from dcplan.state import LockInfo, StateError, open_store
from dcplan.workflow.leasing import lock_info

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

COMMANDS = (
    ["plan"],
    ["apply", "-auto-approve"],
    ["destroy", "-auto-approve"],
    ["apply", "p"],
    ["show"],
    ["state", "list"],
    ["state", "pull"],
    ["init"],
    ["graph"],
)


def change_state(small: Small, sql: str) -> None:
    """What a failing disk or a curious person does to the state file."""
    db = sqlite3.connect(small.folder / ".dcplan" / "state.sqlite")
    with db:
        db.execute(sql)
    db.close()


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_damaged_row_is_an_error_in_words(applied: Small, arguments: list[str]) -> None:
    """A row of the state that is no JSON: every command says what is wrong and how to go on."""
    applied.run("plan", "-out", "p", "-var", "load=75/s")
    before = applied.objects()
    change_state(applied, "UPDATE resources SET body = '{' WHERE address = 'local.endpoint.chat'")
    done = applied.run(*arguments)

    assert done.exit_code == 1
    assert "error: The state cannot be read" in done.stderr
    assert "Put a copy of it back from a backup." in " ".join(done.stderr.split())
    assert applied.objects() == before


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_file_that_is_no_state_is_never_taken_for_an_empty_one(
    applied: Small, arguments: list[str]
) -> None:
    """Else everything would be made a second time."""
    applied.run("plan", "-out", "p", "-var", "load=75/s")
    before = applied.objects()
    for file in (applied.folder / ".dcplan").glob("state.sqlite*"):
        file.write_text("not a state")
    done = applied.run(*arguments)

    assert done.exit_code == 1
    assert "error: The state cannot be read" in done.stderr
    assert applied.objects() == before


def test_errors_of_the_state_are_json_where_json_is_wanted(applied: Small) -> None:
    """Programs get the same as a diagnostic."""
    change_state(applied, "UPDATE resources SET body = '{'")

    assert [d["code"] for d in applied.data("plan")["diagnostics"]] == ["state-damaged"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not remove a file that is open")
def test_force_unlock_frees_the_lock_of_a_process_that_hangs(applied: Small) -> None:
    """Whoever held it can write no more; the next apply can."""
    store = open_store(applied.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
    info = LockInfo(pid=1, who="somebody@elsewhere", operation="apply", since="yesterday")
    with store.lock(info).unwrap():
        refused = applied.run("destroy", "-auto-approve")
        asked = applied.run("state", "force-unlock")
        freed = applied.run("state", "force-unlock", "-auto-approve")
        destroyed = applied.run("destroy", "-auto-approve")
        with pytest.raises(StateError):
            store.set_deployment({"by": "the one that hung"})
    store.close()

    assert refused.exit_code == 1
    assert "somebody@elsewhere (process 1, apply since yesterday)" in " ".join(refused.stderr.split())
    assert "dcplan state force-unlock is for one that hangs" in " ".join(refused.stderr.split())
    assert asked.exit_code == 1
    assert "Nobody can answer here" in asked.stderr
    assert "somebody@elsewhere (process 1, apply since yesterday) holds the lock." in asked.stdout
    assert freed.exit_code == 0
    assert "It runs on another machine, so it is not known here" in " ".join(freed.stdout.split())
    assert destroyed.exit_code == 0, destroyed.output
    assert applied.objects() == []


def test_a_killed_holder_is_said_to_be_gone_and_a_living_one_alive(small: Small) -> None:
    """The kernel has freed the lock of the first, though its name is still in the file; for programs, too."""
    killed = small.process("apply", "-auto-approve", env={VARIABLE: "after-ack:2"})
    asked = small.run("state", "force-unlock")
    data = small.data("state", "force-unlock", "-auto-approve")
    store = open_store(small.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
    with store.lock(lock_info("apply")).unwrap():
        living = small.run("state", "force-unlock")
    store.close()
    free = small.run("state", "force-unlock")

    assert killed.returncode < 0
    assert "That process is gone, and the system has let the lock go with it" in " ".join(
        asked.stdout.split()
    )
    assert (data["holder"]["alive"], data["holder"]["held"]) == (False, False)
    assert data["open_operations"]
    assert f"(process {os.getpid()}, apply since" in " ".join(living.stdout.split())
    assert "holds the lock. That process is alive." in " ".join(living.stdout.split())
    assert "Nobody is seen to hold the lock." in free.stdout


def test_force_unlock_without_a_state_makes_none(small: Small) -> None:
    """There is nothing to free before the first apply."""
    done = small.run("state", "force-unlock", "-auto-approve")

    assert done.exit_code == 1
    assert "error: There is no state yet" in done.stderr
    assert not small.touched()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends with another code")
@pytest.mark.parametrize("made", [True, False])
def test_the_user_can_say_what_came_of_an_operation(small: Small, *, made: bool) -> None:
    """Resolve believes the answer, brings the rest to an end, and the next apply completes."""
    small.process("apply", "-auto-approve", env={VARIABLE: "after-begin:2"})
    opened = {operation.split()[1] for operation in small.data("show")["interrupted"]}
    address, object_id = next((a, i) for a, _, i in small.objects() if a in opened)
    if not made:
        take_away(small, object_id)
    resolved = small.run("state", "resolve", address, *(["-object", object_id] if made else ["-nothing"]))
    left = small.data("show")["interrupted"]
    again = small.run("apply", "-auto-approve")

    assert resolved.exit_code == 0, resolved.output
    assert left == []
    assert again.exit_code == 0, again.output
    assert small.objects() == small.known() != []
    assert ((address, object_id) in {(a, i) for a, _, i in small.objects()}) == made


def take_away(small: Small, object_id: str) -> None:
    """Delete an object at the provider, as its console would."""
    world = sqlite3.connect(small.folder / ".dcplan" / "local" / "hall.sqlite")
    with world:
        ((seq,),) = world.execute("SELECT seq FROM objects WHERE id = ?", (object_id,)).fetchall()
        world.execute("DELETE FROM objects WHERE seq = ?", (seq,))
        ((zone, block, rack),) = world.execute(
            "UPDATE nodes SET held_by = NULL WHERE held_by = ? RETURNING zone, block, rack", (seq,)
        ).fetchall()
        world.execute(
            "UPDATE racks SET free = free + 1 WHERE zone = ? AND block = ? AND rack = ?", (zone, block, rack)
        )
    world.close()


def test_resolve_wants_one_clear_answer(applied: Small) -> None:
    """No answer, two answers, no address, or an address where nothing is open: an error each."""
    address = "local.machine.hall-a-l40sx2-0"
    wrong = [
        ["resolve", address],
        ["resolve", address, "-nothing", "-object", "x"],
        ["resolve", "nonsense", "-nothing"],
        ["resolve", address, "-nothing"],
    ]
    ends = [applied.run("state", *arguments) for arguments in wrong]
    as_json = applied.run("state", "resolve", address, "-nothing", "-json")

    assert [done.exit_code for done in ends] == [1, 1, 1, 1]
    assert "error: No interrupted operation there" in ends[-1].stderr
    assert [json.loads(line)["type"] for line in as_json.stdout.splitlines()] == ["version", "diagnostic"]
