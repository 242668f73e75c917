"""Explanations name the rules that clash, and only those."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.diag import Diagnostic
from dcplan.placement import BudgetRule, Choice, Pool, Problem, SpreadRule, Workload, solve
from dcplan.placement.conflicts import built, effort_of, find_conflict, find_conflicts
from dcplan.placement.cpsat import Status, run
from dcplan.placement.place_types import Narrowing
from dcplan.placement.shortage import shortage
from placement_problems import choice, pool


def ten_dollars(name: str, machines: int | None, *, zone: str = "z0") -> Pool:
    """A pool of so many machines at $10/h."""
    return pool(name, zone=zone, machines=machines, usd_per_h=10.0)


def a_month(workload: str, replicas: int, pools: tuple[str, ...]) -> Choice:
    """Whole machines for a month."""
    return choice(workload, pools, replicas, id=f"{workload}-{replicas}", hours=720.0)


def workload(name: str, *, at_least: int = 0) -> Workload:
    """A workload, spread over zones if so asked."""
    path = ("workloads", name)
    rule = SpreadRule(over="zone", at_least=at_least, origin=(*path, "spread"))
    return Workload(name=name, origin=path, spread=(rule,) if at_least else ())


POOLS = ("p0", "p1", "p2")
PROBLEM = Problem(
    workloads=(workload("chat", at_least=2), workload("embed", at_least=2), workload("train")),
    pools=tuple(ten_dollars(name, 4, zone=f"z{i}") for i, name in enumerate(POOLS)),
    choices=(a_month("chat", 4, POOLS), a_month("embed", 2, POOLS), a_month("train", 3, POOLS)),
    budget=BudgetRule(usd_per_h=90.0, origin=("constraints", "budget")),
)


def labels(problem: Problem) -> set[str]:
    """Labels of the rules in the conflict."""
    return {rule.label for rule in find_conflict(problem)}


def explained(problem: Problem) -> Diagnostic:
    """The one error that says why nothing fits."""
    result = solve(problem)
    [diagnostic] = result.diagnostics

    assert result.value is None
    assert (diagnostic.code, diagnostic.summary) == ("no-placement", "No placement satisfies every rule")
    return diagnostic


def test_the_example_is_feasible() -> None:
    """Nine machines at $10/h fit the budget of $90/h exactly."""
    assert solve(PROBLEM).ok


def test_a_tight_budget_clashes_with_all_demand() -> None:
    """A dollar less: the budget and the three workloads, no spread and no pool."""
    tight = replace(PROBLEM, budget=BudgetRule(usd_per_h=89.0, origin=("constraints", "budget")))
    diagnostic = explained(tight)

    assert labels(tight) == {"budget", "demand[chat]", "demand[embed]", "demand[train]"}
    assert diagnostic.path == ("constraints", "budget")
    assert [note.path for note in diagnostic.related] == [
        ("workloads", "chat"),
        ("workloads", "embed"),
        ("workloads", "train"),
    ]
    assert "The nearest placement is $1/h over the budget of $89/h." in diagnostic.detail


def test_innocent_workloads_are_not_named() -> None:
    """A spread over more zones than there are is chat's own affair."""
    wide = replace(PROBLEM, workloads=(workload("chat", at_least=4), *PROBLEM.workloads[1:]))
    diagnostic = explained(wide)

    assert labels(wide) == {"spread[chat, zone]", "demand[chat]"}
    assert diagnostic.path == ("workloads", "chat", "spread")
    assert "embed" not in diagnostic.detail
    assert 'Without "chat", everything else fits.' in diagnostic.detail


def test_a_conflict_is_minimal() -> None:
    """Without any one of its rules, the others can hold: here, a budget and one of two demands."""
    two = replace(
        PROBLEM,
        choices=(a_month("chat", 10, POOLS), a_month("embed", 2, POOLS), a_month("train", 11, POOLS)),
        pools=tuple(ten_dollars(name, None, zone=f"z{i}") for i, name in enumerate(POOLS)),
    )

    assert labels(two) in ({"budget", "demand[chat]"}, {"budget", "demand[train]"})


