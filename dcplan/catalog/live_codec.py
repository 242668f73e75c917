"""Live catalogues as JSON values and back, strictly: a file that is not what we wrote is refused."""

from __future__ import annotations

from typing import Any

from dcplan.catalog.live_types import (
    Doubt,
    LiveAdvice,
    LiveCatalog,
    LiveMachine,
    LivePrice,
    LiveQuota,
    LiveRegion,
    Part,
)
from dcplan.catalog.types import Purchase, Source

VERSION = 1
"""Of the form; another one is refused, and refreshed away."""


def to_json(live: LiveCatalog) -> dict[str, Any]:
    """What ``from_json`` reads.  Prices are rows, because there are thousands of them."""
    return {
        "version": VERSION,
        "provider": live.provider,
        "regions": [_region_to_json(region) for region in live.regions],
        "machines": [_machine_to_json(machine) for machine in live.machines],
        "strangers": list(live.strangers),
        "doubts": [[d.code, d.machine, d.region, d.place, d.detail] for d in live.doubts],
    }


def from_json(content: Any) -> LiveCatalog:
    """The live catalogue; ValueError, TypeError or KeyError for anything else."""
    if content["version"] != VERSION:
        msg = f"it is of version {content['version']}, this dcplan reads {VERSION}"
        raise ValueError(msg)
    doubts = (Doubt(code=c, machine=m, region=r, place=p, detail=d) for c, m, r, p, d in content["doubts"])
    return LiveCatalog(
        provider=str(content["provider"]),
        regions=tuple(_region(entry) for entry in content["regions"]),
        machines=tuple(_machine(entry) for entry in content["machines"]),
        strangers=tuple(content["strangers"]),
        doubts=tuple(doubts),
    )


def _region_to_json(region: LiveRegion) -> dict[str, Any]:
    sources = list(dict.fromkeys(price.source for price in region.prices))
    return {
        "name": region.name,
        "read_at_s": region.read_at_s,
        "told": sorted(region.told),
        "zones": {name: list(zones) for name, zones in sorted(region.zones.items())},
        "apart": sorted(region.apart),
        "sources": [[source.name, source.date] for source in sources],
        "prices": [
            [p.machine, p.zone, p.purchase.value, p.usd_per_h, sources.index(p.source)] for p in region.prices
        ],
        "no_spot": sorted([machine, zone] for machine, zone in region.no_spot),
        "quotas": [_quota_to_json(quota) for quota in region.quotas],
        "advice": [_advice_to_json(advice) for advice in region.advice],
        "accelerators": {name: list(zones) for name, zones in sorted(region.accelerators.items())},
    }


def _region(entry: Any) -> LiveRegion:
    sources = [Source(name=name, date=date) for name, date in entry["sources"]]
    return LiveRegion(
        name=str(entry["name"]),
        read_at_s=float(entry["read_at_s"]),
        told=frozenset(Part(part) for part in entry["told"]),
        zones={name: tuple(zones) for name, zones in entry["zones"].items()},
        apart=frozenset(entry["apart"]),
        prices=tuple(
            LivePrice(
                machine=machine,
                zone=zone,
                purchase=Purchase(purchase),
                usd_per_h=_amount(usd_per_h),
                source=sources[source],
            )
            for machine, zone, purchase, usd_per_h, source in entry["prices"]
        ),
        no_spot=frozenset((machine, zone) for machine, zone in entry["no_spot"]),
        quotas=tuple(_quota(row) for row in entry.get("quotas", ())),
        advice=tuple(_advice(row) for row in entry.get("advice", ())),
        accelerators={name: tuple(zones) for name, zones in entry.get("accelerators", {}).items()},
    )


def _quota_to_json(quota: LiveQuota) -> dict[str, Any]:
    return {
        "name": quota.name,
        "code": quota.code,
        "of": quota.of,
        "machines": list(quota.machines),
        "purchases": [purchase.value for purchase in quota.purchases],
        "vcpus": quota.vcpus,
        "devices": quota.devices,
        "used": quota.used,
        "source": [quota.source.name, quota.source.date],
    }


def _quota(entry: Any) -> LiveQuota:
    name, date = entry["source"]
    amounts = [entry["vcpus"], entry["devices"]]
    if sum(amount is not None for amount in amounts) != 1:
        msg = f"the quota {entry['name']!r} needs one unit"
        raise ValueError(msg)
    return LiveQuota(
        name=str(entry["name"]),
        code=str(entry["code"]),
        of=str(entry["of"]),
        machines=tuple(entry["machines"]),
        purchases=tuple(Purchase(purchase) for purchase in entry["purchases"]),
        vcpus=_count(entry["vcpus"]),
        devices=_count(entry["devices"]),
        used=_count(entry["used"]),
        source=Source(name=name, date=date),
    )


def _advice_to_json(advice: LiveAdvice) -> dict[str, Any]:
    own = {name: getattr(advice, name) for name in (*_WORDS, *_SHARES, *_AMOUNTS)}
    return {**own, "source": [advice.source.name, advice.source.date]}


def _advice(entry: Any) -> LiveAdvice:
    name, date = entry["source"]
    shares = {key: _share(entry[key]) for key in _SHARES}
    amounts = {key: None if entry[key] is None else _amount(entry[key]) for key in _AMOUNTS}
    return LiveAdvice(
        machine=str(entry["machine"]),
        zone=None if entry["zone"] is None else str(entry["zone"]),
        since=str(entry["since"]),
        until=str(entry["until"]),
        source=Source(name=name, date=date),
        **shares,
        **amounts,
    )


_WORDS, _SHARES = ("machine", "zone", "since", "until"), ("obtainability", "preempted")
_AMOUNTS = ("uptime_s", "spot_usd_per_h")


def _share(value: Any) -> float | None:
    """From 0 to 1, or nothing."""
    if value is not None and not 0.0 <= float(value) <= 1.0:
        msg = f"{value!r} is no share"
        raise ValueError(msg)
    return None if value is None else float(value)


def _count(amount: Any) -> int | None:
    """A number from 0 on, or nothing."""
    if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int) or amount < 0):
        msg = f"{amount!r} is no amount"
        raise ValueError(msg)
    return amount


def _machine_to_json(machine: LiveMachine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "vcpus": machine.vcpus,
        "memory_bytes": machine.memory_bytes,
        "devices": machine.devices,
        "accelerator": machine.accelerator,
        "device_memory_bytes": machine.device_memory_bytes,
        "source": [machine.source.name, machine.source.date],
    }


def _machine(entry: Any) -> LiveMachine:
    name, date = entry["source"]
    return LiveMachine(**{**entry, "source": Source(name=name, date=date)})


def _amount(usd_per_h: Any) -> float:
    """A price above 0: an unknown one has no row."""
    if isinstance(usd_per_h, bool) or not isinstance(usd_per_h, int | float) or not usd_per_h > 0:
        msg = f"{usd_per_h!r} is no price"
        raise ValueError(msg)
    return float(usd_per_h)
