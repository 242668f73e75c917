"""Layers over unlike machines: what is found, what is checked, what cannot be asked."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest

from dcplan.placement.layers import (
    Holding,
    Kind,
    LayerProblem,
    Link,
    Seat,
    carried,
    place_layers,
    place_over_links,
    seats_of,
)
from dcplan.placement.layers.flow import checked
from dcplan.placement.layers.solve import better_than


def kind(name: str, machines: int, rates: dict[int, float], pass_s: float = 0.0) -> Kind:
    """Machines that carry so much with so many layers, each layer at ``pass_s``."""
    holdings = tuple(Holding(layers=n, tokens_per_s=rate, pass_s=n * pass_s) for n, rate in rates.items())
    return Kind(name=name, machines=machines, holdings=holdings)


BIG = kind("big", 2, {2: 100.0, 4: 50.0}, pass_s=0.01)
SMALL = kind("small", 4, {1: 60.0, 2: 25.0}, pass_s=0.03)


def test_unlike_machines_share_a_stage_or_have_their_own() -> None:
    """Two big and two small machines with four and two layers make ten of them at 50 tokens/s."""
    problem = LayerProblem(layers=10, kinds=(BIG, SMALL))

    plan = place_layers(problem).unwrap()

    assert plan.tokens_per_s == 50.0
    assert plan.status == "optimal"
    assert plan.tokens_per_s <= plan.bound_tokens_per_s <= plan.any_bound_tokens_per_s
    assert sum(stage.layers for stage in plan.stages) == 10


def test_machines_of_one_kind_that_hold_all_layers_are_replicas() -> None:
    """One stage with all machines, each with the whole model, is the best of pipelines, too."""
    problem = LayerProblem(layers=4, kinds=(replace(BIG, machines=3),))

    plan = place_layers(problem).unwrap()

    assert plan.tokens_per_s == 150.0
    assert [stage.layers for stage in plan.stages] == [4]


def test_a_latency_cap_takes_slow_machines_out() -> None:
    """At 0.1 s only big machines are fast enough, and what they carry is less."""
    free = LayerProblem(layers=6, kinds=(BIG, SMALL))
    capped = replace(free, latency_cap_s=0.061)

    fast, slow = place_layers(capped).unwrap(), place_layers(free).unwrap()

    assert fast.latency_s <= 0.061
    assert fast.tokens_per_s < slow.tokens_per_s
    assert {share.kind for stage in fast.stages for share in stage.shares} == {"big"}
    assert fast.idle == (("small", 4),)


def test_a_limit_that_comes_too_early_is_no_proof() -> None:
    """Where CP-SAT may not think at all nothing is claimed to be impossible."""
    problem = LayerProblem(layers=10, kinds=(BIG, SMALL), deterministic_limit=0.0)

    result = place_layers(problem)

    assert result.ok or [d.code for d in result.diagnostics] == ["pipeline-not-found"]


def test_what_is_carried_already_must_be_beaten() -> None:
    """One question tells that nothing is better, with a bound."""
    problem = LayerProblem(layers=10, kinds=(BIG, SMALL))

    none, bound = better_than(problem, 50.0)
    some, _ = better_than(problem, 20.0)

    assert none is None
    assert 50.0 <= bound <= 50.0 * (1 + 1e-3)
    assert some is not None
    assert some.tokens_per_s == 50.0


def test_what_no_stage_has_counts_against_the_cap() -> None:
    """The head takes its time out of the cap."""
    problem = LayerProblem(layers=4, kinds=(BIG,), latency_cap_s=0.05, once_s=0.02)

    result = place_layers(problem)

    assert result.value is None
    assert place_layers(replace(problem, once_s=0.01)).ok


def test_a_slower_working_point_is_taken_only_where_the_cap_allows() -> None:
    """More tokens together take longer and carry more."""
    two = Kind(
        name="m",
        machines=1,
        holdings=(
            Holding(layers=2, tokens_per_s=10.0, pass_s=0.1),
            Holding(layers=2, tokens_per_s=30.0, pass_s=0.4),
        ),
    )

    loose = place_layers(LayerProblem(layers=2, kinds=(two,), latency_cap_s=0.5)).unwrap()
    tight = place_layers(LayerProblem(layers=2, kinds=(two,), latency_cap_s=0.2)).unwrap()

    assert (loose.tokens_per_s, tight.tokens_per_s) == (30.0, 10.0)


def test_no_more_stages_than_allowed() -> None:
    """Two stages of four layers, each with two machines, instead of four of two layers."""
    problem = LayerProblem(layers=8, kinds=(kind("big", 4, {2: 100.0, 4: 30.0}),))

    many = place_layers(problem).unwrap()
    few = place_layers(replace(problem, most_stages=2)).unwrap()

    assert (len(many.stages), many.tokens_per_s) == (4, 100.0)
    assert (len(few.stages), few.tokens_per_s) == (2, 60.0)
    assert place_layers(replace(problem, most_stages=1)).diagnostics[0].code == "cap-too-tight"


def test_a_model_that_does_not_fit_is_told_with_the_shortage() -> None:
    """The diagnostic says how many layers the machines hold."""
    result = place_layers(LayerProblem(layers=99, kinds=(BIG, SMALL)))

    assert result.value is None
    assert result.diagnostics[0].code == "layers-do-not-fit"
    assert "hold 16 of them" in result.diagnostics[0].detail


def test_layers_that_only_a_cap_keeps_out_name_the_cap_as_a_way_out() -> None:
    """More machines alone would not help, so the diagnostic speaks of the cap; without one it does not."""
    problem = LayerProblem(layers=99, kinds=(BIG, SMALL))

    free = place_layers(problem).diagnostics[0]
    capped = place_layers(replace(problem, latency_cap_s=1e-6)).diagnostics[0]

    assert "larger cap" not in free.detail
    assert "larger cap" in capped.detail


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"layers": 0}, "no-layers"),
        ({"kinds": ()}, "wrong-machines"),
        ({"kinds": (BIG, BIG)}, "wrong-machines"),
        ({"kinds": (replace(BIG, machines=-1), SMALL)}, "wrong-machines"),
        ({"kinds": (kind("x", 1, {1: float("nan")}),)}, "wrong-rate"),
        ({"kinds": (kind("x", 1, {0: 1.0}),)}, "wrong-rate"),
        ({"latency_cap_s": 0.0}, "wrong-cap"),
        ({"most_stages": 0}, "wrong-cap"),
    ],
)
def test_what_is_no_problem_is_told(changes: dict[str, object], code: str) -> None:
    """Each sort of nonsense has its code, and none is a traceback."""
    problem = LayerProblem(layers=4, kinds=(BIG, SMALL))

    result = place_layers(replace(problem, **changes))  # type: ignore[arg-type]  # the fields of a problem

    assert result.value is None
    assert [d.code for d in result.diagnostics] == [code]


def test_a_plan_that_breaks_a_law_is_never_returned() -> None:
    """The check raises on a stage that is left out, and on more machines than there are."""
    problem = LayerProblem(layers=10, kinds=(BIG, SMALL))
    stages = place_layers(problem).unwrap().stages

    with pytest.raises(RuntimeError, match="bug in dcplan"):
        checked(problem, stages[1:])
    with pytest.raises(RuntimeError, match="so many machines"):
        checked(replace(problem, kinds=(replace(BIG, machines=0), SMALL)), stages)


def test_the_flow_is_that_of_another_implementation() -> None:
    """Another library, networkx, finds the same on machines whose layers overlap, with links that bind."""
    seats = [
        Seat(machine="a", first=0, layers=2, tokens_per_s=10.0),
        Seat(machine="b", first=0, layers=1, tokens_per_s=7.0),
        Seat(machine="c", first=1, layers=2, tokens_per_s=9.0),
        Seat(machine="d", first=2, layers=1, tokens_per_s=12.0),
    ]
    widths = {("source", "a"): 8.0, ("source", "b"): 9.0, ("a", "d"): 6.0, ("b", "c"): 4.0}
    widths |= {("c", "sink"): 9.0, ("d", "sink"): 5.0}
    graph = nx.DiGraph()
    for seat in seats:
        graph.add_edge(("in", seat.machine), ("out", seat.machine), capacity=seat.tokens_per_s)
    for (tail, head), width in widths.items():
        ends = (tail if tail == "source" else ("out", tail), head if head == "sink" else ("in", head))
        graph.add_edge(*ends, capacity=width)
    links = [Link(sender=a, receiver=b, tokens_per_s=width) for (a, b), width in widths.items()]

    assert carried(3, seats, links) == nx.maximum_flow_value(graph, "source", "sink")
    assert carried(3, seats, links) == 9.0
    assert carried(3, seats) == 17.0
    assert carried(3, []) == 0.0


def test_each_machine_has_a_name_of_its_own() -> None:
    """A plan's machines are named kind-number, none twice."""
    plan = place_layers(LayerProblem(layers=10, kinds=(BIG, SMALL))).unwrap()

    names = [seat.machine for seat in seats_of(plan.stages)]

    assert len(names) == len(set(names))
    assert {"big-0", "big-1"} <= set(names)


