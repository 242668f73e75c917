"""The order of steps, and whether a plan is still fresh."""

from __future__ import annotations

import graphlib
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.apply import Step, check_fresh, crash_point, order_of
from dcplan.plan.types import Digests, Plan, ReadEntry
from dcplan.resources import Action, Address, Change, JsonValue, Resource
from dcplan.resources.digest import digest_of
from dcplan.state import State

if TYPE_CHECKING:
    import pytest


def _at(name: str) -> Address:
    return Address("p", "k", name)


def _of(name: str, *needs: str) -> Resource:
    return Resource(address=_at(name), attributes={}, needs=tuple(_at(n) for n in needs))


def _change(action: Action, before: Resource | None, after: Resource | None) -> Change:
    one = before or after
    if one is None:
        raise ValueError
    return Change(address=one.address, action=action, before=before, after=after)


def _sequence(*changes: Change) -> list[str]:
    order = graphlib.TopologicalSorter(order_of(changes)).static_order()
    return [f"{s.action.value} {s.address.name}" for s in order]


def test_what_stands_on_a_replaced_thing_goes_first_and_comes_last() -> None:
    """Both replaced: upper deleted, lower deleted, lower made, upper made."""
    lower = _change(Action.REPLACE, _of("lower"), _of("lower"))
    upper = _change(Action.REPLACE, _of("upper", "lower"), _of("upper", "lower"))

    assert _sequence(lower, upper) == ["delete upper", "delete lower", "create lower", "create upper"]


def test_a_thing_is_deleted_after_what_stops_needing_it() -> None:
    """An update that lets go comes before the delete; so does the delete of a replace."""
    update = _change(Action.UPDATE, _of("a", "host"), _of("a"))
    move = _change(Action.REPLACE, _of("b", "host"), _of("b"))
    delete = _change(Action.DELETE, _of("host"), None)
    order = order_of([delete, update, move])

    assert {Step(_at("a"), Action.UPDATE), Step(_at("b"), Action.DELETE)} == order[
        Step(_at("host"), Action.DELETE)
    ]


def test_a_circle_of_letting_go_is_broken() -> None:
    """Where the update waits for a replace that waits for the delete, the delete comes first."""
    found = _sequence(
        _change(Action.UPDATE, _of("a", "mid"), _of("a", "base")),
        _change(Action.DELETE, _of("mid", "base"), None),
        _change(Action.REPLACE, _of("base"), _of("base")),
    )

    assert found == ["delete mid", "delete base", "create base", "update a"]


def _seated(name: str, *devices: int, machine: str = "m") -> Resource:
    return replace(_of(name, machine), attributes={"machines": [machine], "devices": list(devices)})


def test_a_device_is_left_before_something_else_comes_to_it() -> None:
    """A renamed replica waits for its forerunner; one beside it on the same machine waits for nobody."""
    order = order_of(
        [
            _change(Action.DELETE, _seated("old-0", 0, 1), None),
            _change(Action.DELETE, _seated("old-1", 0, 1, machine="n"), None),
            _change(Action.CREATE, None, _seated("new-0", 1, 2)),
            _change(Action.CREATE, None, _seated("new-1", 3)),
        ]
    )

    assert order[Step(_at("new-0"), Action.CREATE)] == {Step(_at("old-0"), Action.DELETE)}
    assert order[Step(_at("new-1"), Action.CREATE)] == set()


def test_a_group_goes_once_its_workload_has_machines_elsewhere() -> None:
    """New groups of its workload in other pools come first; others, or those in its pool, at any time."""

    def group(name: str, workload: str, pool: str) -> Resource:
        attributes: dict[str, JsonValue] = {"workload": workload, "pool": pool, "members": ["m"]}
        return replace(_of(name), attributes=attributes)

    gone = _change(Action.DELETE, group("a-old", "chat", "x"), None)
    made = [
        _change(Action.CREATE, None, group(name, workload, pool))
        for name, workload, pool in (("b", "chat", "y"), ("c", "chat", "x"), ("d", "code", "y"))
    ]
    order = order_of([gone, *made])

    assert order[Step(_at("a-old"), Action.DELETE)] == {Step(_at("b"), Action.CREATE)}


def test_devices_that_compute_prompts_are_left_first_as_well() -> None:
    """A unit whose prefill workers come to a device waits for what leaves it, and the other way round."""
    unit = replace(
        _of("unit", "m", "n"),
        attributes={"machines": ["n"], "devices": [0], "prefill_machines": ["m"], "prefill_devices": [1, 2]},
    )
    comes = order_of([_change(Action.DELETE, _seated("old", 2), None), _change(Action.CREATE, None, unit)])
    goes = order_of([_change(Action.DELETE, unit, None), _change(Action.CREATE, None, _seated("new", 1))])

    assert comes[Step(_at("unit"), Action.CREATE)] == {Step(_at("old"), Action.DELETE)}
    assert goes[Step(_at("new"), Action.CREATE)] == {Step(_at("unit"), Action.DELETE)}


