"""What goes wrong at the provider: told in its words, never twice, and mended by running again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

SECOND = "local.machine.hall-a-l40sx2-1"
"""A machine of the small project."""


def events(small: Small, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the JSON lines of an apply."""
    done = small.run("apply", "-auto-approve", "-json", *arguments)
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


def settled(small: Small) -> bool:
    """World and state name the same objects once each, and nothing is left to plan."""
    return (
        small.objects() == small.known()
        and len({address for address, _, _ in small.objects()}) == len(small.objects())
        and small.held_nodes() == sum(a.startswith("local.machine.") for a, _, _ in small.known())
        and small.run("plan", "-detailed-exitcode").exit_code == 0
    )


def proposed(small: Small) -> dict[str, str]:
    """What the next plan would do at which address."""
    changes = small.data("plan")["changes"]
    return {".".join(_parts(change["address"])): change["action"] for change in changes}


def _parts(address: Any) -> list[str]:
    """The parts of an address as plans hold it."""
    return [address["provider"], address["kind"], address["name"]] if isinstance(address, dict) else [address]


def test_a_stock_out_is_told_and_the_others_go_on(small: Small) -> None:
    """One machine cannot be had: that fails for want of capacity, what needs it is skipped, the rest runs."""
    small.faults('{fault: stock-out, name: "*-1"}')
    done = small.run("apply", "-auto-approve", "-failover=never")
    alive = {address for address, _, _ in small.objects()}
    again = small.run("apply", "-auto-approve")

    assert done.exit_code == 1
    assert "error: No capacity" in done.stderr
    assert "No machine l40sx2 is free in zone hall-a" in " ".join(done.stderr.split())
    assert f"local.endpoint.chat: skipped, because {SECOND} was not done" in done.stdout
    assert re.search(r"Not complete: \d+ done, 1 failed, \d skipped\. Mend the errors above", done.stdout)
    assert SECOND not in alive
    assert {"local.machine.hall-a-l40sx2-0", "local.replica.chat-0"} <= alive
    assert again.exit_code == 0, again.output
    assert settled(small)


def test_what_runs_stays_through_a_stock_out_and_is_counted(small: Small) -> None:
    """Half an apply and no more machines to be had: the plan says what runs costs, and moves none of it."""
    small.faults('{fault: stock-out, name: "*-1"}')
    small.run("apply", "-auto-approve", "-failover=never")
    small.replace('{fault: stock-out, name: "*-1"}', "{fault: stock-out, zone: hall-b, times: null}")
    machines = sum(".machine." in address for address, _, _ in small.objects())
    half = json.loads(small.run("plan", "--json").stdout)
    small.run("apply", "-auto-approve")
    small.replace("zone: hall-b, times: null", "times: null")

    assert half["before_usd_per_h"] == 2 * machines > 0
    assert settled(small)


def test_a_lasting_stock_out_is_planned_around(small: Small) -> None:
    """A zone that offers nothing is not planned on."""
    small.faults("{fault: stock-out, zone: hall-a, times: null}")
    code, _ = events(small)

    assert code == 0
    assert {a for a, _, _ in small.objects() if "hall-a" in a} == set()
    assert settled(small)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("{fault: throttle, after: 50ms, times: 2}", "takes no more calls now"),
        ("{fault: lost-before, times: 2}", "connection was lost"),
        ("{fault: lost-answer, action: create, times: 2}", "connection was lost"),
        ("{fault: error-after-create, times: 2}", "internal error"),
    ],
)
def test_what_passes_is_tried_again_and_made_once(small: Small, fault: str, words: str) -> None:
    """Turned away, cut off before or after, an error after the deed: tried again, one object each."""
    small.faults(fault)
    code, lines = events(small)
    retries = [line for line in lines if line["type"] == "apply_retry"]

    assert code == 0
    assert len(retries) == 2
    assert all(words in line["why"] for line in retries)
    assert len(small.objects()) == lines[-1]["done"]
    assert settled(small)


def test_a_denied_call_fails_alone_and_is_done_by_the_next_apply(small: Small) -> None:
    """The credentials do not allow one call: that one fails, and only it is left to do."""
    small.faults("{fault: denied, resource: endpoint}")
    code, lines = events(small)
    left = proposed(small)
    again, _ = events(small)

    assert code == 1
    assert [line["diagnostic"]["summary"] for line in lines if line["type"] == "apply_errored"] == [
        "Permission denied"
    ]
    assert left == {"local.endpoint.chat": "create"}
    assert again == 0
    assert settled(small)


def test_slow_machines_are_waited_for(small: Small) -> None:
    """What takes longer to become ready is done when it is ready."""
    small.faults('{fault: slow-create, resource: machine, name: "*-1", after: 300ms}')
    code, lines = events(small)
    (took,) = [
        line["elapsed_s"] for line in lines if line["type"] == "apply_complete" and line["address"] == SECOND
    ]

    assert code == 0
    assert took >= 0.3
    assert settled(small)


def test_a_slow_delete_is_waited_for(applied: Small) -> None:
    """A destroy ends when everything is gone, not when it was asked for."""
    applied.faults("{fault: delete-still-running, resource: machine, after: 300ms}")
    done = applied.run("destroy", "-auto-approve")

    assert done.exit_code == 0, done.output
    assert (applied.objects(), applied.known()) == ([], [])


@pytest.mark.parametrize("address", ["local.replica.chat-1", "local.endpoint.chat", SECOND])
def test_what_vanished_is_planned_to_be_created_again(applied: Small, address: str) -> None:
    """An object disappeared behind dcplan's back: the plan says so, and apply makes it anew."""
    _, kind, name = address.split(".")
    applied.faults(f"{{fault: vanish, resource: {kind}, name: {name}}}")
    shown = applied.run("plan").stdout
    planned = proposed(applied)
    code, _ = events(applied)

    assert planned[address] == "create"
    assert "recorded, but gone from the provider" in shown
    assert code == 0
    assert settled(applied)


def test_what_was_changed_by_hand_is_planned_to_be_changed_back(applied: Small) -> None:
    """Drift: the plan names the attribute, apply sets it back."""
    applied.faults("{fault: drift, resource: replica, name: chat-2, attribute: precision, value: fp4}")
    shown = applied.run("plan").stdout
    planned = proposed(applied)
    code, _ = events(applied)

    assert planned == {"local.replica.chat-2": "update"}
    assert "local.replica.chat-2  on " in shown
    assert "(changed outside dcplan)\n        precision: fp4 -> not set\n" in shown
    assert code == 0
    assert settled(applied)


def test_without_refresh_the_state_is_believed(applied: Small) -> None:
    """-refresh=false does not ask the provider, so what vanished is not noticed."""
    applied.faults("{fault: vanish, resource: replica, name: chat-1}")

    assert applied.run("plan", "-refresh=false", "-detailed-exitcode").exit_code == 0
    assert applied.run("plan", "-detailed-exitcode").exit_code == 2


def test_a_destroy_of_what_is_gone_already_completes(applied: Small) -> None:
    """An object that vanished needs no deleting."""
    applied.faults("{fault: vanish, resource: replica, name: chat-1}")
    done = applied.run("destroy", "-auto-approve")

    assert done.exit_code == 0, done.output
    assert (applied.objects(), applied.known()) == ([], [])
