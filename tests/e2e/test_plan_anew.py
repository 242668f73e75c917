"""Machines are sold out wherever a plan may have them: another one follows, within what was agreed to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.cli import applying
from dcplan.workflow import foreseeing, planning

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

MACHINES = """\
  h100x4: {accelerator: H100-SXM, devices: 4, vcpus: 96, memory: 1TiB, network: 400Gbit/s, fabric: RoCE,
           price: $14/h}
  a100x4: {accelerator: A100-80, devices: 4, vcpus: 96, memory: 1TiB, network: 400Gbit/s, fabric: RoCE,
           price: $9/h}
zones:
  hall-c: {racks: {count: 2, machine: h100x4, nodes: 3}}
  hall-d: {racks: {count: 2, machine: a100x4, nodes: 3}}
"""
SOLD_OUT = (
    "{fault: stock-out, zone: hall-a, skip: 2, times: 99}",
    "{fault: stock-out, zone: hall-b, times: 99}",
)
"""Two machines of the planned type are had, and no more; those of the next best plan cost $2/h more."""


@pytest.fixture
def varied(small: Small) -> Small:
    """A project with three types of machines, of which the cheapest is sold out."""
    path = small.folder / "datacenter.yaml"
    path.write_text(path.read_text().replace("zones:\n", MACHINES))
    small.faults(*SOLD_OUT)
    return small


def events(small: Small, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the JSON lines of an apply."""
    done = small.run("apply", "-auto-approve", "-json", *arguments)
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


def types(small: Small) -> set[str]:
    """Of the machines that the state holds."""
    rows = small.state().resources
    return {str(r.attributes["machine"]) for a, r in rows.items() if a.kind == "machine"}


def settled(small: Small) -> bool:
    """World and state name the same objects, and nothing is left to plan."""
    return small.objects() == small.known() and small.run("plan", "-detailed-exitcode").exit_code == 0


def words(text: str) -> str:
    """The text in one line."""
    return " ".join(text.split())


def test_the_plan_says_what_is_planned_anew(varied: Small) -> None:
    """Other types, in the order in which they would be taken, and what they cost more; later nothing."""
    shown = words(varied.run("plan").stdout)
    (told,) = varied.data("plan")["next_best"]
    steps = [(s["buys"][0]["machine"], s["usd_per_h"]) for s in told["steps"]]
    varied.run("apply", "-auto-approve")

    assert "If l40sx2 is sold out in eu-test (6 new machines), dcplan plans anew: 1 x h100x4" in shown
    assert "for $2.00/h more, else 2 x a100x4 in eu-test for $6.00/h more; then nothing else fits" in shown
    assert steps == [("h100x4", pytest.approx(2.0)), ("a100x4", pytest.approx(6.0))]
    assert varied.data("plan")["next_best"] == []


def test_an_apply_goes_on_with_the_next_best_plan(varied: Small) -> None:
    """It says so, comes to an end, and lets go of what it had made only once the others are there."""
    done = varied.run("apply", "-auto-approve")
    made, gone = done.stdout.index("h100x4-0: created"), done.stdout.index("l40sx2-1: deleting")

    assert done.exit_code == 0, done.output
    assert "Planning anew without them, round 2 of 4 at most." in words(done.stdout)
    assert done.stderr == ""
    assert made < gone
    assert types(varied) == {"h100x4"}
    assert settled(varied)


def test_programs_are_told_of_the_rounds(varied: Small) -> None:
    """What is refused is a warning, the new plan has its lines, and the last line counts the rounds."""
    code, lines = events(varied)
    kinds = [line["type"] for line in lines]
    (told,) = [line for line in lines if line["type"] == "plan_anew"]

    assert code == 0
    assert (told["round"], told["failed"] > 0) == (2, True)
    assert told["sold_out"] == ["local/hall-a/main/l40sx2", "local/hall-b/main/l40sx2"]
    assert kinds.count("plan_summary") == 2
    assert kinds.count("change_summary") == 1
    assert lines[-1]["rounds"] == 2
    assert {line["severity"] for line in lines if line["type"] == "diagnostic"} == {"warning"}


