"""After a crash: what is open is told in words, and ``recover`` ends it and does nothing else."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dcplan.apply.crash import VARIABLE
from dcplan.resources import Address, Resource
from dcplan.state import LockInfo, open_store
from fork_server import ForkServer

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")


@pytest.fixture(scope="module")
def killed_once(new_small: Callable[[Path], Small], tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A project whose first apply was killed after its third call; tests copy its folder."""
    small = new_small(tmp_path_factory.mktemp("killed") / "small")
    with ForkServer("forked_cli.py") as server:
        job = {"folder": str(small.folder), "arguments": ("apply", "-auto-approve")}
        assert server.ask(job, environment={VARIABLE: "after-begin:3"}) == -9
    return small


@pytest.fixture
def killed(killed_once: Small, small: Small) -> Small:
    """A copy of it."""
    shutil.copytree(killed_once.folder, small.folder, dirs_exist_ok=True)
    return small


def opened(small: Small) -> list[str]:
    """Address of each open operation."""
    return [operation.split()[1] for operation in small.data("show")["interrupted"]]


def contents(small: Small) -> tuple[object, ...]:
    """All that a command which only reads leaves as it is."""
    return small.state().serial, small.known(), small.objects(), opened(small)


def test_a_plan_tells_in_words_what_is_open(killed: Small) -> None:
    """One line an operation: what is known of it, and what is done about it first."""
    before = contents(killed)
    shown = killed.run("plan").stdout
    told = killed.data("plan")["interrupted"]

    assert f"{len(told)} interrupted operations will be finished first" in shown
    assert {line.split(":")[0].removeprefix("create ") for line in told} == set(opened(killed))
    assert any("sends the same call again, which makes nothing twice" in line for line in told)
    assert any("the provider took it (machine-" in line for line in told)
    assert contents(killed) == before


def test_without_a_yes_nothing_is_done(killed: Small) -> None:
    """The same words; nobody can answer, so it is an error and all stays open."""
    before = contents(killed)
    done = killed.run("recover")

    assert done.exit_code == 1
    assert "Another dcplan" not in done.stderr
    assert all(address in done.stdout for address in opened(killed))
    assert contents(killed) == before


def test_it_ends_what_is_open_and_begins_nothing(killed: Small) -> None:
    """Afterwards world and state agree on just those objects, and history says who did it."""
    wanted = sorted(opened(killed))
    done = killed.run("recover", "-auto-approve")
    again = killed.run("recover")

    assert (done.exit_code, again.exit_code) == (0, 0)
    assert f"Recovered: {len(wanted)} finished." in done.stdout
    assert "Nothing to recover" in again.stdout
    assert [address for address, _, _ in killed.known()] == wanted
    assert killed.known() == killed.objects()
    assert killed.run("history", "-n", "1").stdout.split()[1:3] == ["done", "recover"]


def test_what_may_have_been_made_is_no_orphan(killed: Small) -> None:
    """The data centre has objects that the state lacks, but the journal accounts for them."""
    done = killed.run("orphans")

    assert len(killed.objects()) > len(killed.known())
    assert done.exit_code == 0
    assert "Finish them: dcplan recover" in done.stdout


def test_an_answer_of_a_person_is_taken(killed: Small) -> None:
    """The object that they name is waited for, and nothing is sent again for an operation that made none."""
    held = {address: object_id for address, _, object_id in killed.objects()}
    made, none = opened(killed)[0], opened(killed)[-1]
    done = killed.run(
        "recover", "-auto-approve", "-choose", f"{made}={held[made]}", "-choose", f"{none}=none"
    )
    left = [address for address, _, _ in killed.known()]

    assert done.exit_code == 0
    assert f"you say that it made {held[made]}" in done.stdout
    assert "you say that nothing was made" in done.stdout
    assert made in left
    assert none not in left


