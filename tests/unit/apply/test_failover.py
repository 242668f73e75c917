"""A pool that is sold out: machines are had elsewhere, gangs whole, and nothing is made twice or lost."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from apply_bench import Bench, a_resource, change, create
from dcplan.apply import ApplyOptions, CapacityAttempt, Failed, Failover, Skipped, Status
from dcplan.plan.fallbacks import Alternative, Fallback, Share, Unit
from dcplan.plan.sold_out import remembered
from dcplan.provider.errors import CapacityUnavailable, Denied, QuotaExceeded
from dcplan.resources import Action, Resource

if TYPE_CHECKING:
    from dcplan.apply import ApplyReport

OUT = CapacityUnavailable("None free.")
SHARE = Share(workload="w", choice="c", replicas=1)


def machine(name: str) -> Resource:
    """A machine planned in pool ``home``."""
    return a_resource("token", name, pool="home", zone="z0", size=1)


def job(*machines: Resource) -> Resource:
    """What runs on all of these."""
    return a_resource("name", "job", *(m.address for m in machines), size=1)


def alternative(pool: str, **more: Any) -> Alternative:
    """Another pool, dearer by a dollar an hour."""
    usual: dict[str, Any] = {"room": 9, "usd_per_h": 1.0, "attributes": {"pool": pool, "zone": f"z-{pool}"}}
    return Alternative(pool=pool, region="r", zone=f"z-{pool}", **{**usual, **more})


def fallback(*units: tuple[Resource, ...], to: tuple[Alternative, ...]) -> Fallback:
    """Units of ``home`` with these alternatives."""
    made = tuple(Unit(machines=tuple(m.address for m in unit), shares=(SHARE,)) for unit in units)
    return Fallback(pool="home", region="r", units=made, alternatives=to)


def pools(bench: Bench) -> dict[str, object]:
    """Where the world's machines are, by name."""
    return {
        f.address.name: f.attributes["pool"] for f in bench.world.objects.values() if "pool" in f.attributes
    }


def statuses(report: ApplyReport) -> dict[str, Status]:
    """What came of each change, by name."""
    return {r.address.name: r.status for r in report.results}


def in_order(bench: Bench) -> list[tuple[str, str]]:
    """Begins: action and name."""
    return [(action, name) for method, action, name in bench.world.calls if method == "begin"]


A, B, C = machine("a"), machine("b"), machine("c")


@pytest.mark.parametrize("problem", [OUT, QuotaExceeded("No more for you.")])
def test_a_machine_is_had_in_the_next_pool_and_what_needs_it_follows(
    bench: Bench, problem: Exception
) -> None:
    """Refused for want of capacity or quota, it is asked for elsewhere as a new call; the event tells."""
    bench.world.script["begin", "a"] = [problem]
    result = bench.run(create(A), create(job(A)), fallbacks=[fallback((A,), to=(alternative("x"),))])
    (told,) = [e for e in bench.events if isinstance(e, CapacityAttempt)]

    assert (result.ok, result.unwrap().done) == (True, 2)
    assert pools(bench) == {"a": "x"}
    assert bench.store.read().resources[A.address].attributes["zone"] == "z-x"
    assert (told.from_pool, told.pool, told.machines, told.usd_per_h, told.attempt) == (
        "home",
        "x",
        1,
        1.0,
        2,
    )
    assert len(bench.world.tokens) == 2


def test_a_pool_that_was_sold_out_is_remembered_with_the_time(bench: Bench) -> None:
    """The state knows which pool had no more, whether there was another or not."""
    bench.world.script["begin", "a"] = [OUT]
    bench.run(create(A))

    assert remembered(bench.store.read().deployment) == {"world/home": bench.clock()}


def test_never_fails_as_if_there_were_no_alternative(bench: Bench) -> None:
    """With failover switched off the refusal is the end of it."""
    bench.world.script["begin", "a"] = [OUT]
    bench.options = ApplyOptions(failover=Failover.NEVER)
    result = bench.run(create(A), fallbacks=[fallback((A,), to=(alternative("x"),))])

    assert [d.code for d in result.diagnostics] == ["no-capacity"]
    assert pools(bench) == {}


