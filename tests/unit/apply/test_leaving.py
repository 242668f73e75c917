"""Machines that leave wait for those that come: old capacity is not let go of before new is held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from apply_bench import Bench, a_resource, change, create
from dcplan.apply import ApplyOptions, Done, Status
from dcplan.provider.errors import CapacityUnavailable, Denied, QuotaExceeded
from dcplan.resources import Action, Resource

OUT = CapacityUnavailable("None free.")


def machine(name: str) -> Resource:
    """A machine with nothing on it."""
    return a_resource("token", name, pool="home", zone="z0", size=1)


A, B, OLD = machine("a"), machine("b"), machine("old")


@pytest.fixture
def old(bench: Bench) -> Bench:
    """One machine stands."""
    bench.run(create(OLD))
    bench.world.calls.clear()
    bench.events.clear()
    return bench


def ended(bench: Bench) -> list[str]:
    """What was done, in its order."""
    return [f"{e.action} {e.address.name}" for e in bench.events if isinstance(e, Done)]


def there(bench: Bench) -> set[str]:
    """Names of what the world holds."""
    return {found.address.name for found in bench.world.objects.values()}


def applied(bench: Bench, *more: Any, **options: Any) -> dict[str, Status]:
    """What came of replacing the old machine by others, by name."""
    gone = change(Action.DELETE, bench, OLD.address)
    report = bench.run(gone, create(A), create(B), *more, **options).unwrap()
    return {r.address.name: r.status for r in report.results}


@pytest.mark.parametrize("parallelism", [1, 8])
def test_a_machine_goes_after_all_that_come(old: Bench, parallelism: int) -> None:
    """Although nothing runs on it, and there would be room for the call."""
    old.options = ApplyOptions(parallelism=parallelism)
    applied(old)

    assert sorted(ended(old)[:2]) == ["create a", "create b"]
    assert ended(old)[2:] == ["delete old"]


def test_a_quota_that_is_full_of_it_lets_it_go(old: Bench) -> None:
    """What comes is refused, waits for what leaves, and is asked for once more."""
    old.world.script["begin", "a"] = [QuotaExceeded("Full.")]
    came = applied(old)

    assert set(came.values()) == {Status.DONE}
    assert there(old) == {"a", "b"}


def test_a_failure_that_has_nothing_to_do_with_room_lets_it_go(old: Bench) -> None:
    """What does not depend on a failure goes on."""
    old.world.script["begin", "a"] = [Denied("No.")]
    came = applied(old)

    assert came == {"a": Status.FAILED, "b": Status.DONE, "old": Status.DONE}


@pytest.mark.parametrize("problem", [OUT, QuotaExceeded("Full."), Denied("No.")])
def test_what_is_kept_stays_unless_all_that_is_bought_is_there(old: Bench, problem: Exception) -> None:
    """Whatever is refused, and whyever: it is not let go of for what could not be had."""
    old.world.script["begin", "b"] = [problem, problem]
    came = applied(old, kept={OLD.address})

    assert came == {"a": Status.DONE, "b": Status.FAILED, "old": Status.SKIPPED}
    assert there(old) == {"a", "old"}


def test_what_is_kept_goes_once_all_that_is_bought_is_there(old: Bench) -> None:
    """Like any other machine."""
    came = applied(old, kept={OLD.address})

    assert set(came.values()) == {Status.DONE}
    assert ended(old)[-1] == "delete old"


def test_what_must_leave_first_waits_for_none(bench: Bench) -> None:
    """The network under both is made anew: the old machine goes before that, and the new one comes after."""
    net = a_resource("name", "net", size=1)
    other = replace(OLD, needs=(net.address,))
    bench.run(create(net), create(other))
    bench.events.clear()
    came = bench.run(
        change(Action.REPLACE, bench, net.address, replace(net, attributes={"size": 2})),
        change(Action.DELETE, bench, other.address),
        create(replace(A, needs=(net.address,))),
    )

    assert came.ok
    assert ended(bench) == ["delete old", "delete net", "create net", "create a"]
