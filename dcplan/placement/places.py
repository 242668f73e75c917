"""What demand says of places, for each pool: who may stay there, how far users are, what traffic costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dcplan.catalog.network import (
    INTERNET,
    End,
    egress_price,
    modelled_round_trip_s,
    round_trip_told,
)
from dcplan.catalog.regions import countries_of, load_regions, point_of, point_of_place
from dcplan.demand.types import ServeDemand
from dcplan.diag import listed, plural, warning
from dcplan.placement.place_types import CapRule, NetworkRule, ResidencyRule, SiteRule, Users

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dcplan.catalog.regions import Point
    from dcplan.catalog.site import ZoneSite
    from dcplan.catalog.types import Offering, Place
    from dcplan.demand.places import Cap, Egress
    from dcplan.demand.types import Demand, WorkloadDemand
    from dcplan.diag import Diagnostics

NAMED = 4
"""Pools that a sentence names; of more it tells how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Atlas:
    """All that is known of places when a problem is stated."""

    offerings: Sequence[Offering] = ()
    """With their places."""
    sites: Sequence[ZoneSite] = ()
    told: Mapping[str, Place] = field(default_factory=dict)
    """Regions that the document describes, by ``provider:region``."""
    round_trips: Mapping[frozenset[str], float] = field(default_factory=dict)
    """What the document tells, seconds (``catalog.network.trip_between``)."""
    elsewhere: Mapping[tuple[str, tuple[str, ...]], tuple[str, ...]] = field(default_factory=dict)
    """By workload and pools: pools with equal machines and links that its residency rules out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """The rules of one workload."""

    residency: ResidencyRule | None = None
    users: tuple[Users, ...] = ()
    network: tuple[NetworkRule, ...] = ()
    egress_usd_per_h: Mapping[str, float] = field(default_factory=dict)
    unpriced: frozenset[str] = frozenset()
    """Pools out of which its traffic has no known price."""


def rules_of(demand: WorkloadDemand, atlas: Atlas) -> Placing:
    """What a workload asks of places, by pool."""
    costs = _egress(demand, atlas)
    return Placing(
        residency=_residency(demand, atlas.offerings),
        users=_users(demand, atlas) if isinstance(demand, ServeDemand) else (),
        network=tuple(
            NetworkRule(quantile=n.quantile, bound_s=n.bound_s, origin=n.origin)
            for n in (demand.network if isinstance(demand, ServeDemand) else ())
        ),
        egress_usd_per_h={pool: cost for pool, cost in costs.items() if cost},
        unpriced=frozenset(pool for pool, cost in costs.items() if cost is None),
    )


def _residency(demand: WorkloadDemand, offerings: Iterable[Offering]) -> ResidencyRule | None:
    """The pools on the ground of the countries that the user names."""
    limit = demand.limits.residency
    if limit is None:
        return None
    allowed = frozenset(code for name in limit.names for code in countries_of(name) or ())
    countries = {o.pool: None if o.place is None else o.place.country for o in offerings}
    return ResidencyRule(
        names=limit.names,
        pools=frozenset(pool for pool, country in countries.items() if country in allowed),
        unknown=frozenset(pool for pool, country in countries.items() if country is None),
        origin=limit.origin,
    )


def _users(demand: ServeDemand, atlas: Atlas) -> tuple[Users, ...]:
    """Each place of users with its round trip to each pool."""
    if not demand.users:
        return ()
    regions = _known_regions(atlas)
    found = []
    for user in demand.users:
        point = point_of(user.place, regions)
        by_region: dict[tuple[str, str, int], float | None] = {}
        rtt_s: dict[str, float] = {}
        told = set()
        for o in atlas.offerings:
            key = (o.provider, o.region, id(o.place))
            if key not in by_region:
                by_region[key] = _round_trip_s(user.place, point, o, atlas)
            trip_s = by_region[key]
            if trip_s is not None:
                rtt_s[o.pool] = trip_s
            if round_trip_told(user.place, f"{o.provider}:{o.region}", atlas.round_trips) is not None:
                told.add(o.pool)
        found.append(Users(place=user.place, share=user.share, rtt_s=rtt_s, told=frozenset(told)))
    return tuple(found)


def _round_trip_s(place: str, point: Point | None, offering: Offering, atlas: Atlas) -> float | None:
    """Seconds between users and a pool: told by the document, else modelled from the distance, else None."""
    told = round_trip_told(place, f"{offering.provider}:{offering.region}", atlas.round_trips)
    here = point_of_place(offering.place)
    if told is not None or here is None or point is None:
        return told
    return modelled_round_trip_s(here, point)


def _known_regions(atlas: Atlas) -> Mapping[str, Place]:
    """Regions by name: those of offerings, the document's and the catalogue's."""
    offered = {f"{o.provider}:{o.region}": o.place for o in atlas.offerings if o.place is not None}
    return {**load_regions(), **atlas.told, **offered}


def _egress(demand: WorkloadDemand, atlas: Atlas) -> dict[str, float | None]:
    """What all traffic of a workload would cost out of each pool; None where a price is not known."""
    if not demand.egress:
        return {}
    regions = _known_regions(atlas)
    return {o.pool: egress_usd_per_h(demand.egress, o, regions) for o in atlas.offerings}


def egress_usd_per_h(
    traffic: Iterable[Egress], offering: Offering, regions: Mapping[str, Place]
) -> float | None:
    """What all traffic of a workload costs that leaves from one pool; None where a price is not known."""
    total = 0.0
    sender = End(provider=offering.provider, region=offering.region, place=offering.place)
    for one in traffic:
        provider, _, region = one.to.partition(":")
        to = None
        if one.to != INTERNET:
            to = End(provider=provider, region=region, place=regions.get(one.to))
        price = egress_price(sender, to)
        if price is None:
            return None
        total += price.usd_per_byte * one.bytes_per_h
    return total


def cap_rule(cap: Cap | None) -> CapRule | None:
    """A cap as the solver knows it."""
    return None if cap is None else CapRule(at_most=cap.at_most, origin=cap.origin)


def site_rules(sites: Iterable[ZoneSite], offerings: Sequence[Offering]) -> tuple[SiteRule, ...]:
    """The power limits of blocks, zones and whole data centres, with their pools."""
    rules: dict[str, SiteRule] = {}

    def add(name: str, watts: float | None, pools: Iterable[str]) -> None:
        if watts is not None:
            rules[name] = SiteRule(site=name, pools=frozenset(pools), watts=watts)

    for zone in sites:
        near = [o for o in offerings if o.provider == zone.provider and o.region == zone.region]
        here = [o for o in near if o.zone == zone.name]
        add(zone.region, zone.site_power_w, (o.pool for o in near))
        add(zone.name, zone.power_w, (o.pool for o in here))
        for block in zone.blocks:
            add(f"{zone.name}/{block.name}", block.power_w, (o.pool for o in here if o.block == block.name))
    return tuple(rules.values())


def unpriced_traffic(demand: Demand, atlas: Atlas) -> Diagnostics:
    """A warning for each workload whose traffic has no known price out of some pools."""
    return tuple(
        warning(
            "unknown-egress-price",
            "Some prices of traffic are not known",
            f"What it costs to send the traffic of {workload.name} out of {_some(lost)} is not known, so the "
            "plan does without. Tell it: regions: {PROVIDER:REGION: {egress: $0.05/GB}}, or `egress` under "
            "`site` of an inventory.",
            path=(*workload.origin, "egress"),
            on_key=True,
        )
        for workload in demand.workloads
        if (lost := {pool for pool, usd in _egress(workload, atlas).items() if usd is None})
    )


def _some(pools: Iterable[str]) -> str:
    names = sorted(pools)
    return listed(names) if len(names) <= NAMED else plural(len(names), "pool")
