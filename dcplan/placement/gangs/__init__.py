"""Gangs: seat training jobs that work as one on a fabric of nested domains, few bytes over its narrow links.

Takes: Fabric, Gang, machines in use, Quota.    Gives: Result[Seats].
Knows: CP-SAT by way of ``placement.cpsat``.    Never: clouds, clocks, randomness without a seed.
"""

from dcplan.placement.gangs.hierarchy import place_floor
from dcplan.placement.gangs.seat import seat_gangs
from dcplan.placement.gangs.types import (
    Domain,
    Fabric,
    Gang,
    GangEffort,
    LevelTraffic,
    Node,
    Quota,
    Refused,
    Seat,
    Seats,
    Spread,
    Tie,
)

__all__ = [
    "Domain",
    "Fabric",
    "Gang",
    "GangEffort",
    "LevelTraffic",
    "Node",
    "Quota",
    "Refused",
    "Seat",
    "Seats",
    "Spread",
    "Tie",
    "place_floor",
    "seat_gangs",
]
