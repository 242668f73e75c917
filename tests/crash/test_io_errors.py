"""The disk fails at any one statement that an apply writes: it is told, nothing is lost, nothing doubled."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from apply_bench import A, B, Bench, Clock, World, create
from dcplan.apply import ApplyOptions
from dcplan.state import LockInfo, check, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Disk:
    """Fails at the statement that ``left`` counts down to, and, when ``stays``, at all after it."""

    left: int
    stays: bool
    failed: bool = False
    writing: bool = False

    def touch(self, statement: str) -> None:
        """A statement is about to be carried out; only those of transactions that write count."""
        if statement.startswith("BEGIN"):
            self.writing = statement == "BEGIN IMMEDIATE"
        if not self.writing or statement == "ROLLBACK":
            return
        self.left -= 1
        if self.left == 0 or (self.stays and self.left < 0):
            self.failed = True
            raise sqlite3.OperationalError("disk I/O error")


class Connection(sqlite3.Connection):
    """A connection to a file on such a disk."""

    disk: Disk | None = None

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """As ever, unless the disk fails now."""
        if Connection.disk is not None:
            Connection.disk.touch(sql)
        return super().execute(sql, *parameters)


@pytest.fixture(autouse=True)
def _disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All files lie on the disk, which is in order at first."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Connection))
    yield
    Connection.disk = None


def _applied(folder: Path, world: World | None, disk: Disk | None) -> tuple[World, bool, bool]:
    """One apply of two creates, with a recovery first: its world, whether it did all, whether it told."""
    store = open_store(folder / "state.db", create=True).unwrap()
    try:
        store.lock(LockInfo(pid=1, who="a@b", operation="apply", since="now")).unwrap()
        clock = world.clock if world is not None else Clock()
        world = world or World(clock, store)
        world.store = store
        bench = Bench(store, world, clock, options=ApplyOptions(parallelism=1))
        Connection.disk = disk
        recovered = bench.recover()
        wanted = [create(r) for r in (A, B) if r.address not in store.read().resources]
        made = bench.run(*wanted)
        told = any(d.code == "state-not-written" for d in (*recovered.diagnostics, *made.diagnostics))
        return world, recovered.ok and made.ok, told
    finally:
        Connection.disk = None
        store.close()


@pytest.mark.parametrize(("stays", "step"), [(False, 1), (True, 5)], ids=["once", "from then on"])
def test_a_disk_error_at_any_statement_is_told_and_made_good(
    tmp_path: Path, step: int, *, stays: bool
) -> None:
    """At the n-th statement, for every n until the apply needs no more: the next apply makes one of each."""
    for left in range(1, 100, step):
        folder = tmp_path / str(left)
        folder.mkdir()
        disk = Disk(left, stays)
        world, done, told = _applied(folder, None, disk)
        if not disk.failed:
            break
        _, done_again, _ = _applied(folder, world, None)
        state_store = open_store(folder / "state.db", create=False).unwrap()
        state, still_open = state_store.read(), state_store.open_operations()
        state_store.close()

        # What is not told is that old entries of the journal could not be dropped: nobody needs that.
        assert (told, done_again) == (not done, True)
        assert sorted(map(str, state.resources)) == sorted(str(r.address) for r in (A, B))
        assert {r.outputs["id"] for r in state.resources.values()} == set(world.objects)
        assert len(world.objects) == 2
        assert (still_open, check(state)) == ((), ())
    # Two calls with an intent, an answer and an outcome each, of several statements.
    assert left > 30
