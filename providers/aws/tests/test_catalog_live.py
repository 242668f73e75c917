"""What is asked of AWS for a live catalogue, over HTTP: moto's data, with prices of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcplan.catalog import load_machines
from dcplan.catalog.live import laid_over
from dcplan.catalog.live_types import LiveCatalog, LiveRegion, Part
from dcplan.catalog.types import Purchase
from dcplan.diag import Result
from dcplan.provider.protocol import HasLiveCatalog
from dcplan.provider.types import OfferingQuery
from dcplan_aws import AwsProvider, provider
from dcplan_aws.catalog_prices import on_demand_prices
from price_lists import PRICING, product, spot, tell
from programs import served
from s3_clients import nobody

NOW = 1_795_000_000.0
"""2026-11-18."""
RECENT, ANCIENT = "2026-11-17T10:00:00.000Z", "2006-01-01T00:00:00.000Z"
P5, P4D, TRN2 = "p5.48xlarge", "p4d.24xlarge", "trn2.48xlarge"
DAY = "2026-11-18"

WRONG = (
    {"capacitystatus": "UnusedCapacityReservation", "usagetype": f"UnusedBox:{P5}"},
    {"capacitystatus": "AllocatedCapacityReservation", "usagetype": f"Reservation:{P5}"},
    {"tenancy": "Dedicated", "usagetype": f"DedicatedUsage:{P5}"},
    {"tenancy": "Host", "usagetype": f"HostBoxUsage:{P5}"},
    {"operatingSystem": "Windows", "operation": "RunInstances:0002"},
    {"preInstalledSw": "SQL Web"},
    {"operation": "RunInstances:0010"},
    {"marketoption": "CapacityBlock"},
    {"locationType": "AWS Local Zone", "usagetype": f"USE1-ATL2-BoxUsage:{P5}"},
    {"usagetype": f"EC2-Flex-BoxUsage-Something:{P5}"},
)
"""What makes another SKU of a product, each by itself."""


def texts(*products: dict[str, Any]) -> list[str]:
    """A ``PriceList``."""
    return [json.dumps(one) for one in products]


def usd(prices: dict[str, Any]) -> dict[str, float]:
    """By region."""
    return {region: price.usd_per_h for region, price in prices.items()}


@pytest.mark.parametrize("other", WRONG, ids=lambda other: next(iter(other.values())))
def test_another_sku_is_not_taken_for_the_plain_hour(other: dict[str, str]) -> None:
    """Reservations, hosts, licences, blocks and Local Zones stand in the same list at other prices."""
    prices, doubts = on_demand_prices(P5, texts(product(P5, 1.0, **other), product(P5, 55.04)), DAY)

    assert usd(prices) == {"us-east-1": 55.04}
    assert doubts == ()


def test_regions_have_their_own_prefix_and_price() -> None:
    """``USW2-BoxUsage`` is the plain hour of us-west-2; a product without marketoption is an older one."""
    west = product(P5, 60.0, "us-west-2")
    del west["product"]["attributes"]["marketoption"]
    prices, _doubts = on_demand_prices(P5, texts(product(P5, 55.04), west), DAY)

    assert usd(prices) == {"us-east-1": 55.04, "us-west-2": 60.0}


def test_a_free_hour_is_unknown_and_two_prices_are_doubted() -> None:
    """0 dollars is no price; of two different ones nobody can tell which is meant."""
    prices, doubts = on_demand_prices(
        P5, texts(product(P5, 0.0), product(P5, 60.0, "us-west-2"), product(P5, 61.0, "us-west-2")), DAY
    )

    assert usd(prices) == {}
    assert [(d.code, d.region) for d in doubts] == [("sku", "us-west-2")]


def test_monthly_fees_and_other_currencies_are_no_hourly_price() -> None:
    """Only dollars an hour count: a quantity, or yuan, is left out."""
    fee, yuan = product(P5, 9.0), product(P5, 9.0, "cn-north-1")
    [term] = fee["terms"]["OnDemand"].values()
    term["priceDimensions"]["SKU.T.D"]["unit"] = "Quantity"
    [term] = yuan["terms"]["OnDemand"].values()
    term["priceDimensions"]["SKU.T.D"]["pricePerUnit"] = {"CNY": "300.0"}

    assert on_demand_prices(P5, texts(fee, yuan), DAY) == ({}, ())


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """Moto behind our price lists."""
    with served(PRICING) as port:
        yield port


@pytest.fixture
def asked(server: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int:
    """The server's port; AWS is there, and nobody's credentials are used."""
    nobody(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server}")
    return server


def look(*regions: str) -> Result[LiveCatalog]:
    """What AWS says of these regions."""
    opened = provider({}, Path()).unwrap()
    assert isinstance(opened, HasLiveCatalog)
    assert isinstance(opened, AwsProvider)
    return opened.live(regions, NOW)


def test_everything_is_told_by_zone_id(asked: int) -> None:
    """Zones and spot prices are by id, whatever this account calls them; pages are all read."""
    tell(
        asked,
        products=[product(P5, 55.04), product(P5, 60.0, "us-west-2"), product(P4D, 21.96)],
        spot=[spot(P5, "us-east-1b", 20.5, RECENT), spot(P4D, "us-east-1a", 9.0, RECENT)],
        page=1,
    )
    said = look("us-east-1")
    [here] = said.unwrap().regions
    prices = {(p.machine, p.zone, p.purchase): p.usd_per_h for p in here.prices}
    zones = {zone for found in here.zones.values() for zone in found}

    assert said.diagnostics == ()
    assert here.told == {Part.ZONES, Part.ON_DEMAND, Part.SPOT, Part.QUOTAS}
    assert all(zone.startswith("use1-") for zone in zones)
    assert prices[P5, None, Purchase.ON_DEMAND] == 55.04
    assert prices[P4D, None, Purchase.ON_DEMAND] == 21.96
    [spot_zone] = [zone for m, zone, way in prices if m == P5 and way is Purchase.SPOT]
    assert spot_zone in here.zones[P5]
    # Where EC2 tells no spot price it sells none.
    assert {zone for m, zone in here.no_spot if m == P5} == set(here.zones[P5]) - {spot_zone}


def test_a_zone_told_by_id_alone_is_taken(asked: int) -> None:
    """EC2 may tell ids in place of names."""
    row = {**spot(P5, "us-east-1", 20.5, RECENT), "zone_id": "use1-az6"}
    tell(asked, products=[product(P5, 55.04)], spot=[row])
    [here] = look("us-east-1").unwrap().regions

    assert [p.zone for p in here.prices if p.purchase is Purchase.SPOT] == ["use1-az6"]


def test_facts_and_strangers_are_told(asked: int) -> None:
    """What a machine type is by EC2's word, and accelerated types that nothing can be planned on."""
    tell(asked, products=[product(P5, 55.04)], spot=[spot(P5, "us-east-1b", 20.5, RECENT)])
    live = look("us-east-1", "us-east-2").unwrap()
    facts = {machine.name: machine for machine in live.machines}

    assert (facts[P5].vcpus, facts[P5].devices, facts[P5].accelerator) == (192, 8, "H100")
    assert facts[TRN2].device_memory_bytes == 524_288 * 2**20  # EC2's word; the chip has 96 GiB.
    assert "g4dn.12xlarge" in live.strangers
    assert not set(live.strangers) & set(load_machines("aws"))


