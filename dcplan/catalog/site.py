"""What is known of a data centre's halls, racks and links.

Bandwidth is in bytes per second and direction, latency in seconds one way.
None is "not told", never "none".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RackSite:
    """Equal machines behind one switch."""

    name: str
    machine: str
    """Name of the machine type."""
    nodes: int
    uplink_bytes_per_s: float | None
    """Out of the rack, all nodes together."""
    latency_s: float | None
    """Between two machines of this rack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSite:
    """Racks behind one layer of switches (a pod, a scalable unit, a row)."""

    name: str
    racks: tuple[RackSite, ...]
    uplink_bytes_per_s: float | None
    """Out of the block, all racks together."""
    latency_s: float | None
    """Between machines in two racks of this block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneSite:
    """Blocks that fail together (a hall, a building, an availability zone)."""

    name: str
    provider: str
    region: str
    blocks: tuple[BlockSite, ...]
    latency_s: float | None
    """Between machines in two blocks of this zone."""
