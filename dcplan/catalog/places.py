"""What a document says of places, against what is known of the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.network import INTERNET, trip_between
from dcplan.catalog.regions import (
    city_country,
    countries_of,
    country_code,
    jurisdictions,
    load_regions,
    point_names,
    point_of,
)
from dcplan.catalog.types import Place, Source
from dcplan.demand.places import users_of
from dcplan.diag import ConfigPath, Diagnostic, Result, did_you_mean, error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcplan.config.document import Document
    from dcplan.config.limits import Constraints
    from dcplan.config.places import RegionSpec

NEAR = 0.75
"""Share of its letters that a name has in common with what is suggested: among many places some are alike."""

TOLD = Source(name="your document", date="undated")


def places_told(document: Document) -> Result[dict[str, Place]]:
    """The regions that the document describes, by ``provider:region``; every name in it that nobody knows."""
    problems: list[Diagnostic] = []
    told: dict[str, Place] = {}
    for name, spec in document.regions.items():
        path: ConfigPath = ("regions", name)
        if not all(name.partition(":")):
            detail = f'"{name}" does not name a region. Write it as provider:region, such as aws:us-east-1.'
            problems.append(error("unknown-region", "Unknown region", detail, path=path, on_key=True))
        made = place_told(spec, path, TOLD)
        problems += made.diagnostics
        if made.value is not None:
            told[name] = made.value
    problems += _unknown_names(document, {**told, **load_regions()})
    return Result(None if problems else told, tuple(problems))


def place_told(spec: RegionSpec, path: ConfigPath, source: Source) -> Result[Place]:
    """The place that somebody describes; ``path`` is where that stands."""
    problems: list[Diagnostic] = []
    country = None if spec.country is None else country_code(spec.country)
    if spec.country is not None and country is None:
        problems.append(_no_country(spec.country, (*path, "country")))
    point = None if spec.place is None else point_of(spec.place, {})
    if spec.place is not None and point is None:
        problems.append(_no_place(spec.place, (), (*path, "place")))
    if problems:
        return Result(None, tuple(problems))
    return Result(
        Place(
            country=country or (None if spec.place is None else city_country(spec.place)),
            latitude_deg=None if point is None else point.latitude_deg,
            longitude_deg=None if point is None else point.longitude_deg,
            grid_g_per_kwh=spec.carbon,
            pue=spec.pue,
            egress_usd_per_byte=spec.egress,
            source=source,
        )
    )


def _unknown_names(document: Document, regions: Mapping[str, Place]) -> Iterator[Diagnostic]:
    """Jurisdictions, users' places and ends of traffic that nobody knows."""
    yield from _unknown_countries(document.constraints, ("constraints",))
    for i, latency in enumerate(document.latencies):
        for k, end in enumerate(latency.between):
            if _strange(end, document, regions):
                yield _no_place(end, regions, ("latencies", i, "between", k))
    for name, workload in document.workloads.items():
        yield from _unknown_countries(workload.constraints, ("workloads", name, "constraints"))
        for i, egress in enumerate(workload.egress):
            if egress.to != INTERNET and _not_a_region(egress.to, document, regions):
                yield _no_target(egress.to, regions, ("workloads", name, "egress", i, "to"))
        if workload.kind == "serve":
            for user in users_of(workload, ("workloads", name)):
                if _strange(user.place, document, regions):
                    yield _no_place(user.place, regions, user.origin)


def _unknown_countries(constraints: Constraints, path: ConfigPath) -> Iterator[Diagnostic]:
    for i, name in enumerate(constraints.residency or ()):
        if countries_of(name) is None:
            yield _no_country(name, (*path, "residency", i))


def _strange(name: str, document: Document, regions: Mapping[str, Place]) -> bool:
    """Whether a name is none of a place; regions of the document's providers may be known to them only."""
    return point_of(name, regions) is None and _not_a_region(name, document, regions)


def _not_a_region(name: str, document: Document, regions: Mapping[str, Place]) -> bool:
    provider, colon, region = name.partition(":")
    if name in regions:
        return False
    # Only an inventory knows the regions of a data centre; those of clouds are in the catalogue.
    catalogued = any(known.startswith(f"{provider}:") for known in load_regions())
    return not (colon and region and provider in document.providers) or catalogued


def _no_country(name: str, path: ConfigPath) -> Diagnostic:
    near = did_you_mean(name.lower(), jurisdictions(), alike=NEAR)
    detail = (
        f'"{name}" is no country or jurisdiction that dcplan knows. '
        f"{near or 'Write eu, eea, a continent, or a country by its name or ISO 3166-1 code.'}"
    )
    return error("unknown-jurisdiction", "Unknown country", detail, path=path)


def _no_place(name: str, regions: Mapping[str, Place] | tuple[()], path: ConfigPath) -> Diagnostic:
    near = did_you_mean(name.lower(), point_names(regions), alike=NEAR)
    way_out = near or "Write a large city, a region as provider:region, or latitude, longitude in degrees."
    detail = f'"{name}" is no place that dcplan knows. {way_out}'
    return error("unknown-place", "Unknown place", detail, path=path)


def _no_target(name: str, regions: Mapping[str, Place], path: ConfigPath) -> Diagnostic:
    near = did_you_mean(name, (INTERNET, *regions))
    detail = (
        f'Traffic cannot be sent to "{name}". {near or "Write internet, or a region as provider:region."}'
    )
    return error("unknown-place", "Unknown place", detail, path=path)


def round_trips_told(document: Document) -> dict[frozenset[str], float]:
    """Round trips that the document tells, seconds, by both ends (``network.trip_between``)."""
    return {trip_between(*one.between): one.rtt for one in document.latencies}