def test_the_machines_of_a_stage_stand_in_one_place() -> None:
    """What two places could only carry together in one stage is not carried."""
    here, there = (
        Kind(name=name, machines=1, holdings=(Holding(layers=2, tokens_per_s=5.0),), place=name)
        for name in ("here", "there")
    )

    apart = place_layers(LayerProblem(layers=2, kinds=(here, there))).unwrap()
    together = place_layers(
        LayerProblem(layers=2, kinds=(replace(here, place=""), replace(there, place="")))
    ).unwrap()

    assert (apart.tokens_per_s, together.tokens_per_s) == (5.0, 10.0)


def test_few_narrow_links_between_places_are_crossed_by_wide_stages() -> None:
    """One machine each would pass 3 tokens/s from place to place; two by two machines pass 10."""
    rates = {1: 10.0, 2: 5.0}
    kinds = tuple(replace(kind(name, 2, rates), place=name) for name in ("x", "y"))
    machines = {name: [f"{name}0", f"{name}1"] for name in ("x", "y")}
    names = [name for some in machines.values() for name in some]
    links = [Link(sender="source", receiver=name, tokens_per_s=99.0) for name in names]
    links += [Link(sender=name, receiver="sink", tokens_per_s=99.0) for name in names]
    links += [
        Link(sender=a, receiver=b, tokens_per_s=99.0 if a[0] == b[0] else 3.0)
        for a in names
        for b in names
        if a != b
    ]

    found = place_over_links(LayerProblem(layers=4, kinds=kinds), machines, links).unwrap()

    assert found.tokens_per_s == 10.0
    assert carried(4, found.seats, links) == found.tokens_per_s
    assert found.tokens_per_s <= found.unlinked.bound_tokens_per_s
    assert len({seat.machine for seat in found.seats}) == len(found.seats)
