"""A state that went back is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from blobs_for_tests import MemoryBlobs
from dcplan.state.blobs import Blob
from dcplan.state.log import Manner, open_log
from dcplan.state.seen import Position, Seen
from store_contract import HOST, INFO, NET, resource


def _written(server: MemoryBlobs, seen: Seen, name: object = HOST) -> None:
    store = open_log(server, create=True, manner=Manner(seen=seen)).unwrap()
    with store.lock(INFO).unwrap():
        store.record({name: resource(name)})  # type: ignore[dict-item, arg-type] - an address
    store.close()


def test_an_older_version_put_back_is_refused(tmp_path: Path) -> None:
    """All blobs of last week are sound, and yet not taken: opening and locking say so."""
    server, seen = MemoryBlobs(), Seen(tmp_path / "seen.json")
    _written(server, seen)
    last_week: dict[str, Blob] = dict(server.kept)
    store = open_log(server, create=False, manner=Manner(seen=seen)).unwrap()
    _written(server, seen, NET)
    server.kept = dict(last_week)
    opened = open_log(server, create=True, manner=Manner(seen=seen))
    locked = store.lock(INFO)

    assert [d.code for d in (*opened.diagnostics, *locked.diagnostics)] == ["state-went-back"] * 2
    assert "its epoch is 1, and 2 was seen here" in opened.diagnostics[0].detail
    assert "init -reconfigure" in opened.diagnostics[0].detail
    seen.forget()
    assert open_log(server, create=False, manner=Manner(seen=seen)).ok


def test_another_state_is_refused(tmp_path: Path) -> None:
    """A state of another lineage is not the one that was seen."""
    seen = Seen(tmp_path / "seen.json")
    _written(MemoryBlobs(), seen)
    other = MemoryBlobs()
    open_log(other, create=True).unwrap().close()
    opened = open_log(other, create=False, manner=Manner(seen=seen))

    assert [d.code for d in opened.diagnostics] == ["state-went-back"]
    assert "another state" in opened.diagnostics[0].detail


def test_a_state_that_has_gone_is_not_made_anew(tmp_path: Path) -> None:
    """An empty server where a state was seen is damage, also with create."""
    server, seen = MemoryBlobs(), Seen(tmp_path / "seen.json")
    _written(server, seen)
    server.kept.clear()
    opened = open_log(server, create=True, manner=Manner(seen=seen))

    assert [d.code for d in opened.diagnostics] == ["state-damaged"]
    assert server.kept == {}


def test_what_was_seen_is_for_the_owner_only_and_survives_nonsense(tmp_path: Path) -> None:
    """The file has mode 0600; a broken one is as good as none."""
    seen = Seen(tmp_path / "deep" / "seen.json")
    position = Position(lineage="l", serial=1, epoch=2, slot=3)
    seen.remember(position)
    mode = (tmp_path / "deep" / "seen.json").stat().st_mode & 0o777
    kept = seen.position
    (tmp_path / "deep" / "seen.json").write_text("{")

    assert (mode, kept, seen.position) == (0o600, position, None)


@pytest.mark.parametrize("field", ["serial", "epoch", "slot"])
def test_no_number_goes_back(field: str) -> None:
    """Each of the three is watched by itself."""
    then = Position(lineage="l", serial=5, epoch=5, slot=5)
    now = Position(**{"lineage": "l", "serial": 6, "epoch": 6, "slot": 6, field: 4})

    assert field in str(now.behind(then))
    assert then.behind(then) is None


def test_a_slow_reader_does_not_forget_what_another_saw(tmp_path: Path) -> None:
    """A command that opened the state long ago ends after an apply, and notes nothing older."""
    server, seen = MemoryBlobs(), Seen(tmp_path / "seen.json")
    _written(server, seen)
    slow = open_log(server, create=False, manner=Manner(seen=seen)).unwrap()
    _written(server, seen, NET)
    after = seen.position
    slow.close()

    assert seen.position == after


def test_what_a_killed_process_wrote_was_seen(tmp_path: Path) -> None:
    """Each write is noted at once, since a process that is killed notes nothing at its end."""
    server, seen = MemoryBlobs(), Seen(tmp_path / "seen.json")
    store = open_log(server, create=True, manner=Manner(seen=seen, beat=False)).unwrap()
    store.lock(INFO).unwrap()
    store.record({HOST: resource()})

    assert seen.position == store.position


def test_a_state_that_goes_back_between_two_looks_is_refused() -> None:
    """Also where nothing is remembered: a process knows what it opened when it takes the lock."""
    server = MemoryBlobs()
    open_log(server, create=True).unwrap().close()
    before: dict[str, Blob] = dict(server.kept)
    store = open_log(server, create=False, manner=Manner(beat=False)).unwrap()
    with store.lock(INFO).unwrap():
        store.record({HOST: resource()})
    server.kept = dict(before)

    assert [d.code for d in store.lock(INFO).diagnostics] == ["state-went-back"]
