"""What follows a failure: go on, stop, or take away what is new; and waits that end in time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from apply_bench import A, B, Bench, C, a_resource, change, create
from dcplan.apply import ApplyOptions, OnError, Status
from dcplan.provider.errors import Cancelled, Denied
from dcplan.resources import Action
from dcplan.state import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcplan.apply import ApplyReport
    from dcplan.provider.types import Ack, Request

NO = Denied("Not you.")


def statuses(report: ApplyReport) -> dict[str, Status]:
    """What came of each change, by name."""
    return {r.address.name: r.status for r in report.results}


@pytest.mark.parametrize(
    ("on_error", "last"), [(OnError.CONTINUE, Status.DONE), (OnError.STOP, Status.NOT_STARTED)]
)
def test_what_does_not_depend_on_a_failure_goes_on_or_is_not_started(
    bench: Bench, on_error: OnError, last: Status
) -> None:
    """Of three independent creates the second fails: the third is made, or not even tried."""
    bench.options = ApplyOptions(parallelism=1, on_error=on_error)
    bench.world.script["begin", "b"] = [NO]
    b = replace(B, needs=())
    report = bench.run(create(A), create(b), create(C)).unwrap()

    assert statuses(report) == {"a": Status.DONE, "b": Status.FAILED, "c": last}
    assert not report.interrupted
    assert bench.count("begin", "c") == (1 if last is Status.DONE else 0)


def test_what_is_new_is_taken_away_again_in_order(bench: Bench) -> None:
    """After a failure, what this run made goes, the upper thing first; what was there before stays."""
    bench.run(create(C))
    bench.options = ApplyOptions(parallelism=1, on_error=OnError.ROLLBACK_NEW)
    bench.world.script["begin", "z"] = [NO]
    bench.world.calls.clear()
    z = a_resource("token", "z", B.address)
    report = bench.run(create(A), create(B), create(z)).unwrap()
    deletes = [name for method, action, name in bench.world.calls if (method, action) == ("begin", "delete")]

    assert deletes == ["b", "a"]
    assert [C.address] == list(bench.store.read().resources)
    assert statuses(report) == {"a": Status.ROLLED_BACK, "b": Status.ROLLED_BACK, "z": Status.FAILED}
    assert bench.store.open_operations() == ()


def test_a_roll_back_leaves_never_less_than_there_was(bench: Bench) -> None:
    """What was replaced stays, and the new thing that it stands on now stays with it, and is told."""
    old = a_resource("name", "job", size=1)
    bench.run(create(old))
    bench.options = ApplyOptions(parallelism=1, on_error=OnError.ROLLBACK_NEW)
    bench.world.script["begin", "z"] = [NO]
    moved = replace(old, attributes={"size": 2}, needs=(A.address,))
    result = bench.run(
        create(A),
        create(C),
        change(Action.REPLACE, bench, old.address, moved),
        create(a_resource("token", "z", old.address)),
    )

    assert {a.name for a in bench.store.read().resources} == {"a", "job"}
    assert [d.code for d in result.diagnostics] == ["permission-denied", "rollback-kept"]
    assert "world.token.a" in result.diagnostics[1].detail


def test_without_a_failure_nothing_is_taken_away(bench: Bench) -> None:
    """Rollback is for failures."""
    bench.options = ApplyOptions(on_error=OnError.ROLLBACK_NEW)
    result = bench.run(create(A), create(B))

    assert (result.ok, len(bench.world.objects)) == (True, 2)


def test_a_delete_that_fails_in_a_roll_back_is_told_and_kept(bench: Bench) -> None:
    """The object is still in the state, so it is not forgotten."""
    bench.options = ApplyOptions(parallelism=1, on_error=OnError.ROLLBACK_NEW)
    bench.world.script = {("begin", "a"): [None, NO], ("begin", "b"): [NO]}
    result = bench.run(create(A), create(B))

    assert [d.code for d in result.diagnostics] == ["permission-denied"] * 2
    assert [A.address] == list(bench.store.read().resources)
    assert statuses(result.unwrap())["a"] is Status.DONE


def test_a_wait_ends_in_time_and_the_next_apply_waits_on(bench: Bench) -> None:
    """The object stays taken and untainted; nothing is made twice."""

    def slow(request: Request, ack: Ack, stop: Callable[[], bool]) -> Mapping[str, Any]:
        while not stop():
            bench.clock.sleep(1.0)
        raise Cancelled("Called off.")

    waits, bench.world.wait = bench.world.wait, slow  # type: ignore[method-assign] - it takes for ever
    bench.options = ApplyOptions(create_timeout_s=60.0)
    result = bench.run(create(A), create(B))
    (operation,) = bench.store.open_operations()
    bench.world.wait = waits  # type: ignore[method-assign] - and now it is ready
    resumed = bench.recover()

    assert [d.code for d in result.diagnostics] == ["timeout"]
    assert "after 1m" in result.diagnostics[0].detail
    assert statuses(result.unwrap()) == {"a": Status.FAILED, "b": Status.SKIPPED}
    assert (operation.phase, operation.object_id) == (Phase.ACK, "o1")
    assert (resumed.ok, bench.count("begin", "a")) == (True, 1)
    assert list(bench.world.objects) == ["o1"]


def test_a_time_for_deletes_is_not_one_for_creates(bench: Bench) -> None:
    """Each action has its own."""
    options = ApplyOptions(delete_timeout_s=5.0, update_timeout_s=7.0)

    assert [options.timeout_s(a) for a in (Action.CREATE, Action.UPDATE, Action.DELETE)] == [None, 7.0, 5.0]
    assert bench.run(create(A)).ok


def test_the_rest_of_a_replace_is_not_taken_away(bench: Bench) -> None:
    """Killed between its delete and its create, a replace goes on as a create: what it makes stays."""
    bench.options = ApplyOptions(parallelism=1, on_error=OnError.ROLLBACK_NEW)
    bench.world.script["begin", "z"] = [NO]
    z = a_resource("token", "z", A.address)
    replaced = replace(create(A), action=Action.REPLACE, before=A)
    report = bench.run(create(A), create(z), planned=[replaced, create(z)]).unwrap()

    assert statuses(report) == {"a": Status.DONE, "z": Status.FAILED}
    assert [A.address] == list(bench.store.read().resources)
