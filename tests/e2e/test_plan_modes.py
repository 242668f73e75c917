"""Plans of a part, with something made anew, or of the state alone."""

from __future__ import annotations

import json
import stat
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from dcplan.plan.types import Plan

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

SECOND = """\
  emb:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 5/s, prompt_tokens: 256, output_tokens: 64}
    sla: {ttft: {p95: 900ms}, tpot: {p95: 80ms}}
"""


@pytest.fixture
def two(small: Small) -> Small:
    """A small project with a second workload."""
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + SECOND)
    return small


def addresses(small: Small) -> set[str]:
    """What the state holds."""
    return {address for address, _, _ in small.known()}


def test_a_target_makes_one_workload_and_what_it_needs(two: Small) -> None:
    """Only emb and its ground are made; plan, JSON, apply and show say so; the rest follows."""
    text = two.run("plan", "-target=emb", "-out", "p").stdout
    partial = two.data("show", "p")["partial"]
    whole = {change["address"] for change in two.data("plan")["changes"]}
    done = two.run("apply", "p")
    made = addresses(two)
    shown = two.run("show").stdout
    rest = two.run("apply", "-auto-approve")

    assert "Partial plan (-target=emb): " in text
    assert "Until then chat will not run as told above." in " ".join(text.split())
    assert partial["targets"] == ["emb"]
    assert partial["unfinished"] == ["chat"]
    assert sum(partial["left"].values()) == len(whole) - len(made)
    assert done.exit_code == 0, done.output
    assert "The plan was partial" in done.stdout
    assert {a for a in made if "machine" not in a} == {"local.endpoint.emb", "local.replica.emb-0"}
    assert made < whole
    assert "emb  serve" in shown
    assert "chat  serve" not in shown
    assert "partial plan" in shown
    assert rest.exit_code == 0, rest.output
    assert addresses(two) == whole
    assert "partial" not in two.run("show").stdout
    assert two.objects() == two.known()


def test_an_excluded_workload_is_left_and_destroyed_by_itself(two: Small) -> None:
    """-exclude leaves a workload out; destroy -target takes one away and keeps the other's ground."""
    two.run("apply", "-auto-approve", "-exclude=chat")
    without_chat = addresses(two)
    two.run("apply", "-auto-approve")
    whole = addresses(two)
    gone = two.run("destroy", "-auto-approve", "-target=emb")
    after = addresses(two)

    assert not [a for a in without_chat if "chat" in a]
    assert "local.replica.emb-0" in without_chat
    assert gone.exit_code == 0, gone.output
    assert "Nothing of this project is left" not in gone.stdout
    assert not [a for a in after if "emb" in a]
    assert {a for a in whole if "chat" in a} <= after
    assert two.objects() == two.known()


def test_names_that_mean_nothing_are_told_all_at_once(two: Small) -> None:
    """Each unknown address or workload is an error with the nearest one; nothing is written."""
    done = two.run("plan", "-target=chta", "-target=local.endpoint.chatt", "-replace=local.machine.x")
    data = two.data("plan", "-exclude=embb")

    assert done.exit_code == 1
    said = " ".join(done.stderr.split())
    assert 'Did you mean "chat"?' in said
    assert 'Did you mean "local.endpoint.chat"?' in said
    assert "nothing can be made anew there" in said
    assert [d["code"] for d in data["diagnostics"]] == ["unknown-address"]
    assert not two.touched()


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "-target=chat", "-exclude=chat"),
        ("plan", "-destroy", "-refresh-only"),
        ("plan", "-refresh-only", "-refresh=false"),
        ("plan", "-destroy", "-replace=a.b.c"),
        ("plan", "-target=chat", "-pareto=cost,moves"),
        ("apply", "-auto-approve", "-json", "-refresh-only", "-destroy"),
        ("refresh", "-destroy"),
        ("destroy", "-refresh-only"),
    ],
)
def test_options_that_contradict_each_other_are_wrong_usage(small: Small, arguments: tuple[str, ...]) -> None:
    """They end with 1 and a sentence, before anything is planned."""
    done = small.run(*arguments)

    assert done.exit_code == 1
    assert "error: " in done.stderr
    assert not small.touched()


def test_a_saved_plan_takes_no_options_of_planning(applied: Small) -> None:
    """What a saved plan does is in it; -target beside it is refused."""
    applied.run("plan", "-out", "p", "-var", "ttft=3s")
    done = applied.run("apply", "p", "-target=chat")

    assert done.exit_code == 1
    assert "exactly as it is" in done.stderr