def test_the_newest_spot_price_counts_and_an_ancient_one_does_not(asked: int) -> None:
    """Of several rows of a zone the last is in effect; one of 2006 is no price at all."""
    rows = [
        spot(P5, "us-east-1b", 30.0, "2026-11-10T00:00:00.000Z"),
        spot(P5, "us-east-1b", 20.5, RECENT),
        spot(P4D, "us-east-1b", 9.0, ANCIENT),
        spot(P5, "us-east-1z", 1.0, RECENT),
    ]
    tell(asked, products=[product(P5, 55.04)], spot=rows)
    live = look("us-east-1").unwrap()

    assert [p.usd_per_h for p in live.regions[0].prices if p.purchase is Purchase.SPOT] == [20.5]
    assert {(d.code, d.machine, d.place) for d in live.doubts if d.code != "facts"} == {
        ("old", P4D, next(d.place for d in live.doubts if d.code == "old")),
        ("zone", P5, "us-east-1z"),
    }


@pytest.mark.parametrize(
    ("denied", "left", "words"),
    [
        (
            "GetProducts",
            {Part.ZONES, Part.SPOT, Part.QUOTAS},
            "list prices (AccessDeniedException on GetProducts)",
        ),
        (
            "DescribeSpotPriceHistory",
            {Part.ZONES, Part.ON_DEMAND, Part.QUOTAS},
            "spot prices (UnauthorizedOperation on DescribeSpotPriceHistory) in us-east-1",
        ),
        (
            "ListAWSDefaultServiceQuotas",
            {Part.ZONES, Part.ON_DEMAND, Part.SPOT},
            "quotas (AccessDeniedException on ListAWSDefaultServiceQuotas) in us-east-1",
        ),
    ],
)
def test_what_is_denied_is_told_and_the_rest_is_taken(
    asked: int, denied: str, left: set[Part], words: str
) -> None:
    """A permission that is missing costs its part of the answer, not all of it."""
    tell(asked, products=[product(P5, 55.04)], spot=[spot(P5, "us-east-1b", 20.5, RECENT)], denied=[denied])
    said = look("us-east-1")

    assert said.unwrap().regions[0].told == left
    [warned] = said.diagnostics
    assert words in warned.detail


