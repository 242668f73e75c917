"""Demand: what must be served or trained.

Takes: Document.       Gives: Result[Demand].
Knows: request traces.           Never: hardware, prices, clouds.
"""

from dcplan.demand.derive import derive
from dcplan.demand.types import (
    Affinity,
    Allowed,
    Budget,
    Demand,
    Goal,
    Lengths,
    Limits,
    Metric,
    ServeDemand,
    SlaBound,
    Spread,
    TrainDemand,
    WorkloadDemand,
)

__all__ = [
    "Affinity",
    "Allowed",
    "Budget",
    "Demand",
    "Goal",
    "Lengths",
    "Limits",
    "Metric",
    "ServeDemand",
    "SlaBound",
    "Spread",
    "TrainDemand",
    "WorkloadDemand",
    "derive",
]
