"""The nouns of topology."""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.basis import Basis

SCALE_UP_HOP_S = 2e-6
"""From one device to another over NVLink, ICI or PCIe; assumed.  Collectives have measured latencies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Bandwidth per direction and latency between two neighbours."""

    bytes_per_s: float
    """Infinite where nobody tells."""
    latency_s: float
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A part of the tree above machines: a rack, a block, a zone or a region."""

    name: str
    """``provider:region``, ``provider:zone``, ``provider:zone/block`` or ``provider:zone/block/rack``."""
    kind: str
    upper: str | None
    """The place around it; None for a region."""
    up: Link | None
    """What joins it to the place around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What equal machines at one place have in common, said once for all of them."""

    machine: str
    """Name of the machine type."""
    upper: str
    """The place around them: a rack, or a zone of which no racks are known."""
    up: Link
    """What joins one of them to that place."""
    domain: str | None
    """Name of the scale-up domain that they share; None where each has one of its own."""


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

    @property
    def facts(self) -> tuple[int, Link, Link]:
        """All but the name: pools with equal facts are alike for a layout."""
        return self.scale_up_domain, self.scale_up, self.scale_out