def test_replicas_that_swap_devices_and_their_endpoint_make_no_circle() -> None:
    """Both go, then both come; the endpoint, which drops a third whose device is needed, comes last."""
    found = _sequence(
        _change(Action.REPLACE, _seated("a", 0), _seated("a", 1)),
        _change(Action.REPLACE, _seated("b", 1), _seated("b", 0, 2)),
        _change(Action.DELETE, _seated("c", 2), None),
        _change(Action.UPDATE, _of("end", "a", "b", "c"), _of("end", "a", "b")),
    )

    assert set(found[:3]) == {"delete a", "delete b", "delete c"}
    assert found[-1] == "update end"


def test_no_ops_and_deleted_needs_hold_nothing_up() -> None:
    """Only changes that make something are waited for."""
    order = order_of(
        [
            _change(Action.NOOP, _of("net"), _of("net")),
            _change(Action.CREATE, None, _of("a", "net", "elsewhere")),
        ]
    )

    assert {Step(_at("a"), Action.CREATE): set()} == order


def _plan(lineage: str, read: dict[str, Resource | None]) -> Plan:
    return Plan(
        dcplan="0",
        project="x",
        created_at="now",
        inputs=Digests(document="", offerings="", lineage=lineage, serial=0),
        read_set=tuple(ReadEntry(address=f"p.k.{n}", digest=digest_of(r)) for n, r in read.items()),
    )


def test_changes_elsewhere_leave_a_plan_fresh() -> None:
    """Only what the plan read counts, however far the serial has moved."""
    state = State(lineage="l", serial=9, resources={_at("a"): _of("a"), _at("b"): _of("b")})

    assert check_fresh(_plan("l", {"a": _of("a"), "c": None}), state) == ()


def test_a_change_of_what_was_read_makes_a_plan_stale_and_is_named() -> None:
    """Changed, gone and appeared resources are named; untouched ones are not."""
    state = State(
        lineage="l", resources={_at("a"): replace(_of("a"), outputs={"id": "2"}), _at("new"): _of("new")}
    )
    (found,) = check_fresh(_plan("l", {"a": _of("a"), "gone": _of("gone"), "new": None, "none": None}), state)

    assert found.code == "plan-stale"
    assert "p.k.a, p.k.gone and p.k.new changed" in found.detail
    assert "p.k.none" not in found.detail


def test_a_plan_of_another_state_is_refused() -> None:
    """Another lineage is another world."""
    assert [d.code for d in check_fresh(_plan("l", {}), State(lineage="m"))] == ["plan-foreign"]


def test_of_two_first_plans_only_one_can_be_applied() -> None:
    """Made before any state, a plan fits an empty one, also where a failed apply took back what it made."""
    plan = _plan("", {"a": None})
    applied = State(lineage="l", serial=1, resources={_at("a"): _of("a")})
    gone_again = State(lineage="l", serial=2, deployment={"applied_at": "later"})
    taken_back = State(lineage="l", serial=2)

    assert check_fresh(plan, State(lineage="l")) == ()
    assert check_fresh(plan, taken_back) == ()
    assert [d.code for d in check_fresh(plan, applied)] == ["plan-stale"]
    assert [d.code for d in check_fresh(plan, gone_again)] == ["plan-stale"]


def test_crash_points_kill_only_where_and_when_they_are_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset, or set to another point or a later passage, the process lives; at its passage it is killed."""
    killed: list[int] = []
    monkeypatch.setattr("os.kill", lambda _pid, number: killed.append(number))

    monkeypatch.delenv("DCPLAN_CRASH_AT", raising=False)
    crash_point("after-ack")
    monkeypatch.setenv("DCPLAN_CRASH_AT", "after-done:1")
    crash_point("after-ack")
    monkeypatch.setenv("DCPLAN_CRASH_AT", "after-ack:3")
    crash_point("after-ack")
    crash_point("after-ack")
    before = list(killed)
    crash_point("after-ack")

    assert before == []
    assert len(killed) == 1


def test_what_runs_is_let_go_only_once_its_new_ground_is_there() -> None:
    """A job that moves to a new machine is deleted after that is made, which may fail."""
    calls = _sequence(
        _change(Action.CREATE, None, _of("new")),
        _change(Action.REPLACE, _of("job", "old"), _of("job", "new")),
        _change(Action.DELETE, _of("old"), None),
    )

    assert calls[:2] == ["create new", "delete job"]
    assert set(calls[2:]) == {"create job", "delete old"}


def test_a_name_is_taken_once_its_provider_has_it_free() -> None:
    """What is made by a name comes after the rename, or the delete, of what its provider calls so."""
    new = _change(Action.CREATE, None, _of("a"))
    for renamed in (
        _change(Action.UPDATE, _of("z"), _of("z")),
        _change(Action.DELETE, _of("z"), None),
        _change(Action.REPLACE, _of("z"), _of("z")),
    ):
        told = replace(renamed, previous_address=_at("a"))
        sequence = _sequence(new, told)

        assert sequence.index("create a") > sequence.index(
            f"{'update' if told.action is Action.UPDATE else 'delete'} z"
        )