def test_many_pools_are_counted_not_listed() -> None:
    """Of twelve empty pools, three are named."""
    names = tuple(f"p{i:02}" for i in range(12))
    many = Problem(
        workloads=(workload("chat"),),
        pools=tuple(ten_dollars(name, 1) for name in names),
        choices=(a_month("chat", 20, names),),
    )
    diagnostic = explained(many)

    assert "pool p02 has 1 machine" in diagnostic.detail
    assert "pool p03 has" not in diagnostic.detail
    assert "9 more pools have what they have" in diagnostic.detail


def test_shortage_is_the_least_there_is() -> None:
    """Twenty machines asked, twelve there: eight short, in whichever pools."""
    large = replace(
        PROBLEM, workloads=(workload("train"),), choices=(a_month("train", 20, POOLS),), budget=None
    )

    assert "8 machines short in pool" in explained(large).detail


def test_a_limit_before_any_placement_is_no_proof() -> None:
    """Out of time is told apart from impossible."""
    [diagnostic] = solve(replace(PROBLEM, deterministic_limit=1e-9)).diagnostics

    assert diagnostic.code == "placement-limit"
    assert "without a proof" in diagnostic.detail


def apart(*, budget: float | None = None) -> Problem:
    """Chat is spread over more zones than it has, train needs more machines than there are."""
    return replace(
        PROBLEM,
        workloads=(workload("chat", at_least=4), workload("embed"), workload("train")),
        choices=(a_month("chat", 4, POOLS), a_month("embed", 2, POOLS), a_month("train", 20, POOLS)),
        budget=None if budget is None else BudgetRule(usd_per_h=budget, origin=("constraints", "budget")),
    )


def holds_without(problem: Problem, core: set[str], label: str) -> bool:
    """Whether the rules of a conflict can hold together without the one of this label."""
    b = built(problem)
    fixed = {var: int(rule.label in core - {label}) for var, rule in b.rules.items()}
    return run(b.model, effort_of(problem), fixed=fixed).found


def test_conflicts_of_two_workloads_are_both_told() -> None:
    """Each with its own rules, and the shortage only where something is short."""
    first, second = solve(apart()).diagnostics

    assert {first.path, second.path} == {("workloads", "chat", "spread"), ("workloads", "train")}
    spread, room = (first, second) if first.path == ("workloads", "chat", "spread") else (second, first)
    assert "train" not in spread.detail.split("Without")[0]
    assert "nearest" not in spread.detail
    assert '"chat" must run' not in room.detail
    assert "machines short in pool" in room.detail
    assert 'Without "chat" and "train", everything else fits.' in first.detail


def test_each_of_several_conflicts_is_minimal() -> None:
    """Solved again without any one of its rules, the others hold; all of them do not."""
    problem = apart(budget=90.0)
    conflicts = find_conflicts(problem)

    assert len(conflicts) == 3
    for conflict in conflicts:
        core = {rule.label for rule in conflict.rules}

        assert conflict.minimal
        assert not holds_without(problem, core, "")
        assert all(holds_without(problem, core, label) for label in core)


def test_two_reasons_of_one_workload_are_both_told() -> None:
    """A budget and a spread that each forbid it; the dollars are told although the spread cannot stretch."""
    both = replace(
        PROBLEM,
        workloads=(workload("chat", at_least=4),),
        choices=(a_month("chat", 4, POOLS),),
        budget=BudgetRule(usd_per_h=25.0, origin=("constraints", "budget")),
    )
    details = {d.path: d.detail for d in solve(both).diagnostics}

    assert set(details) == {("constraints", "budget"), ("workloads", "chat", "spread")}
    told = "With the other conflicts mended, the nearest placement is $15/h over the budget of $25/h."
    assert told in details["constraints", "budget"]