def test_wrong_answers_are_refused_before_anything_is_done(killed: Small) -> None:
    """No address, twice the same, nothing open there, and an object that is another resource's."""
    killed.run("recover", "-auto-approve", "-choose", f"{opened(killed)[-1]}=none")
    before = contents(killed)
    address = killed.known()[0][0]
    ends = [
        killed.run("recover", "-auto-approve", "-choose", *chosen)
        for chosen in (["nonsense"], [f"{address}="], [f"{address}=a", "-choose", f"{address}=b"])
    ]
    closed = killed.run("recover", "-auto-approve", "-choose", f"{address}=none")

    assert [done.exit_code for done in (*ends, closed)] == [1, 1, 1, 1]
    assert "error: No interrupted operation there" in closed.stderr
    assert contents(killed) == before


def test_an_object_of_another_resource_is_not_taken(killed: Small) -> None:
    """Two rows for one object would be one too many."""
    made = opened(killed)[0]
    other = Resource(
        address=Address("local", "machine", "other"), attributes={}, outputs={"id": "machine-000009"}
    )
    store = open_store(killed.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
    with store.lock(LockInfo(pid=1, who="a@b", operation="test", since="now")).unwrap():
        store.record({other.address: other})
    store.close()
    done = killed.run("recover", "-auto-approve", "-choose", f"{made}=machine-000009")

    assert done.exit_code == 1
    assert "error: The chosen object is another resource's" in done.stderr


def test_what_an_operation_cannot_have_made_is_not_taken(killed: Small) -> None:
    """One object for two operations, another operation's, one that nobody has, one of another state."""
    before = contents(killed)
    held = {address: object_id for address, _, object_id in killed.objects()}
    one, other = opened(killed)[:2]
    twice = [f"{one}={held[one]}", "-choose", f"{other}={held[one]}"]
    ends = [
        killed.run("recover", "-auto-approve", "-choose", *chosen)
        for chosen in (twice, [f"{one}={held[other]}"], [f"{one}=machine-999999"])
    ]
    world = sqlite3.connect(killed.folder / ".dcplan" / "local" / "hall.sqlite")
    with closing(world), world:
        world.execute("UPDATE objects SET lineage = 'another' WHERE id = ?", (held[one],))
    foreign = killed.run("recover", "-auto-approve", "-choose", f"{one}={held[one]}")
    said = [end.stderr.splitlines()[0] for end in (*ends, foreign)]
    other_made_it = "error: The operation cannot have made the chosen object"

    assert said == ["error: The chosen object is another resource's", *[other_made_it] * 3]
    assert (contents(killed)[1], contents(killed)[3]) == (before[1], before[3])


def test_what_cannot_be_ended_now_stays_open(killed: Small) -> None:
    """A provider that refuses everything: an error, and the journal still knows."""
    before = opened(killed)
    killed.faults("{fault: lost-before, call: wait, times: 99}", "{fault: lost-before, times: 99}")
    killed.replace("providers:", "apply: {attempts: 2}\nproviders:")
    done = killed.run("recover", "-auto-approve")

    assert done.exit_code == 1
    assert f"Still open: {len(before)}." in done.stdout
    assert sorted(opened(killed)) == sorted(before)


def test_while_another_dcplan_works_nothing_is_done(killed: Small) -> None:
    """What is open may be what that one has under way: it is named, and nothing is touched."""
    before = contents(killed)
    store = open_store(killed.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
    with store.lock(LockInfo(pid=1, who="a@b", operation="apply", since="now")).unwrap():
        done = killed.run("recover", "-auto-approve")
    store.close()

    assert done.exit_code == 1
    assert "warning: Another dcplan is at work" in done.stderr
    assert "a@b" in done.stderr
    assert contents(killed) == before


def test_programs_get_lines(killed: Small) -> None:
    """They cannot ask; told to, each call and the end are a line each."""
    refused = killed.run("recover", "-json")
    lines = [json.loads(line) for line in killed.run("recover", "-json", "-auto-approve").stdout.splitlines()]

    assert refused.exit_code == 1
    assert (lines[0]["type"], lines[-1]["type"]) == ("version", "change_summary")
    assert lines[-1]["recovered"] == len([line for line in lines if line["type"] == "apply_complete"]) > 0
