"""Answers that are lost: what was written is written once, and nothing counts as written that is not."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from blobs_for_tests import FaultyBlobs, MemoryBlobs, digest
from dcplan.resources import Address
from dcplan.state import Fenced, LockInfo, StateError, StateUnreadable
from dcplan.state.lease import LeaseNote, to_body
from dcplan.state.log import LogStore, Manner, open_log
from store_contract import HOST, INFO, NET, FakeClock, operation, resource


@dataclass
class Bench:
    """One server, a clock, and stores behind a bad network."""

    server: MemoryBlobs = field(default_factory=MemoryBlobs)
    clock: FakeClock = field(default_factory=FakeClock)

    def store(self) -> tuple[LogStore, FaultyBlobs]:
        """A store and its network."""
        blobs = FaultyBlobs(self.server)
        manner = Manner(times=self.clock.times(), beat=False)
        return open_log(blobs, create=True, manner=manner).unwrap(), blobs

    def there(self) -> set[Address]:
        """What a newcomer reads."""
        return set(self.store()[0].read().resources)


@pytest.fixture
def bench() -> Bench:
    """A new one."""
    return Bench()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_write_whose_answer_is_lost_is_written_once(bench: Bench, when: str, times: int) -> None:
    """Whether the server acted or not, the write succeeds and stands there once."""
    store, network = bench.store()
    store.lock(INFO).unwrap()
    network.lose(when, prefix="journal/", times=times)
    store.intents([operation()])
    store.ack("one", "i-1")

    fresh, _ = bench.store()
    assert [(o.op_id, o.object_id) for o in fresh.open_operations()] == [("one", "i-1")]
    assert store.open_operations() == fresh.open_operations()


def test_a_server_that_never_answers_leaves_the_store_shut(bench: Bench) -> None:
    """After all tries the write fails, and nothing is written behind one whose fate is unknown."""
    store, network = bench.store()
    store.lock(INFO).unwrap()
    network.lose("after", prefix="journal/", times=5)
    network.lose("before", method="get", times=50)
    with pytest.raises(StateError, match="does not answer"):
        store.intents([operation()])
    network.rules.clear()
    with pytest.raises(StateError, match="does not answer"):
        store.record({HOST: resource()})

    # It had arrived: the next run finds it open, and asks the provider.
    assert [o.op_id for o in bench.store()[0].open_operations()] == ["one"]
    assert bench.there() == set()


def test_a_server_that_refuses_is_told_with_its_reason(bench: Bench) -> None:
    """A refusal is no uncertainty: nothing is written, the server's words are passed on."""
    store, network = bench.store()
    store.lock(INFO).unwrap()
    network.lose("refuse", prefix="journal/")
    with pytest.raises(StateError, match="The server says no"):
        store.record({HOST: resource()})
    store.record({NET: resource(NET)})

    assert bench.there() == {NET}


def test_a_second_try_behind_a_folded_log_is_fenced(bench: Bench) -> None:
    """A write that arrived, was taken in by the next holder and folded away, is not written a second time."""
    store, network = bench.store()
    store.lock(INFO).unwrap()

    def meanwhile(method: str, name: str) -> str | None:
        if method == "get" and name.startswith("journal/"):
            network.rules.clear()
            # Its own clock says that all is well; the lock was forced.
            other, _ = bench.store()
            other.force_unlock()
            with other.lock(INFO).unwrap():
                other.void("one", "the next holder knows better")
        return None

    network.lose("after", prefix="journal/")
    network.rules.append(meanwhile)
    with pytest.raises(Fenced):
        store.intents([operation()])

    assert bench.store()[0].open_operations() == ()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["lease.json", "journal/", "state.json"])
def test_locking_and_making_survive_a_lost_answer(when: str, name: str) -> None:
    """Whichever blob's answer is lost while a state is made, locked, written and released, all is well."""
    bench = Bench()
    network = FaultyBlobs(bench.server)
    network.lose(when, prefix=name)
    store = open_log(network, create=True, manner=Manner(times=bench.clock.times(), beat=False)).unwrap()
    with store.lock(INFO).unwrap():
        network.lose(when, prefix=name)
        store.record({HOST: resource()})
    again, _ = bench.store()

    assert bench.there() == {HOST}
    assert again.lock(INFO).ok or (name == "lease.json" and again.holder() == INFO)


def test_a_marker_is_never_put_where_a_snapshot_hides_it(bench: Bench) -> None:
    """A holder that writes and folds just before the marker of the next one does not make it vanish."""
    old, _ = bench.store()
    old.lock(INFO).unwrap()
    new, network = bench.store()
    bench.server.spoil("lease.json", to_body(LeaseNote(epoch=1, nonce="free")))

    def meanwhile(method: str, name: str) -> str | None:
        if method == "put" and name.startswith("journal/"):
            network.rules.clear()
            old.record({NET: resource(NET)})
            old.compact()
        return None

    network.rules.append(meanwhile)
    new.lock(INFO).unwrap()
    new.record({HOST: resource()})
    with pytest.raises(Fenced):
        old.record({Address("local", "machine", "late"): resource()})

    assert bench.there() == {HOST, NET}