def test_replace_makes_anew_what_is_named_and_what_stands_on_it(applied: Small) -> None:
    """A machine and its replicas get other objects, the rest keeps its own; the plan says: asked for."""
    before = {address: object_id for address, _, object_id in applied.known()}
    machine = next(a for a in before if ".machine." in a)
    text = applied.run("plan", f"-replace={machine}", "-out", "p").stdout
    done = applied.run("apply", "p")
    after = {address: object_id for address, _, object_id in applied.known()}
    renewed = {address for address in before if before[address] != after[address]}

    assert f"{machine}  l40sx2 in hall-a  (asked for)" in text or f"{machine}  l40sx2 in hall-b" in text
    assert done.exit_code == 0, done.output
    assert machine in renewed
    assert all(".replica." in address for address in renewed - {machine})
    assert "local.endpoint.chat" not in renewed
    assert applied.run("plan", "-detailed-exitcode").exit_code == 0


def test_without_refresh_the_state_is_believed_and_the_plan_says_so(applied: Small) -> None:
    """-refresh=false does not see what was lost, and tells that nobody was asked."""
    lose(applied, "local.endpoint.chat")
    blind, seeing = applied.run("plan", "-refresh=false"), applied.run("plan")

    assert "Nothing to change" in blind.stdout
    assert "-refresh=false" in blind.stdout
    assert "+ local.endpoint.chat" in seeing.stdout


def lose(small: Small, address: str) -> None:
    """Take an object away behind dcplan's back."""
    import sqlite3  # noqa: PLC0415 - only here

    _, kind, name = address.split(".", 2)
    with sqlite3.connect(small.folder / ".dcplan" / "local" / "hall.sqlite") as db:
        db.execute("DELETE FROM objects WHERE kind = ? AND name = ?", (kind, name))


def test_refresh_only_changes_the_state_and_nothing_else(applied: Small) -> None:
    """What is gone leaves the state after a yes or by a saved plan; then there is nothing to do."""
    lose(applied, "local.endpoint.chat")
    objects = applied.objects()
    planned = applied.run("plan", "-refresh-only", "-detailed-exitcode", "-out", "p")
    unasked = applied.process("apply", "-refresh-only")
    kept = addresses(applied)
    done = applied.run("apply", "p")
    again = applied.run("refresh", "-auto-approve")

    assert planned.exit_code == 2
    assert "local.endpoint.chat  (gone)" in planned.stdout
    assert unasked.returncode == 1
    assert "local.endpoint.chat" in kept
    assert done.exit_code == 0, done.output
    assert "The state of 1 resource is up to date. Nothing else was changed." in done.stdout
    assert "local.endpoint.chat" not in addresses(applied)
    assert "Nothing to bring up to date" in again.stdout
    assert applied.objects() == objects
    assert "+ local.endpoint.chat" in applied.run("plan").stdout


def test_a_saved_plan_as_json_is_complete(applied: Small) -> None:
    """``show FILE -json`` has every field of a plan, what -json of plan said, and a version of its format."""
    fresh = applied.run("plan", "-out", "p", "-json", "-var", "ttft=3s", "-target=chat", "-lock-timeout=1m")
    data = applied.data("show", "p")

    assert fresh.exit_code == 0
    assert data["format_version"] == "1.0"
    assert set(data) == {field.name for field in fields(Plan)} | {"format_version", "diagnostics"}
    assert json.loads(fresh.stdout) == data


def test_nobody_is_asked_where_input_is_off(small: Small) -> None:
    """-input=false and DCPLAN_INPUT=false count as no."""
    for done in (
        small.run("apply", "-input=false"),
        small.run("apply", env={"DCPLAN_INPUT": "false"}),
    ):
        assert done.exit_code == 1
        assert "Nobody can answer here" in done.stderr
    assert not small.touched()


def test_json_goes_into_a_file_while_people_read(small: Small) -> None:
    """-json-into writes lines for apply and one object for plan, readable by the owner only."""
    planned = small.run("plan", "-json-into", "plan.json")
    done = small.run("apply", "-auto-approve", "-json-into", "apply.jsonl")
    files = [small.folder / name for name in ("plan.json", "apply.jsonl")]
    lines = [json.loads(line) for line in files[1].read_text().splitlines()]

    assert "Plan: " in planned.stdout
    assert json.loads(files[0].read_text())["changes"]
    assert "created after" in done.stdout
    assert (lines[0]["type"], lines[-1]["type"]) == ("version", "change_summary")
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_concise_leaves_the_reasons_out(small: Small) -> None:
    """-concise shows changes and the summary; applying shows the end only."""
    planned = small.run("plan", "-concise").stdout
    done = small.run("apply", "-auto-approve", "-concise").stdout

    assert "Changes" in planned
    assert "TTFT" not in planned
    assert "Plan: " in planned
    assert "creating..." not in done
    assert "Applied: " in done


