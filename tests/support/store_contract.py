"""What every state store must keep: subclass ``StoreContract`` and give the fixture ``opened``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from dcplan.resources import Action, Address, Resource
from dcplan.state import (
    Fenced,
    Finished,
    Intended,
    LockInfo,
    Operation,
    Phase,
    RunNoted,
    StateStore,
    Tries,
)
from dcplan.state.patience import Times

INFO = LockInfo(pid=42, who="ann@desk", operation="apply", since="2025-01-01T00:00:00Z")
NET = Address("local", "network", "net")
HOST = Address("local", "machine", "h100-0.a")

Open = Callable[[], StateStore]


@dataclass
class FakeClock:
    """Time that passes when it is slept away."""

    now_s: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now_s += seconds

    def times(self) -> Times:
        """Clocks that go by this one."""
        return Times(clock=lambda: self.now_s, steady=lambda: self.now_s, sleep=self.sleep)


def resource(address: Address = HOST, **more: object) -> Resource:
    """A resource with one value of each kind."""
    values = {"attributes": {"gpus": 8, "tags": ["a", None, 1.5]}, "outputs": {"id": "i-1"}, **more}
    return Resource(address=address, **values)  # type: ignore[arg-type] - built by name


def operation(op_id: str = "one", action: Action = Action.CREATE, **more: object) -> Operation:
    """An operation about to be made."""
    values = {
        "epoch": 1,
        "run_id": "run",
        "address": HOST,
        "generation": 1,
        "attempt": 1,
        "phase": Phase.INTENT,
        "resource": resource(needs=(NET,), known_after_apply=("id",), protect=True),
        "needs": {str(NET): {"id": "n-1"}},
        "intent_at_s": 12.5,
        **more,
    }
    return Operation(op_id=op_id, action=action, **values)  # type: ignore[arg-type] - built by name


class StoreContract:
    """Any store.  ``opened`` opens the one place of a test, each time by a connection of its own."""

    @pytest.fixture
    def opened(self) -> Iterator[Open]:
        """To be given by the subclass."""
        raise NotImplementedError

    def test_what_was_written_is_read_elsewhere(self, opened: Open) -> None:
        """Resources, deployment, tries, open operations and runs survive, in another connection."""
        store, whole = opened(), resource(needs=(NET,), known_after_apply=("id", "ip"), protect=True)
        with store.lock(INFO).unwrap():
            store.record({HOST: whole, NET: resource(NET)})
            store.set_deployment({"project": "chat"})
            store.intents([operation(address=NET)])
            store.ack("one", "i-1", "wait-7")
            store.write([RunNoted(run_id="r", content={"who": "ann"})])
        other = opened()

        assert other.read().resources == {HOST: whole, NET: resource(NET)}
        assert other.read() == store.read()
        assert other.tries() == {NET: Tries(generation=0, attempt=1)}
        assert [(o.phase, o.object_id, o.operation_id) for o in other.open_operations()] == [
            (Phase.ACK, "i-1", "wait-7")
        ]
        assert other.runs() == ({"who": "ann"},)

    def test_what_is_written_is_seen_before_the_release(self, opened: Open) -> None:
        """A write is durable when it returns: another one reads it while the lease is held."""
        store = opened()
        with store.lock(INFO).unwrap():
            store.intents([operation()])
            seen = opened().open_operations()

        assert seen == (operation(),)

    def test_the_serial_grows_only_with_changes(self, opened: Open) -> None:
        """The same row written again, or a row deleted that is not there, changes nothing."""
        store = opened()
        store.lock(INFO).unwrap()
        store.record({HOST: resource()})
        once = store.read().serial
        store.record({HOST: resource(), NET: None})
        store.set_deployment({"project": "chat"})
        store.set_deployment({"project": "chat"})

        assert (once, store.read().serial) == (1, 2)

    def test_a_transaction_is_all_or_nothing(self, opened: Open) -> None:
        """A record that cannot be written takes those before it along, here and for others."""
        store = opened()
        store.lock(INFO).unwrap()
        with pytest.raises(RuntimeError, match="bug in dcplan"):
            store.write([Intended(operation=operation()), Finished(op_id="unknown", resource=None)])
        store.intents([operation("two")])

        assert [o.op_id for o in opened().open_operations()] == ["two"]

    def test_compacting_keeps_open_operations_and_tries(self, opened: Open) -> None:
        """What was closed may go; what is open and how often it was tried stays."""
        store = opened()
        store.lock(INFO).unwrap()
        store.intents([operation("open")])
        for n in range(5):
            store.intents([operation(str(n), address=Address("local", "machine", str(n)))])
            store.void(str(n), "no")
        dropped = store.compact(keep=0)
        other = opened()

        assert dropped == 5
        assert [o.op_id for o in other.open_operations()] == ["open"]
        assert len(other.tries()) == 6
        assert store.compact(keep=0) == 0

    def test_a_second_holder_is_told_who_has_the_lock(self, opened: Open) -> None:
        """The lock is refused at once, naming its holder, and free after release."""
        first, second = opened(), opened()
        lease = first.lock(INFO).unwrap()
        refused = second.lock(INFO)
        held = second.holder()
        lease.release()
        lease.release()

        assert [d.code for d in refused.diagnostics] == ["state-locked"]
        assert "ann@desk (process 42, apply since 2025-01-01" in refused.diagnostics[0].detail
        assert held == INFO
        assert second.holder() is None
        assert second.lock(INFO).ok

    def test_the_lock_brings_up_to_date(self, opened: Open) -> None:
        """Whoever takes the lock goes on from what others wrote since it was opened."""
        first, second = opened(), opened()
        with first.lock(INFO).unwrap():
            first.record({NET: resource(NET)})
        with second.lock(INFO).unwrap():
            second.record({HOST: resource()})

        assert set(opened().read().resources) == {HOST, NET}

    def test_writing_without_the_lock_is_a_bug(self, opened: Open) -> None:
        """The store refuses writes before the lock and after its release."""
        store = opened()
        store.lock(INFO).unwrap().release()

        with pytest.raises(RuntimeError, match="bug in dcplan"):
            store.record({HOST: resource()})

    def test_a_holder_whose_lock_was_forced_is_fenced(self, opened: Open) -> None:
        """After force_unlock the next holder writes and the old one is refused, whatever it holds."""
        old, new = opened(), opened()
        old.lock(INFO).unwrap()
        old.record({NET: resource(NET)})
        new.force_unlock()
        lease = new.lock(INFO).unwrap()
        new.intents([operation()])

        with pytest.raises(Fenced):
            old.record({HOST: resource()})
        with pytest.raises(Fenced):
            old.set_deployment({"x": 1})
        assert set(opened().read().resources) == {NET}
        assert lease.epoch == 3

    def test_a_forced_holder_is_fenced_though_nobody_came_after(self, opened: Open) -> None:
        """Forcing alone is enough."""
        old = opened()
        old.lock(INFO).unwrap()
        opened().force_unlock()

        with pytest.raises(Fenced):
            old.record({HOST: resource()})
        assert opened().read().resources == {}

    def test_each_lease_has_a_higher_epoch(self, opened: Open) -> None:
        """Epochs grow from lease to lease, also over a reopening."""
        epochs = []
        for _ in range(3):
            with opened().lock(INFO).unwrap() as lease:
                epochs.append(lease.epoch)

        assert epochs == [1, 2, 3]

    def test_of_many_that_want_the_lock_one_gets_it(self, opened: Open) -> None:
        """Eight at the same moment: one lease, and the others are told."""
        stores = [opened() for _ in range(8)]
        start, results = threading.Barrier(len(stores)), []

        def race(store: StateStore) -> None:
            start.wait()
            results.append(store.lock(INFO))

        threads = [threading.Thread(target=race, args=[store]) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sum(1 for r in results if r.ok) == 1
        assert {d.code for r in results for d in r.diagnostics} <= {"state-locked", "state-fenced"}

    def test_two_writers_in_turns_lose_nothing(self, opened: Open) -> None:
        """Each waits for the lock and adds one row, many times over; all rows are there."""
        per_writer = 6

        def work(me: int) -> None:
            store = opened()
            for n in range(per_writer):
                while True:
                    lease = store.lock(INFO)
                    if lease.value is not None:
                        break
                with lease.value:
                    store.record({Address("local", "machine", f"{me}-{n}"): resource()})

        threads = [threading.Thread(target=work, args=[me]) for me in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        state = opened().read()

        assert len(state.resources) == 2 * per_writer
        assert state.serial == 2 * per_writer

    def test_everything_moves_to_another_content(self, opened: Open) -> None:
        """What was exported comes back whole when it is put in place, under the lease."""
        store = opened()
        with store.lock(INFO).unwrap():
            store.record({NET: resource(NET)})
            store.intents([operation()])
        before, state = store.export(), store.read()
        with store.lock(INFO).unwrap():
            store.void("one", "no")
            store.record({HOST: resource(), NET: None})
            store.replace(before)
        other = opened()

        assert other.read() == state
        assert [o.op_id for o in other.open_operations()] == ["one"]
