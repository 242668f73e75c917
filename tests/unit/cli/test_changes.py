"""What people are told of changes: old to new, and what forces a replacement."""

from __future__ import annotations

import os
import pty
import sys
import termios
from typing import TYPE_CHECKING

import click
import pytest

from dcplan.cli.views import changes, values
from dcplan.cli.views.width import marked
from dcplan.diag.hidden import forget_hidden, hide
from dcplan.plan.types import Digests, Plan
from dcplan.resources import Action, Address, Change, Reason, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.resources import JsonValue


@pytest.fixture
def a_secret() -> Iterator[str]:
    """A text that nobody may see."""
    hide(["correct-horse-battery-staple"])
    yield "correct-horse-battery-staple"
    forget_hidden()


def a_change(
    number: int = 0, *, old: dict[str, JsonValue], new: dict[str, JsonValue], **more: object
) -> Change:
    """An update of one replica whose attributes were ``old`` and will be ``new``."""
    address = Address("local", "replica", f"chat-{number}")
    told: dict[str, object] = {
        "action": Action.UPDATE,
        "changed": tuple(sorted(old.keys() | new.keys())),
        "reason": Reason.CHANGED,
        **more,
    }
    return Change(
        address=address,
        before=Resource(address=address, attributes=old),
        after=Resource(address=address, attributes=new),
        **told,  # type: ignore[arg-type] - the fields of a change, given by name
    )


def shown(*of: Change) -> list[str]:
    """The lines for a plan of these changes, without their heading."""
    inputs = Digests(document="", offerings="", lineage="", serial=0)
    plan = Plan(dcplan="", project="p", created_at="", changes=of, inputs=inputs)
    return click.unstyle(changes.changes_text(plan)).splitlines()[1:]


def test_values_are_told_old_to_new() -> None:
    """A line each; of a mapping only what differs in it; what is null or missing is not set."""
    one = a_change(
        old={"layout": {"tensor": 4, "data": 1}, "replicas": 2, "owner": None},
        new={"layout": {"tensor": 8, "data": 1}, "replicas": 3, "owner": "chat"},
    )

    assert shown(one) == [
        "    ~ local.replica.chat-0",
        "        layout.tensor: 4 -> 8",
        "        owner:         not set -> chat",
        "        replicas:      2 -> 3",
    ]


def test_what_forces_a_replacement_is_marked() -> None:
    """The attribute that cannot be changed in place, and no other."""
    change = a_change(
        old={"size": 1, "colour": "red"},
        new={"size": 2, "colour": "blue"},
        action=Action.REPLACE,
        reason=Reason.CANNOT_UPDATE,
        forced_by=("size",),
    )

    assert shown(change) == [
        "  -/+ local.replica.chat-0",
        "        colour: red -> blue",
        "        size:   1 -> 2  (forces replacement)",
    ]


def test_drift_is_told_from_what_is_there() -> None:
    """The state says what is wanted already: the old value is that of the provider."""
    change = a_change(
        old={"size": 1}, new={"size": 1}, changed=("size",), drifted={"size": 5}, reason=Reason.DRIFTED
    )

    assert shown(change) == ["    ~ local.replica.chat-0  (changed outside dcplan)", "        size: 5 -> 1"]


def test_many_alike_are_one_line_with_what_they_share() -> None:
    """The values that change alike in all are told once; of the others only the names."""
    many = [
        a_change(n, old={"precision": "bf16", "node": n}, new={"precision": "fp8", "node": n + 1})
        for n in range(20)
    ]

    assert shown(*many) == [
        "    ~ local.replica.chat-0 ... chat-19  20 resources  (each its own node)",
        "        precision: bf16 -> fp8",
    ]


def test_a_hidden_value_is_not_told(a_secret: str) -> None:
    """Neither alone nor within other words; the other side is."""
    lines = shown(a_change(old={"url": f"https://{a_secret}@there"}, new={"url": "https://there"}))

    assert lines[1:] == ["        url: (sensitive) -> https://there"]


def test_long_values_show_where_they_differ() -> None:
    """Two long texts that begin alike are told from their difference on; a large mapping is counted."""
    ((pair,),) = values.pairs(["key"], {"key": "a" * 300 + "x"}, {"key": "a" * 300 + "y"}).values()
    old: dict[str, JsonValue] = {f"r-{n:02}": 1 for n in range(50)}
    new: dict[str, JsonValue] = {f"r-{n:02}": 2 for n in range(50)}
    lines = values.lines(values.pairs(["replicas"], {"replicas": old}, {"replicas": new}))

    assert len(pair.old) < 80
    assert pair.old.endswith("x")
    assert pair.new.endswith("y")
    assert len(lines) == values.INNER + 1
    assert lines[-1].split() == ["replicas:", "42", "more", "of", "its", "values", "differ"]


def test_lines_are_whole_but_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file a line can be searched for; on a terminal it goes on below, indented."""
    rest = "  on a-machine-with-a-long-name, prompts on another-machine-with-a-long-name (changed)"
    whole = marked("    ~ local.replica.chat-0", rest, "yellow")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 60))
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        narrow = marked("    ~ local.replica.chat-0", rest, "yellow")
        monkeypatch.undo()
    os.close(ours)
    lines = click.unstyle(narrow).splitlines()

    assert "\n" not in whole
    assert len(lines) > 1
    assert max(map(len, lines)) <= 60
    assert all(line.startswith("        ") for line in lines[1:])


def test_values_of_one_thing_are_a_line_each() -> None:
    """What is in mappings by its path, and nothing of what is not set."""
    told = values.listing({"b": {"y": 1, "x": {"deep": True}}, "a": None, "c": ["m-0", "m-1"], "d": {}})

    assert told == ["b.x.deep  true", "b.y       1", "c         m-0, m-1", "d         {}"]
