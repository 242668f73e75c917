"""Sharding: the ways in which each workload can be run on each kind of machine.

Takes: Demand, models, machine classes, measured efficiencies.        Gives: Candidates and how they
were found.
Knows: perf's formulas, availability.       Never: prices, pools' places, what to choose.
"""

from dcplan.catalog.formats import DEFAULT_PRECISIONS
from dcplan.sharding.availability import MACHINE_AVAILABILITY, replica_availability, spares_for
from dcplan.sharding.question import TrainingQuestion
from dcplan.sharding.rank_training import RankedLayout, TrainingRanking, best_training_layouts
from dcplan.sharding.reprice import repriced
from dcplan.sharding.search import search, search_all
from dcplan.sharding.types import (
    Candidate,
    Candidates,
    MachineClass,
    Margin,
    Predicted,
    PrefillWorkers,
    Quality,
    QualityBasis,
    RuledOut,
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
    "Margin",
    "Predicted",
    "PrefillWorkers",
    "Quality",
    "QualityBasis",
    "RankedLayout",
    "RuledOut",
    "Search",
    "ServeEstimate",
    "TrainEstimate",
    "TrainingQuestion",
    "TrainingRanking",
    "best_training_layouts",
    "replica_availability",
    "repriced",
    "search",
    "search_all",
    "spares_for",
]
