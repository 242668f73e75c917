"""Tensor and expert groups wider than a machine lie in one scale-up domain each."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.perf.types import Layout, Memory
from dcplan.placement import Problem, Workload, solve
from dcplan.placement.assign import assign
from dcplan.placement.seats import Seats, seat, seated
from dcplan.placement.spans import group_of, spans_of
from dcplan.placement.types import Assignment, RackRule
from dcplan.placement.verify_cuts import check_domains
from dcplan.sharding.types import Candidate, ServeEstimate
from placement_problems import choice, pool


def problem(sizes: list[int], span: int, *rules: RackRule, elsewhere: bool = False) -> Problem:
    """Gangs of so many machines whose groups span some of them, in racks of 18 that NVLink joins."""
    names = [f"g{i}" for i in range(len(sizes))]
    choices = [
        replace(choice(n, ("p",), 1, machines=size, one_pool=True), spans=(span,) if span > 1 else ())
        for n, size in zip(names, sizes, strict=True)
    ]
    more = [replace(c, id=f"{c.id}/q", pools=("q",)) for c in choices]
    return Problem(
        workloads=tuple(Workload(name=n, origin=("workloads", n)) for n in names),
        pools=(pool("p", machines=100, domain=18), pool("q", machines=100, domain=18, usd_per_h=9.0)),
        choices=(*choices, *(more if elsewhere else [])),
        racks=rules,
    )


def placed(
    asked: Problem, free: dict[str, int], today: dict[str, str] | None = None
) -> tuple[Assignment, Seats]:
    """Named machines with the racks that they get."""
    assignment = assign(solve(asked).unwrap(), asked, Assignment())
    seats = seat(asked, assignment, {"p": free}, today or {})
    return seated(assignment, seats, {}), seats


def test_each_group_is_in_one_rack() -> None:
    """Eight machines in groups of four over racks with five, three and five free: four and four."""
    asked = problem([8], 4)
    assignment, seats = placed(asked, {"r1": 5, "r2": 3, "r3": 5})

    assert not seats.crowded
    assert not check_domains(asked, assignment, ())
    assert [m.rack for m in assignment.machines] == ["r1"] * 4 + ["r3"] * 4


def test_the_check_knows_without_the_seating() -> None:
    """Seats of somebody who does not know of groups tear one apart, and the check says so."""
    asked = problem([8], 4)
    assignment, _ = placed(problem([8], 1), {"r1": 5, "r2": 5})
    (broken,) = check_domains(asked, assignment, ())

    assert "1 groups of 4 machines" in broken
    assert not check_domains(asked, assignment, {"p"})


def test_racks_that_hold_no_group_teach_a_rule() -> None:
    """Nine machines are free, but only one group of four finds its own rack; the gang goes elsewhere."""
    asked = problem([8], 4, elsewhere=True)
    _, seats = placed(asked, {"r1": 5, "r2": 2, "r3": 2})
    (rule,) = seats.crowded
    solution = solve(replace(asked, racks=seats.crowded)).unwrap()

    assert (rule.law, rule.pool, rule.at_most) == ("scale-up-domain", "p", 0)
    assert [a.pool for a in solution.allotments] == ["q"]


def test_without_another_pool_the_law_is_named() -> None:
    """The message says what the pool's domains do not hold."""
    rule = RackRule(pool="p", choices=("g0-way",), at_most=0, law="scale-up-domain")
    failed = solve(problem([8], 4, rule))

    assert failed.value is None
    assert any("scale-up domains of p hold no more gangs" in d.detail for d in failed.diagnostics)


def test_a_group_that_stands_torn_is_told() -> None:
    """Machines of today in two racks are no group of one domain."""
    _, seats = placed(problem([2], 2), {"r1": 1, "r2": 1}, {"p-0": "r1", "p-1": "r2"})

    assert seats.unseated == ("g0-0",)


def test_a_group_that_no_domain_holds_may_lie_anywhere() -> None:
    """Forty machines of one group are priced behind the network: only spans within a domain bind."""
    wide = replace(choice("w", ("p",), 1, machines=40), spans=(4, 40))

    assert group_of(wide, pool("p", domain=18)) == 4
    assert group_of(wide, pool("p", domain=2)) == 1


def test_groups_that_end_within_each_other_stay_together() -> None:
    """Context groups of six and expert groups of eight machines end together only after 24."""
    both = replace(choice("w", ("p",), 1, machines=48), spans=(2, 6, 8))

    assert group_of(both, pool("p", domain=72)) == 24
    assert group_of(both, pool("p", domain=6)) == 6


def test_groups_of_several_kinds_are_not_torn() -> None:
    """Twelve machines in groups of four and of six have one rack, although two racks hold whole groups."""
    asked = problem([12], 6)
    asked = replace(asked, choices=tuple(replace(c, spans=(4, 6)) for c in asked.choices))
    assignment, seats = placed(asked, {"r1": 7, "r2": 7, "r3": 12})

    assert not seats.unseated
    assert not check_domains(asked, assignment, ())


def test_what_is_left_over_by_whole_groups_is_in_one_rack() -> None:
    """Eight machines in groups of three are two groups and two machines, not four times two machines."""
    asked = problem([8], 3)
    _, none = placed(asked, {f"r{i}": 2 for i in range(4)})
    assignment, some = placed(asked, {"r0": 2, "r1": 2, "r2": 3, "r3": 4})

    assert none.unseated == ("g0-0",)
    assert not some.unseated
    assert not check_domains(asked, assignment, ())


def test_a_replica_that_serves_needs_its_tensor_and_expert_ranks_together() -> None:
    """TP8 on machines of four lies on two of them, and experts over TP4 x DP4 on four."""
    estimate = ServeEstimate(
        batch=1,
        max_batch=1,
        requests_per_s=1.0,
        max_requests_per_s=1.0,
        output_tokens_per_s=1.0,
        predicted=(),
        memory=Memory(weights_bytes=1.0, activations_bytes=1.0),
        kv_capacity_tokens=1,
        utilisation=1.0,
    )
    plain = Candidate(
        id="c", workload="w", machine="gb200x4", accelerator="GB200", layout=Layout(tensor=8, pipeline=2),
        precision="fp8", devices=16, machines=4, replicas=1, spares=0, estimate=estimate, pools=("p",),
    )  # fmt: skip
    experts = replace(plain, layout=Layout(tensor=4, data=4, expert=16))

    assert spans_of(plain) == (2,)
    assert spans_of(experts) == (4,)
    assert spans_of(replace(plain, layout=Layout(tensor=4), devices=4, machines=1)) == ()


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    span=st.integers(2, 3),
    room=st.lists(st.integers(0, 7), min_size=1, max_size=4),
)
def test_seats_are_found_when_there_are_any(sizes: list[int], span: int, room: list[int]) -> None:
    """As racks hold whole groups, all gangs have seats exactly when there are as many groups of room."""
    asked = problem([size * span for size in sizes], span)
    assignment, seats = placed(asked, {f"r{i}": count for i, count in enumerate(room)})
    enough = sum(count // span for count in room) >= sum(sizes)

    assert (not seats.unseated) == enough
    assert not check_domains(asked, assignment, ())
