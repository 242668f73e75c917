"""plan, apply and destroy as their user meets them: what is printed, what is left, how it ends."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

LOOSE = ("-var", "ttft=3s")
"""A looser promise, for which fewer replicas will do."""


def json_lines(text: str) -> list[dict[str, Any]]:
    """Every line as one JSON object."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_whole_life_ends_with_nothing_left(small: Small) -> None:
    """Plan, apply that plan, no change, a looser SLA changes less, destroy: world and state are empty."""
    planned = small.process("plan", "-out", "first.plan")
    first = small.process("apply", "first.plan")
    again = small.process("plan", "-detailed-exitcode")
    made = len(small.known())
    looser = small.data("plan", *LOOSE)
    changed = small.run("apply", "-auto-approve", *LOOSE)
    objects, known, held = small.objects(), small.known(), small.held_nodes()
    destroyed = small.process("destroy", "-auto-approve")

    assert planned.returncode == 0, planned.stderr
    assert first.returncode == 0, first.stderr
    assert again.returncode == 0, again.stdout
    assert "Nothing to change" in again.stdout
    assert 0 < len(looser["changes"]) < made
    assert "create" not in {change["action"] for change in looser["changes"]}
    assert changed.exit_code == 0, changed.output
    assert objects == known
    assert held == sum(address.startswith("local.machine.") for address, _, _ in known)
    assert destroyed.returncode == 0, destroyed.stderr
    assert "Nothing of this project is left." in destroyed.stdout
    assert (small.objects(), small.known(), small.held_nodes()) == ([], [], 0)


def test_the_plan_tells_people_what_and_why(small: Small) -> None:
    """A plan shows demand, layout, prediction against promise, cost, changes and proof, in readable lines."""
    shown = small.run("plan").stdout

    for words in ("serve llama-3.1-8b", "50/s of 512 tokens in, 128 out", "TTFT p95", "of 500ms allowed"):
        assert words in shown
    assert re.search(r"Plan: \d+ to create; 0 unchanged\.", shown)
    assert re.search(r"Cost: \$\d+\.\d\d/h, now \$0\.00/h\.", shown)
    assert "Proven the cheapest" in shown
    assert max(len(line) for line in shown.splitlines()) <= 100
    assert not re.search(r"\d\.\d{2,}%(?! )", shown.replace("gap 0.00%", ""))
    assert small.folder.joinpath(".dcplan").exists() is False


def test_plan_as_json_is_one_object_with_diagnostics(small: Small) -> None:
    """Standard output holds one JSON object and nothing else; warnings are inside."""
    done = small.process("plan", "-json")
    data = json.loads(done.stdout)

    assert done.stderr == ""
    assert data["format_version"] == "1.0"
    assert data["diagnostics"] == []
    assert {change["action"] for change in data["changes"]} == {"create"}
    assert data["usd_per_h"] > 0
    assert data["workloads"][0]["candidate"]["estimate"]["predicted"]


def test_warnings_stand_inside_the_json_of_a_plan(small: Small) -> None:
    """A machine without a price is left out with a warning, in JSON as for people."""
    inventory = small.folder / "datacenter.yaml"
    spare = "  spare: {accelerator: L40S, devices: 2, vcpus: 8, memory: 64GiB, network: 9GB/s, fabric: X}\n"
    text = inventory.read_text().replace("zones:\n", f"{spare}zones:\n")
    inventory.write_text(text + "  hall-c: {racks: {count: 1, machine: spare, nodes: 1}}\n")
    data = small.data("plan")
    for_people = small.run("plan")

    assert [(d["severity"], d["code"]) for d in data["diagnostics"]] == [("warning", "unknown-price")]
    assert for_people.exit_code == 0
    assert "warning: Some prices are not known" in for_people.stderr


def test_the_detailed_exit_code_tells_changes_from_none(small: Small) -> None:
    """With -detailed-exitcode: 2 with changes, 0 without, 1 for errors; without it 0."""
    plain, detailed = small.run("plan"), small.run("plan", "-detailed-exitcode")
    small.run("apply", "-auto-approve")
    after = small.run("plan", "-detailed-exitcode")
    wrong = small.run("plan", "-detailed-exitcode", "-var", "ttft=1ms")

    assert (plain.exit_code, detailed.exit_code, after.exit_code, wrong.exit_code) == (0, 2, 0, 1)


def test_a_saved_plan_is_for_its_owner_only(small: Small) -> None:
    """The file has mode 0600, ``show`` shows it as ``plan`` did, and no half-written file stays."""
    planned = small.run("plan", "-out", "p")
    shown = small.run("show", "p")
    path = small.folder / "p"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert planned.stdout.startswith(shown.stdout.rstrip("\n"))
    assert "Saved to p. Apply exactly this with: dcplan apply p" in planned.stdout
    assert sorted(p.name for p in small.folder.iterdir()) == ["datacenter.yaml", "dcplan.yaml", "p"]
    assert small.data("show", "p")["changes"] == json.loads(path.read_text())["changes"]


def test_a_plan_that_cannot_be_saved_is_an_error(small: Small) -> None:
    """-out into a folder that does not exist says so in words."""
    done = small.run("plan", "-out", "missing/p")

    assert done.exit_code == 1
    assert "error: The plan could not be saved" in done.stderr
    assert "No such file or directory" in done.stderr


