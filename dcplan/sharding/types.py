"""The nouns of sharding: the ways in which a workload can be run on a kind of machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# Imported for good, not only for type checkers: a saved plan is read into these types.
from dcplan.basis import Basis, Estimate
from dcplan.catalog.types import Accelerator, Machine
from dcplan.demand.types import Metric
from dcplan.diag import agreeing
from dcplan.perf.types import Between, Layout, Memory
from dcplan.topology.types import PoolLinks


class Within(StrEnum):
    """How near to each other the machines of a gang are."""

    POOL = "pool"
    """Anywhere in one pool."""
    RACK = "rack"
    """Behind one switch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineClass:
    """Machines that are alike for a workload: one type, behind the same links."""

    machine: Machine
    accelerator: Accelerator
    links: PoolLinks
    pools: tuple[str, ...]
    """Names of the pools that open such machines."""
    machines: int | None
    """The most that one gang can have together; None is unknown."""
    within: Within = Within.POOL
    """How near to each other the machines of a gang must be for these links."""
    zones: frozenset[tuple[str, str, str]] = frozenset()
    """(provider, region, zone) of these pools; empty where nobody asked."""
    usd_per_h: float | None = None
    """Of a machine in the cheapest of these pools; None is unknown."""
    elsewhere: tuple[str, ...] = ()
    """Pools that would belong here but lie outside the countries that the workload may not leave."""

    @property
    def name(self) -> str:
        """What it is called in messages: the machine type."""
        return self.machine.name


NAMED = 4
"""Ways that a quality floor rules out and that are named in one line."""


class QualityBasis(StrEnum):
    """Where a share of quality comes from."""

    ORIGINAL = "original"
    """The model as it was released."""
    DECLARED = "declared"
    """The user measured it."""
    CATALOGUED = "catalogued"
    """Others measured it on a model of about this size."""
    COMBINED = "combined"
    """The product of several such shares, as if losses did not know of each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How much of the original model's score is kept."""

    kept: float
    """Share, 1 at most."""
    basis: QualityBasis
    source: str
    """Where it was measured, on what, and when."""

    def __str__(self) -> str:
        return f"keeps {self.kept:.1%} of the quality ({self.basis.value}: {self.source})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledOut:
    """A way to keep the model that a quality floor rules out."""

    way: str
    """``int4``, ``distilled/fp8``."""
    quality: Quality | None
    """None: nobody knows what it keeps, which no floor allows."""

    def __str__(self) -> str:
        kept = "quality not known" if self.quality is None else f"keeps {self.quality.kept:.1%}"
        return f"{self.way} ({kept})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """What is put on top of a prediction so that the promise is kept although predictions err."""

    factor: float
    """The prediction is multiplied with it; 1 where nobody knows how far predictions are off."""
    reason: str
    """What it rests on, in words."""

    def __str__(self) -> str:
        return self.reason if self.factor == 1 else f"x {self.factor:.3g} ({self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """One bound of the SLA and what is predicted against it."""

    metric: Metric
    quantile: float
    bound_s: float
    estimate: Estimate
    """With the margin, which is its last part."""
    margin: Margin | None = None
    """None in plans that were made before margins."""
    notes: tuple[str, ...] = ()
    """What the prediction goes beyond: "devices 64 is outside what was measured (1 to 16)"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeEstimate:
    """What one replica does when it carries its share of the planned load."""

    batch: int
    """Sequences decoded together at the planned load; in a unit, on each decode worker."""
    max_batch: int
    """Sequences decoded together at the most that one replica can take within the SLA; as ``batch``."""
    requests_per_s: float
    """Planned load on one replica."""
    max_requests_per_s: float
    """The most that one replica can take within the SLA."""
    output_tokens_per_s: float
    """At the planned load."""
    predicted: tuple[Predicted, ...]
    """One for each bound of the SLA; all hold."""
    memory: Memory
    kv_capacity_tokens: int
    """Of all that decodes."""
    utilisation: float
    """Planned load over the most it can take, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainEstimate:
    """What the whole job does."""

    step: Estimate
    steps: int
    duration_s: float
    deadline_s: float | None
    """By which it must be done; None for no deadline."""
    tokens_per_s: float
    model_flops_utilisation: float
    """Useful FLOPs (the pairs attended to, no recompute) over dense peak."""
    memory: Memory
    notes: tuple[str, ...] = ()
    """What the prediction goes beyond, as in ``Predicted``."""
    sent_bytes_per_s: float | None = None
    """What a device sends out of its scale-up domain, on average over a step and over the devices, in one
    direction; as well known as ``step``.  None in plans that did not tell it."""
    between: Between | None = None
    """What its machines exchange in a step; None on one machine, and in plans that did not tell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillWorkers:
    """The workers of a unit that compute prompts and hand the caches to those that decode."""

    layout: Layout
    devices: int
    """Of one worker."""
    workers: int
    decode_workers: int
    """Workers of the same unit that decode, each in the candidate's layout."""
    decode_devices: int
    """Of one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillMachines:
    """The machines of a unit's prefill workers where they are of another type than those that decode."""

    machine: str
    accelerator: str
    devices: int
    """Of one unit."""
    machines: int
    """Whole machines of one unit; 0 when it takes a part of one and shares the rest."""
    pools: tuple[str, ...]
    """Names of the pools that open such machines; a unit has both kinds in one zone."""


