"""SQLite files that may only be read, and folders for their owner alone."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from bound import bound, read_only
from dcplan.disk.private import make_folder
from dcplan.disk.read_only import in_memory, may_write


def wal(path: Path) -> sqlite3.Connection:
    """A database with a log beside it, open for writing; no reader may fold the log in."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("CREATE TABLE rows (n INTEGER)")
    return db


def rows(path: Path) -> list[int]:
    """What is read of a database, by somebody to whom modes apply."""

    def read() -> list[int]:
        with closing(in_memory(path)) as db:
            return [n for (n,) in db.execute("SELECT n FROM rows ORDER BY n")]

    return bound(read)


def killed(path: Path, into: Path, *ends: str) -> Path:
    """The files that a writer would leave, were it killed now: the database and those with these ends."""
    into.mkdir()
    for end in ("", *ends):
        shutil.copyfile(f"{path}{end}", into / f"{path.name}{end}")
    return into / path.name


def test_a_closed_database_is_read_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """SQLite itself cannot open it in a folder where it can make no log."""
    folder = tmp_path / "f"
    folder.mkdir()
    with closing(wal(folder / "db")) as db:
        db.execute("INSERT INTO rows VALUES (1)")
    with read_only(folder):
        read, names = rows(folder / "db"), sorted(folder.iterdir())
        may = bound(lambda: may_write(folder / "db"))

    assert read == [1]
    assert names == [folder / "db"]
    assert not may
    assert may_write(folder / "db")


@pytest.mark.parametrize("ends", [("-wal", "-shm"), ("-wal",)])
def test_what_stands_in_the_log_alone_is_read(tmp_path: Path, ends: tuple[str, ...]) -> None:
    """A writer was killed: its commits are in the log, with the index of the log or without."""
    with closing(wal(tmp_path / "db")) as db:
        db.execute("INSERT INTO rows VALUES (1)")
        left = killed(tmp_path / "db", tmp_path / "left", *ends)
    content = {path.name: path.read_bytes() for path in left.parent.iterdir() if path.suffix != ".db-shm"}
    with read_only(left.parent):
        read = rows(left)

    assert read == [1]
    assert {path.name for path in left.parent.iterdir()} == content.keys()
    assert left.read_bytes() == content["db"]
    assert Path(f"{left}-wal").read_bytes() == content["db-wal"]


def test_a_transaction_that_was_never_finished_does_not_count(tmp_path: Path) -> None:
    """A journal beside the database says what was there before; half of the new pages are in it already."""
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as db:
        db.execute("CREATE TABLE rows (n INTEGER, filling TEXT)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO rows VALUES (?, ?)", [(n, "x" * 1000) for n in range(100)])
        db.execute("COMMIT")
        db.execute("PRAGMA cache_size = 5")
        db.execute("BEGIN")
        db.execute("UPDATE rows SET n = n + 1000, filling = 'y' || filling")
        left = killed(tmp_path / "db", tmp_path / "left", "-journal")
        db.execute("ROLLBACK")
    with closing(sqlite3.connect(f"{left.as_uri()}?immutable=1", uri=True)) as torn:
        assert torn.execute("SELECT max(n) FROM rows").fetchone() != (99,)
    with read_only(left.parent):
        read = rows(left)

    assert read == list(range(100))


def test_while_another_writes_each_reading_is_one_commit(tmp_path: Path) -> None:
    """Rows come in pairs, so an odd number of them would be half a commit; and none goes again."""
    folder = tmp_path / "f"
    folder.mkdir()
    began, done = threading.Event(), threading.Event()

    def write() -> None:
        with closing(wal(folder / "db")) as db:
            for n in range(4000):
                db.execute("BEGIN")
                db.executemany("INSERT INTO rows VALUES (?)", [(n,), (n,)])
                db.execute("COMMIT")
                if n == 0:
                    began.set()
                if n % 500 == 0:
                    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                if done.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    began.wait(10)
    counts = [len(rows(folder / "db"))]
    while len(counts) < 30 or (counts[-1] == counts[0] and writer.is_alive()):
        counts.append(len(rows(folder / "db")))
    done.set()
    writer.join()

    assert all(count % 2 == 0 for count in counts)
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    """Damage is SQLite's error, and what is not there the system's."""
    (tmp_path / "db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)

    with pytest.raises(sqlite3.DatabaseError):
        in_memory(tmp_path / "db")
    with pytest.raises((OSError, sqlite3.OperationalError)):
        in_memory(tmp_path / "none")


def test_folders_above_are_private_as_well(tmp_path: Path) -> None:
    """All that are missing get the owner's mode; one that is there keeps its own."""
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "a" / "b" / "c")
    make_folder(tmp_path / "a")

    made = [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700] * 3
    assert tmp_path.stat().st_mode & 0o777 == 0o755
