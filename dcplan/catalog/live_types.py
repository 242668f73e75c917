"""The nouns of what a cloud says today: zones that list a machine type, what it costs and is, quotas.

It is laid over the catalogue that ships with dcplan, region by region; a region that nobody asked about
stays as it shipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dcplan.catalog.types import Purchase, Source


class Part(StrEnum):
    """What a region's answer may hold; what is not among them was not told and stays as it was."""

    ZONES = "zones"
    ON_DEMAND = "on-demand"
    SPOT = "spot"
    QUOTAS = "quotas"
    ADVICE = "advice"
    ACCELERATORS = "accelerators"


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePrice:
    """What one machine costs an hour.  A price that is not known has no row."""

    machine: str
    purchase: Purchase
    """On demand or spot."""
    usd_per_h: float
    """Per machine."""
    source: Source
    zone: str | None = None
    """None: everywhere in the region, but for zones that have prices of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveQuota:
    """How much of some machine types the account may have in a region.  What is not known has no row."""

    name: str
    """As the cloud calls it: ``Running On-Demand P instances``."""
    code: str
    """By which an increase is asked for: ``L-417A185B``, ``NVIDIA_H100_GPUS``."""
    of: str
    """In short, ``P`` or ``H100``, as documents name quotas; part of labels."""
    machines: tuple[str, ...]
    """The machine types of the catalogue that count."""
    purchases: tuple[Purchase, ...]
    """The ways to buy them that count."""
    vcpus: int | None = None
    """What all of them together may have; exactly one of this and ``devices``."""
    devices: int | None = None
    """Accelerators that all of them together may have."""
    used: int | None = None
    """What of it was in use when it was asked, by whomever; None is unknown."""
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAdvice:
    """What a cloud's advisor says of spot machines of one type in a region: shown, never planned with."""

    machine: str
    zone: str | None
    """The zone that it names for one machine; None where it names none."""
    obtainability: float | None
    """How likely one is had, from 0 to 1, by the cloud's own score."""
    uptime_s: float | None
    """How long it thinks one runs until it is taken back."""
    preempted: float | None
    """Of those that stopped running, the share that was taken back; the mean over ``since`` to ``until``."""
    since: str
    """A day; empty where no history was told."""
    until: str
    spot_usd_per_h: float | None
    """The newest of its list prices."""
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRegion:
    """What a cloud says of one region."""

    name: str
    read_at_s: float
    """Unix time of asking."""
    told: frozenset[Part]
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By machine type, the zones that list it: on AWS ids (use1-az4), because names differ by account."""
    apart: frozenset[str] = frozenset()
    """Zones that the region's own prices are not for (AWS Local Zones)."""
    prices: tuple[LivePrice, ...] = ()
    no_spot: frozenset[tuple[str, str]] = frozenset()
    """Machine types and zones without a spot market."""
    quotas: tuple[LiveQuota, ...] = ()
    advice: tuple[LiveAdvice, ...] = ()
    accelerators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the cloud's own word for one, the zones that list it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveMachine:
    """What a cloud says a machine type is.  Shown and compared, never planned with: see ``live_facts``."""

    name: str
    vcpus: int
    memory_bytes: int
    devices: int
    accelerator: str
    """The cloud's own word."""
    device_memory_bytes: int | None
    """Of one accelerator, by its label; None is unknown."""
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Something that was told and is not believed, or does not agree with what is known."""

    code: str
    """Of the rule: ``sentinel``, ``spot-above-list``, ``jump``, ``sku``, ``zone``, ``old``, ``facts``."""
    machine: str
    region: str
    """Empty for a fact that is the same everywhere."""
    place: str
    """The region, or a zone in it."""
    detail: str
    """A sentence: what was told, and what is done about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCatalog:
    """What a cloud says, one region or more."""

    provider: str
    regions: tuple[LiveRegion, ...]
    machines: tuple[LiveMachine, ...] = ()
    strangers: tuple[str, ...] = ()
    """Machine types with accelerators that the catalogue does not know: nothing can be planned on them."""
    doubts: tuple[Doubt, ...] = ()

    def region(self, name: str) -> LiveRegion | None:
        """What is said of one region; None where nobody asked."""
        return next((region for region in self.regions if region.name == name), None)


def joined(before: LiveCatalog | None, now: LiveCatalog) -> LiveCatalog:
    """Both, where ``now`` wins region by region and machine by machine."""
    if before is None:
        return now
    asked = {region.name for region in now.regions}
    told = {machine.name for machine in now.machines}
    return LiveCatalog(
        provider=now.provider,
        regions=(*(r for r in before.regions if r.name not in asked), *now.regions),
        machines=(*(m for m in before.machines if m.name not in told), *now.machines),
        strangers=tuple(sorted({*before.strangers, *now.strangers})),
        doubts=(*(d for d in before.doubts if not _again(d, asked, told)), *now.doubts),
    )


def _again(doubt: Doubt, regions: set[str], machines: set[str]) -> bool:
    """Whether an older doubt is about what was asked again."""
    return doubt.region in regions if doubt.region else doubt.machine in machines
