"""How a plan's places look: round trips to users, power and carbon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import listed, plural
from dcplan.units import format_duration, format_percent, format_power

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.plan.types import Footprint, UserTrip

SHOWN = 4
"""Places of users that are told one by one, the largest first."""

NAMED = 2
"""Pools that are named of those of which something is unknown."""


def trips_text(trips: Sequence[UserTrip]) -> str:
    """``frankfurt (60%) 14ms, new-york (40%) 92ms  [from distances]``."""
    largest = sorted(trips, key=lambda trip: -trip.share)[:SHOWN]
    told = [f"{_share(trip, trips)}{_time(trip.rtt_s)}" for trip in largest]
    if len(trips) > SHOWN:
        told.append(plural(len(trips) - SHOWN, "more place"))
    bases = {"as you told" if t.told else "from distances" for t in trips if t.rtt_s is not None}
    basis = f"  [round trips {' and '.join(sorted(bases))}]" if bases else ""
    return ", ".join(told) + basis


def _share(trip: UserTrip, trips: Sequence[UserTrip]) -> str:
    return f"{trip.place} " if len(trips) == 1 else f"{trip.place} ({format_percent(trip.share)}) "


def _time(rtt_s: float | None) -> str:
    return "unknown" if rtt_s is None else format_duration(rtt_s)


def footprint_text(footprint: Footprint) -> str:
    """``Power: 82 kW; CO2e: 38 kg/h (assumed: ...).``, and where what is unknown could be told."""
    power = "unknown" if footprint.power_w is None else format_power(footprint.power_w)
    carbon = "unknown"
    if footprint.kgco2_per_h is not None:
        carbon = f"{footprint.kgco2_per_h:,.3g} kg/h"
    told = f"Power: {power}; CO2e: {carbon} ({footprint.basis})."
    if footprint.power_w is None and footprint.kgco2_per_h is None:
        told = "Power and CO2e: unknown."
    if footprint.unknown:
        told += f" Not known of {_pools(footprint.unknown)}: `regions`, or an inventory, can tell."
    return told


def _pools(names: Sequence[str]) -> str:
    """The first pools, and how many more."""
    more = [plural(len(names) - NAMED, "more pool")] if len(names) > NAMED else []
    return listed([*names[:NAMED], *more])