def test_rounds_follow_each_other_in_the_order_of_the_plan(varied: Small) -> None:
    """The next best type is sold out, too: the third plan has the one that the first had named after it."""
    varied.replace(SOLD_OUT[1], f"{SOLD_OUT[1]}, {{fault: stock-out, zone: hall-c, times: 99}}")
    code, lines = events(varied)

    assert code == 0
    assert [line["round"] for line in lines if line["type"] == "plan_anew"] == [2, 3]
    assert types(varied) == {"a100x4"}
    assert settled(varied)


def test_where_nothing_is_left_it_ends_as_a_failure(varied: Small) -> None:
    """Whatever could be had is kept, the errors are told, and a later apply with machines goes through."""
    faults = ", ".join([SOLD_OUT[1], *(SOLD_OUT[1].replace("hall-b", hall) for hall in ("hall-c", "hall-d"))])
    varied.replace(SOLD_OUT[1], faults)
    done = varied.run("apply", "-auto-approve")
    kept = types(varied)
    varied.replace(f"{SOLD_OUT[0]}, {faults}", "")

    assert done.exit_code == 1
    assert "error: No capacity" in done.stderr
    assert "There is no other plan without these pools, so it ends here." in done.stdout
    assert kept == {"l40sx2"}
    assert varied.objects() == varied.known()
    assert varied.run("apply", "-auto-approve").exit_code == 0
    assert settled(varied)


@pytest.mark.parametrize("how", ["-failover=pools", "-failover=never", "-on-error=stop", "the document"])
def test_nothing_is_planned_anew_where_that_is_not_wanted(varied: Small, how: str) -> None:
    """By a flag, by the document, or because nothing more is to be started once something fails."""
    if how == "the document":
        varied.replace("workloads:\n", "apply: {failover: pools}\nworkloads:\n")
    done = varied.run("apply", "-auto-approve", *([how] if how.startswith("-") else []))

    assert done.exit_code == 1
    assert "Planning anew" not in words(done.stdout)
    assert types(varied) <= {"l40sx2"}
    assert (varied.data("plan", "-json")["next_best"] == []) is (how == "the document")


def test_a_saved_plan_does_what_it_says_and_no_more(varied: Small) -> None:
    """It ends with a failure, and says that another plan is for somebody to make."""
    varied.run("plan", "-out=the.plan")
    done = varied.run("apply", "the.plan")

    assert done.exit_code == 1
    assert "A saved plan holds all that apply may do" in words(done.stdout)
    assert types(varied) == {"l40sx2"}


@pytest.mark.parametrize(("at_most", "code"), [("10%", 1), ("20%", 0)])
def test_the_document_says_how_much_more_may_be_spent_unasked(varied: Small, at_most: str, code: int) -> None:
    """The plan costs $12/h and the next best one $14/h: a tenth more is too little, a fifth is enough."""
    varied.replace("workloads:\n", f"apply: {{failover_at_most: {at_most}}}\nworkloads:\n")
    done = varied.run("apply", "-auto-approve")

    assert done.exit_code == code
    assert ("It costs $14.00/h, and $13.20/h is the most" in words(done.stderr)) is (code == 1)
    assert types(varied) == ({"l40sx2"} if code else {"h100x4"})


def test_what_runs_is_never_destroyed_unasked(varied: Small) -> None:
    """A fleet shall grow, and only another type of machine is left for that: it goes on as it was."""
    varied.replace(f"[{', '.join(SOLD_OUT)}]", "[]")
    varied.run("apply", "-auto-approve", "-var=load=20/s")
    before = varied.objects()
    varied.replace("faults: []", f"faults: [{', '.join(SOLD_OUT)}]")
    varied.replace("hall-a, skip: 2", "hall-a")
    (told,) = json.loads(varied.run("plan", "-json", "-var=load=35/s").stdout)["next_best"]
    done = varied.run("apply", "-auto-approve", "-var=load=35/s")

    assert told["steps"][0]["lets_go"] == 3
    assert done.exit_code == 1
    assert "It destroys what was to stay: local.machine." in words(done.stderr)
    assert set(before) <= set(varied.objects())


