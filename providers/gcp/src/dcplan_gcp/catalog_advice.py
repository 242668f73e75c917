"""What Google Cloud's advisor says of spot machines: the odds of one, and how often it is taken back.

Both are Google's own estimates.  They are shown with their day and planned with nowhere: what a score of 0.7
means in machines is not told.  One question a machine type and region each, so that only regions that the
document names are asked about.

Permissions: compute.advice.capacity, compute.advice.capacityHistory (unverified).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from dcplan.catalog.dates import day_of
from dcplan.catalog.live_types import LiveAdvice
from dcplan.catalog.types import Source
from dcplan_gcp.asking import COMPUTE, UnheardError

if TYPE_CHECKING:
    from dcplan_gcp.asking import Asking

SOURCE = "Google Cloud capacity advice"
AT_ONCE = 16
MOST = 300
"""Pairs of machine type and region that are asked about."""

SPOT = {"scheduling": {"provisioningModel": "SPOT"}}


def advised(
    asking: Asking, pairs: Sequence[tuple[str, str, tuple[str, ...]]], at_s: float
) -> tuple[dict[str, tuple[LiveAdvice, ...]], str]:
    """By region what was said of machine types, and why some was not (empty: all was).

    ``pairs`` are regions, machine types and the zones that list them.
    """
    source = Source(name=SOURCE, date=day_of(at_s))
    found: dict[str, list[LiveAdvice]] = {}
    why = "" if len(pairs) <= MOST else f"only {MOST} machine types in regions were asked about"
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [
            (region, pool.submit(_one, asking, source, *pair)) for pair in pairs[:MOST] for region in pair[:1]
        ]
        for region, answer in asked:
            try:
                said = answer.result()
            except UnheardError as problem:
                why = str(problem)
                continue
            if said is not None:
                found.setdefault(region, []).append(said)
    return {region: tuple(rows) for region, rows in found.items()}, why


def _one(
    asking: Asking, source: Source, region: str, machine: str, zones: Sequence[str]
) -> LiveAdvice | None:
    path = f"compute/v1/projects/{asking.project}/regions/{region}/advice"
    odds = asking.answer(
        COMPUTE,
        f"{path}/capacity",
        {
            "distributionPolicy": {
                "targetShape": "ANY_SINGLE_ZONE",
                "zones": [{"zone": f"projects/{asking.project}/zones/{zone}"} for zone in zones],
            },
            "instanceFlexibilityPolicy": {"instanceSelections": {"one": {"machineTypes": [machine]}}},
            "instanceProperties": SPOT,
            "size": 1,
        },
    )
    history = asking.answer(
        COMPUTE,
        f"{path}/capacityHistory",
        {
            "instanceProperties": {"machineType": machine, **SPOT},
            "locationPolicy": {"location": f"projects/{asking.project}/regions/{region}"},
            "types": ["PREEMPTION", "PRICE"],
        },
    )
    return advice_of(machine, odds, history, source)


def advice_of(
    machine: str, odds: Mapping[str, Any], history: Mapping[str, Any], source: Source
) -> LiveAdvice | None:
    """What two answers come to; None where neither says anything.  Pure."""
    best: Mapping[str, Any] = next(iter(odds.get("recommendations", ())), {})
    scores = best.get("scores", {})
    shard: Mapping[str, Any] = next(iter(best.get("shards", ())), {})
    taken = [
        (*_days(row), float(row["preemptionRate"]))
        for row in history.get("preemptionHistory", ())
        if 0.0 <= row.get("preemptionRate", -1.0) <= 1.0
    ]
    prices = sorted(_prices(history.get("priceHistory", ())))
    obtainable = scores.get("obtainability")
    if obtainable is None and not taken and not prices:
        return None
    return LiveAdvice(
        machine=machine,
        zone=str(shard.get("zone", "")).rpartition("/")[2] or None,
        obtainability=None if obtainable is None or not 0.0 <= obtainable <= 1.0 else float(obtainable),
        uptime_s=_seconds(scores.get("estimatedUptime")),
        preempted=sum(rate for *_, rate in taken) / len(taken) if taken else None,
        since=min((since for since, *_ in taken), default=""),
        until=max((until for _, until, _ in taken), default=""),
        spot_usd_per_h=prices[-1][1] if prices else None,
        source=source,
    )


def _days(row: Mapping[str, Any]) -> tuple[str, str]:
    """The first and the last day of an interval."""
    interval = row.get("interval", {})
    return str(interval.get("startTime", ""))[:10], str(interval.get("endTime", ""))[:10]


def _prices(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """When each price began, and dollars an hour."""
    for row in rows:
        money = row.get("listPrice", {})
        usd = int(money.get("units", 0) or 0) + int(money.get("nanos", 0) or 0) / 1e9
        if money.get("currencyCode", "USD") == "USD" and usd > 0:
            yield str(row.get("interval", {}).get("startTime", "")), usd


def _seconds(duration: object) -> float | None:
    """``"3600s"`` in seconds; None for anything else."""
    if not isinstance(duration, str) or not duration.endswith("s"):
        return None
    try:
        return dt.timedelta(seconds=float(duration[:-1])).total_seconds()
    except (ValueError, OverflowError):
        return None