def test_a_file_that_is_no_plan_is_refused(small: Small) -> None:
    """Apply and show of something else name the file, and change nothing."""
    for command in ("apply", "show"):
        done = small.run(command, "dcplan.yaml")

        assert done.exit_code == 1
        assert "dcplan.yaml is no plan that this version of dcplan wrote" in " ".join(done.stderr.split())
    assert not small.touched()


def test_a_second_apply_of_a_saved_plan_is_harmless_and_says_so(small: Small) -> None:
    """What the plan wanted is there, so nothing is made again."""
    small.run("plan", "-out", "p")
    small.run("apply", "p")
    before = small.objects()
    again, as_json = small.run("apply", "p"), small.run("apply", "p", "-json")

    assert again.exit_code == 0
    assert re.fullmatch(r"Nothing to do: the \d+ changes of this plan had been made before\.\n", again.stdout)
    assert json_lines(as_json.stdout)[-1]["already_made"] == len(before)
    assert small.objects() == before


def test_an_old_plan_applied_again_does_not_rewrite_what_show_tells(small: Small) -> None:
    """``show`` tells what was applied last, also after an old plan with nothing left to do was applied."""
    small.run("plan", "-out", "p", *LOOSE)
    small.run("apply", "p")
    small.run("apply", "-auto-approve", "-var", "load=80/s", *LOOSE)
    later = small.state().deployment
    # As if the plan had been made a day ago; the clock has no finer steps than seconds.
    path = small.folder / "p"
    made = json.loads(path.read_text())
    path.write_text(json.dumps({**made, "created_at": "2020-01-01T00:00:00+00:00"}))
    small.run("apply", "p")

    assert small.state().deployment == later


def test_a_stale_plan_is_refused_with_the_names_of_what_changed(applied: Small) -> None:
    """A plan made before another apply touched the same resources changes nothing."""
    applied.run("plan", "-out", "p", "-var", "load=75/s")
    applied.run("apply", "-auto-approve", *LOOSE)
    before = applied.objects()
    done = applied.run("apply", "p")

    assert done.exit_code == 1
    assert "error: The plan is out of date" in done.stderr
    assert "local.endpoint.chat" in done.stderr
    assert "changed since the plan was made" in " ".join(done.stderr.split())
    assert applied.objects() == before


def test_the_plan_of_another_state_is_refused(
    applied: Small, new_small: Callable[[Path], Small], tmp_path: Path
) -> None:
    """A plan does not fit a state that was set up by somebody else."""
    other = new_small(tmp_path / "other")
    other.run("apply", "-auto-approve")
    other.run("plan", "-out", str(applied.folder / "p"), "-var", "load=75/s")
    done = applied.run("apply", "p")

    assert done.exit_code == 1
    assert "error: The plan belongs to another state" in done.stderr


@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_without_anybody_to_ask_nothing_is_changed(applied: Small, command: str) -> None:
    """No terminal and no -auto-approve: exit code 1, and the same world as before."""
    before = applied.objects()
    done = applied.process(command, "-var", "load=75/s")

    assert done.returncode == 1
    assert "Nobody can answer here, so nothing was changed. Add -auto-approve" in done.stderr
    assert applied.objects() == before


def test_a_first_apply_without_anybody_to_ask_writes_nothing(small: Small) -> None:
    """Not even a work folder is made."""
    done = small.process("apply")

    assert done.returncode == 1
    assert not small.touched()


def test_destroying_nothing_writes_nothing(small: Small) -> None:
    """Destroy before the first apply says that there is nothing, and makes no work folder."""
    done, as_json = small.run("destroy", "-auto-approve"), small.run("destroy", "-auto-approve", "-json")

    assert done.exit_code == 0
    assert "Nothing to destroy" in done.stdout
    assert json_lines(as_json.stdout)[-1]["type"] == "change_summary"
    assert not small.touched()


def test_apply_as_json_is_one_object_a_line(small: Small) -> None:
    """version, planned changes, events and a summary; every line parses, nothing goes to standard error."""
    done = small.process("apply", "-auto-approve", "-json")
    lines = json_lines(done.stdout)
    types = [line["type"] for line in lines]
    made = len(small.known())

    assert (done.returncode, done.stderr) == (0, "")
    assert types[0] == "version"
    assert types[-1] == "change_summary"
    for name in ("planned_change", "apply_start", "apply_acknowledged", "apply_complete"):
        assert types.count(name) == made
    assert (lines[-1]["done"], lines[-1]["failed"], lines[-1]["interrupted"]) == (made, 0, False)


def test_errors_of_an_apply_are_json_lines_too(small: Small) -> None:
    """A failed operation and its diagnostic do not break the format."""
    small.faults("{fault: denied, resource: endpoint}")
    done = small.run("apply", "-auto-approve", "-json")
    lines = json_lines(done.stdout)

    assert (done.exit_code, done.stderr) == (1, "")
    assert [line["address"] for line in lines if line["type"] == "apply_errored"] == ["local.endpoint.chat"]
    assert [line["address"] for line in lines if line["type"] == "diagnostic"] == ["local.endpoint.chat"]
    assert lines[-1]["failed"] == 1
