"""The local state store keeps what it was given, and refuses what would damage it."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from dcplan.resources import Action, Address, Resource
from dcplan.state import (
    Fenced,
    Finished,
    Intended,
    LocalStore,
    LockInfo,
    Operation,
    Phase,
    StateDamaged,
    StateError,
    Tries,
    open_store,
)
from dcplan.state.errors import StateReplaced

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_INFO = LockInfo(pid=42, who="ann@desk", operation="apply", since="2025-01-01T00:00:00Z")
_NET = Address("local", "network", "net")
_HOST = Address("local", "machine", "h100-0.a")


_opened: list[LocalStore] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close what a test opened."""
    yield
    while _opened:
        _opened.pop().close()


def _store(folder: Path) -> LocalStore:
    _opened.append(open_store(folder / ".dcplan" / "state.db", create=True).unwrap())
    return _opened[-1]


def _locked(folder: Path) -> LocalStore:
    store = _store(folder)
    store.lock(_INFO).unwrap()
    return store


def _resource(address: Address = _HOST, **more: object) -> Resource:
    values = {"attributes": {"gpus": 8, "tags": ["a", None, 1.5]}, "outputs": {"id": "i-1"}, **more}
    return Resource(address=address, **values)  # type: ignore[arg-type] - built by name


def _operation(op_id: str = "one", action: Action = Action.CREATE, **more: object) -> Operation:
    values = {
        "epoch": 1,
        "run_id": "run",
        "address": _HOST,
        "generation": 1,
        "attempt": 1,
        "phase": Phase.INTENT,
        "resource": _resource(needs=(_NET,), known_after_apply=("id",), protect=True),
        "needs": {str(_NET): {"id": "n-1"}},
        "intent_at_s": 12.5,
        **more,
    }
    return Operation(op_id=op_id, action=action, **values)  # type: ignore[arg-type] - built by name


def test_a_new_state_is_empty_and_has_a_lineage_of_its_own(tmp_path: Path) -> None:
    """Two new states differ in lineage; neither holds anything."""
    one, two = _store(tmp_path / "1").read(), _store(tmp_path / "2").read()

    assert (one.resources, one.serial, one.deployment) == ({}, 0, {})
    assert one.lineage
    assert one.lineage != two.lineage


