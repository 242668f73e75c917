"""Lifecycle rules and conditions, as somebody with a document meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

LITTLE = ("-var", "load=5/s")


@pytest.fixture
def little(small: Small) -> Small:
    """A machine, a replica and an endpoint that run."""
    done = small.run("apply", "-auto-approve", *LITTLE)
    assert done.exit_code == 0, done.output
    return small


def add(small: Small, text: str) -> None:
    """Write something at the end of the document, which is the end of its workload."""
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + text)


def codes(data: dict[str, Any]) -> list[str]:
    """What a command said."""
    return [d["code"] for d in data["diagnostics"]]


def test_prevent_destroy_survives_yaml_removal(little: Small) -> None:
    """Noted by an apply that calls nobody, it holds without the workload, until somebody lifts it."""
    document = (little.folder / "dcplan.yaml").read_text()
    before = little.objects()
    add(little, "    lifecycle: {prevent_destroy: true}\n")
    noted = little.run("apply", "-auto-approve", *LITTLE)
    destroy = little.data("plan", "-destroy")
    little.replace("  chat:", "  other:")
    little.replace("    lifecycle: {prevent_destroy: true}\n", "")
    without = little.run("apply", "-auto-approve", *LITTLE)
    (little.folder / "dcplan.yaml").write_text(document + "    lifecycle: {prevent_destroy: false}\n")
    little.run("apply", "-auto-approve", *LITTLE)
    lifted = little.run("destroy", "-auto-approve")

    assert "3 to record" in noted.stdout
    assert codes(destroy) == ["protected"]
    assert without.exit_code == 1
    assert "error: A protected resource would be destroyed" in without.stderr
    assert lifted.exit_code == 0, lifted.output
    assert before != little.objects() == []


def test_on_remove_forget_leaves_everything_where_it_is(small: Small) -> None:
    """Destroy lets it be, says so, and the data centre still has it."""
    add(small, "    lifecycle: {on_remove: forget}\n")
    small.run("apply", "-auto-approve", *LITTLE)
    there = [object_id for _, _, object_id in small.objects()]
    done = small.run("destroy", "-auto-approve")

    assert done.exit_code == 0, done.output
    assert "Forgotten, and still there: 3." in done.stdout
    assert [object_id for _, _, object_id in small.objects()] == there
    assert small.known() == []


def test_a_successor_takes_over_before_its_predecessor_goes(little: Small) -> None:
    """Create, let the endpoint point to it, delete, in this order; the next plan is empty."""
    add(little, "    lifecycle: {create_before_destroy: true}\n")
    machine = "-replace=local.machine.hall-a-l40sx2-0"
    planned = little.run("plan", machine, *LITTLE)
    done = little.run("apply", "-auto-approve", machine, *LITTLE)
    made = [line.split(":")[0].strip() for line in done.stdout.splitlines() if " after " in line]

    assert "Meanwhile: 1 more l40sx2 in hall-a/main/l40sx2, $2.00/h" in planned.stdout
    assert made == [
        "local.machine.hall-a-l40sx2-1",
        "local.replica.chat-1",
        "local.endpoint.chat",
        "local.replica.chat-0",
        "local.machine.hall-a-l40sx2-0",
    ]
    assert little.known() == little.objects()
    assert little.data("plan", *LITTLE)["changes"] == []


CONDITIONS = """\
    preconditions: [{condition: workload.replicas >= 1, message: One at least.}]
    postconditions: [{condition: 'workload.endpoint.startsWith("http")', message: It has no address.}]
checks:
  - {name: cheap, assert: plan.usd_per_h < 1.0, message: Ask first.}
  - {name: green, assert: plan.kgco2_per_h < 5.0, message: Too much.}
"""


def verdicts(plan: dict[str, Any]) -> dict[str, str]:
    """Condition to its answer."""
    return {one["condition"]: one["verdict"] for one in plan["conditions"]}


def test_conditions_are_answered_in_plan_and_apply(small: Small) -> None:
    """A failed check warns, what is not known is unknown, a postcondition waits for what is made."""
    add(small, CONDITIONS)
    first = small.data("plan", *LITTLE)
    applied = small.run("apply", "-auto-approve", *LITTLE)
    second = small.data("plan", *LITTLE)
    endpoint = 'workload.endpoint.startsWith("http")'

    assert verdicts(first) == {
        "workload.replicas >= 1": "holds",
        endpoint: "unknown",
        "plan.usd_per_h < 1.0": "fails",
        "plan.kgco2_per_h < 5.0": "unknown",
    }
    assert codes(first) == ["check-failed"]
    assert applied.exit_code == 0, applied.output
    assert applied.stderr.count("warning: A check failed") == 2
    assert verdicts(second)[endpoint] == "holds"


def test_a_false_precondition_leaves_no_plan(small: Small) -> None:
    """Nothing is written, and the message stands at its line."""
    add(small, CONDITIONS.replace("workload.replicas >= 1", "workload.replicas >= 9"))
    done = small.run("plan", "-out", "p", *LITTLE)

    assert done.exit_code == 1
    assert "error: A precondition does not hold" in done.stderr
    assert "One at least." in done.stderr
    assert not (small.folder / "p").exists()


def test_a_false_postcondition_fails_the_apply_after_the_state_is_written(small: Small) -> None:
    """What was made stays made, and the next plan says at once that it does not hold."""
    add(small, CONDITIONS.replace('"http"', '"ftp"'))
    done = small.run("apply", "-auto-approve", *LITTLE)
    after = small.data("plan", *LITTLE)

    assert done.exit_code == 1
    assert "error: A postcondition does not hold" in done.stderr
    assert small.known() == small.objects() != []
    assert "postcondition-failed" in codes(after)
