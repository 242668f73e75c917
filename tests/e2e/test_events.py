"""The lines of ``apply -json`` are what their schema says."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dcplan.apply import ApplyOptions, Event, Progress
from dcplan.cli.views.events import event_data
from dcplan.workflow import Project
from dcplan.workflow.applying import apply
from dcplan.workflow.planning import plan
from event_lines import check, lines_of

if TYPE_CHECKING:
    from tests.e2e.conftest import Small


def test_every_line_of_a_life_is_in_the_schema(small: Small) -> None:
    """Apply with retries, a refresh, a failing apply, a refused one and a destroy: each line validates."""
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + "outputs: {url: workloads.chat.endpoint}\n")
    small.faults("{fault: throttle, after: 50ms, times: 2}", "{fault: denied, resource: endpoint}")
    failed = lines_of(small.run("apply", "-auto-approve", "-json").stdout)
    done = lines_of(small.run("apply", "-auto-approve", "-json").stdout)
    refreshed = lines_of(small.run("refresh", "-auto-approve", "-json").stdout)
    wrong = lines_of(small.run("apply", "-auto-approve", "-json", "-target=nobody").stdout)
    destroyed = lines_of(small.run("destroy", "-auto-approve", "-json").stdout)
    types = {line["type"] for line in [*failed, *done, *refreshed, *wrong, *destroyed]}

    assert failed[-1]["type"] == "change_summary"
    for lines in (failed, done, refreshed, wrong, destroyed):
        check(lines)
        assert lines[0]["type"] == "version"
    assert types >= {
        "solver_progress",
        "planned_change",
        "plan_summary",
        "cost_delta",
        "lock_acquired",
        "intent_recorded",
        "intent_resolved",
        "apply_start",
        "apply_acknowledged",
        "apply_complete",
        "apply_retry",
        "apply_errored",
        "diagnostic",
        "outputs",
        "change_summary",
    }
    assert {line["@level"] for line in failed} == {"info", "warn", "error"}


def test_every_intent_is_recorded_before_its_call_and_resolved_once(small: Small) -> None:
    """Of each op_id there is one record before the start, and one resolution before the end of its call."""
    lines = lines_of(small.run("apply", "-auto-approve", "-json").stdout)
    seen: dict[str, list[str]] = {}
    for line in lines:
        if "address" in line and line["type"] != "planned_change":
            seen.setdefault(line["address"], []).append(line["type"])
    recorded = [line["op_id"] for line in lines if line["type"] == "intent_recorded"]
    resolved = [line["op_id"] for line in lines if line["type"] == "intent_resolved"]

    assert len(set(recorded)) == len(recorded)
    assert sorted(recorded) == sorted(resolved)
    for types in seen.values():
        assert types == [
            "intent_recorded",
            "apply_start",
            "apply_acknowledged",
            "intent_resolved",
            "apply_complete",
        ]


def test_heartbeats_are_repeated_while_a_call_takes_long(small: Small) -> None:
    """A wait of some heartbeats tells of itself more than once, with growing times."""
    small.replace("ready_after: 20ms", "ready_after: 500ms")
    project = Project(folder=small.folder)
    told: list[Event] = []
    done = apply(
        project,
        plan(project).unwrap().plan,
        report=told.append,
        stop=threading.Event(),
        options=ApplyOptions(heartbeat_s=0.1),
    )
    beats: dict[str, list[float]] = {}
    for event in told:
        if isinstance(event, Progress):
            beats.setdefault(str(event_data(event)["address"]), []).append(event.elapsed_s)

    assert done.ok
    assert max(len(times) for times in beats.values()) > 1
    assert all(times == sorted(times) for times in beats.values())
