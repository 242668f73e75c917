"""A pool that is sold out: the plan says where else, apply goes there, and the next plan is content."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.plan.sold_out import KEY
from dcplan.state import LockInfo, open_store

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

REFUSED = "{fault: stock-out, zone: hall-a, skip: 1, times: 1}"
"""The second machine that is asked for in hall-a is refused."""


def events(small: Small, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the JSON lines of an apply."""
    done = small.run("apply", "-auto-approve", "-json", *arguments)
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


def where(small: Small) -> list[str]:
    """The zone of each machine that the state holds."""
    rows = small.state().resources
    return sorted(str(r.attributes["zone"]) for a, r in rows.items() if a.kind == "machine")


def settled(small: Small) -> bool:
    """World and state name the same objects, and nothing is left to plan."""
    machines = sum(a.startswith("local.machine.") for a, _, _ in small.known())
    return (
        small.objects() == small.known()
        and small.held_nodes() == machines
        and small.run("plan", "-detailed-exitcode").exit_code == 0
    )


def age(small: Small, seconds: float) -> None:
    """Let what the state remembers of sold-out pools be so much older."""
    store = open_store(small.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
    try:
        with store.lock(LockInfo(pid=1, who="t", operation="test", since="now")).unwrap():
            deployment: dict[str, Any] = dict(store.read().deployment)
            deployment[KEY] = {pool: at_s - seconds for pool, at_s in deployment[KEY].items()}
            store.set_deployment(deployment)
    finally:
        store.close()


def test_the_plan_says_where_else_its_machines_may_be_had(small: Small) -> None:
    """One quiet line for people, all of it in JSON, and nothing once there is nothing to buy."""
    shown = " ".join(small.run("plan").stdout.split())
    (fallback,) = small.data("plan")["fallbacks"]
    small.run("apply", "-auto-approve")

    assert "If hall-a/main/l40sx2 is sold out" in shown
    assert "hall-b/main/l40sx2 at the same price" in shown
    assert [a["pool"] for a in fallback["alternatives"]] == ["hall-b/main/l40sx2"]
    assert small.data("plan")["fallbacks"] == []


@pytest.mark.parametrize("saved", [True, False])
def test_apply_goes_where_the_plan_said_and_stays_there(small: Small, *, saved: bool) -> None:
    """One machine is refused: it is had in the other zone, told, kept in the state, and left alone."""
    small.faults(REFUSED)
    small.run("plan", "-out=the.plan")
    arguments = ("the.plan",) if saved else ("-auto-approve",)
    done = small.run("apply", *arguments)
    shown = small.run("show").stdout
    plan = " ".join(small.run("plan").stdout.split())

    assert done.exit_code == 0, done.output
    assert "hall-a/main/l40sx2 is sold out, trying hall-b/main/l40sx2, at the same price" in done.stdout
    assert "1 machine of hall-a/main/l40sx2, which was sold out, is in hall-b" in " ".join(
        done.stdout.split()
    )
    assert where(small).count("hall-b") == 1
    assert "hall-a/main/l40sx2 (" in shown
    assert "hall-b/main/l40sx2 (" in shown
    assert "nothing more is bought there until" in plan
    assert settled(small)


def test_programs_are_told_of_each_attempt(small: Small) -> None:
    """An event with both pools, the provider's word and the price; the summary counts what moved."""
    small.faults(REFUSED)
    code, lines = events(small)
    (told,) = [line for line in lines if line["type"] == "capacity_attempt"]

    assert code == 0
    assert (told["from_pool"], told["pool"]) == ("hall-a/main/l40sx2", "hall-b/main/l40sx2")
    assert "No machine l40sx2 is free in zone hall-a" in told["why"]
    assert [(m["machines"], m["usd_per_h"]) for m in lines[-1]["moved"]] == [(1, 0.0)]


def test_a_pool_that_was_sold_out_is_bought_in_again_after_a_while(small: Small) -> None:
    """Within half an hour a plan buys nothing more there, and says so; then it does, and says that."""
    small.faults('{fault: stock-out, zone: hall-a, name: "*-0", times: 1}')
    small.run("apply", "-auto-approve", "-failover=never", "-on-error=stop", "-parallelism=1")
    soon = small.data("plan")
    age(small, 3600)
    later = small.data("plan")

    assert [(s["pool"], s["left_out"]) for s in soon["sold_out"]] == [("hall-a/main/l40sx2", True)]
    assert {p["pool"] for p in soon["pools"]} == {"hall-b/main/l40sx2"}
    assert [(s["pool"], s["left_out"]) for s in later["sold_out"]] == [("hall-a/main/l40sx2", False)]
    assert "hall-a/main/l40sx2" in {p["pool"] for p in later["pools"]}
    assert "this plan buys there again" in " ".join(small.run("plan").stdout.split())


def test_what_landed_elsewhere_is_not_moved_back(small: Small) -> None:
    """Long after, at equal prices, the plan leaves everything where it runs."""
    small.faults(REFUSED)
    small.run("apply", "-auto-approve")
    age(small, 3600)

    assert settled(small)
    assert small.data("plan")["sold_out"] == []


def test_the_only_pool_is_asked_again_however_lately_it_was_sold_out(small: Small) -> None:
    """Where there is no other place, the plan does not wait for a while to pass."""
    small.replace("faults: []", "faults: [{fault: stock-out, times: 1}]")
    small.replace("workloads:\n", "constraints: {zones: [hall-a]}\nworkloads:\n")
    first = small.run("apply", "-auto-approve")
    second = small.run("apply", "-auto-approve")

    assert first.exit_code == 1
    assert second.exit_code == 0, second.output
    assert set(where(small)) == {"hall-a"}


def test_the_document_says_how_to_apply_and_flags_win(small: Small) -> None:
    """failover: never in the document fails; -failover=auto goes elsewhere all the same."""
    small.faults(REFUSED)
    small.replace("workloads:\n", "apply: {failover: never, on_error: stop}\nworkloads:\n")
    small.run("plan", "-out=the.plan")
    refused = small.run("apply", "the.plan")
    done = small.run("apply", "-auto-approve", "-failover=auto", "-on-error=continue")

    assert refused.exit_code == 1
    assert "error: No capacity" in refused.stderr
    assert done.exit_code == 0, done.output
    assert settled(small)


def test_what_is_new_is_taken_away_again_where_that_is_asked_for(small: Small) -> None:
    """The endpoint is refused: machines and replicas of this run go, and nothing is held any more."""
    small.faults("{fault: denied, resource: endpoint, action: create}")
    done = small.run("apply", "-auto-approve", "-on-error=rollback-new")

    assert done.exit_code == 1
    assert "rolled back" in done.stdout
    assert (small.objects(), small.known(), small.held_nodes()) == ([], [], 0)


def test_a_wait_that_takes_too_long_ends_and_is_taken_up_again(small: Small) -> None:
    """The machine is still being made when the time is over; the next apply waits on, and makes no second."""
    small.faults('{fault: slow-create, resource: machine, name: "*-1", after: 1s}')
    small.replace("workloads:\n", "apply: {timeouts: {create: 300ms}}\nworkloads:\n")
    first = small.run("apply", "-auto-approve")
    small.replace("create: 300ms", "create: 30s")
    second = small.run("apply", "-auto-approve")

    assert first.exit_code == 1
    assert "It takes longer than is allowed" in first.stderr
    assert second.exit_code == 0, second.output
    assert settled(small)


def test_a_machine_had_elsewhere_is_kept_although_nothing_runs_on_it_yet(small: Small) -> None:
    """Its replicas were refused; long after, at equal prices, the next plan puts them on it."""
    small.faults("{fault: stock-out, zone: hall-a, times: 9}, {fault: denied, resource: replica, times: 9}")
    failed = small.run("apply", "-auto-approve")
    age(small, 3600)
    changes = small.data("plan")["changes"]

    assert failed.exit_code == 1
    assert set(where(small)) == {"hall-b"}
    assert {(c["action"], c["address"].split(".")[1]) for c in changes} == {
        ("create", "replica"),
        ("create", "endpoint"),
    }