def test_empty_lists_are_not_believed(asked: int) -> None:
    """AWS does not stop selling overnight: where there is no price at all, none was told."""
    tell(asked)
    said = look("us-east-1")

    assert said.unwrap().regions[0].told == {Part.ZONES, Part.QUOTAS}
    assert len(said.diagnostics) == 2


def test_a_region_that_is_not_enabled_is_told_and_others_are_asked(asked: int) -> None:
    """It is left out with a warning that names it."""
    tell(asked, products=[product(P5, 55.04)], spot=[spot(P5, "us-east-1b", 20.5, RECENT)])
    said = look("us-east-1", "mars-north-1")

    assert [region.name for region in said.unwrap().regions] == ["us-east-1"]
    assert "cannot use mars-north-1" in said.diagnostics[0].detail


def test_without_zones_and_without_an_answer_it_is_an_error(
    asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing told is no catalogue: every reason is said, and there is no value."""
    tell(asked, denied=["DescribeAvailabilityZones"])
    refused = look("us-east-1")
    tell(asked, denied=["DescribeRegions"])
    unheard = look("us-east-1")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    nobody_asks = look("us-east-1")

    assert refused.value is None
    assert "DescribeAvailabilityZones" in " ".join(d.detail for d in refused.diagnostics)
    assert unheard.value is None
    assert "ec2:DescribeRegions" in unheard.diagnostics[0].detail
    assert nobody_asks.value is None
    assert "there are no credentials" in nobody_asks.diagnostics[0].detail


def test_a_region_that_only_the_cloud_knows_can_be_planned_in() -> None:
    """What a refresh found holds for the settings, too; without it the region is a typo."""
    here = LiveRegion(
        name="us-east-9", read_at_s=NOW, told=frozenset({Part.ZONES}), zones={P5: ("use9-az1",)}
    )
    with laid_over({"aws": LiveCatalog(provider="aws", regions=(here,))}):
        known = provider({"regions": ["us-east-9"]}, Path())
    unknown = provider({"regions": ["us-east-9"]}, Path())

    zones = {o.zone for o in known.unwrap().offerings(OfferingQuery()).unwrap()}
    assert zones == {"use9-az1"}
    assert unknown.value is None
