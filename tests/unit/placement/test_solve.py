"""Solving: ties, moves, determinism and the report."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from dcplan.placement import Allotment, Choice, Pool, Problem, Solution, SpreadRule, Workload, solve
from placement_problems import choice, pool

CHAT = Workload(name="chat", origin=("workloads", "chat"))


def hired(name: str, *, usd_per_h: float = 2.5, **more: object) -> Pool:
    """A pool of machines at $2.50/h, unless said otherwise."""
    return pool(name, usd_per_h=usd_per_h, **more)


def sharing(name: str, pools: tuple[str, ...], replicas: int, devices: int = 2) -> Choice:
    """A choice of ``chat`` that shares machines."""
    return choice("chat", pools, replicas, id=name, devices=devices, machines=0)


def where(solution: Solution) -> dict[tuple[str, str], int]:
    """Replicas by choice and pool."""
    return {(a.choice, a.pool): a.replicas for a in solution.allotments}


TWINS = Problem(
    workloads=(CHAT,),
    pools=(hired("a", machines=2), hired("b", machines=2)),
    choices=(sharing("c", ("a", "b"), 6),),
)


def test_the_report_tells_cost_bound_and_solver() -> None:
    """Six replicas of two devices need two machines, for ten hours."""
    solution = solve(TWINS).unwrap()
    report = solution.report

    assert solution.usd_per_h == 5.0
    assert (report.objective_usd, report.bound_usd, report.gap) == (50.0, 50.0, 0.0)
    assert report.status == "optimal"
    assert report.solver.startswith("OR-Tools CP-SAT ")
    assert report.wall_s > 0


def test_ties_go_to_the_first_name() -> None:
    """Equal pools are used in the order of their names, however the problem lists them."""
    backwards = replace(TWINS, pools=TWINS.pools[::-1])

    assert where(solve(TWINS).unwrap()) == {("c", "a"): 6}
    assert where(solve(backwards).unwrap()) == {("c", "a"): 6}


def tight_and_roomy(**more: object) -> Problem:
    """Two choices of equal cost on as many machines; the one whose name comes last leaves more memory."""
    first = choice("chat", ("a",), 2, id="a-tight", slack_bytes=2.0**30)
    last = choice("chat", ("a",), 2, id="b-roomy", slack_bytes=2.0**33)
    return replace(Problem(workloads=(CHAT,), pools=(hired("a"),), choices=(first, last)), **more)  # type: ignore[arg-type]


def test_of_equal_choices_the_one_that_leaves_more_memory_is_taken() -> None:
    """Room costs nothing here, so it comes before names."""
    problem = tight_and_roomy()

    assert where(solve(problem).unwrap()) == {("b-roomy", "a"): 2}
    assert where(solve(replace(problem, choices=problem.choices[::-1])).unwrap()) == {("b-roomy", "a"): 2}


def test_what_runs_stays_although_another_choice_leaves_more_memory() -> None:
    """Moves come before room."""
    today = Allotment(workload="chat", choice="a-tight", pool="a", replicas=2)

    assert where(solve(tight_and_roomy(current=(today,))).unwrap()) == {("a-tight", "a"): 2}


def test_memory_that_is_not_known_is_no_reason() -> None:
    """A choice of unknown slack comes after one with any, and names decide where none is known."""
    tight, roomy = tight_and_roomy().choices
    unknown = replace(tight, slack_bytes=None)
    some = tight_and_roomy(choices=(unknown, roomy))
    none = tight_and_roomy(choices=(unknown, replace(roomy, slack_bytes=None)))

    assert where(solve(some).unwrap()) == {("b-roomy", "a"): 2}
    assert where(solve(none).unwrap()) == {("a-tight", "a"): 2}


def test_room_is_not_worth_money() -> None:
    """A cent is more than any memory."""
    tight, roomy = tight_and_roomy().choices
    problem = tight_and_roomy(
        pools=(hired("a"), hired("b", usd_per_h=2.51)), choices=(tight, replace(roomy, pools=("b",)))
    )

    assert where(solve(problem).unwrap()) == {("a-tight", "a"): 2}


def test_todays_placement_wins_ties() -> None:
    """What runs in the pool whose name comes last stays there."""
    today = (Allotment(workload="chat", choice="c", pool="b", replicas=6),)

    assert where(solve(replace(TWINS, current=today)).unwrap()) == {("c", "b"): 6}


def test_todays_choice_wins_ties() -> None:
    """Of two ways with equal cost, today's is kept."""
    ways = (sharing("c", ("a",), 8), sharing("d", ("a",), 4, devices=4))
    today = (Allotment(workload="chat", choice="d", pool="a", replicas=4),)
    problem = Problem(workloads=(CHAT,), pools=(hired("a"),), choices=ways)

    assert where(solve(problem).unwrap()) == {("c", "a"): 8}
    assert where(solve(replace(problem, current=today)).unwrap()) == {("d", "a"): 4}


