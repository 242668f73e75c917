"""What an account has with a cloud becomes offerings and quotas; what cannot be is told at its line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from dcplan.catalog import Offering, Purchase
from dcplan.config.limits import PurchaseName
from dcplan.config.moments import parse_moment_s
from dcplan.provider.local import provider as local
from dcplan.provider.protocol import HasQuotas
from dcplan.provider.types import OfferingQuery
from dcplan.units import UnitError
from dcplan_aws import provider

if TYPE_CHECKING:
    from dcplan.diag import Result
    from dcplan.provider.protocol import Provider

EAST = "us-east-1"
P5 = "p5.48xlarge"
LIST_PRICE = 55.04
RESERVED = {"machine": P5, "zone": "use1-az6", "machines": 2}
BLOCK = {**RESERVED, "start": "2026-12-01", "end": "2026-12-03", "price": "$9,600"}
COMMITTED = {"machine": P5, "region": EAST, "machines": 3, "discount": "25%"}


def opened(**settings: object) -> Result[Provider]:
    """AWS in one region with these settings."""
    return provider({"regions": [EAST], **settings}, Path())


def bought(way: Purchase, **settings: object) -> list[Offering]:
    """The offerings of this way to buy."""
    found = opened(**settings).unwrap().offerings(OfferingQuery()).unwrap()
    return [o for o in found if o.purchase is way]


def test_a_reservation_costs_nothing_more_and_is_paid_at_the_list_price() -> None:
    """Its machines are counted, its use is free, its price is paid anyway."""
    [found] = bought(Purchase.RESERVATION, reservations=[{**RESERVED, "until": "2027-01-01"}])

    assert (found.usd_per_h, found.paid_usd_per_h, found.machines) == (0.0, LIST_PRICE, 2)
    assert found.pool == f"use1-az6/{P5}/reservation"
    assert found.window is not None
    assert found.window.end_s == parse_moment_s("2027-01-01")
    assert found.origin == ("providers", "aws", "reservations", 0)


def test_a_block_is_paid_by_the_hours_of_its_window() -> None:
    """$9,600 for two machines and two days are $100 an hour each; a name is part of the pool's."""
    [found] = bought(Purchase.CAPACITY_BLOCK, capacity_blocks=[{**BLOCK, "name": "first"}])

    assert (found.usd_per_h, found.paid_usd_per_h) == (0.0, 100.0)
    assert found.pool == f"use1-az6/{P5}/capacity-block-first"


def test_a_commitment_is_there_in_each_zone_of_its_region() -> None:
    """It is no capacity of a zone; all zones share its number."""
    found = bought(Purchase.COMMITTED, commitments=[COMMITTED])

    assert len(found) > 1
    assert {o.region for o in found} == {EAST}
    assert {(o.usd_per_h, o.machines) for o in found} == {(0.0, 3)}
    assert {o.paid_usd_per_h for o in found} == {LIST_PRICE * 0.75}


def test_queued_machines_wait_and_go_again() -> None:
    """A queue that is only switched on has an unknown wait and seven days."""
    plain = [o for o in bought(Purchase.QUEUED, queued=True) if o.machine == P5]
    told = [o for o in bought(Purchase.QUEUED, queued={"wait": "6h", "discount": "50%"}) if o.machine == P5]

    assert {(o.wait_s, o.longest_s) for o in plain} == {(None, 7 * 86_400.0)}
    assert {o.wait_s for o in told} == {21_600.0}
    assert LIST_PRICE / 2 in {o.usd_per_h for o in told}
    assert bought(Purchase.QUEUED) == []


def test_an_account_without_spot_machines_is_offered_none() -> None:
    """``spot: false`` takes them out."""
    assert bought(Purchase.SPOT)
    assert bought(Purchase.SPOT, spot=False) == []