def test_compact_warnings_are_one_line_each(small: Small) -> None:
    """A warning with -compact-warnings is its summary alone."""
    inventory = small.folder / "datacenter.yaml"
    spare = "  spare: {accelerator: L40S, devices: 2, vcpus: 8, memory: 64GiB, network: 9GB/s, fabric: X}\n"
    text = inventory.read_text().replace("zones:\n", f"{spare}zones:\n")
    inventory.write_text(text + "  hall-c: {racks: {count: 1, machine: spare, nodes: 1}}\n")
    done = small.run("plan", "-compact-warnings")

    assert done.stderr.startswith("warning: Some prices are not known  ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_arguments_come_from_the_environment_too(small: Small) -> None:
    """For every command or for one; what is typed comes last and wins; mistakes say where they came from."""
    both = small.run("plan", env={"DCPLAN_CLI_ARGS_plan": "-var ttft=3s -concise"})
    typed = small.run("plan", "-var", "ttft=400ms", env={"DCPLAN_CLI_ARGS_plan": "-var 'ttft=1ms'"})
    nested = small.run("state", "list", env={"DCPLAN_CLI_ARGS_state_list": "-json"})
    wrong = small.run("plan", env={"DCPLAN_CLI_ARGS": "-nonsense"})

    assert both.exit_code == 0
    assert "TTFT" not in both.stdout
    assert typed.exit_code == 0
    assert json.loads(nested.stdout)["addresses"] == []
    assert wrong.exit_code == 1
    assert "There is no option -nonsense" in wrong.stderr
    assert "Arguments were also taken from DCPLAN_CLI_ARGS." in wrong.stderr


def test_the_work_folder_may_be_elsewhere(small: Small) -> None:
    """DCPLAN_DATA_DIR names the folder of state and simulated data centre, for a saved plan as well."""
    env = {"DCPLAN_DATA_DIR": "../work"}
    work = small.folder.parent / "work"
    planned = small.run("plan", "-out", "p", env=env)
    done = small.run("apply", "-concise", "p", env=env)
    drift = small.run("drift", env=env)
    elsewhere = small.run("drift")

    assert (planned.exit_code, done.exit_code, drift.exit_code) == (0, 0, 0), done.output
    assert (work / "state.sqlite").exists()
    assert (work / "local" / "hall.sqlite").exists()
    assert not (small.folder / ".dcplan").exists()
    assert elsewhere.stdout.startswith("Nothing to compare")
    assert small.run("state", "list", env=env).stdout


ELSEWHERE = SECOND + "    constraints: {zones: [hall-b]}\n"
LESS = ("-var", "load=15/s")


@pytest.fixture
def full(small: Small) -> Small:
    """A project that uses up its quota of three machines, and then wants one of them elsewhere."""
    small.replace("faults: []", "quotas: [{of: L40S, devices: 6}]")
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + "    constraints: {zones: [hall-a]}\n")
    done = small.run("apply", "-auto-approve", "-var", "load=25/s")
    assert done.exit_code == 0, done.output
    path.write_text(path.read_text() + ELSEWHERE)
    return small


def test_a_target_takes_along_the_delete_that_makes_room(full: Small) -> None:
    """What goes though nobody named it is told before anybody says yes, and the quota is kept."""
    before = {a for a in addresses(full) if ".machine." in a}
    text = full.run("plan", "-target=emb", "-out", "p", *LESS).stdout
    (room,) = full.data("show", "p")["partial"]["for_room"]
    done = full.run("apply", "p")
    after = {a for a in addresses(full) if ".machine." in a}

    assert (
        "has no room for local.machine.hall-b-l40sx2-0 while local.machine.hall-a-l40sx2-2 stays"
        in " ".join(text.split())
    )
    assert (room["missing"], set(room["frees"])) == (2, before - after)
    assert done.exit_code == 0, done.output
    assert after == before - {"local.machine.hall-a-l40sx2-2"} | {"local.machine.hall-b-l40sx2-0"}
    assert full.objects() == full.known()


def test_an_exclusion_that_leaves_no_room_is_told(full: Small) -> None:
    """Excluded, the delete is not taken along: the plan says what is short, for what, and what to do."""
    text = " ".join(full.run("plan", "-exclude=chat", *LESS).stdout.split())
    data = full.data("plan", "-exclude=chat", *LESS)

    assert "No room: quota local/eu-test/L40S/devices is short of 2 for local.machine.hall-b-l40sx2-0" in text
    assert "exclude it as well, or exclude less" in text
    assert data["partial"]["for_room"][0]["frees"] == ["local.machine.hall-a-l40sx2-2"]
    assert not [c for c in data["changes"] if c["action"] == "delete"]
