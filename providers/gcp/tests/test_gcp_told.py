"""Quotas, accelerators by zone and odds of spot machines, asked of Google Cloud over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dcplan.catalog.live import laid_over
from dcplan.catalog.live_codec import from_json, to_json
from dcplan.catalog.live_types import LiveCatalog, LiveQuota, LiveRegion, Part
from dcplan.catalog.types import Purchase, Source
from dcplan.diag import Result
from dcplan_gcp import GcpProvider, provider
from dcplan_gcp.catalog_advice import advice_of
from price_lists import BILLING, a3_skus, machine_type, seen, tell
from programs import served

NOW = 1_795_000_000.0
REGION = "us-central1"
A2 = machine_type("a2-highgpu-8g", 96, 680, "nvidia-tesla-a100", 8)
SOURCE = Source(name="somebody", date="2026-11-18")
BOOK: dict[str, Any] = {"machine_types": {"us-central1-a": [A2]}, "skus": {"6F81-5844-456A": a3_skus()}}


def limit(metric: str, amount: float, usage: float = 0.0) -> dict[str, Any]:
    """A row of a region's quotas."""
    return {"metric": metric, "limit": amount, "usage": usage}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The server."""
    with served(BILLING) as number:
        yield number


@pytest.fixture
def asked(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The same, where dcplan looks; every request and answer is as Google describes it."""
    monkeypatch.setenv("DCPLAN_GCP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "example")
    yield port
    assert seen(port)["violations"] == []


def look(**settings: Any) -> Result[LiveCatalog]:
    """What is told of one region."""
    gcp = provider(settings, Path()).unwrap()
    assert isinstance(gcp, GcpProvider)
    return gcp.live((REGION,), NOW)


def region_of(said: Result[LiveCatalog]) -> LiveRegion:
    """The one region."""
    (region,) = said.unwrap().regions
    return region


def by_name(region: LiveRegion) -> dict[str, LiveQuota]:
    """Its quotas."""
    return {quota.name: quota for quota in region.quotas}


def test_quotas_of_accelerators_are_told(asked: int) -> None:
    """Devices or vCPUs, what is in use, the ways to buy, and the limit of the whole project."""
    rows = [
        limit("NVIDIA_A100_GPUS", 16.0, 3.0),
        limit("PREEMPTIBLE_NVIDIA_A100_GPUS", 8.0),
        limit("A2_CPUS", 192.0),
        limit("SNAPSHOTS", 1000.0),
    ]
    tell(asked, **BOOK, quotas={REGION: rows, "": [limit("GPUS_ALL_REGIONS", 32.0), limit("NETWORKS", 5.0)]})
    here = region_of(look())
    quotas = by_name(here)
    plain, spot = quotas["NVIDIA_A100_GPUS"], quotas["PREEMPTIBLE_NVIDIA_A100_GPUS"]

    assert Part.QUOTAS in here.told
    assert quotas.keys() == {row["metric"] for row in rows[:3]} | {"GPUS_ALL_REGIONS"}
    assert (plain.of, plain.devices, plain.vcpus, plain.used) == ("A100-40", 16, None, 3)
    assert "a2-highgpu-8g" in plain.machines
    assert "a2-ultragpu-8g" not in plain.machines
    assert Purchase.ON_DEMAND in plain.purchases
    assert set(spot.purchases) == {Purchase.SPOT, Purchase.QUEUED}
    assert (quotas["A2_CPUS"].vcpus, quotas["A2_CPUS"].devices) == (192, None)
    assert "a3-highgpu-8g" in quotas["GPUS_ALL_REGIONS"].machines
    assert not any(name.startswith("ct") for name in quotas["GPUS_ALL_REGIONS"].machines)


def test_a_preemptible_quota_of_nothing_is_not_one(asked: int) -> None:
    """Until one is granted, spot machines count against the plain quota; a plain one of nothing is told."""
    rows = [limit("PREEMPTIBLE_NVIDIA_L4_GPUS", 0.0), limit("NVIDIA_L4_GPUS", 0.0)]
    tell(asked, **BOOK, quotas={REGION: rows})

    assert {name: quota.devices for name, quota in by_name(region_of(look())).items()} == {
        "NVIDIA_L4_GPUS": 0
    }


def test_plans_keep_to_what_was_told(asked: int) -> None:
    """Where the document says nothing; a quota of the document stands for the cloud's."""
    tell(asked, **BOOK, quotas={REGION: [limit("NVIDIA_A100_GPUS", 16.0)]})
    live = look().unwrap()
    with laid_over({"gcp": live}):
        (told,) = provider({}, Path()).unwrap().quotas().unwrap()
        own = {"quotas": [{"of": "A100-40", "region": REGION, "devices": 4}]}
        (ours,) = provider(own, Path()).unwrap().quotas().unwrap()

    assert (told.devices, told.region, told.code) == (16, REGION, "NVIDIA_A100_GPUS")
    assert ours.devices == 4


def test_zones_that_list_an_accelerator(asked: int) -> None:
    """By Google's word for it; other regions are left out."""
    zones = {"us-central1-b": ["nvidia-tesla-a100"], "us-central1-a": ["nvidia-tesla-a100", "ct6e"]}
    tell(asked, **BOOK, accelerators={**zones, "us-east4-a": ["nvidia-l4"]})
    here = region_of(look())

    assert here.accelerators == {
        "ct6e": ("us-central1-a",),
        "nvidia-tesla-a100": ("us-central1-a", "us-central1-b"),
    }


def test_odds_of_spot_machines_are_told_with_their_history(asked: int) -> None:
    """The advisor's score, zone and uptime, and the mean of the shares that were taken back."""
    shard = {"zone": "https://compute.example/zones/us-central1-a", "machineType": "a2-highgpu-8g"}
    odds = {
        "recommendations": [{"scores": {"obtainability": 0.8, "estimatedUptime": "7200s"}, "shards": [shard]}]
    }
    days = [("2026-11-01", "2026-11-08", 0.1), ("2026-11-08", "2026-11-15", 0.3)]
    history = {
        "preemptionHistory": [
            {"interval": {"startTime": f"{a}T00:00:00Z", "endTime": f"{b}T00:00:00Z"}, "preemptionRate": rate}
            for a, b, rate in days
        ],
        "priceHistory": [
            {
                "interval": {"startTime": "2026-11-01T00:00:00Z"},
                "listPrice": {"currencyCode": "USD", "units": "9", "nanos": 500_000_000},
            }
        ],
    }
    name = f"{REGION}/a2-highgpu-8g"
    tell(asked, **BOOK, odds={name: odds}, history={name: history})
    here = region_of(look(regions=[REGION]))
    (told,) = here.advice

    assert Part.ADVICE in here.told
    assert (told.obtainability, told.uptime_s, told.zone) == (0.8, 7200.0, "us-central1-a")
    assert told.preempted == pytest.approx(0.2)
    assert (told.since, told.until, told.spot_usd_per_h) == ("2026-11-01", "2026-11-15", 9.5)
    assert from_json(to_json(LiveCatalog(provider="gcp", regions=(here,)))).regions == (here,)


@pytest.mark.parametrize(
    "settings", [{}, {"regions": [REGION], "spot": False}], ids=["no-regions", "no-spot"]
)
def test_odds_are_asked_only_where_regions_are_named(asked: int, settings: dict[str, Any]) -> None:
    """It is a question for each machine type and region."""
    tell(asked, **BOOK)
    here = region_of(look(**settings))

    assert Part.ADVICE not in here.told
    assert not any("advice" in one for one in seen(asked)["asked"])


def test_nothing_is_made_up() -> None:
    """An advisor that says nothing leaves nothing; a score that is none is unknown, not 0."""
    strange = {"recommendations": [{"scores": {"obtainability": 7.0}}]}
    told = advice_of("m", strange, {}, SOURCE)

    assert advice_of("m", {}, {"preemptionHistory": [{"preemptionRate": 3.0}]}, SOURCE) is None
    assert told is not None
    assert (told.obtainability, told.uptime_s, told.preempted, told.spot_usd_per_h) == (
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("method", "permission", "part"),
    [
        ("compute.regions.list", "compute.regions.list", Part.QUOTAS),
        ("compute.acceleratorTypes.aggregatedList", "compute.acceleratorTypes.list", Part.ACCELERATORS),
        ("compute.advice.capacity", "compute.advice.capacity", Part.ADVICE),
    ],
)
def test_what_is_refused_leaves_the_rest(asked: int, method: str, permission: str, part: Part) -> None:
    """A warning names the permission, and zones are told all the same."""
    tell(asked, **BOOK, denied=[method], quotas={REGION: [limit("NVIDIA_L4_GPUS", 1.0)]})
    said = look(regions=[REGION])
    here = region_of(said)

    assert part not in here.told
    assert here.zones["a2-highgpu-8g"] == ("us-central1-a",)
    assert [one.code for one in said.diagnostics] == ["catalog-partly"]
    assert permission in said.diagnostics[0].detail


def test_a_share_beyond_one_is_no_file_of_ours() -> None:
    """A kept file is read strictly."""
    told = advice_of("m", {"recommendations": [{"scores": {"obtainability": 0.5}}]}, {}, SOURCE)
    assert told is not None
    wrong = replace(told, obtainability=1.5)
    region = LiveRegion(name=REGION, read_at_s=NOW, told=frozenset(Part), advice=(wrong,))

    with pytest.raises(ValueError, match="is no share"):
        from_json(to_json(LiveCatalog(provider="gcp", regions=(region,))))
