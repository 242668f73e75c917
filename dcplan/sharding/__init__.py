"""Sharding: the ways in which each workload can be run on each kind of machine.

Takes: Demand, models, machine classes, measured efficiencies.        Gives: Candidates and how they
were found.
Knows: perf's formulas, availability.       Never: prices, pools' places, what to choose.
"""

from dcplan.sharding.availability import MACHINE_AVAILABILITY, replica_availability, spares_for
from dcplan.sharding.search import DEFAULT_PRECISIONS, search, search_all
from dcplan.sharding.types import (
    Candidate,
    Candidates,
    MachineClass,
    Predicted,
    Search,
    ServeEstimate,
    TrainEstimate,
)

__all__ = [
    "DEFAULT_PRECISIONS",
    "MACHINE_AVAILABILITY",
    "Candidate",
    "Candidates",
    "MachineClass",
    "Predicted",
    "Search",
    "ServeEstimate",
    "TrainEstimate",
    "replica_availability",
    "search",
    "search_all",
    "spares_for",
]
