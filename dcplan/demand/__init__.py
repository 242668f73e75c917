"""Demand: what must be served or trained.

Takes: Document.       Gives: Result[Demand].
Knows: request traces.           Never: hardware, prices, clouds.
"""

from dcplan.demand.derive import derive
from dcplan.demand.goals import Goal, Measure
from dcplan.demand.types import (
    Affinity,
    Allowed,
    Budget,
    Demand,
    Disaggregated,
    Floor,
    Lengths,
    Limits,
    Metric,
    Pruned,
    ServeDemand,
    SlaBound,
    Speculative,
    Spread,
    TrainDemand,
    Variant,
    WorkloadDemand,
)

__all__ = [
    "Affinity",
    "Allowed",
    "Budget",
    "Demand",
    "Disaggregated",
    "Floor",
    "Goal",
    "Lengths",
    "Limits",
    "Measure",
    "Metric",
    "Pruned",
    "ServeDemand",
    "SlaBound",
    "Speculative",
    "Spread",
    "TrainDemand",
    "Variant",
    "WorkloadDemand",
    "derive",
]
