"""A lease is renewed while its holder lives, and its holder notices in time when it is not."""

from __future__ import annotations

import json
import threading
import time

import pytest

from blobs_for_tests import FaultyBlobs, MemoryBlobs
from dcplan.state import Fenced, StateDamaged
from dcplan.state.lease import Standing, from_body
from dcplan.state.log import LogLease, LogStore, Manner, open_log
from dcplan.state.patience import Times
from store_contract import HOST, INFO, FakeClock, operation, resource

QUICK = Times(ttl_s=0.6, renew_s=0.1, quiet_s=0.3, stop_s=0.1, allowance_s=0.05, pause_s=0.01)
"""A lease that lives through in a second what takes a minute."""


def _held(clock: FakeClock) -> tuple[LogStore, LogLease, FaultyBlobs]:
    network = FaultyBlobs(MemoryBlobs())
    store = open_log(network, create=True, manner=Manner(times=clock.times(), beat=False)).unwrap()
    lease = store.lock(INFO).unwrap()
    assert isinstance(lease, LogLease)
    return store, lease, network


def test_renewing_puts_the_end_off() -> None:
    """Each renewal gives 60 s from when it was sent, for the holder and for others."""
    clock = FakeClock()
    _, lease, network = _held(clock)
    clock.now_s += 30
    lease.keeper.renew()
    clock.now_s += 34
    blob = network.get("lease.json")
    assert blob is not None
    note = from_body(blob.body, "here")

    assert lease.standing is Standing.FIRM
    assert note.expires_at_s == clock.now_s + 26
    assert note.beat == 1


def test_a_holder_whose_clock_is_set_back_keeps_its_lease() -> None:
    """Renewed by a clock that was put an hour back, it is not over for those whose clocks are right."""
    right, own = FakeClock(), FakeClock()
    times = Times(clock=lambda: own.now_s, steady=lambda: right.now_s, sleep=right.sleep)
    server = MemoryBlobs()
    store = open_log(server, create=True, manner=Manner(times=times, beat=False)).unwrap()
    lease = store.lock(INFO).unwrap()
    other = open_log(server, create=False, manner=Manner(times=right.times(), beat=False)).unwrap()
    assert isinstance(lease, LogLease)
    own.now_s -= 3600
    for _ in range(20):
        own.now_s += 15
        right.now_s += 15
        lease.keeper.renew()
    at_work = other.lock(INFO)
    right.now_s += 70
    after = other.lock(INFO)

    assert [d.code for d in at_work.diagnostics] == ["state-locked"]
    assert after.value is not None


def test_an_unrenewed_lease_wavers_and_is_lost() -> None:
    """After 35 s no new calls, after 55 s nothing at all, 5 s before others may have it."""
    clock = FakeClock()
    store, lease, _ = _held(clock)
    seen = []
    for _ in range(60):
        clock.now_s += 1
        seen.append(lease.standing)
    with pytest.raises(Fenced, match="could not be renewed for 55 s"):
        store.record({HOST: resource()})

    assert seen.index(Standing.WAVERING) + 1 == 35
    assert seen.index(Standing.LOST) + 1 == 55


def test_intents_wait_while_the_lease_wavers() -> None:
    """While it wavers outcomes are still written; an intent waits, and is refused once it is lost."""
    clock = FakeClock()
    store, lease, _ = _held(clock)
    store.intents([operation()])
    clock.now_s += 40
    store.ack("one", "i-1")
    before_s = clock.now_s
    with pytest.raises(Fenced):
        store.intents([operation("two")])

    assert lease.standing is Standing.LOST
    assert 14 < clock.now_s - before_s < 16


def test_an_intent_goes_through_once_the_lease_is_renewed() -> None:
    """The wait ends well when the server answers again."""
    clock = FakeClock()
    store, lease, _ = _held(clock)
    clock.now_s += 40
    sleeping = clock.sleep

    def renewed_meanwhile(seconds: float) -> None:
        sleeping(seconds)
        lease.keeper.renew()

    store._times = Times(clock=lambda: clock.now_s, steady=lambda: clock.now_s, sleep=renewed_meanwhile)
    store.intents([operation()])

    assert lease.standing is Standing.FIRM
    assert len(store.open_operations()) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_renewal_whose_answer_is_lost_is_made_up_for(when: str) -> None:
    """Whether it arrived or not, the next one goes on from what is there."""
    clock = FakeClock()
    _, lease, network = _held(clock)
    network.lose(when, prefix="lease.json")
    clock.now_s += 15
    lease.keeper.renew()
    clock.now_s += 3
    lease.keeper.renew()
    clock.now_s += 30

    assert lease.standing is Standing.FIRM
    lease.release()
    blob = network.get("lease.json")
    assert blob is not None
    assert from_body(blob.body, "here").holder is None


