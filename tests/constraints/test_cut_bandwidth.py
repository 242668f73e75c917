"""Gangs whose traffic shares the uplinks of racks are no more than these carry."""

from __future__ import annotations

from dataclasses import replace

from dcplan.diag import ConfigPath
from dcplan.placement import Problem, Workload, solve
from dcplan.placement.assign import assign
from dcplan.placement.seats import Hall, Seats, seat, seated
from dcplan.placement.types import Assignment, RackRule
from dcplan.placement.verify_cuts import check_cuts
from placement_problems import choice, pool

GB = 1e9
RACKS = {"p": {"r0": 2, "r1": 2, "r2": 2}}


def problem(*rules: RackRule, dear: bool = True) -> Problem:
    """Two gangs of three machines that send 1 GB/s each: fast in the cheap pool, slow in another."""
    names = ("a", "b")
    origins: dict[str, ConfigPath] = {name: ("workloads", name) for name in names}
    fast = [
        replace(choice(n, ("p",), 1, machines=3, one_pool=True), id=f"{n}/fast", sent_bytes_per_s=GB)
        for n in names
    ]
    slow = [replace(choice(n, ("q",), 1, machines=3, one_pool=True), id=f"{n}/slow") for n in names]
    return Problem(
        workloads=tuple(Workload(name=n, origin=origins[n]) for n in names),
        pools=(pool("p", machines=6), pool("q", machines=6, usd_per_h=2.0)),
        choices=(*fast, *(slow if dear else [])),
        racks=rules,
    )


def placed(asked: Problem, uplink: float) -> tuple[Assignment, Seats]:
    """Named machines, and their seats behind uplinks of a width."""
    assignment = assign(solve(asked).unwrap(), asked, Assignment())
    uplinks = {"p": dict.fromkeys(RACKS["p"], uplink)}
    return assignment, seat(asked, assignment, RACKS, {}, Hall(uplinks=uplinks))


def test_uplinks_that_carry_both_gangs_are_shared() -> None:
    """Three racks of two hold two gangs of three only if they meet; 2 GB/s is enough for that."""
    assignment, seats = placed(problem(), 2 * GB)
    uplinks = {"p": dict.fromkeys(RACKS["p"], 2 * GB)}

    assert not seats.crowded
    assert not check_cuts(problem(), seated(assignment, seats, {}), uplinks)


def test_uplinks_that_do_not_teach_a_rule() -> None:
    """With less, every way to seat both of them breaks the cut, and one of them must go elsewhere."""
    asked = problem()
    _, seats = placed(asked, 1.9 * GB)
    (rule,) = seats.crowded
    solution = solve(replace(asked, racks=seats.crowded)).unwrap()

    assert (rule.law, rule.pool, rule.at_most, rule.proven) == ("cut-bandwidth", "p", 1, True)
    assert sorted(a.pool for a in solution.allotments) == ["p", "q"]


def test_the_check_knows_without_the_seating() -> None:
    """Seats that are found without a look at uplinks are told by the check."""
    asked = problem()
    assignment = assign(solve(asked).unwrap(), asked, Assignment())
    seats = seat(asked, assignment, RACKS, {})
    (broken,) = check_cuts(asked, seated(assignment, seats, {}), {"p": dict.fromkeys(RACKS["p"], 1.9 * GB)})

    assert "2 gangs send 2e+09 bytes/s" in broken


def test_without_another_way_the_law_is_named() -> None:
    """Nothing else holds both gangs: the message says what the uplinks do not carry."""
    rule = RackRule(pool="p", choices=("a/fast", "b/fast"), at_most=1, law="cut-bandwidth")
    failed = solve(problem(rule, dear=False))

    assert failed.value is None
    assert any("uplinks of racks in p carry no more" in d.detail for d in failed.diagnostics)
