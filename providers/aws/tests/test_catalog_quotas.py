"""What Service Quotas tell of an account's machines, over HTTP, and what plans make of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcplan.catalog import load_machines
from dcplan.catalog.live import laid_over
from dcplan.catalog.live_types import LiveCatalog, LiveQuota
from dcplan.catalog.purchase import Quota
from dcplan.catalog.types import Purchase
from dcplan_aws import AwsProvider, provider
from dcplan_aws.catalog_quotas import told
from price_lists import PRICING, product, spot, tell
from programs import served
from s3_clients import nobody

NOW = 1_795_000_000.0
"""2026-11-18."""
P5, DAY = "p5.48xlarge", "2026-11-18"
RECENT = "2026-11-17T10:00:00.000Z"


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """Moto behind our price lists and quotas."""
    with served(PRICING) as port:
        yield port


@pytest.fixture
def asked(server: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int:
    """The server's port; AWS is there, and nobody's credentials are used."""
    nobody(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server}")
    return server


def live(port: int, *regions: str, **weather: object) -> LiveCatalog:
    """What AWS says of these regions, with these quotas."""
    prices = [product(P5, 55.04), product(P5, 55.04, "us-west-2")]
    tell(port, products=prices, spot=[spot(P5, "us-east-1b", 20.5, RECENT)], weather=weather)
    opened = provider({}, Path()).unwrap()
    assert isinstance(opened, AwsProvider)
    return opened.live(regions, NOW).unwrap()


def by_name(catalog: LiveCatalog, region: str = "us-east-1") -> dict[str, LiveQuota]:
    """The quotas of a region."""
    found = catalog.region(region)
    assert found is not None
    return {quota.name: quota for quota in found.quotas}


def quotas(catalog: LiveCatalog, **settings: object) -> dict[tuple[str, Purchase], Quota]:
    """What the provider tells plans in us-east-1, by name and way to buy, with this catalogue."""
    with laid_over({"aws": catalog}):
        opened = provider({"regions": ["us-east-1"], **settings}, Path()).unwrap()
    assert isinstance(opened, AwsProvider)
    here = [quota for quota in opened.quotas().unwrap() if quota.region == "us-east-1"]
    return {(quota.name, quota.purchases[0]): quota for quota in here}


def test_the_accounts_own_values_win_over_what_everybody_has(asked: int) -> None:
    """Both lists are read to their ends, region by region."""
    found = by_name(live(asked, "us-east-1", vcpus={"P": 384, "P5/spot": 0}, quotas_on_a_page=2))

    on_demand = found["Running On-Demand P instances"]
    assert (on_demand.vcpus, on_demand.code, on_demand.devices) == (384, "L-417A185B", None)
    assert found["All P5 Spot Instance Requests"].vcpus == 0
    assert found["Running On-Demand G and VT instances"].vcpus == 100_000
    assert on_demand.source.date == DAY


def test_names_tell_which_machines_count(asked: int) -> None:
    """P5 is every p5 and no p4; T is not trn1; hosts and addresses are no machines."""
    found = by_name(live(asked, "us-east-1", "us-west-2"), "us-west-2")

    assert {P5, "p5en.48xlarge", "p4d.24xlarge"} <= set(found["Running On-Demand P instances"].machines)
    assert "p5en.48xlarge" in found["All P5 Spot Instance Requests"].machines
    assert not any(name.startswith("p4") for name in found["All P5 Spot Instance Requests"].machines)
    assert "p4d.24xlarge" in found["All P4, P3 and P2 Spot Instance Requests"].machines
    assert "g6e.xlarge" in found["Running On-Demand G and VT instances"].machines
    standard = found["Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"]
    assert (standard.of, {name[0] for name in standard.machines}) == ("Standard", {"m"})
    assert not [name for name in found if "Hosts" in name or "Elastic" in name]


def test_one_quota_for_all_spot_machines_of_a_letter_is_known_too() -> None:
    """Newer accounts list "All P Spot Instance Requests"; a value that is none is left out."""
    rows: list[dict[str, Any]] = [
        {"QuotaName": "All P Spot Instance Requests", "QuotaCode": "L-7212CCBC", "Value": 768.0},
        {"QuotaName": "Running On-Demand P instances", "QuotaCode": "L-417A185B"},
    ]
    [found] = told(rows, load_machines("aws"), DAY)

    assert {P5, "p4d.24xlarge", "p6-b200.48xlarge"} <= set(found.machines)
    assert (found.vcpus, found.purchases) == (768, (Purchase.SPOT,))


def test_plans_go_by_them_where_the_document_tells_none(asked: int) -> None:
    """The cloud's word has source and date; the document's stands for it, a narrower one beside it."""
    catalog = live(asked, "us-east-1", vcpus={"P": 384})
    plain = quotas(catalog)["P", Purchase.ON_DEMAND]
    own = quotas(catalog, quotas=[{"of": "P", "vcpus": 768}])["P", Purchase.ON_DEMAND]
    narrow = quotas(catalog, quotas=[{"of": "p5", "vcpus": 192}])

    assert (plain.vcpus, plain.origin) == (384, ("providers", "aws"))
    assert plain.source is not None
    assert plain.source.date == DAY
    assert "L-417A185B" in plain.code
    assert (own.vcpus, own.source, own.origin) == (768, None, ("providers", "aws", "quotas", 0))
    assert narrow["p5", Purchase.ON_DEMAND].vcpus == 192
    assert narrow["P", Purchase.ON_DEMAND].vcpus == 384