def test_growing_keeps_what_runs() -> None:
    """Six more replicas come beside those that run in the last pool."""
    today = (Allotment(workload="chat", choice="c", pool="b", replicas=6),)
    grown = replace(TWINS, choices=(sharing("c", ("a", "b"), 12),), current=today)

    assert where(solve(grown).unwrap())["c", "b"] >= 6


def test_money_comes_before_staying() -> None:
    """A cheaper pool is worth a move."""
    today = (Allotment(workload="chat", choice="c", pool="b", replicas=6),)
    cheaper = replace(TWINS, pools=(hired("a", usd_per_h=2.4), hired("b")), current=today)

    assert where(solve(cheaper).unwrap()) == {("c", "a"): 6}


def test_shared_machines_are_paid_for_as_long_as_they_serve() -> None:
    """Three shared machines for ten hours cost more than two whole ones for ten hours."""
    ways = (sharing("c", ("a",), 12), replace(sharing("d", ("a",), 2, devices=8), machines=1))
    solution = solve(Problem(workloads=(CHAT,), pools=(hired("a"),), choices=ways)).unwrap()

    assert where(solution) == {("d", "a"): 2}
    assert solution.report.objective_usd == 50.0


def test_free_machines_are_not_wasted() -> None:
    """Where machines cost nothing, the fewest are used."""
    free = Problem(
        workloads=(CHAT,),
        pools=(hired("a", usd_per_h=0.0),),
        choices=(sharing("c", ("a",), 20), sharing("d", ("a",), 4)),
    )
    solution = solve(free).unwrap()

    assert where(solution) == {("d", "a"): 4}
    assert [use.machines for use in solution.pools] == [1]
    assert solution.report.gap == 0


def test_sizes_that_do_not_nest_keep_apart() -> None:
    """A machine of eight holds one replica of seven devices, and no eighth device is lent out."""
    embed = Workload(name="embed", origin=("workloads", "embed"))
    small = replace(sharing("e", ("a",), 1, devices=1), workload="embed")
    problem = Problem(
        workloads=(CHAT, embed), pools=(hired("a"),), choices=(sharing("c", ("a",), 2, devices=7), small)
    )

    assert [use.machines for use in solve(problem).unwrap().pools] == [3]


def test_no_workloads_need_no_machines() -> None:
    """An empty problem has an empty solution."""
    solution = solve(Problem(workloads=(), pools=(hired("a"),), choices=())).unwrap()

    assert solution.allotments == ()
    assert solution.pools == ()
    assert solution.usd_per_h == 0


def test_equal_problems_have_equal_solutions() -> None:
    """Even when the limit comes before the proof."""
    zones = tuple(hired(f"p{i}", zone=f"z{i}", machines=3 + i % 3, usd_per_h=1 + i / 7) for i in range(12))
    spread = SpreadRule(over="zone", at_least=3, origin=("spread",))
    workloads = tuple(replace(CHAT, name=f"w{i}", spread=(spread,)) for i in range(4))
    ways = tuple(
        replace(sharing(f"{w.name}-{tp}", tuple(p.id for p in zones), 24 // tp + i, tp), workload=w.name)
        for i, w in enumerate(workloads)
        for tp in (1, 2, 4, 8)
    )
    problem = Problem(workloads=workloads, pools=zones, choices=ways, deterministic_limit=0.05)

    assert solve(problem) == solve(problem)


def test_huge_sums_of_money_fit_into_the_solver() -> None:
    """A million machines for ten years are still solved."""
    years = replace(sharing("c", ("a", "b"), 1_000_000, devices=8), hours=87_600.0)
    problem = Problem(
        workloads=(CHAT,), pools=(hired("a", usd_per_h=100.0), hired("b", usd_per_h=99.0)), choices=(years,)
    )
    solution = solve(problem).unwrap()

    assert where(solution) == {("c", "b"): 1_000_000}
    assert solution.report.objective_usd == pytest.approx(99.0 * 87_600 * 1_000_000)


def test_names_must_be_unique() -> None:
    """Two pools with one name are our own mistake, said as such."""
    with pytest.raises(ValueError, match="This is a bug in dcplan"):
        solve(replace(TWINS, pools=(hired("a"), hired("a"))))


def test_importing_placement_does_not_import_the_solver() -> None:
    """OR-Tools is paid for by the first solve, and pandas never where the bindings are known."""
    code = "import sys, dcplan.placement; sys.exit('ortools' in sys.modules or 'pandas' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
