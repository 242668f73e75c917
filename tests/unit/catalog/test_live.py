"""What a cloud says, laid over what ships: zones, prices, and what is not believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.catalog import load_accelerators, load_machines, load_offerings
from dcplan.catalog.dates import age_days, age_text
from dcplan.catalog.live import laid_over, merged
from dcplan.catalog.live_changes import How, offering_changes
from dcplan.catalog.live_codec import from_json, to_json
from dcplan.catalog.live_guards import fact_doubts, judged
from dcplan.catalog.live_types import LiveCatalog, LiveMachine, LivePrice, LiveRegion, Part, joined
from dcplan.catalog.load import shipped_offerings
from dcplan.catalog.types import Offering, Purchase, Source

NOW = 1_795_000_000.0
"""2026-11-18."""
P5, P4D = "p5.48xlarge", "p4d.24xlarge"
LIST = Source(name="the list", date="2026-11-18")
ALL = frozenset(Part)


def price(usd: float, *, machine: str = P5, zone: str | None = None) -> LivePrice:
    """On demand where no zone is named, else spot."""
    purchase = Purchase.SPOT if zone else Purchase.ON_DEMAND
    return LivePrice(machine=machine, zone=zone, purchase=purchase, usd_per_h=usd, source=LIST)


def region(
    *prices: LivePrice, name: str = "us-east-1", told: frozenset[Part] = ALL, **more: object
) -> LiveRegion:
    """A region in which p5 has two zones."""
    base = LiveRegion(
        name=name, read_at_s=NOW, told=told, zones={P5: ("use1-az1", "use1-az6")}, prices=prices
    )
    return replace(base, **more)  # type: ignore[arg-type]  # fields by name


def cloud(*regions: LiveRegion) -> LiveCatalog:
    """AWS as it says today."""
    return LiveCatalog(provider="aws", regions=regions)


def found(offerings: tuple[Offering, ...], zone: str, purchase: Purchase, machine: str = P5) -> Offering:
    """The one offering."""
    [one] = [o for o in offerings if (o.machine, o.zone, o.purchase) == (machine, zone, purchase)]
    return one


def over(live: LiveCatalog) -> tuple[Offering, ...]:
    """The shipped offerings with this laid over them."""
    return merged(shipped_offerings("aws"), live, load_machines("aws"))


def test_prices_and_zones_of_a_region_are_replaced_and_others_stay() -> None:
    """In us-east-1 the cloud's word holds, with its own source; us-west-2 is as it shipped."""
    shipped = shipped_offerings("aws")
    now = over(cloud(region(price(50.0), price(20.0, zone="use1-az6"))))

    assert found(now, "use1-az6", Purchase.ON_DEMAND).usd_per_h == 50.0
    assert found(now, "use1-az6", Purchase.SPOT).usd_per_h == 20.0
    assert found(now, "use1-az6", Purchase.SPOT).source == LIST
    assert not found(now, "use1-az2", Purchase.ON_DEMAND).available
    assert not found(now, "use1-az2", Purchase.ON_DEMAND, P4D).available
    west = [o for o in now if o.region == "us-west-2"]
    assert west == [o for o in shipped if o.region == "us-west-2"]


def test_what_was_not_told_stays_with_its_own_date() -> None:
    """Without the price list and spot prices only zones are new; a new zone has the region's list price."""
    shipped = shipped_offerings("aws")
    live = region(told=frozenset({Part.ZONES}), zones={P5: ("use1-az6", "use1-az9")})
    now = over(cloud(live))

    assert found(now, "use1-az6", Purchase.SPOT) == found(shipped, "use1-az6", Purchase.SPOT)
    fresh = found(now, "use1-az9", Purchase.ON_DEMAND)
    old = found(shipped, "use1-az6", Purchase.ON_DEMAND)
    assert (fresh.usd_per_h, fresh.source) == (old.usd_per_h, old.source)
    assert found(now, "use1-az9", Purchase.SPOT).usd_per_h is None


def test_a_price_that_was_asked_for_and_is_not_there_is_unknown() -> None:
    """It is not the older one, and not 0; where there is no spot market nothing is sold."""
    now = over(cloud(region(no_spot=frozenset({(P5, "use1-az1")}))))

    assert found(now, "use1-az6", Purchase.ON_DEMAND).usd_per_h is None
    assert found(now, "use1-az6", Purchase.ON_DEMAND).available
    assert found(now, "use1-az6", Purchase.SPOT).available
    assert not found(now, "use1-az1", Purchase.SPOT).available


