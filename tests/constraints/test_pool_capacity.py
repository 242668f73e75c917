"""A pool never gives more machines than it has."""

from __future__ import annotations

from dcplan.placement import Problem, Workload, solve
from placement_problems import choice, pool

CHAT = Workload(name="chat", origin=("workloads", "chat"))


def problem(machines: int) -> Problem:
    """Three whole machines and nine devices on shared ones, in one pool."""
    train = Workload(name="train", origin=("workloads", "train"))
    return Problem(
        workloads=(CHAT, train),
        pools=(pool("p", machines=machines),),
        choices=(
            choice("train", ("p",), 3),
            choice("chat", ("p",), 9, devices=1, machines=0),
        ),
    )


def test_whole_and_shared_machines_fit() -> None:
    """Three whole machines and two shared ones fill a pool of five."""
    solution = solve(problem(5)).unwrap()

    assert [(use.pool, use.machines) for use in solution.pools] == [("p", 5)]


def test_one_machine_less_is_too_few() -> None:
    """The explanation names the pool, what it has, and what is short."""
    [diagnostic] = solve(problem(4)).diagnostics

    assert "pool p has 4 machines" in diagnostic.detail
    assert "1 machine short in pool p" in diagnostic.detail
    assert diagnostic.path == ("workloads", "chat")
    assert [note.path for note in diagnostic.related] == [("workloads", "train")]


def test_the_cheap_pool_fills_first() -> None:
    """What the cheap pool cannot give comes from the dear one."""
    pools = (pool("cheap", machines=2), pool("dear", usd_per_h=9.0))
    few = choice("chat", ("cheap", "dear"), 3)
    solution = solve(Problem(workloads=(CHAT,), pools=pools, choices=(few,))).unwrap()

    assert {a.pool: a.replicas for a in solution.allotments} == {"cheap": 2, "dear": 1}
