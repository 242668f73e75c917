"""Workspaces: one document, several states that know nothing of each other."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Small

STAGING = {"DCPLAN_WORKSPACE": "staging"}


def words(text: str) -> str:
    """Without line breaks."""
    return " ".join(text.split())


def test_workspaces_have_machines_of_their_own(applied: Small) -> None:
    """Two workspaces hold the same addresses under two lineages, and destroying one leaves the other."""
    first = applied.objects()
    applied.run("workspace", "new", "staging")
    made = applied.run("apply", "-auto-approve", "-var", "ttft=3s")
    both = applied.objects()
    refused = applied.run("workspace", "delete", "staging", env={"DCPLAN_WORKSPACE": "default"})
    applied.run("destroy", "-auto-approve")
    applied.run("workspace", "select", "default")
    deleted = applied.run("workspace", "delete", "staging")

    assert made.exit_code == 0, made.output
    assert len({lineage for _, lineage, _ in both}) == 2
    assert set(first) < set(both)
    assert "error: The workspace is not empty" in refused.stderr
    assert applied.objects() == first
    assert (deleted.exit_code, deleted.stdout) == (0, 'Deleted workspace "staging".\n')
    assert applied.data("workspace", "list")["workspaces"] == ["default"]


def test_a_workspace_that_was_mistyped_makes_nothing(small: Small) -> None:
    """A name that nobody made is refused by every command, with what there is; nothing is written."""
    for command in (("plan",), ("apply", "-auto-approve"), ("state", "list")):
        done = small.run(*command, env={"DCPLAN_WORKSPACE": "stagging"})

        assert done.exit_code == 1
        assert 'There is no workspace "stagging". There are: default.' in words(done.stderr)
    assert not small.touched()


def test_a_name_that_leads_elsewhere_is_refused(small: Small) -> None:
    """No name can reach a file outside of the work folder."""
    for name in ("../x", "a/b", ".", "x" * 64, "-f"):
        done = small.run("plan", env={"DCPLAN_WORKSPACE": name})

        assert done.exit_code == 1
        assert "error: This cannot be the name of a workspace" in done.stderr


def test_the_default_workspace_and_the_one_in_use_stay(small: Small) -> None:
    """Neither can be deleted, not even by force."""
    small.run("workspace", "new", "staging")
    for name, said in (("default", "The default workspace cannot"), ("staging", "The workspace is in use")):
        done = small.run("workspace", "delete", name, "-force", "-auto-approve")

        assert done.exit_code == 1
        assert said in done.stderr
    assert small.run("workspace", "list").stdout == "  default\n* staging\n"
    assert small.run("workspace", "new", "staging").exit_code == 1


def test_a_deleted_workspace_that_held_something_leaves_its_state_behind(small: Small) -> None:
    """Deleted by force, its objects stay, and a copy of its state is kept for its owner alone."""
    small.run("workspace", "new", "staging")
    small.run("apply", "-auto-approve")
    objects = small.objects()
    gone = small.data("workspace", "delete", "staging", "-force", "-auto-approve")
    assert gone["diagnostics"][0]["code"] == "workspace-in-use"
    small.run("workspace", "select", "default")
    gone = small.data("workspace", "delete", "staging", "-force", "-auto-approve")
    backup = small.folder / gone["backup"]

    assert gone["forgotten"] == len(objects) == len(small.objects())
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert small.run("state", "push", str(backup), "-auto-approve").exit_code == 0
    assert small.known() == objects


def test_a_plan_is_for_the_workspace_it_was_made_in(small: Small) -> None:
    """A first plan of one workspace is not applied in another that is as empty."""
    small.run("plan", "-out", "p")
    small.run("workspace", "new", "staging")
    done = small.run("apply", "p")

    assert done.exit_code == 1
    assert "error: The plan is of another workspace" in done.stderr
    assert small.objects() == []


def test_the_document_can_name_the_workspace(small: Small) -> None:
    """``${workspace}`` is the workspace's name, alone and inside a longer text."""
    small.replace("project: small", 'project: "small-${workspace}"')
    small.run("workspace", "new", "staging")
    names = [small.data("plan")["project"]]
    small.run("workspace", "select", "default")
    names.append(small.data("plan")["project"])

    assert names == ["small-staging", "small-default"]
