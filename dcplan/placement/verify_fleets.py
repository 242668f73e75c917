"""An independent check of mixed fleets: take replicas away one by one, largest first, and add up the rest."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from dcplan.placement.fleet_types import WHOLE_LOAD
from dcplan.sharding.availability import replica_availability

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from dcplan.placement.types import Choice, Pool, Workload

Site = tuple["Choice", "Pool", int]

NEARLY = 1e-9
"""Probabilities are sums of floats."""


def carries(workload: Workload, sites: Sequence[Site]) -> Iterator[str]:
    """Replicas of the workload's own choices, all of one model, that carry the load with the spares lost."""
    counts = Counter[str]()
    choices = {choice.id: choice for choice, _, _ in sites}
    for choice, _, replicas in sites:
        counts[choice.id] += replicas
        if choice.workload != workload.name:
            yield f"{workload.name} takes a choice of {choice.workload}"
        if replicas <= 0:
            yield f"{workload.name} has an allotment without replicas"
    for name, count in counts.items():
        if count > choices[name].replicas + choices[name].extra:
            yield f"{workload.name} has {count} replicas of {name}, more than can be of use"
    if len({choice.answers for choice in choices.values()}) > 1:
        yield f"{workload.name} answers with different models"
    weights = sorted(w for name, count in counts.items() for w in [choices[name].weight] * count)
    lost = _spares(workload, choices.values(), len(weights))
    if sum(weights[: len(weights) - lost]) < WHOLE_LOAD:
        yield f"{workload.name} cannot carry its load without its {lost} largest replicas"


def _spares(workload: Workload, choices: Collection[Choice], replicas: int) -> int:
    """The fewest spares with which as many of so many replicas are up, all like the least available."""
    availability = None if workload.fleet is None else workload.fleet.availability
    if availability is None:
        return 0
    if not choices:
        return 0
    up = min(replica_availability(_machines(choice)) for choice in choices)
    chance = 0.0
    for down in range(replicas + 1):
        ways = math.lgamma(replicas + 1) - math.lgamma(down + 1) - math.lgamma(replicas - down + 1)
        chance += math.exp(ways + (replicas - down) * math.log(up) + down * math.log(1 - up))
        if chance >= min(availability, 1 - NEARLY) - NEARLY:
            return down
    return replicas


def _machines(choice: Choice) -> int:
    return (
        choice.machines if choice.beside is None else max(choice.machines, 1) + max(choice.beside.machines, 1)
    )
