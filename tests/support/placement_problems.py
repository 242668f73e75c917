"""Pools, choices and solutions of placement problems that fit on a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from dcplan.placement import Allotment, Choice, Pool, PoolUse, Problem, Solution, SolverReport, solve
from dcplan.placement.packing import shelves_by_pool


def pool(name: str, *, zone: str = "z0", **more: object) -> Pool:
    """A pool of machines with eight devices, at a dollar each and as many as one likes.

    The zone ``r0-a`` lies in the region ``r0``, one without a dash in the region ``r``.
    """
    plain = Pool(
        id=name,
        provider="x",
        region=zone.split("-", maxsplit=1)[0] if "-" in zone else "r",
        zone=zone,
        machine="m",
        accelerator="a",
        devices=8,
        machines=None,
        usd_per_h=1.0,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


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


def solution_of(problem: Problem, counts: Mapping[tuple[str, str], int]) -> Solution:
    """So many replicas by choice and pool, and the machines they need."""
    choices = {c.id: c for c in problem.choices}
    machines: Counter[str] = Counter()
    load: Counter[tuple[str, int]] = Counter()
    for (name, place), count in counts.items():
        machines[place] += choices[name].machines * count
        if choices[name].machines == 0:
            load[place, choices[name].devices] += choices[name].devices * count
    for place, shelves in shelves_by_pool(problem).items():
        machines[place] += sum(s.machines(sum(load[place, size] for size in s.sizes)) for s in shelves)
    report = SolverReport(
        solver="none", status="optimal", objective_usd=0, bound_usd=0, gap=0, seed=0, wall_s=0
    )
    return Solution(
        allotments=tuple(
            Allotment(workload=choices[c].workload, choice=c, pool=p, replicas=n)
            for (c, p), n in counts.items()
        ),
        pools=tuple(PoolUse(pool=p, machines=n) for p, n in machines.items() if n),
        usd_per_h=0,
        report=report,
    )
