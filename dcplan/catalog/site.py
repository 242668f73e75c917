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
    free: int | None = None
    """Machines that nobody holds now; None is not told."""
    assumed: bool = False
    """Whether the uplink is the default of a kind of fabric, and not what somebody told."""
    places: tuple[str, ...] = ()
    """Names of its nodes in the order in which they stand, where that matters (in a TPU pod)."""
    free_places: frozenset[str] | None = None
    """Those that nobody holds now; None is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSite:
    """Racks behind one layer of switches (a pod, a scalable unit, a row)."""

    name: str
    racks: tuple[RackSite, ...]
    uplink_bytes_per_s: float | None
    """Out of the block, all racks together."""
    latency_s: float | None
    """Between machines in two racks of this block."""
    power_w: float | None = None
    """The most that its machines may draw together."""
    assumed: bool = False
    """As a rack's."""
    one_domain: bool = False
    """Whether scale-up links join machines of all its racks (a TPU pod), not only those of one rack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneSite:
    """Blocks that fail together (a hall, a building, an availability zone)."""

    name: str
    provider: str
    region: str
    blocks: tuple[BlockSite, ...]
    latency_s: float | None
    """Between machines in two blocks of this zone."""
    power_w: float | None = None
    """The most that its machines may draw together."""
    site_power_w: float | None = None
    """The most that the machines of all zones of its region may draw together."""