def test_a_local_zone_does_not_get_the_regions_list_price() -> None:
    """Its own price is not in the region's list, so it is unknown."""
    zones = {P5: ("use1-az6", "use1-atl2-az1")}
    now = over(cloud(region(price(50.0), zones=zones, apart=frozenset({"use1-atl2-az1"}))))

    assert found(now, "use1-atl2-az1", Purchase.ON_DEMAND).usd_per_h is None
    assert found(now, "use1-az6", Purchase.ON_DEMAND).usd_per_h == 50.0


def test_a_region_that_stood_for_its_zones_is_replaced_by_them() -> None:
    """Google's shipped list has no zones; those that are told take the region's prices for the time being."""
    shipped = shipped_offerings("gcp")
    name = "a2-highgpu-1g"
    live = LiveRegion(
        name="us-central1",
        read_at_s=NOW,
        told=frozenset({Part.ZONES}),
        zones={name: ("us-central1-a", "us-central1-f")},
    )
    now = merged(shipped, LiveCatalog(provider="gcp", regions=(live,)), load_machines("gcp"))
    ours = [o for o in now if o.machine == name and o.region == "us-central1"]

    assert {o.zone for o in ours} == {"us-central1-a", "us-central1-f"}
    old = found(shipped, "us-central1", Purchase.SPOT, name)
    assert {o.usd_per_h for o in ours if o.purchase is Purchase.SPOT} == {old.usd_per_h}


def test_offerings_hold_what_is_laid_over_them_only_within_the_block() -> None:
    """Whoever opens providers decides what holds; afterwards it is as before."""
    with laid_over({"aws": cloud(region(price(50.0)))}):
        inside = load_offerings("aws")
    outside = load_offerings("aws")

    assert found(inside, "use1-az6", Purchase.ON_DEMAND).usd_per_h == 50.0
    assert outside == shipped_offerings("aws")


@pytest.mark.parametrize("usd", [0.00001, 700.0, 99999.0])
def test_sentinels_are_no_prices(usd: float) -> None:
    """A hundred-thousandth of a dollar, or 700.0 as some lists write unknown, stays unknown."""
    live = judged(cloud(region(price(usd, zone="use1-az6"))), load_machines("aws"), ())

    assert live.regions[0].prices == ()
    assert [d.code for d in live.doubts] == ["sentinel"]


def test_spot_above_the_list_price_is_not_believed() -> None:
    """One of both is of another SKU; the spot price becomes unknown and is told."""
    told = cloud(region(price(55.0), price(56.0, zone="use1-az6"), price(20.0, zone="use1-az1")))
    live = judged(told, load_machines("aws"), ())

    assert [p.usd_per_h for p in live.regions[0].prices] == [55.0, 20.0]
    [doubt] = live.doubts
    assert (doubt.code, doubt.place) == ("spot-above-list", "use1-az6")


def test_spot_at_the_list_price_is_no_spot_market() -> None:
    """Nothing is sold as spot there, and nothing is doubted."""
    live = judged(cloud(region(price(55.0), price(55.0, zone="use1-az6"))), load_machines("aws"), ())

    assert live.regions[0].no_spot == {(P5, "use1-az6")}
    assert live.doubts == ()


def test_a_list_price_that_jumps_is_kept_as_it_was_unless_accepted() -> None:
    """$55.04 to $28 is told, and the old price stays with its own source; -accept-jumps takes it."""
    machines, before = load_machines("aws"), shipped_offerings("aws")
    told = cloud(region(price(28.0)))
    wary = judged(told, machines, before)
    bold = judged(told, machines, before, accept_jumps=True)
    small = judged(cloud(region(price(50.0))), machines, before)

    [kept] = wary.regions[0].prices
    assert (kept.usd_per_h, kept.source.date) == (55.04, "2026")
    assert [d.code for d in wary.doubts] == ["jump"]
    assert "-49%" in wary.doubts[0].detail
    assert [p.usd_per_h for p in bold.regions[0].prices] == [28.0]
    assert [p.usd_per_h for p in small.regions[0].prices] == [50.0]


