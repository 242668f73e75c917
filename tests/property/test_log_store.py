"""Whatever holders, clocks and networks do to a remote state, what counts as written is there."""

from __future__ import annotations

import contextlib
import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from blobs_for_tests import FaultyBlobs, MemoryBlobs
from dcplan.resources import Address
from dcplan.state import Lease, StateError
from dcplan.state.log import LogStore, Manner, open_log
from store_contract import INFO, FakeClock, resource

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("lock"), st.integers(0, 2)),
        st.tuples(st.just("write"), st.integers(0, 2)),
        st.tuples(st.just("write"), st.integers(0, 2)),
        st.tuples(st.just("release"), st.integers(0, 2)),
        st.tuples(st.just("force"), st.integers(0, 2)),
        st.tuples(st.just("compact"), st.integers(0, 2)),
        st.tuples(st.just("reopen"), st.integers(0, 2)),
        st.tuples(st.just("sleep"), st.integers(1, 90)),
        st.tuples(st.just("own clock stands"), st.integers(0, 2)),
        st.tuples(
            st.sampled_from(["before", "after"]),
            st.sampled_from(["journal/", "state.json", "lease.json"]),
            st.sampled_from(["put", "get", "delete"]),
            st.integers(1, 6),
        ),
    ),
    max_size=40,
)


@dataclass
class _Party:
    """One process: its clock, its network, its store."""

    server: MemoryBlobs
    clock: FakeClock = field(default_factory=FakeClock)
    frozen: bool = False
    lease: Lease | None = None
    store: LogStore | None = None
    network: FaultyBlobs = field(init=False)

    def __post_init__(self) -> None:
        self.network = FaultyBlobs(self.server)
        self.reopen()

    def reopen(self) -> None:
        """A new process: it lets go of nothing."""
        manner = Manner(times=self.clock.times(), beat=False)
        self.store = open_log(self.network, create=True, manner=manner).value or self.store
        self.lease = None

    def do(self, what: str, names: itertools.count[int]) -> Address | None:
        """One step; the address of a write that counts as written."""
        store = self.store
        if store is None:
            return None
        match what:
            case "lock" if self.lease is None:
                self.lease = store.lock(INFO).value
            case "release" if self.lease is not None:
                self.lease.release()
                self.lease = None
            case "compact" if self.lease is not None:
                store.compact()
            case "force" if self.lease is None:
                store.force_unlock()
            case "write" if self.lease is not None:
                address = Address("local", "machine", str(next(names)))
                store.record({address: resource(address)})
                return address
        return None


def _taken(step: tuple[object, ...], parties: list[_Party], names: itertools.count[int]) -> Address | None:
    """Take one step; the address of a write that counts as written."""
    match step:
        case ("sleep", int(seconds)):
            for party in parties:
                party.clock.now_s += 0 if party.frozen else seconds
        case ("own clock stands", int(who)):
            parties[who].frozen = True
        case ("before" | "after" as when, str(prefix), str(method), int(times)):
            for party in parties:
                party.network.lose(when, prefix=prefix, method=method, times=times)
        case ("reopen", int(who)):
            parties[who].reopen()
        case (str(what), int(who)):
            with contextlib.suppress(StateError):
                return parties[who].do(what, names)
    return None


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_every_write_that_counts_is_in_the_state(steps: list[tuple[object, ...]]) -> None:
    """Three holders, clocks that stand still, answers that are lost: nothing written is ever missing."""
    server, names, written = MemoryBlobs(), itertools.count(), set()
    open_log(server, create=True).unwrap()
    parties = [_Party(server) for _ in range(3)]
    for step in steps:
        address = _taken(step, parties, names)
        if address is not None:
            written.add(address)
            assert address in open_log(server, create=False).unwrap().read().resources

    final = open_log(server, create=False).unwrap().read()
    assert written <= set(final.resources)
    assert final.serial == len(final.resources)


def _forced_about(
    server: MemoryBlobs, seed: int, names: itertools.count[int], written: list[Address]
) -> None:
    """One process that forces others out now and then, and sometimes dies with the lease in hand."""
    luck = random.Random(seed)  # noqa: S311 - a test's dice
    store = open_log(server, create=False, manner=Manner(beat=False)).unwrap()
    for _ in range(60):
        try:
            lease = store.lock(INFO).value
            if lease is None:
                if luck.random() < 0.3:
                    store.force_unlock()
                continue
            for _ in range(luck.randrange(4)):
                address = Address("local", "machine", str(next(names)))
                store.record({address: resource(address)})
                written.append(address)
            if luck.random() < 0.8:
                lease.release()
                continue
        except StateError:
            pass
        store = open_log(server, create=False, manner=Manner(beat=False)).unwrap()


def test_threads_that_force_each_other_out_lose_nothing() -> None:
    """Three lock, force and write at once; each write that returned is there, and the log is whole."""
    server, names = MemoryBlobs(), itertools.count()
    open_log(server, create=True).unwrap()
    written: list[Address] = []
    with ThreadPoolExecutor(3) as pool:
        parties = [pool.submit(_forced_about, server, seed, names, written) for seed in range(3)]
    for party in parties:
        party.result()

    assert len(written) > 20
    assert set(written) <= set(open_log(server, create=False).unwrap().read().resources)
