"""What a state store on blobs must keep: subclass ``LogContract`` and give the fixture ``connect``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dcplan.resources import Address
from dcplan.state import Fenced, StateDamaged, StateStore
from dcplan.state.blobs import Blobs
from dcplan.state.log import LogStore, Manner, open_log
from store_contract import HOST, INFO, NET, FakeClock, Open, StoreContract, operation, resource

Connect = Callable[[], Blobs]


class LogContract(StoreContract):
    """A store on blobs.  ``connect`` makes a connection to one empty place of the test."""

    @pytest.fixture
    def connect(self) -> Connect:
        """To be given by the subclass."""
        raise NotImplementedError

    @pytest.fixture
    def opened(self, connect: Connect) -> Iterator[Open]:
        """Stores whose leases last as long as those of users, closed in the end."""
        stores: list[LogStore] = []

        def open_one() -> StateStore:
            stores.append(open_log(connect(), create=True).unwrap())
            return stores[-1]

        yield open_one
        for store in stores:
            store.close()

    def test_without_create_a_missing_state_is_told(self, connect: Connect) -> None:
        """No blobs, no state: a diagnostic, and no blob is made."""
        result = open_log(connect(), create=False)

        assert [d.code for d in result.diagnostics] == ["state-missing"]
        assert list(connect().names("")) == []

    def test_a_write_costs_the_same_whatever_the_state_holds(self, connect: Connect) -> None:
        """The blob of a write is as large with 500 resources as with none."""
        store = open_log(connect(), create=True).unwrap()
        sizes = []
        with store.lock(INFO).unwrap():
            for n in (1, 500):
                store.record({Address("local", "machine", f"{n}-{i}"): resource() for i in range(n)})
                store.intents([operation(str(n))])
                body = _newest(connect())
                sizes.append(len(body))
                store.void(str(n), "no")
        store.close()

        assert abs(sizes[0] - sizes[1]) < 20

    def test_a_crash_between_log_and_snapshot_loses_nothing(self, connect: Connect) -> None:
        """A holder that dies without release leaves its writes in the log, and the next one has them."""
        clock = FakeClock()
        manner = Manner(times=clock.times(), beat=False)
        dead = open_log(connect(), create=True, manner=manner).unwrap()
        dead.lock(INFO).unwrap()
        dead.record({NET: resource(NET)})
        dead.intents([operation()])
        clock.now_s += 100
        after = open_log(connect(), create=False, manner=manner).unwrap()
        with after.lock(INFO).unwrap():
            after.void("one", "no")
        last = open_log(connect(), create=False, manner=manner).unwrap()

        assert set(last.read().resources) == {NET}
        assert last.open_operations() == ()
        for store in (dead, after, last):
            store.close()

    def test_a_lease_is_taken_only_when_it_has_run_out(self, connect: Connect) -> None:
        """A dead holder's lease keeps others out until its end and a while, and not longer."""
        clock = FakeClock()
        manner = Manner(times=clock.times(), beat=False)
        dead, other = (open_log(connect(), create=True, manner=manner).unwrap() for _ in range(2))
        dead.lock(INFO).unwrap()
        clock.now_s += 64
        early = other.lock(INFO)
        clock.now_s += 2
        late = other.lock(INFO)

        assert [d.code for d in early.diagnostics] == ["state-locked"]
        assert "free in 1 s" in early.diagnostics[0].detail
        assert late.ok
        with pytest.raises(Fenced):
            dead.record({HOST: resource()})

    def test_a_sleeper_is_fenced_by_the_log_and_not_by_its_clock(self, connect: Connect) -> None:
        """A holder whose own clock stood still meets the marker, also after the log was folded away."""
        awake, asleep = FakeClock(), FakeClock()
        old = open_log(connect(), create=True, manner=Manner(times=asleep.times(), beat=False)).unwrap()
        old.lock(INFO).unwrap()
        old.record({NET: resource(NET)})
        awake.now_s += 1000
        new = open_log(connect(), create=False, manner=Manner(times=awake.times(), beat=False)).unwrap()
        with new.lock(INFO).unwrap():
            for n in range(100):
                new.record({Address("local", "machine", str(n)): resource()})

        with pytest.raises(Fenced, match="lease 1; the state is at lease 2"):
            old.intents([operation()])
        again = open_log(connect(), create=False).unwrap()
        assert len(again.read().resources) == 101
        assert again.open_operations() == ()
        for store in (old, new, again):
            store.close()

    def test_folding_removes_the_log_and_keeps_the_state(self, connect: Connect) -> None:
        """After the release there are the snapshot, the lease and the markers, and nothing else."""
        store = open_log(connect(), create=True).unwrap()
        for n in range(3):
            with store.lock(INFO).unwrap():
                store.record({Address("local", "machine", str(n)): resource()})
        names = list(connect().names(""))
        store.close()

        assert names == [
            "journal/0000000000000001",
            "journal/0000000000000003",
            "journal/0000000000000005",
            "lease.json",
            "state.json",
        ]

    def test_a_long_log_is_folded_on_the_way_and_read_whole(self, connect: Connect) -> None:
        """Of 80 writes under one lease most are in a snapshot before it ends; a reader has them all."""
        store = open_log(connect(), create=True).unwrap()
        lease = store.lock(INFO).unwrap()
        for n in range(80):
            store.record({HOST: resource(outputs={"n": n}), Address("local", "machine", str(n)): resource()})
        left = len(connect().names("journal/"))
        reader = open_log(connect(), create=False).unwrap()
        lease.release()

        assert left < 40
        assert len(reader.read().resources) == 81
        assert reader.read().resources[HOST].outputs == {"n": 79}
        reader.close()
        store.close()

    @pytest.mark.parametrize("body", [b"", b"{}", b"\x00" * 50, b"half"])
    def test_a_snapshot_that_is_none_is_never_taken_for_an_empty_state(
        self, connect: Connect, body: bytes
    ) -> None:
        """Empty, foreign and torn snapshots are ``state-damaged``, with and without create, and stay."""
        blobs = connect()
        store = open_log(connect(), create=True).unwrap()
        with store.lock(INFO).unwrap():
            store.record({HOST: resource()})
        store.close()
        whole = blobs.get("state.json")
        assert whole is not None
        torn = whole.body[: len(whole.body) // 2] if body == b"half" else body
        blobs.put("state.json", torn, expected=whole.version)

        for create in (True, False):
            result = open_log(connect(), create=create)
            assert [d.code for d in result.diagnostics] == ["state-damaged"]
            assert "earlier version" in result.diagnostics[0].detail
        left = blobs.get("state.json")
        assert left is not None
        assert left.body == torn

    def test_a_lost_snapshot_is_damage(self, connect: Connect) -> None:
        """A log without its snapshot is not an empty state."""
        store, blobs = open_log(connect(), create=True).unwrap(), connect()
        store.lock(INFO).unwrap()
        store.record({HOST: resource()})
        blobs.delete("state.json")

        result = open_log(connect(), create=True)
        assert [d.code for d in result.diagnostics] == ["state-damaged"]
        assert "2 entries of its log are there" in result.diagnostics[0].detail

    @pytest.mark.parametrize("spoil", ["empty", "torn", "altered", "gone"])
    def test_a_damaged_entry_is_told(self, connect: Connect, spoil: str) -> None:
        """An entry that is empty, torn, altered or missing before others stops reading, and is named."""
        store, blobs = open_log(connect(), create=True).unwrap(), connect()
        store.lock(INFO).unwrap()
        store.record({HOST: resource()})
        store.record({NET: resource(NET)})
        name = "journal/0000000000000002"
        entry = blobs.get(name)
        assert entry is not None
        if spoil == "gone":
            blobs.delete(name)
        else:
            bodies = {"empty": b"", "torn": entry.body[:-20], "altered": entry.body.replace(b"gpus", b"gpuz")}
            blobs.put(name, bodies[spoil], expected=entry.version)

        result = open_log(connect(), create=False)
        assert [d.code for d in result.diagnostics] == ["state-damaged"]
        assert (
            "gap" in result.diagnostics[0].detail if spoil == "gone" else name in result.diagnostics[0].detail
        )

    def test_a_lease_that_cannot_be_read_is_told_and_forced(self, connect: Connect) -> None:
        """An empty lease blob lets nobody in, and force_unlock is the way out."""
        store, blobs = open_log(connect(), create=True).unwrap(), connect()
        blobs.put("lease.json", b"", expected=None)
        refused = store.lock(INFO)
        epoch = store.force_unlock()
        taken = store.lock(INFO)

        assert [d.code for d in refused.diagnostics] == ["state-damaged"]
        assert "force-unlock" in refused.diagnostics[0].detail
        assert (epoch, taken.unwrap().epoch) == (1, 2)
        store.close()

    def test_a_damaged_store_raises_what_users_can_read(self, connect: Connect) -> None:
        """A snapshot damaged after opening makes the lock fail with a diagnostic and leaves no lease."""
        store, blobs = open_log(connect(), create=True).unwrap(), connect()
        whole = blobs.get("state.json")
        assert whole is not None
        version = blobs.put("state.json", b"", expected=whole.version)
        refused = store.lock(INFO)
        blobs.put("state.json", whole.body, expected=version)

        assert [d.code for d in refused.diagnostics] == [StateDamaged.code]
        assert store.lock(INFO).ok
        store.close()


def _newest(blobs: Blobs) -> bytes:
    newest = blobs.get(list(blobs.names("journal/"))[-1])
    assert newest is not None
    return newest.body