def test_another_error_moves_nothing(bench: Bench) -> None:
    """Only want of machines is a reason to go elsewhere."""
    bench.world.script["begin", "a"] = [Denied("Not you.")]
    result = bench.run(create(A), fallbacks=[fallback((A,), to=(alternative("x"),))])

    assert [d.code for d in result.diagnostics] == ["permission-denied"]
    assert in_order(bench) == [("create", "a")]


def test_alternatives_are_tried_in_their_order_and_end(bench: Bench) -> None:
    """After the last one it fails with the provider's last word, and nothing is open."""
    bench.world.script["begin", "a"] = [OUT, OUT, CapacityUnavailable("None in y either.")]
    to = (alternative("x"), alternative("y"))
    result = bench.run(create(A), create(job(A)), fallbacks=[fallback((A,), to=to)])

    assert [e.pool for e in bench.events if isinstance(e, CapacityAttempt)] == ["x", "y"]
    assert ["None in y either." in d.detail for d in result.diagnostics] == [True]
    assert statuses(result.unwrap()) == {"a": Status.FAILED, "job": Status.SKIPPED}
    assert bench.store.open_operations() == ()


def test_no_more_machines_move_than_were_verified(bench: Bench) -> None:
    """Two fill the better alternative; a third one beside them was not verified, and fails."""
    bench.options = ApplyOptions(parallelism=1)
    bench.world.script = {("begin", "a"): [OUT], ("begin", "b"): [OUT], ("begin", "c"): [OUT]}
    to = (alternative("x", room=2), alternative("y", room=2))
    result = bench.run(create(A), create(B), create(C), fallbacks=[fallback((A,), (B,), (C,), to=to)])

    assert pools(bench) == {"a": "x", "b": "x"}
    assert statuses(result.unwrap()) == {"a": Status.DONE, "b": Status.DONE, "c": Status.FAILED}


def test_machines_may_part_where_their_shares_of_room_add_up_to_one(bench: Bench) -> None:
    """One of two is refused in the better alternative, too, and goes to the next one by itself."""
    bench.options = ApplyOptions(parallelism=1)
    bench.world.script = {("begin", "a"): [OUT], ("begin", "b"): [OUT, OUT]}
    to = (alternative("x", room=2), alternative("y", room=2))
    result = bench.run(create(A), create(B), fallbacks=[fallback((A,), (B,), to=to)])

    assert result.ok
    assert pools(bench) == {"a": "x", "b": "y"}


def test_a_pool_found_sold_out_is_not_an_alternative_for_others(bench: Bench) -> None:
    """What one machine has learned of a pool, the next one is spared."""
    bench.options = ApplyOptions(parallelism=1)
    bench.world.script = {("begin", "a"): [OUT, OUT], ("begin", "b"): [OUT]}
    to = (alternative("x"), alternative("y"))
    result = bench.run(create(A), create(B), fallbacks=[fallback((A,), (B,), to=to)])

    assert result.ok
    assert pools(bench) == {"a": "y", "b": "y"}
    assert bench.count("begin", "b") == 2


@pytest.mark.parametrize(("together", "where"), [(((0, "x"),), {"a": "x", "b": "x"}), ((), {"a": "x"})])
def test_two_pools_move_only_where_that_was_verified(
    bench: Bench, together: tuple[tuple[int, str], ...], where: dict[str, str]
) -> None:
    """A second pool's machines go only where they are right beside what has moved already."""
    bench.options = ApplyOptions(parallelism=1)
    bench.world.script = {("begin", "a"): [OUT], ("begin", "b"): [OUT]}
    ways = [
        fallback((A,), to=(alternative("x"),)),
        replace(fallback((B,), to=(alternative("x", together=together),)), pool="other"),
    ]
    bench.run(create(A), create(B), fallbacks=ways)

    assert pools(bench) == where


