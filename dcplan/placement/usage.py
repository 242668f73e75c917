"""What a set of allotments uses: machines of each pool, and money."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

from dcplan.placement.packing import shelves_by_pool
from dcplan.placement.scale import exact, paid_up, shared_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dcplan.placement.types import Allotment, Beside, Choice, Problem


def machines_in_use(
    problem: Problem, allotments: Iterable[Allotment], beside: Iterable[Allotment] = ()
) -> dict[str, tuple[int, int]]:
    """Pool id to how many of its machines are used whole and how many are shared, for pools in use."""
    whole: defaultdict[str, int] = defaultdict(int)
    load: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for _, part, allotment in _parts(problem, allotments, beside):
        whole[allotment.pool] += part.machines * allotment.replicas
        if part.machines == 0:
            load[allotment.pool][part.devices] += part.devices * allotment.replicas
    shelves = shelves_by_pool(problem)
    return {
        pool: (
            whole[pool],
            sum(shelf.machines(sum(load[pool][size] for size in shelf.sizes)) for shelf in shelves[pool]),
        )
        for pool in sorted(whole)
    }


def _parts(
    problem: Problem, allotments: Iterable[Allotment], beside: Iterable[Allotment]
) -> Iterator[tuple[Choice, Choice | Beside, Allotment]]:
    """Each choice that is allotted, which of its parts that is, and where."""
    choices = {choice.id: choice for choice in problem.choices}
    for allotment in allotments:
        choice = choices[allotment.choice]
        yield choice, choice, allotment
    for allotment in beside:
        choice = choices[allotment.choice]
        if choice.beside is None:
            msg = f"{choice.id} has parts beside that it does not know. This is a bug in dcplan."
            raise RuntimeError(msg)
        yield choice, choice.beside, allotment


def paid_micro(
    problem: Problem, allotments: Iterable[Allotment], beside: Iterable[Allotment], shared_h: float
) -> int:
    """Micro-dollars over the time that is paid for; shared machines are paid for ``shared_h`` hours."""
    allotments, beside = tuple(allotments), tuple(beside)
    pools = {pool.id: pool for pool in problem.pools}
    total = 0
    for choice, part, allotment in _parts(problem, allotments, beside):
        price = paid_up(pools[allotment.pool].usd_per_h, choice.hours)
        total += price * part.machines * allotment.replicas
    for pool, (_, shared) in machines_in_use(problem, allotments, beside).items():
        total += shared * paid_up(pools[pool].usd_per_h, shared_h)
    return total + _sent_micro(problem, allotments)


def _sent_micro(problem: Problem, allotments: Iterable[Allotment]) -> int:
    """Micro-dollars for the traffic of so many replicas."""
    choices = {choice.id: choice for choice in problem.choices}
    traffic = {w.name: w.egress_usd_per_h for w in problem.workloads if w.egress_usd_per_h}
    return sum(
        shared_up(traffic[a.workload][a.pool], c.replicas, c.hours) * a.replicas
        for a in allotments
        for c in (choices[a.choice],)
        if a.pool in traffic.get(a.workload, ())
    )


def egress_per_h(problem: Problem, allotments: Iterable[Allotment]) -> Fraction:
    """Dollars per hour of the traffic that leaves these replicas, exactly."""
    choices = {choice.id: choice for choice in problem.choices}
    traffic = {w.name: w.egress_usd_per_h for w in problem.workloads if w.egress_usd_per_h}
    return sum(
        (
            exact(traffic[a.workload][a.pool]) * Fraction(a.replicas, choices[a.choice].replicas)
            for a in allotments
            if a.pool in traffic.get(a.workload, ())
        ),
        start=Fraction(0),
    )


def machine_hours(
    problem: Problem, allotments: Iterable[Allotment], beside: Iterable[Allotment], shared_h: float
) -> Iterator[tuple[str, int, float]]:
    """(pool, machines, hours) of all that is paid for; shared machines for ``shared_h`` hours."""
    allotments, beside = tuple(allotments), tuple(beside)
    for choice, part, allotment in _parts(problem, allotments, beside):
        yield allotment.pool, part.machines * allotment.replicas, choice.hours
    for pool, (_, shared) in machines_in_use(problem, allotments, beside).items():
        yield pool, shared, shared_h


def paid_anyway_per_h(problem: Problem) -> Fraction:
    """Dollars per hour that are paid now whatever is used, as far as they are known, exactly."""
    known = [exact(p.usd_per_h) for p in problem.paid if p.now and p.usd_per_h is not None]
    return sum(known, start=Fraction(0))


def price_per_h(problem: Problem, machines: dict[str, int]) -> Fraction:
    """Dollars per hour of so many machines of each pool, exactly."""
    prices = {pool.id: exact(pool.usd_per_h) for pool in problem.pools}
    return sum((prices[pool] * count for pool, count in machines.items()), start=Fraction(0))
