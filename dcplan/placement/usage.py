"""What a set of allotments uses: machines of each pool, and money."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

from dcplan.placement.packing import shelves_by_pool
from dcplan.placement.scale import exact, paid_up

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.placement.types import Allotment, Problem


def machines_in_use(problem: Problem, allotments: Iterable[Allotment]) -> dict[str, tuple[int, int]]:
    """Pool id to how many of its machines are used whole and how many are shared, for pools in use."""
    choices = {choice.id: choice for choice in problem.choices}
    whole: defaultdict[str, int] = defaultdict(int)
    load: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for allotment in allotments:
        choice = choices[allotment.choice]
        whole[allotment.pool] += choice.machines * allotment.replicas
        if choice.machines == 0:
            load[allotment.pool][choice.devices] += choice.devices * allotment.replicas
    shelves = shelves_by_pool(problem)
    return {
        pool: (
            whole[pool],
            sum(shelf.machines(sum(load[pool][size] for size in shelf.sizes)) for shelf in shelves[pool]),
        )
        for pool in sorted(whole)
    }


def paid_micro(problem: Problem, allotments: Iterable[Allotment], shared_h: float) -> int:
    """Micro-dollars over the time that is paid for; shared machines are paid for ``shared_h`` hours."""
    allotments = tuple(allotments)
    choices = {choice.id: choice for choice in problem.choices}
    pools = {pool.id: pool for pool in problem.pools}
    total = 0
    for allotment in allotments:
        choice = choices[allotment.choice]
        price = paid_up(pools[allotment.pool].usd_per_h, choice.hours)
        total += price * choice.machines * allotment.replicas
    for pool, (_, shared) in machines_in_use(problem, allotments).items():
        total += shared * paid_up(pools[pool].usd_per_h, shared_h)
    return total


def price_per_h(problem: Problem, machines: dict[str, int]) -> Fraction:
    """Dollars per hour of so many machines of each pool, exactly."""
    prices = {pool.id: exact(pool.usd_per_h) for pool in problem.pools}
    return sum((prices[pool] * count for pool, count in machines.items()), start=Fraction(0))
