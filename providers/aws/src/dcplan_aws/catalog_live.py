"""What AWS says today: machine types, the zones that list them, list prices and spot prices.

Everything is asked, nothing is changed.  Permissions: ec2:DescribeRegions, ec2:DescribeAvailabilityZones,
ec2:DescribeInstanceTypeOfferings, ec2:DescribeInstanceTypes, ec2:DescribeSpotPriceHistory,
pricing:GetProducts, servicequotas:ListServiceQuotas, servicequotas:ListAWSDefaultServiceQuotas.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dcplan.catalog.dates import DAY_S, day_of
from dcplan.catalog.live_types import Doubt, LiveCatalog, LiveMachine, LivePrice, LiveQuota, LiveRegion, Part
from dcplan.catalog.types import Purchase, Source
from dcplan.diag import Result, has_errors, listed, warning
from dcplan.provider.errors import ProviderError
from dcplan_aws.api import Api
from dcplan_aws.catalog_prices import filters, on_demand_prices
from dcplan_aws.catalog_quotas import quotas
from dcplan_aws.catalog_words import PATH, nothing, refusals, short, unanswered
from dcplan_aws.session import session_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

PRICING_REGION = "us-east-1"
"""One of the few regions that answer for the price list; it holds all regions' prices."""

HOME_REGION = "us-east-1"
"""Where the account is asked which regions it may use."""

SIDE_BY_SIDE = 8
"""Regions, and machine types of the price list, that are asked at the same time."""

OLDEST_SPOT_S = 90 * DAY_S
"""EC2 keeps 90 days of them (EC2 User Guide, "Spot Instance pricing history"); an older row is none."""

ACCELERATED = re.compile(r"(p|g|gr|trn|inf|dl|vt)\d.*")
"""Names of machine types with accelerators (EC2 instance type naming conventions)."""

SPOT_SOURCE, FACTS_SOURCE = "EC2 spot price history", "EC2 DescribeInstanceTypes"


@dataclass(slots=True, kw_only=True)
class Asking:
    """One refresh."""

    api: Api
    machines: Collection[str]
    """Machine types of the catalogue."""
    at_s: float
    denied: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """What was refused, and in which regions."""
    doubts: list[Doubt] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refused(self, what: str, region: str, problem: Exception) -> None:
        """Note that a question was not answered, to be told once for all regions."""
        with self._lock:
            self.denied[f"{what} ({short(problem)})"].append(region)


def live(
    profile: str | None, machines: Collection[str], regions: Sequence[str], at_s: float
) -> Result[LiveCatalog]:
    """What AWS says of these regions; ``machines`` are the machine types of the catalogue."""
    session = session_of(profile, PATH, "Asking AWS for prices")
    if session.value is None:
        return Result(None, session.diagnostics)
    api = Api(session=session.value)
    try:
        return _asked(Asking(api=api, machines=frozenset(machines), at_s=at_s), regions)
    finally:
        api.close()


def _asked(asking: Asking, regions: Sequence[str]) -> Result[LiveCatalog]:
    """All questions, region by region, and what their answers are together."""
    enabled = _enabled(asking, regions)
    if enabled.value is None:
        return Result(None, enabled.diagnostics)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        answers = list(pool.map(lambda region: _region(asking, region), enabled.value))
    seen = [answer for answer in answers if answer is not None]
    wanted = sorted({name for region, _others in seen for name in region.zones})
    prices = _list_prices(asking, wanted)
    found = _without_empty_spot(asking, [_with_list_prices(region, prices) for region, _others in seen])
    strangers = sorted({name for _region_, others in seen for name in others})
    facts = _facts(asking, found)
    said = (*enabled.diagnostics, *refusals(asking.denied))
    if not found:
        return Result(None, said if has_errors(said) else (*said, nothing(enabled.value)))
    return Result(
        LiveCatalog(
            provider="aws",
            regions=tuple(found),
            machines=facts,
            strangers=tuple(strangers),
            doubts=tuple(asking.doubts),
        ),
        said,
    )


def _enabled(asking: Asking, regions: Sequence[str]) -> Result[tuple[str, ...]]:
    """Those of the regions that the account may use; an error where AWS does not answer at all."""
    try:
        answer = asking.api.look("ec2", HOME_REGION, "describe_regions", AllRegions=False)
    except ProviderError as problem:
        return Result(None, (unanswered(problem),))
    names = {region["RegionName"] for region in answer["Regions"]}
    absent = [region for region in regions if region not in names]
    if not absent:
        return Result(tuple(regions))
    detail = (
        f"The account cannot use {listed(absent)}, so nothing was asked about it. Enable it in the account's "
        "settings, or leave it out of `regions`."
    )
    told = warning("catalog-region", "A region is not enabled", detail, path=PATH, on_key=True)
    return Result(tuple(region for region in regions if region in names), (told,))


