"""What a person reads who knows Terraform and nothing of dcplan: no sentence that is not so."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Small


def test_show_of_an_empty_state_does_not_deny_what_was(applied: Small) -> None:
    """Once all is destroyed, show says that nothing is there, not that nothing was ever applied."""
    applied.run("destroy", "-auto-approve")

    assert applied.run("show").stdout == "The state holds no resources. Next: dcplan plan\n"


def test_show_after_an_interrupted_first_apply_tells_what_is_open(small: Small) -> None:
    """An apply that was killed before its first resource was ready has begun something all the same."""
    small.process("apply", "-auto-approve", env={"DCPLAN_CRASH_AT": "after-begin:1"})
    shown = small.run("show").stdout

    assert shown.startswith("The state holds no resources. Next: dcplan recover\n")
    assert " will be finished first, by dcplan apply or dcplan recover" in shown
    assert "create local.machine." in shown


def test_history_of_a_plan_that_was_made_before(small: Small) -> None:
    """A saved plan that is applied twice made its changes and its cost once; a refused one has no cost."""
    small.run("plan", "-out", "first")
    small.run("plan", "-out", "other", "-var", "ttft=3s")
    small.run("apply", "first")
    small.run("apply", "first")
    small.run("apply", "other")
    refused, again, done = (text.splitlines() for text in small.run("history").stdout.split("\n20")[-3:])

    assert "refused" in refused[0]
    assert again[1].endswith("to create; made by an earlier run")
    assert [any("cost " in line for line in run) for run in (refused, again, done)] == [False, False, True]
    assert small.data("history")["runs"][0]["after_usd_per_h"] is None


@pytest.mark.parametrize("command", ["apply", "refresh"])
def test_one_empty_line_between_plan_and_outcome(applied: Small, command: str) -> None:
    """Also where nothing was told in between."""
    with sqlite3.connect(applied.folder / ".dcplan" / "local" / "hall.sqlite") as world:
        world.execute("DELETE FROM objects WHERE kind = 'endpoint'")
    done = applied.run(command, "-auto-approve", "-concise")

    assert done.exit_code == 0
    assert "\n\n\n" not in done.stdout
    assert "\n\n" in done.stdout


def test_a_lock_that_nobody_holds(applied: Small) -> None:
    """Taking it says that nobody was seen to hold it; for programs, too; and asks unless told not to."""
    told = applied.run("state", "force-unlock", "-auto-approve")
    unasked = applied.run("state", "force-unlock", "-json")

    assert "Nobody was seen to hold the lock" in told.stdout
    assert applied.data("state", "force-unlock", "-auto-approve")["holder"] is None
    assert unasked.exit_code == 1
    assert "-json cannot ask: add -auto-approve" in unasked.stderr


def test_what_prints_json_anyway_takes_json(applied: Small) -> None:
    """``state pull`` and ``schema`` take -json as every command does, and errors are JSON then."""
    nothing = applied.run("-chdir", str(applied.folder.parent), "state", "pull", "-json")

    assert json.loads(applied.run("state", "pull", "-json").stdout)["resources"]
    assert "plan.v1" in applied.data("schema", "-json")["schemas"]
    assert json.loads(nothing.stdout)["diagnostics"][0]["severity"] == "error"


@pytest.mark.parametrize(
    ("command", "refused"),
    [("destroy", ("-refresh-only", "-replace")), ("refresh", ("-destroy", "-replace", "-refresh=false"))],
)
def test_help_offers_nothing_that_is_refused(small: Small, command: str, refused: tuple[str, ...]) -> None:
    """Options that a command shares with apply and ends with an error for are not in its help."""
    offered = small.run(command, "-help").stdout.split("Options:")[1]

    for option in refused:
        assert f"  {option.partition('=')[0]}, " not in offered
    assert "-target, --target" in offered


def test_a_file_in_the_place_of_the_work_folder(small: Small) -> None:
    """It is told as what it is, not as a workspace to be chosen, and stays as it was."""
    (small.folder / ".dcplan").write_text("mine")
    done = small.run("plan")

    assert done.exit_code == 1
    assert "error: The work folder is a file" in done.stderr
    assert "workspace" not in done.stderr
    assert (small.folder / ".dcplan").read_text() == "mine"
