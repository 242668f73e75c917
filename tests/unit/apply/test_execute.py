"""Execute makes a plan's changes, in order and each at most once."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from apply_bench import A, B, Bench, C, change, create
from dcplan.apply import (
    Acknowledged,
    ApplyOptions,
    Done,
    Failed,
    IntentRecorded,
    IntentResolved,
    Progress,
    Retry,
    Skipped,
    Started,
    Status,
)
from dcplan.provider.errors import (
    Cancelled,
    CapacityUnavailable,
    Throttled,
)
from dcplan.provider.types import Ack, Request
from dcplan.resources import Action, Address
from dcplan.state import LocalStore, Phase, StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def test_creates_follow_their_needs_and_state_holds_the_outputs(bench: Bench) -> None:
    """What is needed is made first; rows hold id and outputs; events come in order."""
    result = bench.run(create(B), create(A))

    assert (result.ok, result.unwrap().done) == (True, 2)
    assert [(m, n) for m, _, n in bench.world.calls] == [
        ("begin", "a"),
        ("wait", "a"),
        ("begin", "b"),
        ("wait", "b"),
    ]
    assert bench.store.read().resources[B.address].outputs == {"id": "o2", "ip": "ip-o2"}
    assert [type(e) for e in bench.events] == [
        IntentRecorded,
        Started,
        Acknowledged,
        IntentResolved,
        Done,
    ] * 2
    assert result.unwrap().serial == 2


def test_intent_is_durable_before_the_call_and_the_answer_before_the_wait(bench: Bench) -> None:
    """Seen from inside the provider, the journal is one step ahead."""
    bench.run(create(A))

    assert bench.world.phases == [("begin", Phase.INTENT), ("wait", Phase.ACK)]


def test_update_replace_and_delete(bench: Bench) -> None:
    """An update keeps the object, a replace makes another, a delete takes row and object away."""
    bench.run(create(A), create(B), create(C))
    result = bench.run(
        change(Action.UPDATE, bench, A.address, replace(A, attributes={"size": 1, "label": "x"})),
        change(Action.REPLACE, bench, C.address, replace(C, attributes={"size": 2})),
        change(Action.DELETE, bench, B.address),
    )
    rows = bench.store.read().resources

    assert result.ok
    assert {f.object_id: f.attributes for f in bench.world.objects.values()} == {
        rows[A.address].outputs["id"]: {"size": 1, "label": "x"},
        rows[C.address].outputs["id"]: {"size": 2},
    }
    assert B.address not in rows
    assert bench.store.generation(C.address) == 2


def test_tokens_are_never_used_twice(bench: Bench) -> None:
    """Made, deleted and made again under one name: two objects."""
    bench.run(create(A))
    bench.run(change(Action.DELETE, bench, A.address))
    bench.run(create(A))

    assert list(bench.world.objects) == ["o2"]


def test_a_definite_error_skips_dependants_and_lets_the_rest_go_on(bench: Bench) -> None:
    """The failed change is told once, dependants are skipped because of it, others are done."""
    bench.world.script["begin", "a"] = [CapacityUnavailable("None free in zone-a.")]
    result = bench.run(create(A), create(B), create(C))

    assert [("no-capacity", str(A.address))] == [(d.code, d.address) for d in result.diagnostics]
    assert {r.address.name: r.status for r in result.unwrap().results} == {
        "a": Status.FAILED,
        "b": Status.SKIPPED,
        "c": Status.DONE,
    }
    assert [A.address] == [e.because for e in bench.events if isinstance(e, Skipped)]
    assert bench.store.open_operations() == ()


def test_a_failure_is_told_before_what_is_skipped_because_of_it(bench: Bench) -> None:
    """Of a chain, and where the call is not even sent: first why, then what follows from it."""
    bench.world.script["begin", "a"] = [CapacityUnavailable("None free in zone-a.")]
    bench.run(create(A), create(B), create(C))

    told = [type(e).__name__ for e in bench.events if isinstance(e, Failed | Skipped)]
    assert told == ["Failed", "Skipped"]


def test_a_throttled_call_is_sent_again_after_what_was_asked_for(bench: Bench) -> None:
    """Same call, same token, not before retry_after_s."""
    bench.world.script["begin", "a"] = [Throttled("Slow down.", retry_after_s=7.0)] * 2
    result = bench.run(create(A))

    assert result.ok
    assert [e.attempt for e in bench.events if isinstance(e, Retry)] == [1, 2]
    assert bench.clock() >= 1014.0


def test_endless_throttling_ends(bench: Bench) -> None:
    """After so many attempts the change has failed and nothing is open."""
    bench.world.script["begin", "a"] = [Throttled("Slow down.")] * 99
    result = bench.run(create(A))

    assert [d.code for d in result.diagnostics] == ["throttled"]
    assert bench.count("begin", "a") == bench.options.attempts
    assert bench.store.open_operations() == ()


def test_stop_ends_waits_and_the_next_run_resumes_them(bench: Bench) -> None:
    """After a stop nothing new starts, waits are called off, and recovery goes on with the same object."""

    def cancelled(request: Request, ack: Ack, stop: Callable[[], bool]) -> Mapping[str, Any]:
        bench.stop.set()
        raise Cancelled("Stopped.")

    waits, bench.world.wait = bench.world.wait, cancelled  # type: ignore[method-assign] - this one is stopped
    result = bench.run(create(A), create(B))
    report = result.unwrap()
    bench.stop.clear()
    bench.world.wait = waits  # type: ignore[method-assign] - and this one not
    resumed = bench.recover()

    assert (report.interrupted, report.in_progress, report.not_started, report.failed) == (True, 1, 1, 0)
    assert result.diagnostics == ()
    assert (resumed.ok, resumed.unwrap().done) == (True, 1)
    assert bench.count("begin", "a") == 1
    assert [A.address] == list(bench.store.read().resources)


def test_a_stop_before_the_start_starts_nothing(bench: Bench) -> None:
    """No call is made and nothing is in the journal."""
    bench.stop.set()
    report = bench.run(create(A)).unwrap()

    assert (report.interrupted, report.not_started, bench.world.calls) == (True, 1, [])


def test_a_call_that_outlives_the_grace_is_left_to_the_journal(bench: Bench) -> None:
    """After a stop, execute returns though a call hangs; its intent is open."""
    free = threading.Event()

    def hangs(request: Request) -> Ack:
        bench.stop.set()
        free.wait(10)
        return Ack(object_id="late")

    bench.world.begin = hangs  # type: ignore[method-assign] - a call that does not return
    bench.options = ApplyOptions(stop_grace_s=-1.0)
    report = bench.run(create(A)).unwrap()
    free.set()

    assert (report.interrupted, report.in_progress) == (True, 1)
    assert [o.phase for o in bench.store.open_operations()] == [Phase.INTENT]


def test_long_operations_give_signs_of_life(bench: Bench) -> None:
    """While a wait lasts, progress is reported again and again."""

    def slow(request: Request, ack: Ack, stop: Callable[[], bool]) -> Mapping[str, Any]:
        while sum(isinstance(e, Progress) for e in bench.events) < 2:
            bench.clock.sleep(bench.options.heartbeat_s)
            threading.Event().wait(0.01)
        return {}

    bench.world.wait = slow  # type: ignore[method-assign] - takes its time
    bench.options = ApplyOptions(heartbeat_s=1.0)
    result = bench.run(create(A))

    assert result.ok


def test_when_the_state_cannot_be_written_nothing_new_begins(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk stops the run with one diagnostic; what was called stays in the journal."""
    writes = LocalStore.write

    def fails(store: LocalStore, records: Any) -> None:
        if any(type(r).__name__ == "Finished" for r in records):
            raise StateError("The disk is full.")
        writes(store, records)

    monkeypatch.setattr(LocalStore, "write", fails)
    result = bench.run(create(A), create(B))

    assert [d.code for d in result.diagnostics] == ["state-not-written"]
    assert (result.unwrap().in_progress, result.unwrap().not_started) == (1, 1)
    assert [o.phase for o in bench.store.open_operations()] == [Phase.ACK]


def test_a_fenced_run_stops(bench: Bench) -> None:
    """Once the lock was forced away nothing more is called."""
    bench.store.force_unlock()
    result = bench.run(create(A))

    assert [d.code for d in result.diagnostics] == ["state-fenced"]
    assert bench.world.calls == []


def test_a_provider_or_kind_that_is_missing_fails_the_change_alone(bench: Bench) -> None:
    """Nothing is written for it; others go on."""
    unknown = replace(C, address=Address("world", "unheard", "x"))
    foreign = replace(C, address=Address("mars", "token", "x"))
    result = bench.run(create(unknown), create(foreign), create(A))

    assert {"kind-unknown", "provider-missing"} == {d.code for d in result.diagnostics}
    assert (result.unwrap().done, result.unwrap().failed) == (1, 2)
    assert sum(isinstance(e, Failed) for e in bench.events) == 2