def _region(asking: Asking, region: str) -> tuple[LiveRegion, set[str]] | None:
    """What one region says, without list prices, and accelerated machine types that are not known."""
    try:
        named = _zone_ids(asking, region)
        zones, others = _offered(asking, region, {zone.id for zone in named.values() if zone.usable})
    except ProviderError as problem:
        asking.refused("zones and machine types", region, problem)
        return None
    told = {Part.ZONES}
    prices: list[LivePrice] = []
    no_spot: set[tuple[str, str]] = set()
    try:
        if zones:
            prices, no_spot = _spot(asking, region, zones, {name: z.id for name, z in named.items()})
        told.add(Part.SPOT)
    except ProviderError as problem:
        asking.refused("spot prices", region, problem)
    allowed: tuple[LiveQuota, ...] = ()
    try:
        allowed = quotas(asking, region, asking.machines)
        told.add(Part.QUOTAS)
    except ProviderError as problem:
        asking.refused("quotas", region, problem)
    answer = LiveRegion(
        name=region,
        read_at_s=asking.at_s,
        told=frozenset(told),
        zones=zones,
        apart=frozenset(zone.id for zone in named.values() if zone.apart),
        prices=tuple(prices),
        no_spot=frozenset(no_spot),
        quotas=allowed,
    )
    return answer, others


@dataclass(frozen=True, slots=True)
class _Zone:
    id: str
    usable: bool
    apart: bool
    """Whether it is a Local Zone or a Wavelength Zone."""


def _zone_ids(asking: Asking, region: str) -> dict[str, _Zone]:
    """Zones by the name that this account has for them; names of one zone differ from account to account."""
    answer = asking.api.look("ec2", region, "describe_availability_zones", AllAvailabilityZones=True)
    return {
        zone["ZoneName"]: _Zone(
            zone["ZoneId"],
            usable=zone.get("OptInStatus") != "not-opted-in",
            apart=zone.get("ZoneType", "availability-zone") != "availability-zone",
        )
        for zone in answer["AvailabilityZones"]
    }


def _offered(
    asking: Asking, region: str, usable: Collection[str]
) -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """Zone ids by machine type of the catalogue, and other machine types with accelerators."""
    zones: dict[str, list[str]] = defaultdict(list)
    rows = partial(
        asking.api.pages, "ec2", region, "describe_instance_type_offerings", "InstanceTypeOfferings"
    )
    for row in rows(LocationType="availability-zone-id", Filters=[_named(asking.machines)]):
        if row["Location"] in usable:
            zones[row["InstanceType"]].append(row["Location"])
    all_names = {row["InstanceType"] for row in rows(LocationType="region")}
    others = {name for name in all_names - set(asking.machines) if ACCELERATED.fullmatch(name)}
    return {name: tuple(sorted(found)) for name, found in sorted(zones.items())}, others


def _named(machines: Collection[str]) -> dict[str, Any]:
    """A filter for these machine types."""
    return {"Name": "instance-type", "Values": sorted(machines)}


def _spot(
    asking: Asking, region: str, zones: dict[str, tuple[str, ...]], ids: dict[str, str]
) -> tuple[list[LivePrice], set[tuple[str, str]]]:
    """The spot price of each machine type in each zone, and where there is no spot market."""
    from datetime import UTC, datetime  # noqa: PLC0415 - as above

    newest: dict[tuple[str, str], tuple[float, float]] = {}
    rows = asking.api.pages(
        "ec2",
        region,
        "describe_spot_price_history",
        "SpotPriceHistory",
        StartTime=datetime.fromtimestamp(asking.at_s, UTC),
        InstanceTypes=list(zones),
        ProductDescriptions=["Linux/UNIX"],
    )
    for row in rows:
        name = row.get("AvailabilityZone", "")
        zone = row.get("AvailabilityZoneId") or ids.get(name)
        if zone is None:
            detail = "spot prices are told of zones whose ids the account is not told; left out."
            asking.doubts.append(_doubt("zone", row["InstanceType"], region, name, detail))
            continue
        told = (row["Timestamp"].timestamp(), float(row["SpotPrice"]))
        key = (row["InstanceType"], zone)
        newest[key] = max(told, newest.get(key, told))
    prices = []
    for (machine, zone), (since_s, usd_per_h) in sorted(newest.items()):
        if asking.at_s - since_s > OLDEST_SPOT_S:
            detail = f"the spot price is of {day_of(since_s)}, which is older than EC2 keeps any."
            asking.doubts.append(_doubt("old", machine, region, zone, f"{detail} It stays unknown."))
            continue
        source = Source(name=SPOT_SOURCE, date=day_of(asking.at_s))
        prices.append(
            LivePrice(machine=machine, zone=zone, purchase=Purchase.SPOT, usd_per_h=usd_per_h, source=source)
        )
    # EC2 tells no price where it sells no spot machines.
    none = {(m, zone) for m, found in zones.items() for zone in found if (m, zone) not in newest}
    return prices, none


