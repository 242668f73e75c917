"""How a cloud's advice about spot machines looks: shown with its day, because nothing is planned with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.dates import age_days, age_text
from dcplan.cli.views.width import wrapped
from dcplan.units import format_duration, format_usd_per_h

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.catalog.live_types import LiveAdvice

WIDTH = 100


def advice_text(advice: Sequence[tuple[str, LiveAdvice]], at_s: float) -> str:
    """A line for each region; empty where nothing was told."""
    if not advice:
        return ""
    sources = dict.fromkeys(one.source for _, one in advice)
    said = "; ".join(f"{source.name}, {source.date}, {age_text(source.date, at_s)}" for source in sources)
    lines = [wrapped(f"Spot machines, as the cloud estimates ({said}); plans do not go by it:", WIDTH)]
    lines += [wrapped(f"  {region}: {_one(one)}", WIDTH, indent="    ") for region, one in advice]
    return "\n".join(lines)


def _one(advice: LiveAdvice) -> str:
    where = f" in {advice.zone}" if advice.zone else ""
    odds = advice.obtainability
    parts = ["odds of one unknown" if odds is None else f"odds of one{where} {odds:.2f} of 1"]
    if advice.uptime_s is not None:
        parts.append(f"runs {format_duration(advice.uptime_s)}")
    if advice.preempted is not None:
        period = f" ({advice.since} to {advice.until})" if advice.since else ""
        parts.append(f"{advice.preempted:.1%} of those that stopped were taken back{period}")
    if advice.spot_usd_per_h is not None:
        parts.append(f"list price {format_usd_per_h(advice.spot_usd_per_h)}")
    return ", ".join(parts)


def advice_data(advice: Sequence[tuple[str, LiveAdvice]], at_s: float) -> list[dict[str, object]]:
    """The same for programs; what is not known is null."""
    return [
        {
            "region": region,
            "machine": one.machine,
            "zone": one.zone,
            "obtainability": one.obtainability,
            "uptime_s": one.uptime_s,
            "preempted": one.preempted,
            "since": one.since or None,
            "until": one.until or None,
            "spot_usd_per_h": one.spot_usd_per_h,
            "source": one.source.name,
            "date": one.source.date,
            "age_days": age_days(one.source.date, at_s),
        }
        for region, one in advice
    ]
