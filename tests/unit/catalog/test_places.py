"""Where regions are, what they emit, and what it costs to send something from one to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_machines, load_offerings
from dcplan.catalog.network import End, distance_km, egress_price, modelled_round_trip_s, round_trip_told
from dcplan.catalog.places import place_told, places_told, round_trips_told
from dcplan.catalog.power import carbon_kg_per_h, machine_power
from dcplan.catalog.regions import (
    Point,
    continent_of,
    countries_of,
    filled,
    load_regions,
    place_of,
    point_of,
)
from dcplan.catalog.types import Offering, Place, Purchase, Source
from dcplan.config.document import Document
from dcplan.config.places import RegionSpec

SOURCE = Source(name="a test", date="2026")


def document(**top: Any) -> Document:
    """A document that tells of places."""
    return Document.model_validate({"project": "p", "workloads": {}, **top})


def an_offering(place: Place | None) -> Offering:
    """A machine of one's own in a region of which the catalogue knows nothing."""
    return Offering(
        provider="local", region="hall", zone="z", machine="m", purchase=Purchase.OWNED, usd_per_h=1.0,
        machines=1, available=True, source=SOURCE, place=place,
    )  # fmt: skip


@pytest.mark.parametrize("provider", ["aws", "gcp"])
def test_every_region_with_machines_is_on_the_map(provider: str) -> None:
    """Its country and point are known, so that residency and round trips can be told."""
    offered = {f"{provider}:{o.region}" for o in load_offerings(provider) if o.usd_per_h is not None}
    places = load_regions()

    assert [region for region in sorted(offered) if region not in places] == []
    assert [region for region in offered if continent_of(places[region].country) is None] == []


def test_what_nobody_tells_is_unknown() -> None:
    """No grid stands for another one; a fleet's PUE stands in for that of a region and says so."""
    places = load_regions()

    assert places["aws:us-west-2"].grid_g_per_kwh is None
    assert (places["gcp:us-west3"].pue, places["gcp:us-west3"].pue_assumed) == (1.09, True)
    assert places["aws:eu-central-1"].grid_g_per_kwh == places["gcp:europe-west3"].grid_g_per_kwh


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("germany", {"DE"}),
        ("DE", {"DE"}),
        ("South Korea", {"KR"}),
        ("uk", {"GB"}),
        ("atlantis", None),
    ],
)
def test_countries_have_names_and_codes(name: str, codes: set[str] | None) -> None:
    """Names and codes are spelled as one likes."""
    assert countries_of(name) == codes


def test_unions_and_continents_are_many_countries() -> None:
    """The EEA is larger than the EU, and Europe larger than both."""
    eu, eea, europe = (countries_of(name) or frozenset() for name in ("eu", "EEA", "Europe"))

    assert len(eu) == 27
    assert eea - eu == {"IS", "LI", "NO"}
    assert {"CH", "GB"} <= europe - eea
    assert countries_of("norway") == {"NO"}


@pytest.mark.parametrize("name", ["New York", "new-york", "NEW_YORK", "40.71, -74.01"])
def test_points_are_cities_or_degrees(name: str) -> None:
    """A city in any spelling, or its latitude and longitude."""
    assert point_of(name, {}) == Point(40.71, -74.01)


def test_points_are_regions() -> None:
    """With or without the provider's name; a stranger is nowhere, and so is what lies off the globe."""
    regions = load_regions()

    assert point_of("aws:us-east-1", regions) == point_of("us-east-1", regions) == Point(39.1057, -77.5544)
    assert point_of("mordor", regions) is None
    assert point_of("91, 0", regions) is None


def test_round_trips_grow_with_distance() -> None:
    """A quarter of a meridian is 10,000 km (by its first definition), and the model is a line."""
    pole, equator = Point(90, 0), Point(0, 0)

    assert distance_km(pole, equator) == pytest.approx(10_000, rel=1e-3)
    assert modelled_round_trip_s(equator, equator) == pytest.approx(0.0138)
    assert modelled_round_trip_s(pole, equator) == pytest.approx(0.0138 + 10_007 * 0.01594e-3, rel=1e-3)


def test_a_told_round_trip_is_found_from_either_end() -> None:
    """However the ends are spelled, with or without the provider."""
    told = round_trips_told(document(latencies=[{"between": ["us-east-1", "Frankfurt"], "rtt": "92ms"}]))

    assert round_trip_told("frankfurt", "aws:us-east-1", told) == pytest.approx(0.092)
    assert round_trip_told("paris", "aws:us-east-1", told) is None


def end(name: str) -> End:
    """A region as an end of traffic."""
    provider, _, region = name.partition(":")
    return End(provider=provider, region=region, place=load_regions().get(name))


@pytest.mark.parametrize(
    ("sender", "to", "usd_per_gb"),
    [
        ("aws:us-east-1", "aws:us-east-1", 0.02),
        ("aws:us-east-1", "aws:eu-central-1", 0.02),
        ("aws:ap-northeast-1", "aws:us-east-1", 0.09),
        ("aws:us-east-1", "gcp:us-east4", 0.09),
        ("gcp:us-east4", "gcp:europe-west3", 0.05),
        ("gcp:us-east4", "internet", 0.12),
        ("aws:ap-south-1", "internet", None),
        ("gcp:asia-east1", "gcp:us-east4", None),
    ],
)
def test_traffic_has_the_price_of_the_narrowest_row(sender: str, to: str, usd_per_gb: float | None) -> None:
    """A region's own price, else its continent's; to others over the internet; else unknown."""
    price = egress_price(end(sender), None if to == "internet" else end(to))

    assert (None if price is None else price.usd_per_byte * 1e9) == (usd_per_gb and pytest.approx(usd_per_gb))