def test_a_gang_moves_as_a_whole_and_what_was_made_of_it_goes_first(bench: Bench) -> None:
    """One of three is refused: the others are deleted, and only then are all three made elsewhere."""
    bench.options = ApplyOptions(parallelism=3)
    bench.world.script["begin", "b"] = [OUT]
    ways = [fallback((A, B, C), to=(alternative("x"),))]
    result = bench.run(*map(create, (A, B, C, job(A, B, C))), fallbacks=ways)
    calls = in_order(bench)
    elsewhere = max(calls.index(("delete", name)) for name in ("a", "c"))

    assert result.ok, result.diagnostics
    assert pools(bench) == {"a": "x", "b": "x", "c": "x"}
    assert sorted(calls[elsewhere + 1 :]) == [("create", n) for n in ("a", "b", "c", "job")]
    assert statuses(result.unwrap()) == dict.fromkeys(("a", "b", "c", "job"), Status.DONE)
    assert len([e for e in bench.events if isinstance(e, CapacityAttempt)]) == 1


def test_what_is_made_after_its_gang_has_turned_elsewhere_is_deleted_where_it_is(bench: Bench) -> None:
    """A create that ends late stands in the pool it was asked for in, and its delete goes there."""
    bench.options = ApplyOptions(parallelism=2)
    bench.world.script["begin", "a"] = [OUT]
    begin, asked = bench.world.begin, []

    def late(request: Any) -> Any:
        ack = begin(request)
        asked.append((request.action, request.address.name, request.attributes["pool"]))
        until_s = time.monotonic() + 10
        while not any(isinstance(e, CapacityAttempt) for e in bench.events) and time.monotonic() < until_s:
            time.sleep(0.001)
        return ack

    bench.world.begin = late  # type: ignore[method-assign] - what is made is told once the other was refused
    result = bench.run(create(A), create(B), fallbacks=[fallback((A, B), to=(alternative("x"),))])

    assert result.ok, result.diagnostics
    assert asked[:2] == [(Action.CREATE, "b", "home"), (Action.DELETE, "b", "home")]
    assert pools(bench) == {"a": "x", "b": "x"}


@pytest.mark.parametrize("parallelism", [1, 3])
def test_a_gang_that_finds_no_pool_is_let_go(bench: Bench, parallelism: int) -> None:
    """Everywhere one machine is missing: nothing of the gang is kept, and nothing runs."""
    bench.options = ApplyOptions(parallelism=parallelism)
    bench.world.script["begin", "b"] = [OUT, OUT]
    ways = [fallback((A, B, C), to=(alternative("x"),))]
    result = bench.run(*map(create, (A, B, C, job(A, B, C))), fallbacks=ways)

    assert bench.world.objects == {}
    assert bench.store.read().resources == {}
    assert [d.code for d in result.diagnostics] == ["no-capacity"]
    assert statuses(result.unwrap()) == {
        "a": Status.SKIPPED,
        "b": Status.FAILED,
        "c": Status.SKIPPED,
        "job": Status.SKIPPED,
    }
    told = [e for e in bench.events if isinstance(e, Failed | Skipped)]
    assert {e.because for e in told if isinstance(e, Skipped)} == {B.address}
    assert isinstance(told[0], Failed)
    assert bench.store.open_operations() == ()


def test_a_gang_without_alternative_keeps_what_it_has(bench: Bench) -> None:
    """It never left its pool: the next apply needs only what is missing."""
    bench.world.script["begin", "b"] = [OUT]
    result = bench.run(*map(create, (A, B, C, job(A, B, C))), fallbacks=[fallback((A, B, C), to=())])
    report = statuses(result.unwrap())

    assert pools(bench) == {"a": "home", "c": "home"}
    assert report == {"a": Status.DONE, "b": Status.FAILED, "c": Status.DONE, "job": Status.SKIPPED}


def test_a_gang_half_made_by_an_earlier_run_goes_on_where_it_is(bench: Bench) -> None:
    """Interrupted elsewhere, the rest is made beside what is there; refused there, all goes on."""
    changes = [*map(create, (A, B, job(A, B)))]
    ways = [fallback((A, B), to=(alternative("x"), alternative("y")))]
    bench.run(create(replace(A, attributes={**A.attributes, "pool": "x", "zone": "z-x"})))
    bench.world.script["begin", "b"] = [OUT]
    result = bench.run(*changes[1:], planned=changes, fallbacks=ways)

    assert result.ok, result.diagnostics
    assert pools(bench) == {"a": "y", "b": "y"}
    assert [e.from_pool for e in bench.events if isinstance(e, CapacityAttempt)] == ["x"]