def test_workloads_that_are_too_dear_together_are_one_conflict() -> None:
    """Whichever of them are named: the budget is told once, with all that is over it."""
    tight = replace(PROBLEM, budget=BudgetRule(usd_per_h=20.0, origin=("constraints", "budget")))
    small = tuple(a_month(f"w{i}", 1, POOLS) for i in range(9))
    many = replace(tight, workloads=tuple(workload(c.workload) for c in small), choices=small)

    assert len(find_conflicts(many)) == 1
    assert "$70/h over the budget of $20/h" in explained(many).detail


def test_workloads_that_are_each_too_dear_are_told_apart() -> None:
    """Mending one of them would leave the other."""
    two = replace(
        PROBLEM,
        choices=(a_month("chat", 10, POOLS), a_month("embed", 2, POOLS), a_month("train", 11, POOLS)),
        pools=tuple(ten_dollars(name, None, zone=f"z{i}") for i, name in enumerate(POOLS)),
    )
    cores = [{rule.label for rule in conflict.rules} for conflict in find_conflicts(two)]

    assert len(cores) == 2
    assert {"budget", "demand[chat]"} in cores
    assert {"budget", "demand[train]"} in cores


def test_a_shortage_without_proof_is_at_most() -> None:
    """Where the elastic solve stopped early, the sentence says so."""
    large = replace(
        PROBLEM, workloads=(workload("train"),), choices=(a_month("train", 20, POOLS),), budget=None
    )
    [conflict] = find_conflicts(large)

    def stopped(*given: object, **more: object) -> object:
        answer = run(*given, **more)  # type: ignore[arg-type]
        return replace(answer, status=Status.FEASIBLE)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("dcplan.placement.shortage.run", stopped)
        [sentence] = shortage(large, conflict)

    assert sentence.startswith("The nearest placement found is 8 machines short")
    assert sentence.endswith("; that is at most what is short.")


def narrowed(keys: dict[str, tuple[str, ...]], *, wanted: int = 6) -> Problem:
    """Chat wants six machines; only the pool p0 with four of them is left to it."""
    lines = tuple(
        Narrowing(key=key, names=names, origin=("workloads", "chat", "constraints", key))
        for key, names in keys.items()
    )
    return replace(
        PROBLEM,
        workloads=(replace(workload("chat"), narrowed=lines),),
        choices=(a_month("chat", wanted, ("p0",)),),
        budget=None,
    )


def notes(problem: Problem) -> dict[object, str]:
    """The notes of the one explanation, by the key of their line."""
    return {note.path[-1]: note.note for note in explained(problem).related if note.path}


def test_a_line_is_named_that_left_out_what_would_do() -> None:
    """The zones' line, with the pools that it leaves out."""
    assert notes(narrowed({"zones": ("z0",)})) == {
        "zones": 'Only z0 may be used for "chat". With 2 more pools that this line leaves out (p1 and p2), '
        "this conflict would be gone."
    }


def test_a_line_that_would_not_help_is_not_named() -> None:
    """Of thirteen machines there are twelve, in whatever zones."""
    assert notes(narrowed({"zones": ("z0",)}, wanted=13)) == {}
    assert notes(narrowed({"regions": ("r",)})) == {}


def test_lines_that_help_only_together_are_named_together() -> None:
    """Each of two lines alone still leaves out what the other does."""
    several = narrowed({"providers": ("y",), "zones": ("z0",)})
    first = replace(several.pools[0], provider="y")
    said = notes(replace(several, pools=(first, *several.pools[1:])))

    assert set(said) == {"providers", "zones"}
    assert "Without all lines of `providers` and `zones` that are named here" in said["zones"]


def test_what_was_not_tried_is_told_without_a_promise() -> None:
    """Of other accelerators and precisions nobody knows what they would need."""
    several = narrowed({"accelerators": ("a",), "precisions": ("bf16",)})
    other = replace(several.pools[1], accelerator="b", machine="n")
    said = notes(replace(several, pools=(several.pools[0], other)))

    assert said == {
        "accelerators": 'Only a may be used for "chat"; what is on offer of b was not tried.',
        "precisions": 'Only bf16 may be used for "chat"; other precisions were not tried.',
    }
