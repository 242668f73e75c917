"""The commands that read what runs: drift, output, history, graph."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

OUTPUTS = """
outputs:
  chat-url: workloads.chat.endpoint
  hosts: {value: workloads.chat.machines, sensitive: true, description: where chat runs}
"""


def change_world(small: Small, statement: str, *values: object) -> None:
    """Change the data centre behind dcplan's back."""
    with sqlite3.connect(small.folder / ".dcplan" / "local" / "hall.sqlite") as db:
        db.execute(statement, values)


def files_of(small: Small) -> dict[str, bytes]:
    """Everything in the state's folder but what SQLite keeps for its readers."""
    return {
        p.name: p.read_bytes()
        for p in (small.folder / ".dcplan").iterdir()
        if p.is_file() and not p.name.endswith(("-shm", "-wal"))
    }


@pytest.fixture
def drifted(applied: Small) -> Small:
    """A replica is gone and the endpoint has other weights."""
    change_world(applied, "DELETE FROM objects WHERE kind = 'replica' AND name = 'chat-0'")
    weights = '{"replicas": {"chat-0": 7}, "workload": "chat"}'
    change_world(applied, "UPDATE objects SET attributes = ? WHERE kind = 'endpoint'", weights)
    return applied


def test_drift_is_told_old_to_new_and_nothing_is_written(drifted: Small) -> None:
    """Exit 2; what is gone and what differs, in text and JSON; state, lock and history stay as they are."""
    before = files_of(drifted)
    text, data = drifted.run("drift"), drifted.data("drift")
    gone = next(d for d in data["drift"] if d["gone"])
    other = next(d for d in data["drift"] if not d["gone"])

    assert text.exit_code == 2
    assert "local.replica.chat-0  (gone)" in text.stdout
    assert re.search(r"replicas\.chat-0: +1 -> 7", text.stdout)
    assert gone["address"] == "local.replica.chat-0"
    assert other["attributes"]["replicas"]["after"] == {"chat-0": 7}
    assert data["compared"] == len(drifted.known())
    assert files_of(drifted) == before


def test_drift_that_is_ignored_is_none(drifted: Small) -> None:
    """By options and by the document; a loss is told all the same; a rule of one part is an error."""
    by_option = drifted.data("drift", "-ignore", "endpoint.replicas")
    wrong = drifted.run("drift", "-ignore", "replicas")
    path = drifted.folder / "dcplan.yaml"
    path.write_text(path.read_text() + "drift: {ignore: [local.endpoint.chat.replicas]}\n")
    by_document = drifted.data("drift")
    change_world(drifted, "UPDATE objects SET name = 'chat-00' WHERE name = 'chat-0'")
    path.write_text(path.read_text().replace("local.endpoint.chat.replicas", "replicas"))
    invalid = drifted.run("validate")

    assert [d["address"] for d in by_option["drift"]] == ["local.replica.chat-0"]
    assert [d["address"] for d in by_document["drift"]] == ["local.replica.chat-0"]
    assert wrong.exit_code == 1
    assert "'replicas' is not ADDRESS.ATTRIBUTE" in " ".join(wrong.stderr.split())
    assert invalid.exit_code == 1
    assert "drift.ignore.0" in invalid.stderr


def test_what_a_workload_leaves_to_others_is_no_drift(applied: Small) -> None:
    """Shown and counted apart, with exit code 0, as no plan changes it; what else differs is drift."""
    change_world(
        applied,
        "UPDATE objects SET attributes = json_set(attributes, '$.settings.max_sequences', 3)"
        " WHERE kind = 'replica' AND name = 'chat-1'",
    )
    without = applied.run("drift")
    applied.replace(
        "    kind: serve", "    kind: serve\n    lifecycle: {ignore_changes: [settings.max_sequences]}"
    )
    ignored, data = applied.run("drift"), applied.data("drift")
    plan = applied.run("plan", "-detailed-exitcode")
    hidden = applied.data("drift", "-ignore", "replica.settings.max_sequences")
    change_world(applied, "DELETE FROM objects WHERE kind = 'replica' AND name = 'chat-0'")
    both = applied.run("drift")

    assert (without.exit_code, ignored.exit_code, plan.exit_code, both.exit_code) == (2, 0, 0, 2)
    assert "Ignored: of 1 resource" in ignored.stdout
    assert "settings.max_sequences" in ignored.stdout
    assert "No drift that asks for a change" in ignored.stdout
    assert (data["drift"], [d["address"] for d in data["ignored"]]) == ([], ["local.replica.chat-1"])
    assert data["ignored"][0]["attributes"]["settings"]["after"]["max_sequences"] == 3
    assert (hidden["drift"], hidden["ignored"]) == ([], [])
    assert "local.replica.chat-0  (gone)" in both.stdout.partition("Ignored")[0]
    assert "local.replica.chat-1" in both.stdout.partition("Ignored")[2]
    assert "Drift: 1 of" in both.stdout


def test_a_rule_that_hides_nothing_is_told_at_its_line(applied: Small) -> None:
    """A mistyped rule is a warning where it stands; drift goes on."""
    path = applied.folder / "dcplan.yaml"
    path.write_text(path.read_text() + "drift: {ignore: [machine.rakc]}\n")
    said = applied.run("drift")

    assert said.exit_code == 0
    assert "A rule of what to ignore hides nothing" in said.stderr
    assert "dcplan.yaml:" in said.stderr
    assert 'Did you mean "rack"?' in said.stderr


def test_without_drift_the_exit_code_is_0(applied: Small) -> None:
    """All is as the state says; before the first apply there is nothing to compare."""
    done = applied.run("drift")

    assert done.exit_code == 0
    assert done.stdout == f"No drift: {len(applied.known())} resources as the state says.\n"


