"""Where on earth: cloud regions, countries and jurisdictions, cities.

Names are read generously: ``New York``, ``new-york`` and ``NEW_YORK`` are one city.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from dcplan.catalog.load import Entry, read_data
from dcplan.catalog.types import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.catalog.types import Offering

EUROPEAN_UNION = frozenset(
    [
        *("AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE"),
        *("IT", "LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE"),
    ]
)
"""Its 27 members (european-union.europa.eu, 2026); territories overseas are countries of their own here."""

UNIONS = {
    "eu": EUROPEAN_UNION,
    "eea": EUROPEAN_UNION | {"IS", "LI", "NO"},
    "uk": frozenset({"GB"}),
    "usa": frozenset({"US"}),
}
"""Jurisdictions that are not countries, and countries' usual names; the EEA by efta.int, 2026."""

_POINT = re.compile(r"\s*(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*")

FARTHEST_NORTH_DEG, FARTHEST_EAST_DEG = 90.0, 180.0


@dataclass(frozen=True, slots=True)
class Point:
    """A point on earth."""

    latitude_deg: float
    longitude_deg: float


def load_regions() -> Mapping[str, Place]:
    """All cloud regions of the catalogue, by ``provider:region``."""
    return _regions()


def place_of(offering: Offering, told: Mapping[str, Place]) -> Place | None:
    """Where an offering is: what the document tells of its region, then its provider, then the catalogue.

    ``told`` is by ``provider:region``.  None where nobody knows anything.
    """
    name = f"{offering.provider}:{offering.region}"
    known = [place for place in (told.get(name), offering.place, _regions().get(name)) if place is not None]
    return None if not known else filled(known)


def filled(places: list[Place]) -> Place:
    """The first place, with what it does not know from those after it; at least one."""
    first, *others = places
    for other in others:
        own_pue = first.pue is not None
        first = replace(
            first,
            country=first.country or other.country,
            latitude_deg=other.latitude_deg if first.latitude_deg is None else first.latitude_deg,
            longitude_deg=other.longitude_deg if first.longitude_deg is None else first.longitude_deg,
            grid_g_per_kwh=other.grid_g_per_kwh if first.grid_g_per_kwh is None else first.grid_g_per_kwh,
            pue=first.pue if own_pue else other.pue,
            pue_assumed=first.pue_assumed if own_pue else other.pue_assumed,
            egress_usd_per_byte=other.egress_usd_per_byte
            if first.egress_usd_per_byte is None
            else first.egress_usd_per_byte,
        )
    return first


def countries_of(name: str) -> frozenset[str] | None:
    """ISO codes of a jurisdiction: of ``eu``, ``germany``, ``DE``, ``europe``; None for strangers."""
    plain = plain_name(name)
    return _jurisdictions().get(plain)


def jurisdictions() -> tuple[str, ...]:
    """Every name that ``countries_of`` knows, as they are best written: unions, continents, countries."""
    continents = read_countries()
    return (*UNIONS, *continents, *(country for those in continents.values() for country in those.values()))


def continent_of(country: str | None) -> str | None:
    """The continent of an ISO code; None is unknown."""
    return next((name for name, countries in read_countries().items() if country in countries), None)


def country_code(name: str) -> str | None:
    """The ISO code of one country, by its code or its name; None for strangers and for unions."""
    found = countries_of(name)
    return next(iter(found)) if found is not None and len(found) == 1 else None


def point_of(name: str, places: Mapping[str, Place]) -> Point | None:
    """The point of ``50.11, 8.68``, of a region (``aws:us-east-1`` or ``us-east-1``) or of a city.

    ``places`` are regions by ``provider:region``, those of the document among them.  None for strangers.
    """
    written = _POINT.fullmatch(name)
    if written is not None:
        point = Point(float(written[1]), float(written[2]))
        inside = (
            abs(point.latitude_deg) <= FARTHEST_NORTH_DEG and abs(point.longitude_deg) <= FARTHEST_EAST_DEG
        )
        return point if inside else None
    for region, place in places.items():
        if name in {region, region.partition(":")[2]}:
            return point_of_place(place)
    city = _cities().get(plain_name(name))
    return None if city is None else city[0]


def city_country(name: str) -> str | None:
    """The ISO code of a city's country; None for what is no city of the catalogue."""
    city = _cities().get(plain_name(name))
    return None if city is None else city[1]


def point_of_place(place: Place | None) -> Point | None:
    """Where a place is; None is unknown."""
    if place is None or place.latitude_deg is None or place.longitude_deg is None:
        return None
    return Point(place.latitude_deg, place.longitude_deg)


def point_names(places: Iterable[str]) -> tuple[str, ...]:
    """Every name that ``point_of`` knows, for suggestions."""
    return (*places, *(name for name in read_data("cities.yaml")))


@cache
def read_countries() -> dict[str, dict[str, str]]:
    """Names of countries by continent and ISO code."""
    return read_data("countries.yaml")


@cache
def _jurisdictions() -> dict[str, frozenset[str]]:
    names = {name: frozenset(codes) for name, codes in UNIONS.items()}
    for continent, countries in read_countries().items():
        names[plain_name(continent)] = frozenset(countries)
    for countries in read_countries().values():
        for code, name in countries.items():
            names[code.lower()] = names[plain_name(name)] = frozenset({code})
    return names


@cache
def _cities() -> dict[str, tuple[Point, str]]:
    cities = read_data("cities.yaml").items()
    return {plain_name(name): (Point(north, east), country) for name, (north, east, country) in cities}


@cache
def _regions() -> dict[str, Place]:
    return {name: _place(Entry("regions.yaml", name, e)) for name, e in read_data("regions.yaml").items()}


def _place(entry: Entry) -> Place:
    """One entry of ``regions.yaml``; without a PUE of its own it has that of the provider's whole fleet."""
    latitude, longitude = entry.fields["at"]
    own = entry.maybe("pue")
    fleet: dict[str, Any] = read_data_once("network.yaml")["fleet_pue"].get(entry.name.partition(":")[0], {})
    return Place(
        country=entry.text("country"),
        latitude_deg=float(latitude),
        longitude_deg=float(longitude),
        grid_g_per_kwh=entry.maybe("grid_g_per_kwh"),
        pue=fleet.get("pue") if own is None else own,
        pue_assumed=own is None and "pue" in fleet,
        source=entry.source(),
    )


@cache
def read_data_once(file: str) -> dict[str, Any]:
    """A data file that several functions read; the mapping is not to be changed."""
    return read_data(file)


def plain_name(name: str) -> str:
    """Letters and digits in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
