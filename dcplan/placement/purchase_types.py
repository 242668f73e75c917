"""Nouns of how machines are bought: quotas, what is paid anyway, and what must be survived."""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.diag import ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRule:
    """The machines of some pools together use no more than there is of something."""

    law: str
    """``quota``, or ``commitment`` where a bought number of machines may run in any zone of a region."""
    name: str
    """What it is about, in labels: ``aws/us-east-1/p5/vCPUs``."""
    unit: str
    """What is counted: vCPUs, devices, machines."""
    at_most: int
    each: tuple[tuple[str, int], ...]
    """By pool, what one machine of it uses."""
    origin: ConfigPath
    told: str = ""
    """Who says so where it is not the document, for people: ``Service Quotas says so, 3 days old``."""
    way_out: str = ""
    """How to have more of it, as a sentence; empty where the document tells it."""
    used: int | None = None
    """What was in use by whomever when the cloud was asked; None is unknown.  It binds nothing: what of it is
    this state's own is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurviveRule:
    """With any one unit gone, as many replicas are left as the load needs."""

    units: tuple[str, ...]
    """``spot`` (all spot machines of one type in one zone), ``zone``, ``region``."""
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidAnyway:
    """Machines that are paid for whether they are used or not."""

    name: str
    """Where and what, for people: ``use1-az2/p5.48xlarge/reservation``."""
    purchase: str
    pools: tuple[str, ...]
    """More than one where a commitment covers the zones of a region."""
    machines: int
    usd_per_h: float | None
    """Of all of them while the window lasts; None is unknown."""
    starts_in_s: float = 0.0
    ends_in_s: float | None = None
    """None is without end."""

    @property
    def now(self) -> bool:
        """Whether it is paid for at this moment."""
        return self.starts_in_s <= 0
