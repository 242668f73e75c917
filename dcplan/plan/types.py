"""The nouns of planning."""

from __future__ import annotations

from dataclasses import dataclass, field

from dcplan.placement.types import Allotment, PoolUse, SolverReport
from dcplan.resources import Action, Change
from dcplan.sharding.types import Candidate

PLAN_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedWorkload:
    """What the plan says of one workload."""

    name: str
    kind: str
    model: str
    candidate: Candidate
    allotments: tuple[Allotment, ...]
    regions: tuple[str, ...]
    usd_per_h: float | None
    """Its share of the machines it runs on, by devices."""
    usd_per_month: float | None
    """730 hours of it."""
    usd_for_job: float | None
    """From the first step to the last; None for serving, which does not end."""
    search: str
    """How many layouts were considered and why they fell away."""
    demand: str
    """What was planned for, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """sha256 of what the plan was made from."""

    document: str
    offerings: str
    """Of machines, prices and availability, as they were offered."""
    lineage: str
    serial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEntry:
    """What the plan believed about one address it will touch; None is "nothing there"."""

    address: str
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """From today's state to the wanted one: a value, and a file."""

    version: int = PLAN_VERSION
    dcplan: str
    """Version of dcplan that made it."""
    project: str
    created_at: str
    mode: str = "apply"
    """``apply`` or ``destroy``."""
    workloads: tuple[PlacedWorkload, ...] = ()
    pools: tuple[PoolUse, ...] = ()
    usd_per_h: float | None = None
    before_usd_per_h: float | None = None
    solver: SolverReport | None = None
    changes: tuple[Change, ...] = ()
    """Without the no-ops."""
    unchanged: int = 0
    interrupted: tuple[str, ...] = ()
    """Addresses whose last operation was interrupted; apply resolves them first."""
    inputs: Digests
    read_set: tuple[ReadEntry, ...] = ()
    root: str = "."
    """The folder that paths in the settings start from, seen from the project's."""
    settings: dict[str, dict[str, object]] = field(default_factory=dict)
    """Settings of each provider, so that apply needs no document.  Never a secret."""

    def count(self, action: Action) -> int:
        """How many changes do this."""
        return sum(1 for c in self.changes if c.action is action)