def test_a_marker_behind_a_late_snapshot_stays(bench: Bench) -> None:
    """A holder that folds just after the marker of the next one does not take it away."""
    old, _ = bench.store()
    old.lock(INFO).unwrap()
    old.record({NET: resource(NET)})
    new, network = bench.store()
    bench.server.spoil("lease.json", to_body(LeaseNote(epoch=1, nonce="free")))

    def meanwhile(method: str, name: str) -> str | None:
        if method == "get" and name == "state.json" and len(bench.server.names("journal/")) == 3:
            network.rules.clear()
            old.compact()
        return None

    network.rules.append(meanwhile)
    new.lock(INFO).unwrap()
    new.record({HOST: resource()})
    with pytest.raises(Fenced):
        old.record({Address("local", "machine", "late"): resource()})

    assert [name[-1] for name in bench.server.names("journal/")] == ["1", "3", "4"]
    assert bench.there() == {HOST, NET}


def test_a_snapshot_that_fails_loses_nothing(bench: Bench) -> None:
    """When the snapshot cannot be written, the log stays and the release goes through."""
    store, network = bench.store()
    network.lose("refuse", prefix="state.json", times=9)
    with store.lock(INFO).unwrap():
        store.record({HOST: resource()})
    kept = bench.server.names("journal/")

    assert len(kept) == 2
    assert bench.there() == {HOST}


def test_what_stays_after_a_fold_is_swept_later(bench: Bench) -> None:
    """Entries whose removal failed are removed by the next holder."""
    store, network = bench.store()
    network.lose("before", method="delete", times=9)
    with store.lock(INFO).unwrap():
        store.record({HOST: resource()})
    network.rules.clear()
    left = len(bench.server.names("journal/"))
    with store.lock(INFO).unwrap():
        store.record({NET: resource(NET)})

    assert left == 2
    assert [name[-1] for name in bench.server.names("journal/")] == ["1", "3"]
    assert bench.there() == {HOST, NET}


def test_markers_of_long_ago_are_pruned(bench: Bench) -> None:
    """A marker is kept for 30 days, and goes with the next snapshot after that."""
    store, _ = bench.store()
    for days in (0, 31):
        bench.clock.now_s += days * 86400
        with store.lock(INFO).unwrap():
            store.record({Address("local", "machine", str(days)): resource()})

    assert [name[-1] for name in bench.server.names("journal/")] == ["3"]
    assert len(bench.there()) == 2


def test_a_server_that_is_down_is_told_and_nothing_is_made(bench: Bench) -> None:
    """Opening and locking end with a diagnostic that says who does not answer."""
    store, network = bench.store()
    before = digest(bench.server)
    network.lose("before", method="get", times=99)
    locked = store.lock(INFO)
    opened = open_log(network, create=True, manner=Manner(times=bench.clock.times()))

    assert [d.code for d in (*locked.diagnostics, *opened.diagnostics)] == [StateUnreadable.code] * 2
    assert "memory://test does not answer" in locked.diagnostics[0].detail
    assert digest(bench.server) == before


def test_a_log_of_two_holders_at_once_is_damage(bench: Bench) -> None:
    """An entry of an old lease behind the marker of a new one is never taken in."""
    store, _ = bench.store()
    store.lock(INFO).unwrap()
    store.record({HOST: resource()})
    old = bench.server.kept["journal/0000000000000002"].body
    store.force_unlock()
    bench.server.spoil("journal/0000000000000004", old)

    result = open_log(bench.server, create=False)
    assert [d.code for d in result.diagnostics] == ["state-damaged"]
    assert "slot 2" in result.diagnostics[0].detail


def test_the_run_of_a_ci_service_is_named(bench: Bench) -> None:
    """Whoever waits for a lease sees where its holder's run can be watched."""
    first, second = bench.store()[0], bench.store()[0]
    first.lock(
        LockInfo(pid=1, who="ci@runner", operation="apply", since="now", run_url="https://ci/7")
    ).unwrap()

    assert "Its run: https://ci/7." in second.lock(INFO).diagnostics[0].detail


def test_what_is_written_grows_with_what_is_said_and_not_with_the_state(bench: Bench) -> None:
    """With 2,000 resources, 300 small writes cost less than two further snapshots."""
    store, _ = bench.store()
    store.lock(INFO).unwrap()
    store.record({Address("local", "machine", str(n)): resource() for n in range(2000)})
    store.compact()
    (size,) = [size for name, size in bench.server.puts[-1:] if name == "state.json"]
    before = len(bench.server.puts)
    for n in range(300):
        store.record({HOST: resource(outputs={"n": n})})
    bench.store()[0].close()

    assert sum(size for _, size in bench.server.puts[before:]) < 2 * size
    assert bench.there() >= {HOST}
