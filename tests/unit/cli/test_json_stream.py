"""Plans for programs, written in pieces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dcplan.cli.json_stream import PIECE_CHARS, plan_json
from dcplan.cli.options import json_text
from dcplan.diag import warning
from dcplan.plan.codec import to_json
from dcplan.plan.types import Digests, Plan, ReadEntry
from dcplan.resources import Action, Address, Change, Resource

if TYPE_CHECKING:
    from dcplan.diag import Diagnostics


def a_plan(changes: int) -> Plan:
    """A plan that makes so many machines, with line ends and quotes in their attributes."""
    addresses = [Address("local", "machine", f"m-{n}") for n in range(changes)]
    return Plan(
        dcplan="1",
        project='a "project"\nof two lines',
        created_at="now",
        changes=tuple(
            Change(
                address=a,
                action=Action.CREATE,
                before=None,
                after=Resource(
                    address=a, attributes={"text": 'line\n"two"', "of": [1, {"b": None}], "none": []}
                ),
            )
            for a in addresses
        ),
        read_set=tuple(ReadEntry(address=str(a), digest=None) for a in addresses),
        inputs=Digests(document="", offerings="", lineage="", serial=0),
    )


@pytest.mark.parametrize("changes", [0, 1, 3])
@pytest.mark.parametrize("said", [(), (warning("code", "Summary", "Detail."),)])
def test_pieces_are_the_document_that_is_made_at_once(changes: int, said: Diagnostics) -> None:
    """To the letter, with and without changes and diagnostics."""
    plan = a_plan(changes)

    assert "".join(plan_json(plan, said)) == json_text(json.loads(to_json(plan)), said) + "\n"


def test_without_a_plan_there_are_diagnostics_alone() -> None:
    """As for any command that failed."""
    said = (warning("code", "Summary", "Detail."),)

    assert "".join(plan_json(None, said)) == json_text({}, said) + "\n"


def test_no_piece_grows_with_the_plan() -> None:
    """Thousands of changes are never one text."""
    pieces = [len(piece) for piece in plan_json(a_plan(2_000))]

    assert sum(pieces) > 5 * max(pieces)
    assert max(pieces) < 2 * PIECE_CHARS