def test_without_create_a_missing_state_is_told(tmp_path: Path) -> None:
    """No file, no state: a diagnostic, and no file is made."""
    result = open_store(tmp_path / "state.db", create=False)

    assert [d.code for d in result.diagnostics] == ["state-missing"]
    assert list(tmp_path.iterdir()) == []


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    """The folder has mode 0700, all files in it 0600."""
    store = _locked(tmp_path)
    store.record({_HOST: _resource()})
    folder = tmp_path / ".dcplan"

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {f.stat().st_mode & 0o777 for f in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("content", [b"", b"{}", b"SQLite format 3\x00 and then something else" * 100])
def test_what_is_no_state_is_never_taken_for_an_empty_one(tmp_path: Path, content: bytes) -> None:
    """Empty, foreign and broken files are refused with ``state-damaged``, and left as they are."""
    path = tmp_path / "state.db"
    path.write_bytes(content)
    result = open_store(path, create=True)

    assert [d.code for d in result.diagnostics] == ["state-damaged"]
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """A healthy SQLite file without our mark is ``state-damaged``."""
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    result = open_store(path, create=True)

    assert [d.code for d in result.diagnostics] == ["state-damaged"]
    assert "another program" in result.diagnostics[0].detail


def test_a_later_layout_is_refused(tmp_path: Path) -> None:
    """A state of a newer dcplan is not read as if it were ours."""
    store = _store(tmp_path)
    store.close()
    path = store.path
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 2")
    raw.close()
    result = open_store(path, create=False)

    assert "layout 2" in result.diagnostics[0].detail


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    """Half of a state is ``state-damaged``."""
    store = _locked(tmp_path)
    store.record({Address("local", "machine", str(n)): _resource() for n in range(200)})
    store.close()
    content = store.path.read_bytes()
    store.path.write_bytes(content[: len(content) // 2])
    result = open_store(store.path, create=False)

    assert [d.code for d in result.diagnostics] == ["state-damaged"]


def test_a_row_that_is_no_resource_is_damage(tmp_path: Path) -> None:
    """Reading a row that lacks its parts raises StateDamaged instead of leaving it out."""
    store = _store(tmp_path)
    with sqlite3.connect(store.path) as raw:
        raw.execute("INSERT INTO resources VALUES ('local.machine.a', '{}')")
    raw.close()

    with pytest.raises(StateDamaged):
        store.read()


def test_resources_come_back_as_they_went_in(tmp_path: Path) -> None:
    """All fields of a resource survive, in another connection."""
    resource = _resource(needs=(_NET,), known_after_apply=("id", "ip"), protect=True)
    _locked(tmp_path).record({_HOST: resource, _NET: _resource(_NET)})

    assert _store(tmp_path).read().resources == {_HOST: resource, _NET: _resource(_NET)}


def test_the_serial_grows_only_with_changes(tmp_path: Path) -> None:
    """The same row written again, or a row deleted that is not there, changes nothing."""
    store = _locked(tmp_path)
    store.record({_HOST: _resource()})
    once = store.read().serial
    store.record({_HOST: _resource(), _NET: None})
    twice = store.read().serial
    store.record({_HOST: None})

    assert (once, twice, store.read().serial) == (1, 1, 2)


def test_the_deployment_is_kept(tmp_path: Path) -> None:
    """What was last applied is read back; saying the same twice is one change."""
    store = _locked(tmp_path)
    store.set_deployment({"project": "chat"})
    store.set_deployment({"project": "chat"})

    assert (store.read().deployment, store.read().serial) == ({"project": "chat"}, 1)


def test_an_operation_is_open_until_done(tmp_path: Path) -> None:
    """Intent and acknowledgement are open, with all they were given; done closes and sets the row."""
    store, operation = _locked(tmp_path), _operation()
    store.intents([operation])
    intended = store.open_operations()
    store.ack("one", "i-1", "wait-7")
    (taken,) = store.open_operations()
    store.done("one", operation.resource)

    assert intended == (operation,)
    assert (taken.phase, taken.object_id, taken.operation_id) == (Phase.ACK, "i-1", "wait-7")
    assert store.open_operations() == ()
    assert store.read().resources == {_HOST: operation.resource}


def test_a_void_operation_leaves_no_row(tmp_path: Path) -> None:
    """Nothing was made: the journal is closed and the state unchanged."""
    store = _locked(tmp_path)
    store.intents([_operation()])
    store.void("one", "no capacity")

    assert store.open_operations() == ()
    assert store.read().serial == 0


def test_generations_outlive_the_resource(tmp_path: Path) -> None:
    """Each completed create counts, also after a delete; attempts count since the last create."""
    store = _locked(tmp_path)
    store.intents([_operation()])
    store.void("one", "no")
    store.intents([_operation("two", attempt=2)])
    before = store.tries()[_HOST]
    store.done("two", _resource())
    store.intents([_operation("three", Action.DELETE)])
    store.done("three", None)

    assert before == Tries(generation=0, attempt=2)
    assert store.tries()[_HOST] == Tries(generation=1, attempt=1)
    assert (store.generation(_HOST), store.generation(_NET)) == (1, 0)


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """A record that cannot be written takes those before it along."""
    store = _locked(tmp_path)
    with pytest.raises(RuntimeError, match="bug in dcplan"):
        store.write([Intended(operation=_operation()), Finished(op_id="unknown", resource=None)])

    assert store.open_operations() == ()


def test_closed_operations_can_be_dropped(tmp_path: Path) -> None:
    """Compaction keeps open operations and the newest closed ones."""
    store = _locked(tmp_path)
    store.intents([_operation("open")])
    for n in range(5):
        address = Address("local", "machine", str(n))
        store.intents([_operation(str(n), address=address)])
        store.void(str(n), "no")
    dropped = store.compact(keep=2)

    assert dropped == 3
    assert [o.op_id for o in store.open_operations()] == ["open"]


def test_a_second_holder_is_told_who_has_the_lock(tmp_path: Path) -> None:
    """The lock is refused at once, naming its holder, and free after release."""
    first, second = _store(tmp_path), _store(tmp_path)
    lease = first.lock(_INFO).unwrap()
    refused = second.lock(_INFO)
    lease.release()

    assert [d.code for d in refused.diagnostics] == ["state-locked"]
    assert "ann@desk (process 42, apply since 2025-01-01" in refused.diagnostics[0].detail
    assert second.lock(_INFO).ok


def test_reading_needs_no_lock(tmp_path: Path) -> None:
    """While one holds the lock another reads what is committed."""
    first = _locked(tmp_path)
    first.record({_HOST: _resource()})

    assert list(_store(tmp_path).read().resources) == [_HOST]


def test_writing_without_the_lock_is_a_bug(tmp_path: Path) -> None:
    """The store refuses writes before the lock and after its release."""
    store = _store(tmp_path)
    lease = store.lock(_INFO).unwrap()
    lease.release()

    with pytest.raises(RuntimeError, match="bug in dcplan"):
        store.record({_HOST: _resource()})


def test_a_holder_whose_lock_was_forced_is_fenced(tmp_path: Path) -> None:
    """After force_unlock the next holder writes and the old one is refused, whatever it holds."""
    old, new = _locked(tmp_path), _store(tmp_path)
    new.force_unlock()
    lease = new.lock(_INFO).unwrap()
    new.record({_NET: _resource(_NET)})

    with pytest.raises(Fenced):
        old.record({_HOST: _resource()})
    assert list(new.read().resources) == [_NET]
    assert lease.epoch == 3


def test_each_lease_has_a_higher_epoch(tmp_path: Path) -> None:
    """Epochs grow from lease to lease, also over a reopening."""
    with _store(tmp_path).lock(_INFO).unwrap() as one:
        first = one.epoch
    second = _store(tmp_path).lock(_INFO).unwrap().epoch

    assert (first, second) == (1, 2)


def test_a_full_disk_is_an_error_of_the_state(tmp_path: Path) -> None:
    """What SQLite cannot write raises a StateError that says so, and nothing is half written."""
    store = _locked(tmp_path)
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = {Address("local", "machine", str(n)): _resource() for n in range(500)}
    with pytest.raises(StateError, match="full"):
        store.record(many)
    assert store.read().serial == 0


@pytest.mark.parametrize("anew", [False, True])
def test_nobody_writes_to_a_state_that_was_removed(tmp_path: Path, anew: bool) -> None:
    """Whoever waits for the lock of a workspace that is deleted, and maybe made anew, writes nothing."""
    holder, waits = _locked(tmp_path), _store(tmp_path)
    shutil.rmtree(waits.path.parent)
    with pytest.raises(StateReplaced):
        holder.record({_HOST: _resource()})
    holder.close()
    if anew:
        _store(tmp_path)
    told = waits.lock(_INFO)

    assert [d.code for d in told.diagnostics] == ["state-replaced"]
    assert waits.read().resources == {}
