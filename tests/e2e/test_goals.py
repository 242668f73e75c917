"""Goals, sweeps, pins, and workloads that need not run, from the document to the changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Small

BATCH = """
  batch:
    kind: serve
    model: llama-3.1-8b
    required: false
    priority: 3
    traffic: {requests_per_s: 20/s, prompt_tokens: 512, output_tokens: 128}
    sla: {tpot: {p95: 60ms}}
"""
FULL = "load=110/s"
"""So much that the other workload does not fit beside it."""


def with_batch(small: Small) -> Small:
    """The small project with a second workload that need not run."""
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text().rstrip() + BATCH)
    return small


def test_what_is_left_out_is_told_and_destroyed(small: Small) -> None:
    """What runs and does not fit any more goes, with the shortage, and comes back when there is room."""
    with_batch(small)
    assert small.run("apply", "-auto-approve", "-var", "load=20/s").exit_code == 0
    plan = small.data("plan", "-var", FULL)
    [out] = plan["left_out"]
    text = small.run("plan", "-var", FULL).output
    gone = [c["address"] for c in plan["changes"] if c["reason"] == "left out for what comes first"]

    assert (out["workload"], out["priority"]) == ("batch", 3)
    assert out["replicas_today"] > 0
    assert "short in pool" in out["why"]
    assert "local.replica.batch-0" in gone
    assert "batch  left out, priority 3" in text
    assert small.run("apply", "-auto-approve", "-var", FULL).exit_code == 0
    assert small.data("plan", "-var", FULL)["changes"] == []
    assert "left out, priority 3" in small.run("explain", "batch", "-var", FULL).output
    assert small.data("plan", "-var", "load=20/s")["left_out"] == []


def test_a_sweep_shows_plans_and_makes_none(small: Small) -> None:
    """Each point has both measures with proofs; nothing is written, and it is the same again."""
    once = small.data("plan", "-pareto", "cost,latency", "-points", "3")
    again = small.data("plan", "-pareto", "cost,latency", "-points", "3")
    values = [[o["value"] for o in p["objectives"]] for p in once["points"]]

    assert once == again
    assert not small.touched()
    assert once["measures"] == ["cost", "latency"]
    assert 2 <= len(values) <= 3
    assert values == sorted(values)
    assert [v for _, v in values] == sorted((v for _, v in values), reverse=True)
    assert all(o["bound"] == o["value"] for p in once["points"] for o in p["objectives"])
    assert "(proven)" in small.run("plan", "-pareto", "cost,latency", "-points", "2").output


def test_a_sweep_over_anything_else_is_refused(small: Small) -> None:
    """Two different measures, and no plan to save."""
    assert "Did you mean" in small.run("plan", "-pareto", "cost,carbn").output
    assert "name two measures" in small.run("plan", "-pareto", "cost").output
    assert "makes none" in small.run("plan", "-pareto", "cost,latency", "-out", "x").output


def test_goals_are_told_one_by_one(small: Small) -> None:
    """A list is proven goal by goal, weights as one sum."""
    small.replace("workloads:\n", "objective: {minimise: [latency, moves]}\nworkloads:\n")
    text = small.run("plan").output
    small.replace("[latency, moves]", "{cost: 1, latency: $500}")
    weighted = small.run("plan").output

    assert "Proven the least of the SLA used of the layouts considered" in " ".join(text.split())
    assert "Proven the fewest moves of those that are as good in that" in " ".join(text.split())
    assert "Proven the least weighted sum of cost and latency" in " ".join(weighted.split())


def test_nothing_moves_that_may_not(small: Small) -> None:
    """With max_moves or pin: current, cheaper machines do not tempt; what cannot stay is told at its line."""
    small.replace("workloads:\n", "constraints: {zones: [hall-a]}\nworkloads:\n")
    assert small.run("apply", "-auto-approve").exit_code == 0
    small.replace("{zones: [hall-a]}", "{zones: [hall-b], max_moves: 0}")
    moves = small.run("plan")
    small.replace("{zones: [hall-b], max_moves: 0}", "{pin: current}")

    assert moves.exit_code == 1
    assert "no replica of today may move" in " ".join(moves.output.split())
    assert small.data("plan")["changes"] == []


def test_a_timeout_and_a_seed_are_heeded(small: Small) -> None:
    """The report names the seed; a timeout that cannot be read ends the command."""
    assert small.data("plan", "-timeout", "20s", "-seed", "5")["solver"]["seed"] == 5
    assert small.run("plan", "-timeout", "20").exit_code == 1
    assert "needs some time" in small.run("plan", "-timeout", "0s").output