def test_the_label_of_trainium2_is_doubted_and_that_of_b200_is_not() -> None:
    """EC2 says 512 GiB of a chip with 96; 183,359 MiB against 179 GiB usable is a label."""
    machines, chips = load_machines("aws"), load_accelerators()

    def told(name: str, mib: int) -> LiveCatalog:
        known = machines[name]
        fact = LiveMachine(
            name=name,
            vcpus=known.vcpus,
            memory_bytes=known.memory_bytes,
            devices=known.devices,
            accelerator="x",
            device_memory_bytes=mib * 2**20,
            source=LIST,
        )
        return replace(cloud(), machines=(fact,))

    [doubt] = fact_doubts(told("trn2.48xlarge", 524_288), machines, chips)
    assert "512 GiB" in doubt.detail
    assert "96 GiB" in doubt.detail
    assert fact_doubts(told("p6-b200.48xlarge", 183_359), machines, chips) == ()


def test_regions_asked_again_win_and_others_are_kept() -> None:
    """A refresh of one region leaves what another refresh said of others."""
    first = cloud(region(price(50.0)), region(price(51.0), name="us-west-2"))
    both = joined(first, cloud(region(price(52.0))))

    assert {r.name: r.prices[0].usd_per_h for r in both.regions} == {"us-west-2": 51.0, "us-east-1": 52.0}


def test_a_live_catalogue_survives_its_file() -> None:
    """Written and read it is the same; a price of 0 is refused."""
    live = judged(
        cloud(region(price(55.0), price(56.0, zone="use1-az6"), apart=frozenset({"x"}))),
        load_machines("aws"),
        (),
    )
    content = to_json(live)

    assert from_json(content) == live
    content["regions"][0]["prices"][0][3] = 0
    with pytest.raises(ValueError, match="is no price"):
        from_json(content)


def test_changes_are_told_by_how_far_prices_moved() -> None:
    """Zones with the same change stand together; the largest move comes first, then what is new and gone."""
    before = tuple(o for o in shipped_offerings("aws") if o.region == "us-east-1" and o.machine == P5)
    after = over(cloud(region(price(60.0), price(20.0, zone="use1-az6"))))
    changes = offering_changes(before, [o for o in after if o.region == "us-east-1" and o.machine == P5])
    [listed] = [c for c in changes if c.how is How.PRICE and c.purchase is Purchase.ON_DEMAND]

    assert listed.zones == ("use1-az1", "use1-az6")
    assert listed.share == pytest.approx(60.0 / 55.04 - 1)
    shares = [abs(c.share or 0) for c in changes if c.how is How.PRICE]
    assert shares == sorted(shares, reverse=True)
    assert {c.zones for c in changes if c.how is How.GONE and c.purchase is Purchase.ON_DEMAND} == {
        ("use1-az2", "use1-az3", "use1-az4", "use1-az5"),
        ("use1-atl2-az1",),
    }


def test_zones_are_compared_with_the_region_that_stood_for_them() -> None:
    """Knowing the zones is no news by itself; a price that moved is, and a machine type that is gone."""
    shipped = tuple(o for o in shipped_offerings("gcp") if o.region == "us-central1")
    name = "a2-highgpu-1g"
    live = LiveRegion(
        name="us-central1",
        read_at_s=NOW,
        told=frozenset({Part.ZONES, Part.SPOT}),
        zones={name: ("us-central1-a", "us-central1-f")},
        prices=(replace(price(1.0, machine=name, zone="x"), zone=None),),
    )
    after = merged(shipped, LiveCatalog(provider="gcp", regions=(live,)), load_machines("gcp"))
    changes = offering_changes(shipped, after)
    [moved] = [change for change in changes if change.machine == name]

    assert (moved.how, moved.zones) == (How.PRICE, ("us-central1-a", "us-central1-f"))
    assert (moved.before_usd_per_h, moved.after_usd_per_h) == (1.92802, 1.0)
    assert {c.how for c in changes if c.machine == "a2-highgpu-8g"} == {How.GONE}


@pytest.mark.parametrize(
    ("told", "days", "text"),
    [
        ("2026-11-18", 0, "today"),
        ("2026-11-17", 1, "1 day old"),
        ("2026-11", 17, "up to 17 days old"),
        ("2026", 321, "up to 321 days old"),
        ("undated", None, "of unknown age"),
    ],
)
def test_ages_are_as_exact_as_dates(told: str, days: int | None, text: str) -> None:
    """A month or a year counts from its first day, and says so."""
    assert age_days(told, NOW) == days
    assert age_text(told, NOW) == text
