"""What a plan tells of places: power and carbon of all machines, and how far users are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.power import host_factor
from dcplan.plan.types import Footprint, UserTrip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.placement.types import Allotment, Pool, PoolUse, Workload
    from dcplan.sharding.types import Candidate


def footprint_of(uses: Iterable[PoolUse], pools: Mapping[str, Pool]) -> Footprint:
    """Power and carbon of machines at full load, and what these figures rest on."""
    watts: list[float | None] = []
    carbon: list[float | None] = []
    unknown = []
    for use in uses:
        pool = pools[use.pool]
        watts.append(None if pool.power_w is None else pool.power_w * use.machines)
        carbon.append(None if pool.kgco2_per_h is None else pool.kgco2_per_h * use.machines)
        if watts[-1] is None or carbon[-1] is None:
            unknown.append(use.pool)
    return Footprint(
        power_w=_sum(watts),
        kgco2_per_h=_sum(carbon),
        unknown=tuple(unknown),
        basis=f"assumed: at full load; accelerators' design power x {host_factor():g} where no machine's "
        "power is told, yearly average of the grid, PUE of the site",
    )


def _sum(parts: list[float | None]) -> float | None:
    """The sum; unknown where a part is."""
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def trips_of(rules: Workload | None, allotments: Iterable[Allotment]) -> tuple[UserTrip, ...]:
    """The round trip of each place of users to the nearest replicas."""
    if rules is None:
        return ()
    used = [a.pool for a in allotments]
    trips = []
    for user in rules.users:
        known = [(user.rtt_s[pool], pool) for pool in used if pool in user.rtt_s]
        rtt_s, pool = min(known, default=(None, ""))
        trips.append(UserTrip(place=user.place, share=user.share, rtt_s=rtt_s, told=pool in user.told))
    return tuple(trips)


def egress_of(
    rules: Workload | None, allotments: Iterable[Allotment], candidates: Mapping[str, Candidate]
) -> float:
    """Dollars per hour of the traffic of one workload."""
    prices = {} if rules is None else rules.egress_usd_per_h
    return sum(prices.get(a.pool, 0.0) * a.replicas / candidates[a.choice].replicas for a in allotments)