def test_a_place_of_ones_own_has_the_price_that_its_owner_tells() -> None:
    """For all that leaves it; inside it is free."""
    own = End(provider="local", region="hall", place=Place(egress_usd_per_byte=1e-11, source=SOURCE))

    assert getattr(egress_price(own, None), "usd_per_byte", None) == 1e-11
    assert getattr(egress_price(own, own), "usd_per_byte", None) == 0.0
    assert egress_price(End(provider="local", region="hall", place=None), None) is None


def test_power_follows_from_the_accelerators_unless_it_is_told() -> None:
    """Eight H100 in a DGX: 10.2 kW; unknown design power leaves it unknown."""
    chips = load_accelerators()
    machine = load_machines("aws")["p5.48xlarge"]
    power = machine_power(machine, chips[machine.accelerator])

    assert power is not None
    assert (round(power.watts), power.basis) == (10_192, Basis.ASSUMED)
    assert machine_power(machine, chips["TPU-v5e"]) is None


def test_carbon_is_power_times_pue_times_grid() -> None:
    """One unknown of the three makes it unknown."""
    machine = load_machines("aws")["p5.48xlarge"]
    power = machine_power(machine, load_accelerators()[machine.accelerator])
    place = Place(grid_g_per_kwh=100.0, pue=1.5, source=SOURCE)

    assert carbon_kg_per_h(power, place) == pytest.approx(10.192 * 1.5 * 0.1)
    assert carbon_kg_per_h(power, Place(grid_g_per_kwh=100.0, source=SOURCE)) is None
    assert carbon_kg_per_h(None, place) is None
    assert carbon_kg_per_h(power, None) is None


def test_the_document_goes_over_the_inventory_and_that_over_the_catalogue() -> None:
    """Each tells what those before it leave out."""
    inventory = Place(country="DE", pue=1.3, source=SOURCE)
    told = {"local:hall": Place(pue=1.1, grid_g_per_kwh=50.0, source=SOURCE)}

    found = place_of(an_offering(inventory), told)

    assert found is not None
    assert (found.country, found.pue, found.grid_g_per_kwh) == ("DE", 1.1, 50.0)
    assert place_of(an_offering(None), {}) is None
    assert filled([inventory]) == inventory


def test_a_city_tells_its_country() -> None:
    """Who says the city need not say the country."""
    place = place_told(RegionSpec(place="Hamburg"), ("site",), SOURCE).unwrap()

    assert (place.country, place.latitude_deg) == ("DE", 53.55)


def test_names_that_nobody_knows_are_all_told_at_once() -> None:
    """Each with its path and, where there is a near one, the name that was meant."""
    asked = document(
        providers={"aws": {}, "local": {}},
        regions={"hamburg": {}, "local:hall": {"country": "germnay", "place": "hamburk"}},
        latencies=[{"between": ["local:hall", "frankfrut"], "rtt": "1ms"}],
        constraints={"residency": ["eu", "frnace"]},
    )
    found = places_told(asked)

    assert found.value is None
    assert [(d.code, d.path) for d in found.diagnostics] == [
        ("unknown-region", ("regions", "hamburg")),
        ("unknown-jurisdiction", ("regions", "local:hall", "country")),
        ("unknown-place", ("regions", "local:hall", "place")),
        ("unknown-jurisdiction", ("constraints", "residency", 1)),
        ("unknown-place", ("latencies", 0, "between", 1)),
    ]
    assert "germany" in found.diagnostics[1].detail
    assert "hamburg" in found.diagnostics[2].detail
    assert "france" in found.diagnostics[3].detail


def test_a_country_that_is_none_is_not_taken_for_one_that_sounds_like_it() -> None:
    """Half of the letters in common is no near name: the way to write countries is told instead."""
    [one] = places_told(document(constraints={"residency": ["atlantis"]})).diagnostics

    assert one.code == "unknown-jurisdiction"
    assert "albania" not in one.detail
    assert "ISO 3166-1" in one.detail


def test_targets_of_traffic_and_users_are_known_places() -> None:
    """A region of the catalogue, of one's own provider, or the internet."""
    workload = {
        "kind": "serve",
        "model": "m",
        "traffic": {"requests_per_s": 1, "prompt_tokens": 9, "output_tokens": 9, "users": {"pari": "100%"}},
        "sla": {"ttft": {"p95": "1s"}},
        "egress": [
            {"to": "internet", "per_request": "1kB"},
            {"to": "local:hall", "per_hour": "1GB"},
            {"to": "aws:us-east-9", "per_hour": "1GB"},
        ],
    }
    asked = Document.model_validate(
        {"project": "p", "providers": {"local": {}}, "workloads": {"w": workload}}
    )
    found = places_told(asked)

    assert [d.path for d in found.diagnostics] == [
        ("workloads", "w", "egress", 2, "to"),
        ("workloads", "w", "traffic", "users", "pari"),
    ]
    assert "aws:us-east-" in found.diagnostics[0].detail.partition("Did you mean")[2]
    assert "paris" in found.diagnostics[1].detail


def test_the_data_say_where_they_are_from() -> None:
    """Every region names its sources, and none of them is a table whose terms do not allow it."""
    text = (Path(__file__).parents[3] / "dcplan/catalog/data/regions.yaml").read_text()

    assert "GSF" not in text
    assert all(place.source.name and place.source.date for place in load_regions().values())
