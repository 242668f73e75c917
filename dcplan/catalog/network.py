"""Between places: round trips, and what it costs to send something away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dcplan.catalog.load import Entry
from dcplan.catalog.regions import continent_of, plain_name, read_data_once
from dcplan.catalog.types import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.catalog.regions import Point
    from dcplan.catalog.types import Place

INTERNET = "internet"
"""Where traffic goes that leaves a provider."""

SAME_REGION = "same-region"
ANYWHERE = "anywhere"

EARTH_RADIUS_KM = 6371.0
"""Mean radius (IUGG, Moritz 2000)."""

GB_BYTES = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTripModel:
    """``base_s + s_per_km * kilometres``, and how far it was off where it was fitted."""

    base_s: float
    s_per_km: float
    median_error: float
    p90_error: float
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressPrice:
    """What a byte costs on its way, and who says so."""

    usd_per_byte: float
    source: Source


def round_trip_model() -> RoundTripModel:
    """The model of round trips over great circles: our own fit, errors included."""
    entry = Entry("network.yaml", "round_trip", read_data_once("network.yaml")["round_trip"])
    return RoundTripModel(
        base_s=entry.positive("base_ms") / 1e3,
        s_per_km=entry.positive("ms_per_km") / 1e3,
        median_error=entry.positive("median_error"),
        p90_error=entry.positive("p90_error"),
        source=entry.source(),
    )


def distance_km(a: Point, b: Point) -> float:
    """Along the great circle, by the haversine formula: ``2 r asin(sqrt(h))`` (Sinnott 1984)."""
    lat_a, lat_b = math.radians(a.latitude_deg), math.radians(b.latitude_deg)
    across = math.radians(b.longitude_deg - a.longitude_deg)
    h = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(across / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(h)))


def modelled_round_trip_s(a: Point, b: Point) -> float:
    """Seconds there and back, as the model has it."""
    model = round_trip_model()
    return model.base_s + model.s_per_km * distance_km(a, b)


def trip_between(a: str, b: str) -> frozenset[str]:
    """Both ends of a way, whichever comes first and however they are spelled."""
    return frozenset({plain_name(a), plain_name(b)})


def round_trip_told(place: str, region: str, told: Mapping[frozenset[str], float]) -> float | None:
    """The round trip that somebody told between a place and ``provider:region``; None where nobody did."""
    for name in (region, region.partition(":")[2]):
        found = told.get(trip_between(place, name))
        if found is not None:
            return found
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a way: a region of a provider and what is known of its place."""

    provider: str
    region: str
    place: Place | None


def egress_price(sender: End, to: End | None) -> EgressPrice | None:
    """What a byte costs from ``sender`` to a region, or to the internet (None); None when nobody told it.

    Another provider is reached over the internet.  A price that the owner of the place told counts for all
    that leaves its region; what stays in a place of one's own costs nothing there.
    """
    own = None if sender.place is None else sender.place.egress_usd_per_byte
    if own is not None and sender.place is not None:
        stays = to is not None and (to.provider, to.region) == (sender.provider, sender.region)
        return EgressPrice(usd_per_byte=0.0 if stays else own, source=sender.place.source)
    if to is None or to.provider != sender.provider:
        targets: tuple[str | None, ...] = (INTERNET,)
    elif to.region == sender.region:
        targets = (SAME_REGION,)
    else:
        targets = (to.region, continent_of(to.place.country if to.place else None), ANYWHERE)
    prices = _prices()
    senders = (sender.region, continent_of(sender.place.country if sender.place else None), ANYWHERE)
    for start in senders:
        for end in targets:
            found = prices.get((sender.provider, start, end))
            if found is not None:
                return found
    return None


@cache
def _prices() -> dict[tuple[str, str | None, str | None], EgressPrice]:
    """Prices by provider, from and to."""
    found: dict[tuple[str, str | None, str | None], EgressPrice] = {}
    for row in read_data_once("network.yaml")["egress"]:
        entry = Entry("network.yaml", f"{row['provider']} from {row['from']} to {row['to']}", row)
        found[row["provider"], row["from"], row["to"]] = EgressPrice(
            usd_per_byte=entry.positive("usd_per_gb") / GB_BYTES, source=entry.source()
        )
    return found
