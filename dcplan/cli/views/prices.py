"""Where a plan's prices come from, in words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from dcplan.catalog.dates import age_days, age_text
from dcplan.cli.views.width import wrapped

if TYPE_CHECKING:
    from dcplan.plan.types import Plan


WIDTH = 100
OLD_DAYS = 30
"""After which the way to newer prices is told."""


def price_source_lines(plan: Plan) -> list[str]:
    """A line for each source: what it is, its date, and how old it was when the plan was made."""
    if not plan.price_sources:
        return []
    at_s = datetime.fromisoformat(plan.created_at).timestamp()
    several = len(plan.price_sources) > 1
    lines = []
    for told in plan.price_sources:
        which = f" of {_which(told.pools)}" if several else ""
        text = f"Prices{which}: {told.date}, {age_text(told.date, at_s)} ({told.source})."
        lines.append(wrapped(text, WIDTH, indent="  "))
    ages = [age_days(told.date, at_s) for told in plan.price_sources]
    if any(days is not None and days > OLD_DAYS for days in ages):
        lines.append("  Prices of today: dcplan catalog refresh")
    return lines


def _which(pools: tuple[str, ...]) -> str:
    more = f" and {len(pools) - 1} more" if len(pools) > 1 else ""
    return f"{pools[0]}{more}"
