"""Where pools are: zones and regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dcplan.placement.types import Pool

Domain = tuple[str, ...]
"""A zone or region; providers may use the same words for different places."""


def zone_of(pool: Pool) -> Domain:
    """The zone of a pool."""
    return (pool.provider, pool.region, pool.zone)


def region_of(pool: Pool) -> Domain:
    """The region of a pool."""
    return (pool.provider, pool.region)


def in_order(pools: Iterable[Pool]) -> list[Pool]:
    """Pools in the order in which equals are taken: by name, those of outlying zones last.

    A zone whose name has more parts than others of its region (``us-east-1-bos-1a`` beside ``us-east-1a``, an
    AWS local zone) lies outside of it, and has fewer of everything.
    """
    every = list(pools)
    least: dict[Domain, int] = {}
    for pool in every:
        parts = pool.zone.count("-")
        least[region_of(pool)] = min(least.get(region_of(pool), parts), parts)
    return sorted(every, key=lambda pool: (pool.zone.count("-") > least[region_of(pool)], pool.id))


DOMAIN_OF: dict[str, Callable[[Pool], Domain]] = {"zone": zone_of, "region": region_of}
