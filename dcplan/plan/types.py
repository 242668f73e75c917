"""The nouns of planning."""

from __future__ import annotations

from dataclasses import dataclass, field

from dcplan.placement.aims import LeftOut
from dcplan.placement.rank_types import RankMap
from dcplan.placement.types import Allotment, PoolUse, SolverReport
from dcplan.plan.bought import BoughtAhead
from dcplan.resources import Action, Change
from dcplan.sharding.types import Candidate

PLAN_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTrip:
    """How far the users of one place are from the nearest machines that answer."""

    place: str
    share: float
    """Of the requests."""
    rtt_s: float | None
    """Round trip; None is unknown."""
    told: bool
    """Whether the document told it; otherwise it follows from the distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What all machines draw and emit at full load."""

    power_w: float | None
    """Without cooling; None where that of some machine is unknown."""
    kgco2_per_h: float | None
    """With cooling, by the average of each grid; None where that of some machine is unknown."""
    unknown: tuple[str, ...]
    """Pools in use of which one of the two is not known."""
    basis: str
    """What the figures rest on, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedKind:
    """Replicas of one kind in a mixed fleet."""

    candidate: Candidate
    """With what is predicted at the share that these replicas get."""
    replicas: int
    weight: int
    """Requests that one replica gets, in proportion to the weights of the others."""
    load: float
    """Share of all requests that these replicas answer, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """A mixed fleet: replicas of several kinds that carry one load."""

    kinds: tuple[PlacedKind, ...]
    """The one that carries most first."""
    spares: int
    """Replicas, whichever they are, without which the load is still carried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedWorkload:
    """What the plan says of one workload."""

    name: str
    kind: str
    model: str
    candidate: Candidate
    allotments: tuple[Allotment, ...]
    beside: tuple[Allotment, ...] = ()
    """Where its prefill workers are that have machines of another type."""
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
    users: tuple[UserTrip, ...] = ()
    egress_usd_per_h: float = 0.0
    """Of the traffic that it sends elsewhere."""
    bought: str = ""
    """How its machines are bought and when they are there, in words; empty where that is plain."""
    mix: Mix | None = None
    """The kinds of a mixed fleet, of which ``candidate`` is the first; None where all replicas are alike."""
    network: str = ""
    """What joins the machines of one replica, in words; empty on one machine."""
    ranks: RankMap | None = None
    """Where the ranks of a job are; None where racks are not known."""
    survives: tuple[str, ...] = ()
    """What may be lost as a whole: ``spot`` machines of one type in one zone, a ``zone``, a ``region``."""


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
    left_out: tuple[LeftOut, ...] = ()
    """Workloads that need not run, and do not, because not everything fits."""
    pools: tuple[PoolUse, ...] = ()
    usd_per_h: float | None = None
    """Of the machines."""
    egress_usd_per_h: float = 0.0
    """Of the traffic that leaves them, as far as the document tells of any."""
    bought_ahead: tuple[BoughtAhead, ...] = ()
    """Paid for whether it is used or not, besides ``usd_per_h``."""
    footprint: Footprint | None = None
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
