"""The nouns of placement that tell of places: residency, users, traffic, carbon and power."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dcplan.diag import ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidencyRule:
    """A workload stays on the ground of some countries."""

    names: tuple[str, ...]
    """As the user named them."""
    pools: frozenset[str]
    """Those known to be there."""
    unknown: frozenset[str]
    """Those whose country nobody knows, so that they do not count."""
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """So large a share of a workload's requests comes from one place."""

    place: str
    share: float
    rtt_s: Mapping[str, float]
    """Round trip by pool; a pool is left out where it is not known."""
    told: frozenset[str] = frozenset()
    """Pools whose round trip the document tells; of the others it follows from the distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRule:
    """The round trip stays at or below ``bound_s`` for the share ``quantile`` of the requests."""

    quantile: float
    bound_s: float
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class CapRule:
    """The most of something that all machines together may have."""

    at_most: float
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRule:
    """The most power that the machines of some pools together may draw."""

    site: str
    """Name of the block, zone or data centre."""
    pools: frozenset[str]
    watts: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """A line of the document that leaves machines or ways out of one workload."""

    key: str
    """``providers``, ``regions``, ``zones``, ``accelerators`` or ``precisions``."""
    names: tuple[str, ...]
    """What it allows."""
    origin: ConfigPath
