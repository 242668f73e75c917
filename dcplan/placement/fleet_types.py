"""The noun of mixed fleets: replicas of several choices that carry one load together."""

from __future__ import annotations

from dataclasses import dataclass

WHOLE_LOAD = 1_000_000_000
"""The planned load of a workload, in the parts that ``Choice.weight`` counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Replicas of several choices may carry the load of a workload together."""

    availability: float | None = None
    """Share of the time for which enough of them must be up; None asks for no spares."""
