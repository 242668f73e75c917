"""The nouns of placement.  No OR-Tools type leaks out of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dcplan.diag import ConfigPath
from dcplan.perf.types import Between
from dcplan.placement.aims import Ceiling, Goal, Measure, MovesRule, PinRule, Proof, only
from dcplan.placement.fleet_types import Fleet
from dcplan.placement.place_types import CapRule, Narrowing, NetworkRule, ResidencyRule, SiteRule, Users
from dcplan.placement.purchase_types import PaidAnyway, QuotaRule, SurviveRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Equal machines that can be had at one place in one way."""

    id: str
    provider: str
    region: str
    zone: str
    machine: str
    accelerator: str
    devices: int
    """In one machine."""
    domain: int = 1
    """Machines that scale-up links join, where these reach that far (NVL72, TPU)."""
    machines: int | None
    """How many can be had; None is no known limit."""
    usd_per_h: float
    """Per machine."""
    spot: bool = False
    purchase: str = "on-demand"
    """How its machines are bought, in the catalogue's words."""
    starts_in_s: float | None = 0.0
    """Until its machines can be used; None is unknown."""
    ends_in_s: float | None = None
    """Until they must be given back; None is never."""
    longest_s: float | None = None
    """How long one may be kept; None is without limit."""
    origin: ConfigPath | None = None
    """The line of the document that tells of it, if one does."""
    power_w: float | None = None
    """Of one machine at full load, without cooling; None is unknown."""
    kgco2_per_h: float | None = None
    """Of one machine at full load, with cooling; None is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What each replica of a choice has besides, on machines of another type in the same zone.

    The prefill workers of a unit on mixed accelerators, say.
    """

    pools: tuple[str, ...]
    devices: int
    """Of one replica, in these pools."""
    machines: int
    """As a choice's: whole machines, or 0 when it takes ``devices`` of one and shares the rest."""
    same_pool: bool = False
    """In the pool of the replica: machines that stand by for those of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One way to run one workload: all its replicas alike, spread over pools of one machine type.

    One choice of each workload is taken, with all its replicas; only where a
    workload may have a mixed fleet, some replicas each of several.
    """

    id: str
    workload: str
    pools: tuple[str, ...]
    replicas: int
    devices: int
    """Of one replica."""
    machines: int
    """Whole machines of one replica; 0 when it takes ``devices`` of one and shares the rest."""
    hours: float
    """How long it is paid for.  Shared machines are paid for the longest hours of all choices that share."""
    one_pool: bool = False
    """All replicas in one pool (a gang)."""
    time_s: float | None = None
    """Until a job is done; None for serving, which does not end."""
    sla_share: float | None = None
    """Of a bound of the SLA that serving uses, the worst; None for jobs and without bounds."""
    slack_bytes: float | None = None
    """The least memory that a device has left; None is unknown."""
    one_rack: bool = False
    """The machines of each replica behind one switch, because its estimate holds only there."""
    sent_bytes_per_s: float | None = None
    """What each of its machines sends to other machines, on average, in one direction; None is unknown."""
    spans: tuple[int, ...] = ()
    """Machines, one after the other, of its tensor, context and expert groups that are wider than one."""
    between: Between | None = None
    """What the machines of a job exchange, in rank order; None is unknown, as of all that serves."""
    beside: Beside | None = None
    """The other part of each replica; None where a replica is all in one pool."""
    spares: int = 0
    """Of ``replicas``, those without which the load is still carried."""
    extra: int = 0
    """Replicas that may come on top where something must be survived."""
    must_end_s: float | None = None
    """The deadline of a job; None without one."""
    weight: int = 0
    """Of ``WHOLE_LOAD``, what one replica carries within the SLA; 0 keeps it out of mixed fleets."""
    answers: str = ""
    """Which model it serves: all replicas of a mixed fleet serve the same."""

    @property
    def needed(self) -> int:
        """Replicas that carry the load."""
        return self.replicas - self.spares

    @property
    def most(self) -> int:
        """The most replicas there can be."""
        return self.replicas + self.extra

    @property
    def parts(self) -> tuple[Choice | Beside, ...]:
        """What a replica has in one pool each: the choice's own machines and those beside."""
        return (self,) if self.beside is None else (self, self.beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRule:
    """Replicas sit in at least ``at_least`` zones or regions, none holding more than its share.

    With N replicas, no domain holds more than ceil(N / at_least).  Fewer
    replicas than ``at_least`` cannot satisfy it.
    """

    over: str
    """``zone`` or ``region``."""
    at_least: int
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class AffinityRule:
    """Replicas are only in domains where ``other`` has some (or, ``apart``, has none)."""

    other: str
    at: str
    apart: bool
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotRule:
    """At most this share of the replicas runs on spot machines."""

    share: float
    origin: ConfigPath | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What placement must know of a workload."""

    name: str
    origin: ConfigPath
    spread: tuple[SpreadRule, ...] = ()
    affinity: tuple[AffinityRule, ...] = ()
    spot: SpotRule | None = None
    survive: SurviveRule | None = None
    pins: tuple[PinRule, ...] = ()
    stay: ConfigPath | None = None
    """The line that says that what runs today stays where it is; None: it may move."""
    required: bool = True
    """Otherwise it is left out when not everything fits."""
    priority: int = 0
    """Of what is not required, higher ones are kept first."""
    residency: ResidencyRule | None = None
    users: tuple[Users, ...] = ()
    network: tuple[NetworkRule, ...] = ()
    egress_usd_per_h: Mapping[str, float] = field(default_factory=dict)
    """What its traffic would cost if all of it left from one pool; a pool where that is 0 may be left out."""
    fleet: Fleet | None = None
    """Whether several choices may carry the load together; None: one choice only."""
    narrowed: tuple[Narrowing, ...] = ()
    """Lines that left pools and ways out before anything was placed; only explanations read them."""
    unpriced: frozenset[str] = frozenset()
    """Pools left out because it is not known what traffic from them costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRule:
    """All machines together cost at most this."""

    usd_per_h: float
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class RackRule:
    """So many gangs were seen not to fit into the racks of a pool together."""

    pool: str
    choices: tuple[str, ...]
    at_most: int
    """Replicas of these choices together."""
    law: str = "rack-room"
    """``rack-room`` where each needs one rack, ``scale-up-domain`` where groups of its machines need one
    scale-up domain each, ``cut-bandwidth`` where uplinks carry no more."""
    proven: bool = True
    """Whether it holds for single gangs however they are seated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """So many replicas of one choice in one pool."""

    workload: str
    choice: str
    pool: str
    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Everything the solver may know.  Equal problems have equal solutions."""

    workloads: tuple[Workload, ...]
    pools: tuple[Pool, ...]
    choices: tuple[Choice, ...]
    budget: BudgetRule | None = None
    carbon: CapRule | None = None
    """Kilograms of CO2e per hour."""
    power: CapRule | None = None
    """Watts, without cooling."""
    sites: tuple[SiteRule, ...] = ()
    quotas: tuple[QuotaRule, ...] = ()
    """Of accounts, and commitments that pools share."""
    paid: tuple[PaidAnyway, ...] = ()
    """What is paid for whether it is used or not."""
    racks: tuple[RackRule, ...] = ()

    """Learned while gangs were seated in racks."""
    current: tuple[Allotment, ...] = ()
    """Where replicas run today; keeping them there breaks ties between equal costs."""
    current_beside: tuple[Allotment, ...] = ()
    """Where their parts beside are today."""
    idle: frozenset[str] = frozenset()
    """Pools with machines that are there and have nothing to run: of equals, these come first."""
    goals: tuple[Goal, ...] = (only(Measure.COST),)
    """What is minimised, one after the other."""
    max_moves: MovesRule | None = None
    ceilings: tuple[Ceiling, ...] = ()
    """Of a sweep over two measures."""
    seed: int = 0
    time_limit_s: float | None = None
    """Wall time for all runs of the solver; with it, equal problems may have unequal solutions."""
    deterministic_limit: float = 1.0
    """CP-SAT's deterministic time, so that equal problems stop at equal points; 1 is some seconds."""
    explained: bool = True
    """Whether it is asked what is missing where nothing fits."""

    def weighs(self, measure: Measure) -> bool:
        """Whether a goal or a sweep asks for the measure."""
        goals = any(one is measure for goal in self.goals for one, _ in goal.weights)
        return goals or any(ceiling.measure is measure for ceiling in self.ceilings)


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverReport:
    """How good the solution is and how that is known."""

    solver: str
    """Name and version."""
    status: str
    """``optimal``, or ``feasible`` when the limit came before the proof."""
    objective_usd: float
    """Cost over the time that is paid for, of all choices."""
    bound_usd: float
    """No solution that is as good in the goals before cost costs less than this."""
    gap: float
    """(objective - bound) / objective, 0 to 1."""
    seed: int
    proofs: tuple[Proof, ...] = ()
    """One for each goal, in their order, cost always among them."""
    wall_s: float = field(compare=False)
    """Equal problems have equal reports, but never equal clocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolUse:
    """So many machines of one pool, whole and shared."""

    pool: str
    machines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Where everything runs.  Verified by code that shares nothing with the model."""

    allotments: tuple[Allotment, ...]
    beside: tuple[Allotment, ...] = ()
    """Where the parts beside are: in each zone as many as replicas of the choice."""
    pools: tuple[PoolUse, ...]
    usd_per_h: float
    """Of the machines."""
    egress_usd_per_h: float = 0.0
    """Of the traffic that leaves them."""
    report: SolverReport


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSlot:
    """One machine with a name."""

    name: str
    pool: str
    exclusive_to: str | None = None
    """Name of the one replica that has the whole machine; None when replicas may share it."""
    rack: str | None = None
    """Where it shall stand, ``zone/block/rack`` (in a TPU pod ``zone/block/rack/node``); None leaves that to
    the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSlot:
    """One replica with a name, on its machines."""

    name: str
    workload: str
    choice: str
    machines: tuple[str, ...]
    devices: tuple[int, ...]
    """Indices of the devices it has, the same on each of its machines."""
    beside_machines: tuple[str, ...] = ()
    """Machines of its part beside; empty for a choice without one."""
    beside_devices: tuple[int, ...] = ()
    """Indices of the devices of its part beside, the same on each of these machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Every machine and every replica by name; no two replicas have a device in common."""

    machines: tuple[MachineSlot, ...] = ()
    replicas: tuple[ReplicaSlot, ...] = ()
