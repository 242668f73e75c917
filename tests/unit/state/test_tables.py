"""A snapshot holds every table, and a log every kind of record."""

from __future__ import annotations

import sqlite3
import typing

import pytest

from dcplan.state import Record, State, Tries
from dcplan.state.entries import Entry, from_content, to_content
from dcplan.state.tables import COLUMNS, dump, in_memory, load
from dcplan.state.types import (
    Acknowledged,
    Finished,
    Intended,
    Recorded,
    Restored,
    RunNoted,
    Voided,
)
from store_contract import HOST, NET, operation, resource

RECORDS: dict[type, Record] = {
    Intended: Intended(operation=operation()),
    Acknowledged: Acknowledged(op_id="one", object_id="i-1", operation_id="w"),
    Finished: Finished(op_id="one", resource=resource(needs=(NET,), protect=True)),
    Voided: Voided(op_id="one", why="no"),
    Recorded: Recorded(address=HOST, resource=None),
    RunNoted: RunNoted(run_id="r", content={"who": "ann"}),
    Restored: Restored(
        state=State(lineage="l", serial=4, resources={HOST: resource()}, deployment={"a": 1}),
        tries={HOST: Tries(generation=1, attempt=2)},
    ),
}


def test_every_table_of_the_layout_is_in_the_snapshot() -> None:
    """A table or column that somebody adds is not forgotten by snapshots."""
    sql = in_memory()
    tables = {
        name: tuple(column for _, column, *_ in sql.execute(f"PRAGMA table_info({name})"))
        for (name,) in sql.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not name.startswith("sqlite_")
    }
    del tables["meta"]

    assert tables == COLUMNS


@pytest.mark.parametrize("kind", typing.get_args(Record))
def test_every_record_comes_back_from_the_log(kind: type) -> None:
    """Each kind of record is the same after it was an entry's JSON."""
    entry = Entry(slot=3, lineage="l", epoch=2, nonce="n", at_s=1.5, records=(RECORDS[kind],))

    assert from_content(to_content(entry), "l") == entry


@pytest.mark.parametrize(
    "spoil", [{"schema": 99}, {"lineage": ""}, {"tables": {"strangers": []}}, {"tables": {"tries": [["a"]]}}]
)
def test_content_of_another_make_is_refused(spoil: dict[str, object]) -> None:
    """Later layouts, unknown tables and rows that do not fit are errors, never left out."""
    sql = in_memory()
    sql.execute("UPDATE meta SET lineage = 'l'")
    content = {**dump(sql), **spoil}

    with pytest.raises((ValueError, sqlite3.Error)):
        load(in_memory(), content)
