"""Whose machines they are: the price of the pools, shared out over the workloads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.placement.types import Allotment, Pool, Solution
    from dcplan.sharding.types import Candidate


def usd_per_h_of(
    solution: Solution, candidates: Mapping[str, Candidate], pools: Mapping[str, Pool]
) -> dict[str, float]:
    """Dollars per hour by workload; together they are what all machines cost.

    Whole machines are their workload's own.  Machines that replicas share are
    paid for by the devices taken, so that the idle ones are shared out, too.
    """
    whole: dict[str, int] = defaultdict(int)
    shared_devices: dict[str, int] = defaultdict(int)
    for a in solution.allotments:
        candidate = candidates[a.choice]
        if candidate.machines:
            whole[a.pool] += candidate.machines * a.replicas
        else:
            shared_devices[a.pool] += candidate.devices * a.replicas
    machines = {use.pool: use.machines for use in solution.pools}
    costs: dict[str, float] = defaultdict(float)
    for a in solution.allotments:
        candidate, price = candidates[a.choice], pools[a.pool].usd_per_h
        if candidate.machines:
            costs[a.workload] += candidate.machines * a.replicas * price
        else:
            shared = machines[a.pool] - whole[a.pool]
            costs[a.workload] += shared * price * _share(a, candidate, shared_devices[a.pool])
    return dict(costs)


def _share(a: Allotment, candidate: Candidate, devices: int) -> float:
    return candidate.devices * a.replicas / devices


def usd_for_job(usd_per_h: float, candidate: Candidate) -> float | None:
    """The whole of a training job; None for serving."""
    return None if candidate.hours is None else usd_per_h * candidate.hours
