"""The replicas of a gang are all in one pool."""

from __future__ import annotations

from dataclasses import replace

from dcplan.placement import Choice, Pool, Problem, Workload, solve


def pool(name: str, *, zone: str = "z0", machines: int | None = None, usd_per_h: float = 1.0) -> Pool:
    """A pool of machines with eight devices."""
    return Pool(
        id=name,
        provider="x",
        region=zone.split("-", maxsplit=1)[0],
        zone=zone,
        machine="m",
        accelerator="a",
        devices=8,
        machines=machines,
        usd_per_h=usd_per_h,
    )


def choice(workload: str, pools: tuple[str, ...], replicas: int, **more: object) -> Choice:
    """A choice of whole machines, one for each replica."""
    plain = Choice(
        id=f"{workload}-way",
        workload=workload,
        pools=pools,
        replicas=replicas,
        devices=8,
        machines=1,
        hours=10.0,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def origins(problem: Problem) -> tuple[object, ...]:
    """The lines that the explanation of an infeasible problem names, the first first."""
    [diagnostic] = solve(problem).diagnostics
    return (diagnostic.path, *(note.path for note in diagnostic.related))


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