def _list_prices(asking: Asking, machines: Sequence[str]) -> dict[str, dict[str, LivePrice]] | None:
    """The list price by machine type and region; None where the price list does not answer."""
    day = day_of(asking.at_s)

    def one(machine: str) -> tuple[dict[str, LivePrice], tuple[Doubt, ...]]:
        texts = asking.api.pages(
            "pricing",
            PRICING_REGION,
            "get_products",
            "PriceList",
            ServiceCode="AmazonEC2",
            FormatVersion="aws_v1",
            Filters=filters(machine),
        )
        return on_demand_prices(machine, texts, day)

    try:
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            answers = list(pool.map(one, machines))
    except ProviderError as problem:
        asking.refused("list prices", PRICING_REGION, problem)
        return None
    if machines and not any(prices for prices, _doubts in answers):
        asking.refused("list prices", PRICING_REGION, LookupError("it has none at all"))
        return None
    for _prices, doubts in answers:
        asking.doubts += doubts
    return dict(zip(machines, (prices for prices, _doubts in answers), strict=True))


def _without_empty_spot(asking: Asking, regions: list[LiveRegion]) -> list[LiveRegion]:
    """The regions; where none has any spot price, nothing was told: AWS does not stop selling overnight."""
    asked = [region for region in regions if Part.SPOT in region.told and region.zones]
    if not asked or any(price.purchase is Purchase.SPOT for region in asked for price in region.prices):
        return regions
    asking.refused("spot prices", "any region", LookupError("there are none at all"))
    return [replace(region, told=region.told - {Part.SPOT}, no_spot=frozenset()) for region in regions]


def _with_list_prices(region: LiveRegion, prices: dict[str, dict[str, LivePrice]] | None) -> LiveRegion:
    """The region with its list prices, as far as they are known."""
    if prices is None:
        return region
    own = tuple(
        price for name in region.zones if (price := prices.get(name, {}).get(region.name)) is not None
    )
    return replace(region, told=region.told | {Part.ON_DEMAND}, prices=(*own, *region.prices))


def _facts(asking: Asking, regions: Sequence[LiveRegion]) -> tuple[LiveMachine, ...]:
    """What EC2 says of each machine type, asked in one region that has it."""
    where: dict[str, list[str]] = defaultdict(list)
    placed: set[str] = set()
    for region in regions:
        where[region.name] = [name for name in region.zones if name not in placed]
        placed |= set(region.zones)
    found = []
    for region_name, names in where.items():
        if not names:
            continue
        try:
            entries = asking.api.pages(
                "ec2", region_name, "describe_instance_types", "InstanceTypes", InstanceTypes=names
            )
            found += [machine(entry, day_of(asking.at_s)) for entry in entries]
        except ProviderError as problem:
            asking.refused("facts of machine types", region_name, problem)
    return tuple(sorted(found, key=lambda one: one.name))


def machine(entry: dict[str, Any], day: str) -> LiveMachine:
    """One row of ``DescribeInstanceTypes``.  Sizes in MiB; a fractional GPU counts as one device."""
    gpus = entry.get("GpuInfo", {}).get("Gpus", ())
    neuron = entry.get("NeuronInfo", {}).get("NeuronDevices", ())
    chips = [*gpus, *neuron] or entry.get("InferenceAcceleratorInfo", {}).get("Accelerators", [])
    memory_mib = chips[0].get("MemoryInfo", {}).get("SizeInMiB") if chips else None
    return LiveMachine(
        name=entry["InstanceType"],
        vcpus=entry["VCpuInfo"]["DefaultVCpus"],
        memory_bytes=entry["MemoryInfo"]["SizeInMiB"] * 2**20,
        devices=sum(max(1, chip.get("Count", 1)) for chip in chips),
        accelerator=" and ".join(str(chip.get("Name", "unknown")) for chip in chips) or "none",
        device_memory_bytes=None if memory_mib is None else memory_mib * 2**20,
        source=Source(name=FACTS_SOURCE, date=day),
    )


def _doubt(code: str, machine: str, region: str, place: str, detail: str) -> Doubt:
    return Doubt(code=code, machine=machine, region=region, place=place, detail=detail)
