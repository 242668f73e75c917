"""The mark beside the lock tells how far a state has got, and errs only on the side of saying nothing."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from dcplan.resources import Address, Resource
from dcplan.state import LockInfo, open_store, watermark
from dcplan.state.watermark import Mark

INFO = LockInfo(pid=42, who="ann@desk", operation="apply", since="2025-01-01T00:00:00Z")
ROW = Resource(address=Address("local", "machine", "a"), attributes={}, outputs={"id": "i-1"})


def killed(folder: Path, rows: int) -> Path:
    """The files that a killed process leaves, which has written so many rows; where the state is."""
    store = open_store(folder / "live" / "state.db", create=True).unwrap()
    try:
        store.lock(INFO).unwrap()
        for row in range(rows):
            address = Address("local", "machine", f"m{row}")
            store.record({address: Resource(address=address, attributes={}, outputs={"id": f"i-{row}"})})
        shutil.copytree(folder / "live", folder / "left")
        assert store.holder() == INFO
    finally:
        store.close()
    return folder / "left" / "state.db"


def test_what_a_killed_process_has_written_is_there(tmp_path: Path) -> None:
    """With its log, the state of a killed process opens and holds all of it."""
    store = open_store(killed(tmp_path, 3), create=False).unwrap()
    held = len(store.read().resources)
    store.close()

    assert held == 3


@pytest.mark.parametrize("keep", [0.0, 0.4, 0.9])
def test_a_log_cut_anywhere_is_noticed(tmp_path: Path, keep: float) -> None:
    """SQLite would take what is left of the log for all of it; dcplan refuses, and says how to go on."""
    path = killed(tmp_path, 5)
    log = path.with_name("state.db-wal")
    data = log.read_bytes()
    log.write_bytes(data[: int(len(data) * keep)])
    (problem,) = open_store(path, create=False).diagnostics

    assert problem.code == "state-damaged"
    assert "the end of its log is lost" in problem.detail
    assert "state.db.lock" in problem.detail


def test_a_process_that_ends_well_leaves_no_mark(tmp_path: Path) -> None:
    """Whoever puts an older copy back later is not held up."""
    store = open_store(tmp_path / "state.db", create=True).unwrap()
    store.lock(INFO).unwrap()
    store.record({ROW.address: ROW})
    store.close()

    assert watermark.left(tmp_path / "state.db.lock") is None


def test_a_harmed_mark_is_no_mark(tmp_path: Path) -> None:
    """Whatever happens to its bytes, it is read as it was or not at all."""
    path, mark = tmp_path / "lock", Mark(epoch=3, serial=17, calls=12)
    chance = random.Random(1)  # noqa: S311 - repeatable, not secret
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    watermark.note(descriptor, mark)
    os.close(descriptor)
    whole = path.read_bytes()
    read = set()
    for _ in range(300):
        harmed = bytearray(whole)
        harmed[chance.randrange(watermark.AT_BYTE, len(whole))] = chance.randrange(256)
        path.write_bytes(harmed[: chance.choice((len(whole), chance.randrange(len(whole))))])
        read.add(watermark.left(path))

    assert read == {None, mark}


def test_a_state_is_behind_in_any_of_its_numbers() -> None:
    """Each number by itself tells that something is missing; being further does not."""
    mark = Mark(epoch=3, serial=17, calls=12)

    assert watermark.behind(Mark(3, 16, 12), mark)
    assert watermark.behind(Mark(3, 18, 11), mark)
    assert watermark.behind(Mark(2, 17, 12), mark)
    assert not watermark.behind(Mark(4, 17, 13), mark)