def test_a_part_that_cannot_be_let_go_stays_in_the_state(bench: Bench) -> None:
    """The delete of a partial gang is refused: nothing is made elsewhere, and nothing is forgotten."""
    bench.options = ApplyOptions(parallelism=2)
    bench.world.script = {("begin", "b"): [OUT], ("begin", "a"): [None, Denied("Not you.")]}
    ways = [fallback((A, B), to=(alternative("x"),))]
    result = bench.run(*map(create, (A, B, job(A, B))), fallbacks=ways)

    assert not result.ok
    assert pools(bench) == {"a": "home"}
    assert [A.address] == list(bench.store.read().resources)
    assert statuses(result.unwrap())["job"] is Status.SKIPPED


def test_a_stop_on_the_way_leaves_what_is_there_in_the_state(bench: Bench) -> None:
    """Ctrl-C while a gang moves on: world and state agree, and the next run makes it whole."""
    bench.options = ApplyOptions(parallelism=1)
    changes = [*map(create, (A, B, job(A, B)))]
    ways = [fallback((A, B), to=(alternative("x"),))]
    begin = bench.world.begin

    def stops(request: Any) -> Any:
        if request.action is Action.DELETE:
            bench.stop.set()
        return begin(request)

    bench.world.begin = stops  # type: ignore[method-assign] - the user has had enough
    bench.world.script["begin", "b"] = [OUT]
    first = bench.run(*changes, fallbacks=ways).unwrap()
    bench.stop.clear()
    bench.world.begin = begin  # type: ignore[method-assign] - and now not
    bench.recover()
    rows = bench.store.read().resources
    left = [c for c in changes if c.address not in rows]
    second = bench.run(*left, planned=changes, fallbacks=ways)

    assert first.interrupted
    assert second.ok, second.diagnostics
    assert len(set(pools(bench).values())) == 1
    assert {f.object_id for f in bench.world.objects.values()} == {
        r.outputs["id"] for r in bench.store.read().resources.values()
    }


def test_what_is_refused_while_it_is_resolved_is_closed_and_not_an_error(bench: Bench) -> None:
    """An interrupted create meets a full pool in recovery: nothing is open, and the plan decides anew."""
    bench.run(create(A))
    bench.run(change(Action.DELETE, bench, A.address))
    bench.world.script["begin", "a"] = [OUT]
    operation = bench.intend(A)
    result = bench.recover()

    assert result.ok
    assert [d.code for d in result.diagnostics] == ["sold-out-meanwhile"]
    assert bench.store.open_operations() == ()
    assert remembered(bench.store.read().deployment) != {}
    assert operation.address == A.address


def test_a_machine_that_is_refused_waits_for_those_that_leave(bench: Bench) -> None:
    """Others go in the same apply: it is asked for once more in its own pool, which was not sold out."""
    old = machine("old")
    bench.run(create(old))
    bench.world.calls.clear()
    bench.options = ApplyOptions(parallelism=2)
    bench.world.script["begin", "a"] = [QuotaExceeded("No more for you.")]
    result = bench.run(
        change(Action.DELETE, bench, old.address),
        create(A),
        fallbacks=[fallback((A,), to=(alternative("x"),))],
    )

    assert result.ok
    assert pools(bench) == {"a": "home"}
    assert sorted(in_order(bench)[:2]) == [("create", "a"), ("delete", "old")]
    assert in_order(bench)[2:] == [("create", "a")]
    assert remembered(bench.store.read().deployment) == {}


def test_a_gang_that_is_partly_replaced_is_made(bench: Bench) -> None:
    """Its job leaves the replaced machine once the new one is there, which does not wait for the rest."""
    bench.run(create(B), create(job(B)))
    after = replace(job(A, B), attributes={"size": 2})
    result = bench.run(
        create(A),
        change(Action.REPLACE, bench, B.address, replace(B, attributes={**B.attributes, "size": 2})),
        change(Action.REPLACE, bench, after.address, after),
        fallbacks=[fallback((A, B), to=(alternative("x"),))],
    )

    assert result.ok
    assert set(statuses(result.unwrap()).values()) == {Status.DONE}
