"""An independent check of how machines are bought and what survives a loss: no code of the model."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from dcplan.placement.fleet_types import WHOLE_LOAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dcplan.placement.types import Choice, Pool, Problem, Solution, Workload

NEAR_S = 0.01
"""Times are sums of floats."""

Site = tuple["Choice", "Pool", int]


def replicas_are_right(workload: Workload, choice: Choice, total: int) -> Iterator[str]:
    """As many replicas as the choice has, or, where something must be survived, a few more."""
    fewest, most = choice.replicas, choice.replicas + choice.extra
    if not fewest <= total <= most:
        right = f"{fewest}" if most == fewest else f"{fewest} to {most}"
        yield f"{workload.name} has not the {right} replicas of {choice.id} but {total}"


def survives(workload: Workload, sites: Sequence[Site], beside: Sequence[Site]) -> Iterator[str]:
    """Take each unit away, count what is left."""
    if workload.survive is None or not sites:
        return
    mixed = workload.fleet is not None
    what = "parts of its load" if mixed else "replicas"
    load = WHOLE_LOAD if mixed else sites[0][0].replicas - sites[0][0].spares
    total = sum(n * (choice.weight if mixed else 1) for choice, _, n in sites)
    for kind in workload.survive.units:
        for side in (sites, beside):
            gone: Counter[tuple[str, ...]] = Counter()
            for choice, pool, replicas in side:
                n = replicas * (choice.weight if mixed else 1)
                place = (pool.provider, pool.region)
                if kind == "region":
                    gone[place] += n
                elif kind == "zone":
                    gone[*place, pool.zone] += n
                elif pool.spot:
                    gone[*place, pool.zone, pool.machine] += n
            for unit, n in gone.items():
                if total - n < load:
                    yield f"without {'/'.join(unit)}, {workload.name} has {total - n} of {load} {what}"


def in_time(problem: Problem, solution: Solution) -> Iterator[str]:
    """Everything runs where machines are there from its begin to its end."""
    pools = {pool.id: pool for pool in problem.pools}
    choices = {choice.id: choice for choice in problem.choices}
    begun = {(a.choice, a.pool) for a in problem.current}
    for a in (*solution.allotments, *solution.beside):
        choice, pool = choices[a.choice], pools[a.pool]
        if choice.time_s is not None and (a.choice, a.pool) in begun:
            continue
        length_s = choice.hours * 3600
        if pool.longest_s is not None and length_s > pool.longest_s + NEAR_S:
            yield f"{a.workload} runs longer than {a.pool} is lent"
        if pool.starts_in_s is None:
            if choice.time_s is None or choice.must_end_s is not None or pool.ends_in_s is not None:
                yield f"{a.workload} waits for {a.pool}, nobody knows how long"
            continue
        if choice.time_s is None and pool.starts_in_s > 0:
            yield f"{a.workload} serves in {a.pool}, which is not there yet"
        ends = [end for end in (pool.ends_in_s, choice.must_end_s) if end is not None]
        if ends and pool.starts_in_s + length_s > min(ends) + NEAR_S:
            yield f"{a.workload} is not done in {a.pool} in time"


def within_quotas(problem: Problem, machines: Mapping[str, int]) -> Iterator[str]:
    """Machines in use, by pool, keep to every quota and commitment."""
    for quota in problem.quotas:
        used = sum(each * machines.get(pool, 0) for pool, each in quota.each)
        if used > quota.at_most:
            yield f"{used} {quota.unit} are above the {quota.law} of {quota.name}"


def paid_usd_per_h(problem: Problem) -> Fraction:
    """What is paid now whatever is used."""
    return sum(
        (Fraction(str(p.usd_per_h)) for p in problem.paid if p.usd_per_h is not None and p.starts_in_s <= 0),
        start=Fraction(0),
    )
