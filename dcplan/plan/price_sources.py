"""Which price lists a plan's cost comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.plan.types import PriceSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dcplan.catalog.types import Offering
    from dcplan.placement.types import PoolUse


def price_sources(pools: Sequence[PoolUse], offerings: Iterable[Offering]) -> tuple[PriceSource, ...]:
    """The sources of these pools' prices, each once; what a user wrote has no date and is left out."""
    used = {use.pool for use in pools}
    found: dict[tuple[str, str, str], list[str]] = {}
    for offering in offerings:
        if offering.pool in used and offering.source.date != "undated" and offering.usd_per_h is not None:
            key = (offering.provider, offering.source.name, offering.source.date)
            found.setdefault(key, []).append(offering.pool)
    return tuple(
        PriceSource(provider=provider, source=source, date=date, pools=tuple(sorted(set(named))))
        for (provider, source, date), named in sorted(found.items())
    )
