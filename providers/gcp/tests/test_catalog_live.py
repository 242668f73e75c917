"""What is asked of Google Cloud for a live catalogue, over HTTP, and what SKUs are taken for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from dcplan.catalog.live_types import LiveCatalog, Part
from dcplan.catalog.types import Purchase
from dcplan.diag import Result
from dcplan.provider.protocol import HasLiveCatalog
from dcplan_gcp import GcpProvider, provider
from dcplan_gcp.catalog_skus import Made, price_of, rates_of
from price_lists import BILLING, a3_skus, machine_type, seen, sku, tell
from programs import served

NOW = 1_795_000_000.0
DAY = "2026-11-18"
A3 = Made(name="a3-highgpu-8g", vcpus=208, memory_gib=1872, devices=8)
A4 = Made(name="a4-highgpu-8g", vcpus=224, memory_gib=3968, devices=8)
COMPUTE, TPU = "6F81-5844-456A", "E000-3F24-B8AA"

LOOK_ALIKES = (
    sku("Nvidia H100 80GB GPU attached to DWS Defined Duration VMs running in Americas", 4.4),
    sku("Reserved Nvidia H100 80GB GPU in Americas in Calendar Mode", 4.8),
    sku("Nvidia H100 80GB GPU Flex Start running in Americas", 4.2),
    sku("Commitment v1: Nvidia H100 80GB GPU running in Americas for 1 Year", 5.0, "Commit1Yr"),
    sku("Nvidia H100 80GB Mega GPU running in Americas", 10.3),
    sku("A3 Custom Instance Core running in Americas", 0.5, group="CPU"),
    sku("A3 Sole Tenancy Instance Core running in Americas", 0.5, group="CPU"),
)
"""SKUs with nearly the same description, filed as OnDemand, at other prices."""


def usd(made: Made, skus: list[object], purchase: Purchase = Purchase.ON_DEMAND) -> float | None:
    """The price in us-central1."""
    price, _doubt = price_of(made, "us-central1", purchase, rates_of(skus), DAY)  # type: ignore[arg-type]
    return None if price is None else price.usd_per_h


def test_a_machine_costs_its_cores_memory_and_accelerators() -> None:
    """208 cores, 1,872 GiB and 8 GPUs of A3 High; spot from the spot SKUs."""
    whole = 8 * 9.8 + 208 * 0.029 + 1872 * 0.0022

    assert usd(A3, a3_skus()) == pytest.approx(whole)  # type: ignore[arg-type]
    spot_usd = 8 * 2.5 + (208 * 0.029 + 1872 * 0.0022) / 3
    assert usd(A3, a3_skus(), Purchase.SPOT) == pytest.approx(spot_usd, abs=1e-3)  # type: ignore[arg-type]


@pytest.mark.parametrize("other", LOOK_ALIKES, ids=lambda other: other["description"][:40])
def test_look_alikes_are_left_out_wherever_they_stand(other: object) -> None:
    """Flex start, calendar mode, commitments and other chips change no price, wherever they stand."""
    whole = usd(A3, list(a3_skus()))

    assert usd(A3, [other, *a3_skus()]) == whole
    assert usd(A3, [*a3_skus(), other]) == whole


def test_look_alikes_alone_are_no_price() -> None:
    """Without the plain SKU of the accelerator the price is unknown: neither theirs, nor cores alone."""
    without = [one for one in a3_skus() if "H100" not in one["description"]]

    assert usd(A3, [*LOOK_ALIKES, *without]) is None


def test_spot_in_words_wins_over_the_field() -> None:
    """The spot SKU of B200 is filed as OnDemand."""
    skus = [
        sku("A4 Nvidia B200 (1 gpu slice) running in Americas", 16.11),
        sku("Spot Preemptible A4 Nvidia B200 (1 gpu slice) running in Americas", 4.9542),
    ]
    for order in permutations(skus):
        assert usd(A4, list(order)) == pytest.approx(8 * 16.11)
        assert usd(A4, list(order), Purchase.SPOT) == pytest.approx(8 * 4.9542)


def test_memory_sold_by_the_gigabyte_is_turned_into_gibibytes() -> None:
    """1,872 GiB are 2,010 GB: 7 % more money than without noticing."""
    by_gb = []
    for one in a3_skus():
        if "Ram" in one["description"] and one["category"]["usageType"] == "OnDemand":
            one["pricingInfo"][0]["pricingExpression"]["usageUnit"] = "GBy.h"
        by_gb.append(one)
    more = 1872 * 0.0022 * (2**30 / 1e9 - 1)

    whole = usd(A3, list(a3_skus()))
    assert whole is not None
    assert usd(A3, list(by_gb)) == pytest.approx(whole + more, abs=1e-4)


def test_two_prices_of_one_part_are_doubted() -> None:
    """Nobody can tell which one is meant; the price is unknown."""
    rates = rates_of([*a3_skus(), sku("Nvidia H100 80GB GPU running in Iowa", 9.0)])
    price, doubt = price_of(A3, "us-central1", Purchase.ON_DEMAND, rates, DAY)

    assert price is None
    assert doubt is not None
    assert "$9 and $9.8" in doubt.detail


def test_other_units_currencies_tiers_and_gifts_are_no_price() -> None:
    """A price a month, in euros, in steps or of nothing is not taken."""
    name = "A4 Nvidia B200 (1 gpu slice) running in Americas"
    euro, steps = sku(name, 16.0), sku(name, 16.0)
    expression = euro["pricingInfo"][0]["pricingExpression"]
    expression["tieredRates"][0]["unitPrice"]["currencyCode"] = "EUR"
    steps["pricingInfo"][0]["pricingExpression"]["tieredRates"] *= 2

    assert rates_of([sku(name, 16.0, unit="GiBy.mo"), euro, steps, sku(name, 0.0)]) == {}


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """Google's lists, judged by its own descriptions."""
    with served(BILLING) as port:
        yield port


