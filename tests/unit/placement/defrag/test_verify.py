"""The replay notices every way in which moves can be wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.defrag import Defragmentation, FreeSlice, Move, verify, violations

NODE = FleetNode(name="", model="A", devices=2, cpu_milli=4, memory_mib=4, rack="")
FLEET = Fleet(
    nodes=(
        *(replace(NODE, name=f"r{r}-n{n}", rack=f"r{r}") for r in (0, 1) for n in (0, 1)),
        replace(NODE, name="b", model="B", rack="r2"),
    )
)
JOBS = (
    Job(name="gang", cpu_milli=1, memory_mib=1, devices=1, parts=2, on=("r0-n0", "r0-n1")),
    Job(name="full", cpu_milli=1, memory_mib=1, devices=1, on=("r1-n0",), models=("A",)),
    Job(name="share", cpu_milli=1, memory_mib=1, devices=0, share_milli=600, on=("r1-n1",)),
)
GOOD = Defragmentation(
    asked=1,
    slices_before=0,
    slices=(FreeSlice(domain="r0", nodes=("r0-n0", "r0-n1")),),
    moves=(Move(job="gang", parts=(0, 1), source=("r0-n0", "r0-n1"), target=("r1-n0", "r1-n1")),),
    bound=1,
)


def test_a_good_plan_stands() -> None:
    """Nothing is found, and nothing is raised."""
    verify(FLEET, JOBS, GOOD, 2)

    assert tuple(violations(FLEET, JOBS, GOOD, 2)) == ()


def moves(*those: Move) -> Defragmentation:
    """The good plan with other moves."""
    return replace(GOOD, moves=those, bound=0)


GANG = GOOD.moves[0]


@pytest.mark.parametrize(
    ("plan", "word"),
    [
        (moves(replace(GANG, source=("r0-n1", "r0-n0"))), "does not start"),
        (moves(replace(GANG, target=("r1-n0", "r1-n0"))), "overfills r1-n0: accelerators"),
        (moves(replace(GANG, target=("r1-n0", "b"))), "tears apart"),
        (moves(Move(job="full", parts=(0,), source=("r1-n0",), target=("b",)), GANG), "model"),
        (moves(), "not free"),
        (replace(GOOD, bound=2), "above the moves"),
        (replace(GOOD, slices=(GOOD.slices[0], GOOD.slices[0])), "share a machine"),
        (replace(GOOD, slices=(FreeSlice(domain="r0", nodes=("r0-n0", "b")),)), "not in one domain"),
        (replace(GOOD, slices=(FreeSlice(domain="r0", nodes=("r0-n0",)),)), "has 1 machines"),
    ],
)
def test_each_wrong_is_named(plan: Defragmentation, word: str) -> None:
    """What is wrong is told in words."""
    found = " / ".join(violations(FLEET, JOBS, plan, 2))

    assert word in found


def test_a_swap_at_once_overfills() -> None:
    """While a job moves it holds both places, so a full machine takes nobody before one has left."""
    one = Job(name="one", cpu_milli=1, memory_mib=1, devices=2, on=("r0-n0",))
    two = replace(one, name="two", on=("r0-n1",))
    plan = moves(Move(job="one", parts=(0,), source=("r0-n0",), target=("r0-n1",)))

    assert any("overfills r0-n1" in text for text in violations(FLEET, [one, two], plan, 2))


def test_a_bad_plan_is_our_bug() -> None:
    """It raises, and says so."""
    with pytest.raises(RuntimeError, match="bug in dcplan"):
        verify(FLEET, JOBS, moves(), 2)
