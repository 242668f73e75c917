"""The nouns of planning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dcplan.placement.aims import LeftOut
from dcplan.placement.rank_types import RankMap
from dcplan.placement.types import Allotment, PoolUse, SolverReport
from dcplan.plan.bought import BoughtAhead
from dcplan.plan.fallbacks import Fallback, SoldOut
from dcplan.plan.next_best import NextBest
from dcplan.plan.settings import AS_USUAL, ApplySettings
from dcplan.provider.origins import ProviderOrigin
from dcplan.resources import Action, Address, Change, Resource
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
class PriceSource:
    """Where the prices of some of a plan's pools were read."""

    provider: str
    source: str
    date: str
    """ISO, as much of it as is known."""
    pools: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Machines that run besides the others for as long as an apply takes: ``create_before_destroy``."""

    pool: str
    machine: str
    machines: int
    usd_per_h: float
    """Of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that the document asks of a plan or of what it makes, and what became of it."""

    kind: Literal["check", "precondition", "postcondition"]
    name: str = ""
    """Of a check."""
    workload: str = ""
    """Whose pre- or postcondition it is."""
    condition: str
    """In CEL."""
    message: str
    verdict: Literal["holds", "fails", "unknown", "wrong"] = "unknown"
    why: str = ""
    """Why it is unknown or wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """sha256 of what the plan was made from."""

    document: str
    offerings: str
    """Of machines, prices and availability, as they were offered."""
    lineage: str
    serial: int
    providers: tuple[ProviderOrigin, ...] = ()
    """The packages that the providers came from."""
    policies: str = ""
    """Of the rules that judged the plan; empty where there are none."""
    workspace: str = "default"
    """Whose state it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEntry:
    """What the plan believed about one address it will touch; None is "nothing there"."""

    address: str
    digest: str | None
    found: Resource | None = None
    """What was there, where no change of the plan has it as its ``before``."""
    generation: int = 0
    """How many times it had been made: tells "not there yet" from "made since, and deleted again"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Where a provider has something else than the state says."""

    address: Address
    before: Resource
    """As the state has it."""
    after: Resource | None
    """As the provider has it; None: it is gone."""
    attributes: tuple[str, ...] = ()
    """Names of the attributes that differ."""
    outputs: tuple[str, ...] = ()
    """Names of the outputs that differ."""
    ready: bool = True
    """Whether the provider calls it ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOutput:
    """An output that the document names."""

    value: str
    """What it refers to, such as ``workloads.chat.endpoint``."""
    sensitive: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForRoom:
    """Deletes without which there are too few machines for what a part of the changes makes."""

    within: str
    """What is full: a pool, or a quota."""
    missing: int
    """Of what it holds, how much is short without them."""
    makes: tuple[str, ...]
    """Addresses that are made there."""
    frees: tuple[str, ...]
    """Addresses whose going makes room: with ``targets`` taken along, with ``excludes`` left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """What a plan was confined to, and what it leaves for another time."""

    targets: tuple[str, ...] = ()
    """Addresses and workloads: only these, and what they need."""
    excludes: tuple[str, ...] = ()
    """Addresses and workloads: all but these, and what needs them."""
    left: dict[str, int] = field(default_factory=dict)
    """Changes that are wanted and not in the plan, by action."""
    for_room: tuple[ForRoom, ...] = ()
    unfinished: tuple[str, ...] = ()
    """Workloads that will not yet run as the plan tells of them."""
    usd_per_h: float | None = None
    """Of all machines once these changes are made; None is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """From today's state to the wanted one: a value, and a file."""

    version: int = PLAN_VERSION
    dcplan: str
    """Version of dcplan that made it."""
    project: str
    created_at: str
    mode: str = "apply"
    """``apply``, ``destroy``, or ``refresh-only``: ``changes`` is empty, ``drift`` goes into the state."""
    partial: Partial | None = None
    """None: everything that is wanted."""
    replaced: tuple[str, ...] = ()
    """Addresses that are made anew because somebody asked for it."""
    refreshed: bool = True
    """Whether the providers were asked what is there; otherwise the state was believed."""
    drift: tuple[Drift, ...] = ()
    """Of a refresh-only plan: what is not as the state says."""
    workloads: tuple[PlacedWorkload, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    """Workloads that need not run, and do not, because not everything fits."""
    pools: tuple[PoolUse, ...] = ()
    usd_per_h: float | None = None
    """Of the machines."""
    price_sources: tuple[PriceSource, ...] = ()
    """Of the machines' prices, but for those that the document or an inventory tells."""
    egress_usd_per_h: float = 0.0
    """Of the traffic that leaves them, as far as the document tells of any."""
    bought_ahead: tuple[BoughtAhead, ...] = ()
    """Paid for whether it is used or not, besides ``usd_per_h``."""
    footprint: Footprint | None = None
    before_usd_per_h: float | None = None
    solver: SolverReport | None = None
    state_changes: tuple[Change, ...] = ()
    """What is moved, forgotten, imported or noted in the state, before anything else is done."""
    changes: tuple[Change, ...] = ()
    """Without the no-ops."""
    conditions: tuple[Condition, ...] = ()
    """Checks, preconditions and postconditions, as they were answered when it was made."""
    overlaps: tuple[Overlap, ...] = ()
    """What is needed besides while it is applied."""
    unchanged: int = 0
    fallbacks: tuple[Fallback, ...] = ()
    """Where new machines may be had if their pool is sold out."""
    next_best: tuple[NextBest, ...] = ()
    """What is planned anew if all pools are sold out that they may be had in."""
    sold_out: tuple[SoldOut, ...] = ()
    """Pools that were sold out a while ago: left out, or bought in again."""
    apply: ApplySettings = AS_USUAL
    """How to apply it, as the document says."""
    outputs: dict[str, PlannedOutput] = field(default_factory=dict)
    """By the names of the document."""
    interrupted: tuple[str, ...] = ()
    """Operations that an interrupted apply left open and what is done about each first, a line each."""
    held_by: str = ""
    """Who was at work on these when it was made, in words: they were in flight then.  Empty for nobody."""
    inputs: Digests
    read_set: tuple[ReadEntry, ...] = ()
    root: str = "."
    """The folder that paths in the settings start from, seen from the project's."""
    settings: dict[str, dict[str, object]] = field(default_factory=dict)
    """Settings of each provider, so that apply needs no document.  Never a secret."""

    @property
    def acts(self) -> bool:
        """Whether applying it would change anything, if only the state."""
        return bool(self.changes or self.state_changes or self.interrupted or self.drift)

    def count(self, action: Action) -> int:
        """How many changes do this."""
        return sum(1 for c in (*self.state_changes, *self.changes) if c.action is action)