@pytest.fixture
def asked(server: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The server's port; afterwards nothing that was said may break Google's descriptions."""
    monkeypatch.setenv("DCPLAN_GCP_ENDPOINT", f"http://127.0.0.1:{server}")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    tell(server)
    yield server
    assert seen(server)["violations"] == []


A3_TYPE = machine_type("a3-highgpu-8g", 208, 1872, "nvidia-h100-80gb", 8)
V6E_TYPE = machine_type("ct6e-standard-4t", 180, 720, "ct6e", 4)
STRANGER = machine_type("a4x-newgpu-4g", 140, 884, "nvidia-gb400", 4)


def look(*regions: str) -> Result[LiveCatalog]:
    """What Google Cloud says of these regions."""
    opened = provider({}, Path()).unwrap()
    assert isinstance(opened, HasLiveCatalog)
    assert isinstance(opened, GcpProvider)
    return opened.live(regions, NOW)


def test_zones_prices_and_facts_are_told(asked: int) -> None:
    """Machine types by zone over several pages; prices of GPUs and TPUs from both services."""
    tell(
        asked,
        machine_types={"us-central1-a": [A3_TYPE, V6E_TYPE], "us-central1-b": [A3_TYPE, STRANGER]},
        skus={COMPUTE: a3_skus(), TPU: [sku("TpuV6e running in Americas", 2.7, group="TPU")]},
        page=2,
    )
    said = look("us-central1", "us-east4")
    live = said.unwrap()
    here, empty = live.regions
    prices = {(p.machine, p.purchase): p.usd_per_h for p in here.prices}

    assert said.diagnostics == ()
    assert here.told == {Part.ZONES, Part.ON_DEMAND, Part.SPOT}
    assert here.zones["a3-highgpu-8g"] == ("us-central1-a", "us-central1-b")
    assert prices["ct6e-standard-4t", Purchase.ON_DEMAND] == pytest.approx(4 * 2.7)
    assert ("ct6e-standard-4t", Purchase.SPOT) not in prices
    assert prices["a3-highgpu-8g", Purchase.SPOT] < prices["a3-highgpu-8g", Purchase.ON_DEMAND]
    assert empty.zones == {}
    assert live.strangers == ("a4x-newgpu-4g",)
    fact = next(machine for machine in live.machines if machine.name == "a3-highgpu-8g")
    assert (fact.vcpus, fact.devices, fact.memory_bytes) == (208, 8, 1872 * 2**30)


def test_a_zone_that_does_not_answer_leaves_its_region_as_it_was(asked: int) -> None:
    """Unreachable is not empty: the region is not among what was told, and a warning says so."""
    tell(
        asked,
        machine_types={"us-central1-a": [A3_TYPE], "us-east4-a": [A3_TYPE]},
        skus={COMPUTE: a3_skus()},
        silent=["us-central1-b"],
    )
    said = look("us-central1", "us-east4")

    assert [region.name for region in said.unwrap().regions] == ["us-east4"]
    assert "could not reach us-central1-b" in said.diagnostics[0].detail


def test_without_the_price_list_zones_are_taken_and_prices_stay(asked: int) -> None:
    """The Billing API is a service of its own, and may not be enabled."""
    book = {"machine_types": {"us-central1-a": [A3_TYPE]}, "skus": {COMPUTE: a3_skus()}}
    tell(asked, **book, denied=["cloudbilling.services.skus.list"])
    denied = look("us-central1")
    tell(asked, machine_types=book["machine_types"])
    empty = look("us-central1")

    for said in (denied, empty):
        assert said.unwrap().regions[0].told == {Part.ZONES}
        assert "gcloud services enable cloudbilling.googleapis.com" in said.diagnostics[0].detail


def test_without_machine_types_it_is_an_error_that_names_the_permission(
    asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No machine type, or no project: nothing is told, and what is missing is named."""
    tell(asked, denied=["compute.machineTypes.aggregatedList"])
    denied = look("us-central1")
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    nowhere = look("us-central1")

    assert denied.value is None
    assert "compute.machineTypes.list" in denied.diagnostics[0].detail
    assert nowhere.value is None
    assert "GOOGLE_CLOUD_PROJECT" in nowhere.diagnostics[0].detail