def test_a_document_that_changes_meanwhile_is_not_applied_unasked(
    varied: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody saves another document while machines are being had: the new plan is not begun."""
    made: list[object] = []
    plan = planning.plan

    def watched(*arguments: Any, **more: Any) -> Any:
        if made:
            varied.replace("default: 50/s", "default: 49/s")
        made.append(arguments)
        return plan(*arguments, **more)

    monkeypatch.setattr(planning, "plan", watched)
    done = varied.run("apply", "-auto-approve")

    assert done.exit_code == 1
    assert "The document was changed meanwhile." in words(done.stderr)


def test_a_sold_out_pool_is_avoided_though_the_document_remembers_none(varied: Small) -> None:
    """sold_out_for: 0s is about later plans; within one apply nobody asks the same pool twice."""
    varied.replace("workloads:\n", "apply: {sold_out_for: 0s}\nworkloads:\n")
    done = varied.run("apply", "-auto-approve")

    assert done.exit_code == 0, done.output
    assert types(varied) == {"h100x4"}


def test_what_else_fails_is_for_people(varied: Small) -> None:
    """A refusal that another plan would meet as well ends the apply."""
    varied.replace(SOLD_OUT[1], f"{SOLD_OUT[1]}, {{fault: denied, resource: replica, times: 1}}")
    done = varied.run("apply", "-auto-approve")

    assert done.exit_code == 1
    assert "Planning anew" not in words(done.stdout)


@pytest.mark.parametrize("answers", [[True, True], [True, False]])
def test_whoever_can_be_asked_is_asked_about_each_plan(
    varied: Small, monkeypatch: pytest.MonkeyPatch, answers: list[bool]
) -> None:
    """The second plan is shown before the question about it; a no ends the apply with what was refused."""
    asked: list[str] = []

    def agreed(question: str, otherwise: str = "") -> bool:
        asked.append(otherwise)
        return answers[len(asked) - 1]

    monkeypatch.setattr(applying, "agreed", agreed)
    done = varied.run("apply")

    assert done.exit_code == (0 if answers[1] else 1)
    assert "+ local.machine.hall-c-h100x4-0" in done.stdout
    assert asked[1:] == ["Nothing more was changed."]
    assert types(varied) == ({"h100x4"} if answers[1] else {"l40sx2"})
    assert ("error: No capacity" in done.stderr) is not answers[1]


@pytest.mark.parametrize(("name", "value"), [("MOST_MACHINES", 5), ("EFFORT", 100)])
def test_with_many_machines_or_pools_nothing_is_computed_beforehand(
    varied: Small, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    """The plan says so, and a new plan may cost as much as the first unasked, and no more."""
    monkeypatch.setattr(foreseeing, name, value)
    (told,) = varied.data("plan")["next_best"]
    done = varied.run("apply", "-auto-approve")

    assert (told["ended"], told["steps"]) == ("not-computed", [])
    assert done.exit_code == 1
    assert "It costs $14.00/h, and $12.00/h is the most that was agreed to." in words(done.stderr)
    assert varied.run("apply", "-auto-approve").exit_code == 0


def test_types_that_are_much_work_together_are_foreseen_as_one(
    varied: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workloads on two types of machines: each by itself, or both at once where that is all there is."""
    other = """    constraints: {accelerators: [L40S, H100]}
  code:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 5/s, prompt_tokens: 512, output_tokens: 128}
    sla: {ttft: {p95: 500ms}, tpot: {p95: 60ms}}
    constraints: {accelerators: [A100-80, H100]}
"""
    (varied.folder / "dcplan.yaml").write_text((varied.folder / "dcplan.yaml").read_text() + other)
    apart = [one["machines"] for one in varied.data("plan", "-var=load=10/s")["next_best"]]
    monkeypatch.setattr(foreseeing, "EFFORT", foreseeing.LEAST_PAIRS)
    (both,) = varied.data("plan", "-var=load=10/s")["next_best"]

    assert apart == [["l40sx2"], ["a100x4"]]
    assert both["machines"] == ["l40sx2", "a100x4"]
    assert [b["machine"] for b in both["steps"][0]["buys"]] == ["h100x4"]
