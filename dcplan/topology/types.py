"""The nouns of topology."""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.basis import Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Bandwidth per direction and latency between two neighbours."""

    bytes_per_s: float
    latency_s: float
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLinks:
    """What a replica's devices find between each other in one pool."""

    pool: str
    scale_up_domain: int
    """Devices joined by scale-up links."""
    scale_up: Link
    """Per device."""
    scale_out: Link
    """Per device, between machines of the pool, all devices sending at once."""
