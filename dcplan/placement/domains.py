"""Where pools are: zones and regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.placement.types import Pool

Domain = tuple[str, ...]
"""A zone or region; providers may use the same words for different places."""


def zone_of(pool: Pool) -> Domain:
    """The zone of a pool."""
    return (pool.provider, pool.region, pool.zone)


def region_of(pool: Pool) -> Domain:
    """The region of a pool."""
    return (pool.provider, pool.region)


DOMAIN_OF: dict[str, Callable[[Pool], Domain]] = {"zone": zone_of, "region": region_of}