def test_a_quota_counts_families_regions_and_ways_to_buy() -> None:
    """``P`` is every machine type whose name begins with p, as AWS counts; one quota for each region."""
    aws = opened(
        quotas=[{"of": "P", "vcpus": 384}, {"of": "h200", "devices": 8, "purchase": "spot"}]
    ).unwrap()
    assert isinstance(aws, HasQuotas)
    quotas = aws.quotas().unwrap()
    here = [q for q in quotas if q.region == EAST]

    assert {P5, "p4d.24xlarge", "p5en.48xlarge"} <= set(here[0].machines)
    assert not any(name.startswith("g") for name in here[0].machines)
    assert here[0].purchases == (Purchase.ON_DEMAND, Purchase.OWNED, Purchase.COMMITTED)
    assert {"p5en.48xlarge", "p5e.48xlarge"} <= set(here[1].machines)
    assert P5 not in here[1].machines
    assert len(quotas) > len(here)


@pytest.mark.parametrize(
    ("settings", "path", "words"),
    [
        ({"reservations": [{**RESERVED, "machine": "p5.48xlarg"}]}, ("reservations", 0, "machine"), P5),
        ({"reservations": [{**RESERVED, "zone": "use1-az66"}]}, ("reservations", 0, "zone"), "use1-az6"),
        ({"reservations": [RESERVED, RESERVED]}, ("reservations", 1), "Give each a `name`"),
        (
            {"capacity_blocks": [{**BLOCK, "end": "2026-11-30"}]},
            ("capacity_blocks", 0, "end"),
            "after it starts",
        ),
        ({"commitments": [{**COMMITTED, "usd_per_h": "$1/h"}]}, ("commitments", 0), "both of usd_per_h"),
        ({"commitments": [{**COMMITTED, "region": "us-east1"}]}, ("commitments", 0, "region"), EAST),
        ({"quotas": [{"of": "p5", "vcpus": 1, "devices": 1}]}, ("quotas", 0), "both of vcpus and devices"),
        ({"quotas": [{"of": "p5"}]}, ("quotas", 0), "neither of vcpus and devices"),
        ({"quotas": [{"of": "q5", "devices": 1}]}, ("quotas", 0, "of"), "Known are"),
        ({"quotas": [{"of": "p5", "devices": 1, "region": "us-east-11"}]}, ("quotas", 0, "region"), EAST),
        ({"queued": {"wiat": "6h"}}, ("queued", "wiat"), 'Did you mean "wait"?'),
    ],
)
def test_what_cannot_be_is_told_at_its_line(
    settings: dict[str, object], path: tuple[str | int, ...], words: str
) -> None:
    """One error each, with a way out."""
    [found] = opened(**settings).diagnostics

    assert found.path == ("providers", "aws", *path)
    assert words in found.detail


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-02", 86_400.0),
        ("1970-01-01T01:00Z", 3_600.0),
        ("1970-01-01T01:00", 3_600.0),
        ("1970-01-01T01:00+01:00", 0.0),
    ],
)
def test_points_in_time_are_utc_unless_they_say_otherwise(text: str, expected: float) -> None:
    """ISO 8601, in Unix seconds."""
    assert parse_moment_s(text) == expected


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", 20261201, ""])
def test_other_words_are_no_points_in_time(text: str | float) -> None:
    """They are refused with an example."""
    with pytest.raises(UnitError, match="2026-12-01T11:30Z"):
        parse_moment_s(text)


def test_a_data_centre_has_quotas_too(tmp_path: Path) -> None:
    """How much of it a project may have; a typo is found."""
    (tmp_path / "hall.yaml").write_text(
        "name: hall\nregion: r\nmachines:\n"
        "  box: {accelerator: H100, devices: 8, vcpus: 96, memory: 1TiB, network: 400Gbit/s, fabric: RoCE}\n"
        "zones: {a: {racks: {count: 1, machine: box, nodes: 4}}}\n"
    )
    told = {"datacenter": "hall.yaml", "quotas": [{"of": "H100", "devices": 16}]}
    hall = local(told, tmp_path).unwrap()
    assert isinstance(hall, HasQuotas)
    [quota] = hall.quotas().unwrap()
    [problem] = local({**told, "quotas": [{"of": "H1000", "devices": 16}]}, tmp_path).diagnostics

    assert (quota.region, quota.machines, quota.devices) == ("r", ("box",), 16)
    assert problem.path == ("providers", "local", "quotas", 0, "of")


def test_a_document_can_name_every_way_to_buy() -> None:
    """``constraints.purchase`` and the catalogue have the same words."""
    assert set(get_args(PurchaseName)) == {way.value for way in Purchase}