def unit_text(prefill_workers: int, prefill: Layout | str, decode_workers: int, decode: Layout | str) -> str:
    """One unit in words: ``2P TP2 + 1D TP4``, or with layouts that say more."""
    return f"{prefill_workers}P {prefill} + {decode_workers}D {decode}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One legal way to run one workload on one kind of machine, predicted to keep its SLA."""

    id: str
    """Unique in the plan: ``chat/p5.48xlarge/tp2/fp8``."""
    workload: str
    machine: str
    """Its type; of a unit on two types the one that decodes, as for all fields of machines and devices."""
    accelerator: str
    layout: Layout
    precision: str
    """The number format: bf16, fp8, fp8-kv8..."""
    devices: int
    """Of one replica; a training job is one replica.  ``beside`` has more."""
    machines: int
    """Whole machines of one replica; 0 when it takes a part of one and shares the rest."""
    replicas: int
    """Needed in all, spares included."""
    spares: int
    estimate: ServeEstimate | TrainEstimate
    pools: tuple[str, ...]
    """Names of the pools whose links the estimate holds for."""
    within: Within = Within.POOL
    """How near to each other the machines of one replica must be for the estimate to hold."""
    variant: str = ""
    """Of the workload's variants; empty for its model itself."""
    model: str = ""
    """The model that answers, by the name that the document uses; empty for the workload's."""
    quality: Quality | None = None
    """What is kept of the original model's score; None is unknown, which no quality floor allows."""
    prefill: PrefillWorkers | None = None
    """What computes prompts in a unit, whose decode workers have ``layout``; None: each replica does both."""
    beside: PrefillMachines | None = None
    """Where prompts are computed on machines of another type; None: all of a replica is on ``machine``."""
    memory_slack_bytes: float | None = None
    """The least memory that a device has left at the planned load; None in plans that did not tell it."""
    standby: int = 0
    """Whole machines of the same pool that stand by for a training job; not in ``machines``."""

    @property
    def shape(self) -> str:
        """How one replica is split, in words: ``TP4``, or ``2P TP2 + 1D TP4`` for a unit."""
        if self.prefill is None:
            return str(self.layout)
        return unit_text(self.prefill.workers, self.prefill.layout, self.prefill.decode_workers, self.layout)

    @property
    def apart(self) -> PrefillMachines | None:
        """What stands beside a replica's own machines: those for prompts, or those that stand by."""
        if self.beside is not None or not self.standby:
            return self.beside
        return PrefillMachines(
            machine=self.machine,
            accelerator=self.accelerator,
            devices=self.standby * (self.devices // max(self.machines, 1)),
            machines=self.standby,
            pools=self.pools,
        )

    @property
    def all_devices(self) -> int:
        """Of one replica on machines of every type."""
        return self.devices + (self.beside.devices if self.beside else 0)

    @property
    def hardware(self) -> str:
        """What one replica runs on, in words: ``8 x H200 (h200x8)``, of two types those for prompts first."""
        own = f"{self.devices} x {self.accelerator} ({self.machine})"
        if self.beside is None:
            return own
        return f"{self.beside.devices} x {self.beside.accelerator} ({self.beside.machine}) + {own}"

    @property
    def way(self) -> str:
        """How the model is kept: ``fp8``, or ``distilled/fp8`` for a variant."""
        return f"{self.variant}/{self.precision}" if self.variant else self.precision

    @property
    def time_s(self) -> float | None:
        """Seconds until a job is done; None for serving, which does not end."""
        return self.estimate.duration_s if isinstance(self.estimate, TrainEstimate) else None

    @property
    def sla_share(self) -> float | None:
        """Share of a bound of the SLA that is used, the worst, margin included; None without bounds."""
        worst = self._worst
        return None if worst is None else worst.estimate.seconds / worst.bound_s

    @property
    def sent_bytes_per_s(self) -> float | None:
        """What a device sends out of its scale-up domain, on average; None where nobody knows (serving)."""
        return self.estimate.sent_bytes_per_s if isinstance(self.estimate, TrainEstimate) else None

    @property
    def between(self) -> Between | None:
        """What the machines of a job exchange in a step, in rank order; None where nobody knows (serving)."""
        return self.estimate.between if isinstance(self.estimate, TrainEstimate) else None

    @property
    def time_basis(self) -> Basis | None:
        """How well ``time_s`` or ``sla_share`` is known; None where there is neither."""
        if isinstance(self.estimate, TrainEstimate):
            return self.estimate.step.basis
        worst = self._worst
        return None if worst is None else worst.estimate.basis

    @property
    def _worst(self) -> Predicted | None:
        """The bound of which most is used."""
        if isinstance(self.estimate, TrainEstimate):
            return None
        return max(self.estimate.predicted, key=lambda p: p.estimate.seconds / p.bound_s, default=None)

    @property
    def hours(self) -> float | None:
        """How long the machines are needed; None for serving, which does not end."""
        return self.estimate.duration_s / 3600 if isinstance(self.estimate, TrainEstimate) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How the search for one workload went: what was considered and why it fell away."""

    workload: str
    considered: int
    dropped: tuple[tuple[str, int], ...]
    """(reason, count), in the order in which the reasons were applied."""
    remain: int
    wall_s: float
    floor: float | None = None
    """The share of quality that had to be kept; None without a floor."""
    ruled_out: tuple[RuledOut, ...] = ()
    """Formats and variants that the floor left out, best known first."""

    def __str__(self) -> str:
        counted = (*((count, reason) for reason, count in self.dropped if count), (self.remain, "remain"))
        told = ", ".join(f"{count:,} {agreeing(count, words)}" for count, words in counted)
        found = f"{self.considered:,} considered: {told}"
        return f"{found}; {self.floored}" if self.floored else found

    @property
    def floored(self) -> str:
        """What the floor ruled out, in words; empty without a floor."""
        if self.floor is None:
            return ""
        known = [one for one in self.ruled_out if one.quality is not None]
        words = [str(one) for one in known[:NAMED]]
        if len(known) > NAMED:
            words.append(f"{len(known) - NAMED} more that keep less")
        if len(known) < len(self.ruled_out):
            words.append(f"{len(self.ruled_out) - len(known)} whose quality is not known")
        return f"the quality floor of {100 * self.floor:g}% rules out {', '.join(words) or 'nothing'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """All candidates of all workloads, best first within each, and how they were found."""

    candidates: tuple[Candidate, ...]
    searches: tuple[Search, ...]