@pytest.mark.parametrize("how", ["taken", "removed", "torn"])
def test_a_lease_that_is_gone_is_noticed_by_the_renewal(how: str) -> None:
    """Forced by others, removed or overwritten: the next renewal knows, and says why."""
    clock = FakeClock()
    _, lease, network = _held(clock)
    if how == "taken":
        open_log(network.inner, create=False).unwrap().force_unlock()
    elif how == "removed":
        network.delete("lease.json")
    else:
        blob = network.get("lease.json")
        assert blob is not None
        network.put("lease.json", b"", expected=blob.version)
    said = {"taken": "lease 2", "removed": "was removed", "torn": "it is empty"}[how]
    try:
        lease.keeper.renew()
    except Exception as e:  # noqa: BLE001 - as the thread does
        lease.keeper.lose(str(e))

    assert lease.standing is Standing.LOST
    assert said in str(lease.why_lost)


def test_the_thread_keeps_the_lease_and_lets_go_in_the_end() -> None:
    """For three times its life a lease stays held; released, another one has it at once."""
    server = MemoryBlobs()
    store, other = (open_log(server, create=True, manner=Manner(times=QUICK)).unwrap() for _ in range(2))
    lease = store.lock(INFO).unwrap()
    refused = []
    until_s = time.monotonic() + 3 * QUICK.ttl_s
    while time.monotonic() < until_s:
        refused.append(other.lock(INFO).value is None)
        time.sleep(0.05)
    store.record({HOST: resource()})
    lease.release()

    assert all(refused)
    assert other.lock(INFO).ok
    assert lease.why_lost is None
    other.close()


def test_a_holder_cut_off_is_told_before_others_may_come() -> None:
    """When the server is gone for good the holder hears of it, once, before its lease ends."""
    network = FaultyBlobs(MemoryBlobs())
    store = open_log(network, create=True, manner=Manner(times=QUICK)).unwrap()
    lease = store.lock(INFO).unwrap()
    blob = network.get("lease.json")
    assert blob is not None
    told: list[float] = []
    heard = threading.Event()
    lease.when_lost(lambda: (told.append(time.time()), heard.set()))
    network.lose("before", prefix="lease.json", times=1000)
    assert heard.wait(5)
    last = network.get("lease.json")
    assert last is not None

    assert len(told) == 1
    assert told[0] < from_body(last.body, "here").expires_at_s
    with pytest.raises(Fenced):
        store.record({HOST: resource()})
    store.close()


def test_a_process_that_slept_past_its_lease_writes_nothing() -> None:
    """Woken after the end of its lease, a holder refuses by itself, before it asks anybody."""
    clock = FakeClock()
    store, _, network = _held(clock)
    clock.now_s += 120
    before = len(network.inner.puts)  # type: ignore[attr-defined] - memory's
    with pytest.raises(Fenced):
        store.record({HOST: resource()})

    assert len(network.inner.puts) == before  # type: ignore[attr-defined] - as above


@pytest.mark.parametrize(
    "wrong",
    [
        {"expires_at_s": "soon"},
        {"expires_at_s": 1e300},
        {"expires_at_s": float("nan")},
        {"epoch": 1.5},
        {"epoch": True},
        {"epoch": -1},
        {"holder": 5},
        {"holder": {"pid": 1}},
        {"more": 1},
    ],
)
def test_a_lease_that_no_dcplan_wrote_is_told(wrong: dict[str, object]) -> None:
    """Whatever stands in it, the answer is a diagnostic that says the way out."""
    clock = FakeClock()
    store, _, network = _held(clock)
    blob = network.get("lease.json")
    assert blob is not None
    body = json.dumps({**json.loads(blob.body), **wrong}).encode()
    network.put("lease.json", body, expected=blob.version)
    other = open_log(network, create=False, manner=Manner(times=clock.times(), beat=False)).unwrap()
    (said,) = other.lock(INFO).diagnostics

    assert said.code == "state-damaged"
    assert "force-unlock" in said.detail
    assert other.holder() is None
    with pytest.raises(StateDamaged):
        from_body(b"[" * 100_000, "here")
    store.close()


def test_a_holder_cannot_write_to_others_terminals() -> None:
    """Of what a lease says of its holder, control characters are shown as question marks."""
    clock = FakeClock()
    _, _, network = _held(clock)
    other = open_log(network, create=False, manner=Manner(times=clock.times(), beat=False)).unwrap()
    blob = network.get("lease.json")
    assert blob is not None
    note = json.loads(blob.body)
    note["holder"]["who"] = "\x1b[2Jann@desk"
    network.put("lease.json", json.dumps(note).encode(), expected=blob.version)
    (said,) = other.lock(INFO).diagnostics

    assert said.detail.startswith("?[2Jann@desk (process 42")
