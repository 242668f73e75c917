"""Gangs behind one switch are no more than the racks of a pool were seen to hold."""

from __future__ import annotations

from dataclasses import replace

from dcplan.placement import Problem, Workload, solve
from dcplan.placement.types import RackRule
from placement_problems import choice, pool

TRAIN = Workload(name="train", origin=("workloads", "train"))


def problem(at_most: int) -> Problem:
    """One gang, near in the cheap pool or anywhere in the dear one; so many fit into the first's racks."""
    near = replace(choice("train", ("p",), 1, one_pool=True), id="near", one_rack=True)
    far = replace(choice("train", ("q",), 1, one_pool=True), id="far")
    return Problem(
        workloads=(TRAIN,),
        pools=(pool("p", machines=4), pool("q", machines=4, usd_per_h=2.0)),
        choices=(near, far),
        racks=(RackRule(pool="p", choices=("near",), at_most=at_most),),
    )


def test_racks_that_hold_the_gang_are_taken() -> None:
    """A rule that is not broken changes nothing."""
    (allotment,) = solve(problem(1)).unwrap().allotments

    assert (allotment.choice, allotment.pool) == ("near", "p")


def test_racks_that_do_not_hold_it_are_left() -> None:
    """A gang that no rack holds runs another way."""
    (allotment,) = solve(problem(0)).unwrap().allotments

    assert (allotment.choice, allotment.pool) == ("far", "q")
