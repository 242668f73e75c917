"""Prices that are too old to be relied on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.dates import DAY_S, age_days
from dcplan.diag import Diagnostic, listed, plural, warning
from dcplan.provider.protocol import HasLiveCatalog
from dcplan.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dcplan.catalog.types import Offering
    from dcplan.workflow.types import Checked

USUAL_MAX_AGE_S = 30 * DAY_S
"""After which refreshed prices are warned of where the settings name no age."""


def stale_prices(checked: Checked, offerings: Sequence[Offering], at_s: float) -> Iterator[Diagnostic]:
    """A warning for each provider with prices older than its settings allow.

    Without such a setting only what was refreshed once is warned of, and the plan tells the date of the
    others: those that ship with dcplan are months old on most days.
    """
    for name, provider in checked.providers.items():
        max_age_s = provider.prices_max_age_s if isinstance(provider, HasLiveCatalog) else None
        if max_age_s is None:
            live = checked.live.get(name)
            ages = {} if live is None else {r.name: at_s - r.read_at_s for r in live.regions}
            old = {region: age_s for region, age_s in ages.items() if age_s > USUAL_MAX_AGE_S}
            max_age_s = USUAL_MAX_AGE_S
        else:
            old = _too_old([o for o in offerings if o.provider == name], max_age_s, at_s)
        if old:
            yield _stale(name, old, max_age_s)


def _too_old(offerings: Sequence[Offering], max_age_s: float, at_s: float) -> dict[str, float]:
    """The age of the oldest price of each region that has one that is too old, seconds."""
    old: dict[str, float] = {}
    for offering in offerings:
        days = age_days(offering.source.date, at_s)
        if days is None or not offering.available or offering.usd_per_h is None:
            continue
        if days * DAY_S > max_age_s:
            old[offering.region] = max(old.get(offering.region, 0.0), days * DAY_S)
    return old


def _stale(name: str, old: dict[str, float], max_age_s: float) -> Diagnostic:
    regions = sorted(old)
    where = listed(regions) if len(regions) <= 3 else plural(len(regions), "region")  # noqa: PLR2004 - a sentence holds three
    detail = (
        f"Prices of {name} in {where} are up to {format_duration(max(old.values()))} old, more than "
        f"{format_duration(max_age_s)}: what is cheapest may have changed. Ask again with "
        f"`dcplan catalog refresh -provider {name}`, or allow more with prices_max_age."
    )
    return warning("prices-old", "Prices are old", detail, path=("providers", name), on_key=True)