def test_outputs_before_and_after_apply(small: Small) -> None:
    """Unknown first; then the URL, hidden where sensitive until asked for; apply tells them, too."""
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + OUTPUTS)
    before, missing = small.run("output"), small.run("output", "chat-url")
    applied = small.run("apply", "-auto-approve", "-json-into", "lines")
    lines = [json.loads(line) for line in (small.folder / "lines").read_text().splitlines()]
    told = next(line["outputs"] for line in lines if line["type"] == "outputs")
    after, data = small.run("output"), small.data("output")
    url = small.run("output", "chat-url", "-raw").stdout
    hosts = small.data("output", "hosts")
    shown, alone = small.run("output", "-show-sensitive"), small.run("output", "hosts", "-show-sensitive")

    assert "chat-url  known after apply" in before.stdout
    assert missing.exit_code == 1
    assert "not known yet" in missing.stderr
    assert applied.exit_code == 0, applied.output
    assert url == "http://chat.hall.internal"
    assert "chat-url  http://chat.hall.internal" in after.stdout
    assert "chat-url  http://chat.hall.internal" in applied.stdout
    assert "hosts     (sensitive" in after.stdout
    assert hosts["value"]
    assert hosts["value"][0] not in after.stdout.partition("Outputs")[2]
    assert hosts["value"][0] in shown.stdout.partition("Outputs")[2]
    assert json.loads(alone.stdout) == hosts["value"]
    assert told == {
        "chat-url": {"sensitive": False, "value": url},
        "hosts": {"sensitive": True, "value": None},
    }
    assert data["endpoints"]["chat"]["value"] == url
    assert {m["value"] for m in data["machines"].values()} == set(hosts["value"])


def test_outputs_that_refer_to_nothing_are_told_at_their_line(small: Small) -> None:
    """A wrong reference, a workload that is not there: errors of the document; a wrong name suggests."""
    path = small.folder / "dcplan.yaml"
    text = path.read_text()
    path.write_text(text + "outputs: {a: workloads.chta.endpoint, b: {value: chat.url}}\n")
    data = small.data("validate")
    path.write_text(text)
    wrong = small.run("output", "workloads.chta.endpoint")
    raw = small.run("output", "-raw")

    assert [(d["code"], d["path"]) for d in data["diagnostics"]] == [
        ("output-reference", ["outputs", "a"]),
        ("output-reference", ["outputs", "b", "value"]),
    ]
    assert 'Did you mean "chat"?' in data["diagnostics"][0]["detail"]
    assert all("range" in d for d in data["diagnostics"])
    assert 'Did you mean "workloads.chat.endpoint"?' in " ".join(wrong.stderr.split())
    assert raw.exit_code == 1


def test_history_tells_who_did_what_and_how_it_ended(small: Small) -> None:
    """Done, refused and killed runs, the last one first, with counts and cost; none before the first."""
    nothing = small.run("history").stdout
    small.run("plan", "-out", "p", "-var", "ttft=3s")
    small.run("apply", "-auto-approve")
    action = {"GITHUB_SERVER_URL": "https://g", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7"}
    small.run("apply", "p", env=action)
    killed = small.process("destroy", "-auto-approve", env={"DCPLAN_CRASH_AT": "after-ack:1"})
    small.run("destroy", "-auto-approve")
    text, runs = small.run("history").stdout, small.data("history")["runs"]
    first = runs[-1]

    assert nothing == "Nothing has been applied yet, so there is no history.\n"
    assert killed.returncode < 0
    assert [(run["operation"], run["ended"]) for run in runs] == [
        ("destroy", "done"),
        ("recover", "done"),
        ("destroy", "interrupted"),
        ("apply", "refused"),
        ("apply", "done"),
    ]
    assert first["planned"] == {"create": first["came"]["done"]}
    assert (first["before_usd_per_h"], first["after_usd_per_h"] > 0) == (0.0, True)
    assert runs[0]["after_usd_per_h"] == 0.0
    assert runs[3]["run_url"] == "https://g/o/r/actions/runs/7"
    assert runs[2]["after_usd_per_h"] is not None
    assert re.search(r"^\S+  interrupted  destroy by \S+@\S+$", text, re.MULTILINE)
    assert len(small.data("history", "-n", "2")["runs"]) == 2


def test_a_stopped_state_without_history_is_read(applied: Small) -> None:
    """A state that an older dcplan made has no journal of runs: it is empty, and begins with the next run."""
    with sqlite3.connect(applied.folder / ".dcplan" / "state.sqlite") as db:
        db.execute("DROP TABLE runs")
    empty = applied.data("history")["runs"]
    applied.run("destroy", "-auto-approve")

    assert empty == []
    assert [run["operation"] for run in applied.data("history")["runs"]] == ["destroy"]


def test_graphs_of_plans_and_states(applied: Small) -> None:
    """-type=state has what is there; -plan and -type=plan what changes, coloured, and what that needs."""
    applied.run("plan", "-out", "p", "-destroy")
    state = applied.data("graph", "-type=state")["resources"]
    saved, dot = applied.data("graph", "-plan=p")["resources"], applied.run("graph", "-plan=p").stdout
    fresh = applied.data("graph", "-type=plan", "-var", "ttft=3s")["resources"]
    both = applied.run("graph", "-plan=p", "-type=state")

    assert {r["address"] for r in state} == {address for address, _, _ in applied.known()}
    assert {r["action"] for r in saved} == {"delete"}
    assert 'label = "- local.endpoint.chat", color = red' in dot
    assert {r.get("action") for r in fresh} >= {"update", "delete"}
    assert {need for r in fresh for need in r["needs"]} <= {r["address"] for r in fresh}
    assert both.exit_code == 1
