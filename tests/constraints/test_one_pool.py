"""The replicas of a gang are all in one pool."""

from __future__ import annotations

from dcplan.placement import Problem, Workload, solve
from placement_problems import choice, origins, pool

TRAIN = Workload(name="train", origin=("workloads", "train"))


def problem(first: int, second: int, *, gang: bool = True) -> Problem:
    """Four replicas over two pools of so many machines, the first cheaper."""
    pools = (pool("p", machines=first), pool("q", machines=second, usd_per_h=2.0))
    return Problem(workloads=(TRAIN,), pools=pools, choices=(choice("train", ("p", "q"), 4, one_pool=gang),))


def test_a_gang_stays_together() -> None:
    """A gang takes the dear pool that holds it all, where others would split."""
    together = solve(problem(3, 4)).unwrap()
    split = solve(problem(3, 4, gang=False)).unwrap()

    assert {a.pool: a.replicas for a in together.allotments} == {"q": 4}
    assert {a.pool: a.replicas for a in split.allotments} == {"p": 3, "q": 1}


def test_no_pool_holds_it_all() -> None:
    """With three machines in each pool, the gang's own line is named, and why."""
    [diagnostic] = solve(problem(3, 3)).diagnostics

    assert origins(problem(3, 3)) == (("workloads", "train"),)
    assert 'all machines of "train" are in one pool' in diagnostic.detail
    assert "1 machine short in pool" in diagnostic.detail
