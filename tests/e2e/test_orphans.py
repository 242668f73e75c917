"""What carries our tag and nobody knows of: it is found, taken in, or deleted; and nothing else is."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.apply.crash import VARIABLE

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

LITTLE = ("-var", "load=5/s")
MACHINE, REPLICA = "local.machine.hall-a-l40sx2-0", "local.replica.chat-0"


@pytest.fixture
def little(small: Small) -> Small:
    """A machine, a replica and an endpoint that run."""
    done = small.run("apply", "-auto-approve", *LITTLE)
    assert done.exit_code == 0, done.output
    return small


def by_hand(small: Small, name: str) -> str:
    """Make an endpoint with our tag that dcplan did not make; its id."""
    world = sqlite3.connect(small.folder / ".dcplan" / "local" / "hall.sqlite")
    with world:
        world.execute(
            "INSERT INTO objects (id, kind, name, lineage, token, attributes, outputs, state, due_at)"
            " SELECT 'hand-' || ?, kind, ?, lineage, 'hand-' || ?, attributes, outputs, state, due_at"
            " FROM objects WHERE kind = 'endpoint' LIMIT 1",
            (name, name, name),
        )
    world.close()
    return f"hand-{name}"


def forget(small: Small, *addresses: str) -> None:
    """Take rows out of the state; what they stand for stays."""
    done = small.run("state", "rm", *addresses, "-auto-approve")
    assert done.exit_code == 0, done.output


def ids(small: Small) -> dict[str, str]:
    """Address to object id, as the data centre has it."""
    return {address: object_id for address, _, object_id in small.objects()}


def orphans(small: Small) -> list[dict[str, Any]]:
    """What the command tells programs."""
    found: list[dict[str, Any]] = small.data("orphans")["orphans"]
    return found


def test_without_an_apply_there_is_none_and_nothing_is_made(small: Small) -> None:
    """Before anything was applied, nothing can be left over; looking writes nothing."""
    done = small.run("orphans")

    assert (done.exit_code, small.touched()) == (0, False)
    assert "nothing was ever applied here" in done.stdout


def test_after_an_apply_all_is_accounted_for(little: Small) -> None:
    """Everything with our tag is in the state."""
    done = little.run("orphans")

    assert done.exit_code == 0
    assert "No orphans: 3 objects" in done.stdout


def test_what_was_made_by_hand_and_what_was_forgotten_is_told_with_age_and_price(little: Small) -> None:
    """Both carry our tag; the price of a machine is known, the age of what no call made is not."""
    object_id = by_hand(little, "spare")
    machine = ids(little)[MACHINE]
    forget(little, MACHINE, REPLICA)
    done = little.run("orphans")
    told = {one["id"]: one for one in orphans(little)}

    assert done.exit_code == 2
    assert set(told) == {object_id, machine, ids(little)[REPLICA]}
    assert (told[machine]["usd_per_h"], told[machine]["on_machines"]) == (2.0, False)
    assert 0 <= told[machine]["age_s"] < 600
    assert (told[object_id]["age_s"], told[object_id]["usd_per_h"]) == (None, None)
    assert f"{object_id}" in done.stdout
    assert "unknown" in done.stdout


def test_adopted_it_is_the_states_again(little: Small) -> None:
    """The rows are as they were, and the next plan finds nothing to do."""
    before = little.known()
    wanted = [ids(little)[MACHINE], ids(little)[REPLICA]]
    forget(little, MACHINE, REPLICA)
    asked = little.run("orphans", "adopt", *wanted)
    done = little.run("orphans", "adopt", *wanted, "-auto-approve")
    again = little.run("plan", "-detailed-exitcode", *LITTLE)

    assert (asked.exit_code, done.exit_code, again.exit_code) == (1, 0, 0)
    assert f"{wanted[0]} becomes {MACHINE}" in asked.stdout
    assert little.known() == before == little.objects()


def test_what_no_workload_needs_is_deleted_by_the_next_plan_once_adopted(little: Small) -> None:
    """An orphan that is taken in is a resource like any other."""
    little.run("orphans", "adopt", by_hand(little, "spare"), "-auto-approve")
    planned = little.data("plan", *LITTLE)

    assert [(c["action"], c["address"]) for c in planned["changes"]] == [("delete", "local.endpoint.spare")]


def test_deleted_it_is_gone_and_nothing_else_is(little: Small) -> None:
    """What runs on something goes first; the state's own objects stay."""
    kept = "local.endpoint.chat"
    object_id = by_hand(little, "spare")
    forget(little, kept, REPLICA, MACHINE)
    little.run("orphans", "adopt", ids(little)[kept], "-auto-approve")
    asked = little.run("orphans", "delete", "-all")
    done = little.run("orphans", "delete", "-all", "-auto-approve")

    assert (asked.exit_code, done.exit_code) == (1, 0)
    assert object_id in asked.stdout
    assert list(ids(little)) == [kept]
    assert little.known() == little.objects()
    assert little.held_nodes() == 0
    assert little.run("orphans").exit_code == 0


