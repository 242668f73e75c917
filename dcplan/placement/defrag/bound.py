"""The fewest moves that any plan can do with, whatever room there is, and the domains that give them.

Each slice that is freed in a domain costs at least what ``drain`` says; wherever
the groups go, they leave.  So the cheapest choice of slices over all domains
bounds every plan from below, and where all who leave find a place, that choice
is the best plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from dcplan.placement.defrag.drain import Drain, joined


def fewest(drains: Sequence[Drain], slices: int) -> int:
    """The least number of groups that leave where ``slices`` are free afterwards."""
    costs = [drain.bound for drain in drains]
    return sum(costs[at][count] for at, count in enumerate(_cheapest(costs, slices)))


def cheapest(drains: Sequence[Drain], slices: int) -> tuple[int, ...]:
    """Slices to free in each domain: the fewest groups that leave, and of equals those that take least."""
    return _cheapest([drain.weight for drain in drains], slices)


def _cheapest(costs: Sequence[Sequence[int]], slices: int) -> tuple[int, ...]:
    """How many to take from each list of costs of 0, 1, 2 ..., so that the sum is least."""
    if all(_convex(one) for one in costs):
        steps = sorted(
            (one[count] - one[count - 1], at) for at, one in enumerate(costs) for count in range(1, len(one))
        )
        taken = [0] * len(costs)
        for _, at in steps[:slices]:
            taken[at] += 1
        return tuple(taken)
    _, back = joined([list(enumerate(one)) for one in costs], slices)
    taken, left = [0] * len(costs), slices
    for at in range(len(costs) - 1, -1, -1):
        taken[at] = min(int(back[at][left]), left)
        left -= taken[at]
    return tuple(taken)


def _convex(costs: Sequence[int]) -> bool:
    """Each further one costs no less than the one before."""
    steps = [after - before for before, after in pairwise(costs)]
    return all(first <= second for first, second in pairwise(steps))
