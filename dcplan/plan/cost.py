"""Whose machines they are: the price of the pools, shared out over the workloads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.placement.types import Allotment, Pool, Solution
    from dcplan.sharding.types import Candidate, PrefillMachines


def usd_per_h_of(
    solution: Solution, candidates: Mapping[str, Candidate], pools: Mapping[str, Pool]
) -> dict[str, float]:
    """Dollars per hour by workload; together they are what all machines cost.

    Whole machines are their workload's own.  Machines that replicas share are
    paid for by the devices taken, so that the idle ones are shared out, too.
    """
    whole: dict[str, int] = defaultdict(int)
    shared_devices: dict[str, int] = defaultdict(int)
    parts: list[tuple[Allotment, Candidate | PrefillMachines]] = [
        *((a, candidates[a.choice]) for a in solution.allotments),
        *((a, beside) for a in solution.beside if (beside := candidates[a.choice].apart) is not None),
    ]
    for a, part in parts:
        if part.machines:
            whole[a.pool] += part.machines * a.replicas
        else:
            shared_devices[a.pool] += part.devices * a.replicas
    machines = {use.pool: use.machines for use in solution.pools}
    costs: dict[str, float] = defaultdict(float)
    for a, part in parts:
        price = pools[a.pool].usd_per_h
        if part.machines:
            costs[a.workload] += part.machines * a.replicas * price
        else:
            shared = machines[a.pool] - whole[a.pool]
            share = part.devices * a.replicas / shared_devices[a.pool]
            costs[a.workload] += shared * price * share
    return dict(costs)


def usd_for_job(usd_per_h: float, candidate: Candidate) -> float | None:
    """The whole of a training job; None for serving."""
    return None if candidate.hours is None else usd_per_h * candidate.hours