def test_a_delete_that_is_killed_is_in_the_journal(little: Small) -> None:
    """Killed after the call, the delete is open; recover ends it, and nothing is left."""
    object_id = by_hand(little, "spare")
    died = little.process("orphans", "delete", object_id, "-auto-approve", env={VARIABLE: "after-begin"})
    told = little.run("recover")
    done = little.run("recover", "-auto-approve")

    assert died.returncode == (-9 if sys.platform != "win32" else 1), died.stderr
    assert "delete local.endpoint.spare: " in told.stdout
    assert done.exit_code == 0
    assert little.run("orphans").exit_code == 0
    assert little.objects() == little.known()


def test_only_orphans_can_be_named(little: Small) -> None:
    """An object of the state and one that is not there are refused, all at once; nothing is done."""
    before = little.objects()
    ends = [
        little.run("orphans", command, ids(little)[MACHINE], "nothing-1", "-auto-approve")
        for command in ("adopt", "delete")
    ]
    neither = little.run("orphans", "delete")

    assert [done.exit_code for done in (*ends, neither)] == [1, 1, 1]
    assert all(done.stderr.count("error: This is no orphan") == 2 for done in ends)
    assert "-all" in neither.stderr
    assert little.objects() == before == little.known()


def test_a_provider_that_cannot_be_asked_is_an_error_and_not_none(little: Small) -> None:
    """It is named, the exit code says that nobody knows, and -all deletes nothing."""
    by_hand(little, "spare")
    before = little.objects()
    little.faults("{fault: denied, call: owned, times: 9}")
    done = little.run("orphans")
    told = little.data("orphans")
    deleted = little.run("orphans", "delete", "-all", "-auto-approve")

    assert (done.exit_code, deleted.exit_code) == (1, 1)
    assert "error: Permission denied" in done.stderr
    assert "No orphans" not in done.stdout
    assert [(d["code"], d["address"]) for d in told["diagnostics"]] == [("permission-denied", "local")]
    assert little.objects() == before


def test_programs_get_lines(little: Small) -> None:
    """A delete is told as events, the last of which counts."""
    object_id = by_hand(little, "spare")
    refused = little.run("orphans", "delete", object_id, "-json")
    lines = [
        json.loads(line)
        for line in little.run("orphans", "delete", object_id, "-json", "-auto-approve").stdout.splitlines()
    ]

    assert refused.exit_code == 1
    assert [line["type"] for line in lines][-1] == "change_summary"
    assert lines[-1]["done"] == 1
    assert {"intent_recorded", "apply_complete", "intent_resolved"} <= {line["type"] for line in lines}


def test_a_plan_tells_of_what_it_would_make_beside_what_was_forgotten(little: Small) -> None:
    """After ``state rm`` the plan names the object and the way out; once that was gone, it is silent."""
    object_id = ids(little)[REPLICA]
    forget(little, REPLICA)
    told = little.data("plan", *LITTLE)
    believed = little.data("plan", "-refresh=false", *LITTLE)
    refused = little.run("apply", "-auto-approve", *LITTLE)
    adopted = little.run("orphans", "adopt", object_id, "-auto-approve")
    after = little.data("plan", *LITTLE)
    (warned,) = told["diagnostics"]

    assert warned["code"] == "orphan-in-the-way"
    assert f"{REPLICA} ({object_id}) is there, with this" in warned["detail"]
    assert f"dcplan orphans adopt {object_id}." in warned["detail"]
    assert [change["action"] for change in told["changes"]] == ["create"]
    assert believed["diagnostics"] == []
    assert refused.exit_code == 1
    assert adopted.exit_code == 0, adopted.output
    assert (after["changes"], after["diagnostics"]) == ([], [])


def test_what_a_plan_makes_anew_is_not_told_of(little: Small) -> None:
    """An orphan of another name is in nobody's way, nor is what vanished or was destroyed."""
    by_hand(little, "spare")
    more = little.data("plan", "-var", "load=100/s")
    with closing(sqlite3.connect(little.folder / ".dcplan" / "local" / "hall.sqlite")) as world, world:
        world.execute("DELETE FROM objects WHERE name = 'chat'")
    vanished = little.data("plan", *LITTLE)

    assert "create" in {change["action"] for change in more["changes"]}
    assert more["diagnostics"] == []
    assert [change["action"] for change in vanished["changes"]] == ["create"]
    assert vanished["diagnostics"] == []
