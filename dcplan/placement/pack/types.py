"""The nouns of packing: machines and jobs by kind, what stands on one machine, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dcplan.catalog.fleet import FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.lp import Bools, Floats, Ints

CPU_ONLY_WORTH = 1e-3
"""What a part that needs no accelerator counts as, in accelerators: it is kept where it costs nothing."""
RESOURCES = ("CPU", "memory", "accelerators")
"""The rows of ``need`` and ``room``, in their order."""


@dataclass(frozen=True, slots=True)
class NodeClass:
    """Machines that are alike in all that packing looks at."""

    cpu_milli: int
    memory_mib: int
    devices: int
    """Idle ones."""
    model: str
    partial: tuple[int, ...] = ()
    """Free thousandths of each accelerator that others share already, most first."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Parts of jobs that are alike in all that a machine sees of them."""

    cpu_milli: int
    memory_mib: int
    devices: int
    share_milli: int
    models: tuple[str, ...]

    @property
    def accelerators(self) -> float:
        """How much of accelerators one part takes."""
        return self.devices + self.share_milli / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Jobs of one shape, of one number of parts and of one priority."""

    shape: int
    parts: int
    jobs: tuple[int, ...]
    """Indices into the job list, in its order."""
    worth: float
    """Of one such job, in accelerators times the weight of its priority."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where one part of a job runs."""

    job: int
    part: int
    node: int
    devices: tuple[int, ...]
    """Accelerators of the machine, counted from 0; none for a part that needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A packing problem by kind: T shapes, K classes.

    Machines of a class have at least its room: exactly that, unless so many
    differ that classes were joined.
    """

    nodes: tuple[FleetNode, ...]
    jobs: tuple[Job, ...]
    classes: tuple[NodeClass, ...]
    members: tuple[tuple[int, ...], ...]
    """Of each class, its machines: indices into ``nodes``."""
    shapes: tuple[Shape, ...]
    groups: tuple[Group, ...]
    count: Ints
    """(K) machines of each class."""
    demand: Ints
    """(T) parts of each shape."""
    need: Floats
    """(3, T) CPU in millicores, memory in MiB, accelerators (a share counts as its part of one)."""
    room: Floats
    """(3, K) the same of one machine; accelerators are idle ones."""
    whole: Ints
    """(T) whole accelerators of a part."""
    share: Ints
    """(T) thousandths of one accelerator of a part that shares one."""
    fits: Bools
    """(T, K) whether a part fits a machine of the class."""
    most: tuple[NodeClass, ...]
    """Of each class, more than what any of its machines has of anything."""
    may_fit: Bools
    """(T, K) whether a part may fit some machine of the class."""
    total: Floats
    """(3, K) room of all machines of a class."""
    partial: Mapping[int, int]
    """Free thousandths of shared accelerators, and how many accelerators of the fleet have so many."""
    running: tuple[Seat, ...] = ()
    """What stays where it is; ``room`` and ``total`` are what it leaves."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What stands together on the same accelerators of a machine."""

    devices: int
    parts: tuple[tuple[int, int], ...]
    """Shapes, and how many parts of each."""
    slot: int = -1
    """Which of ``NodeClass.partial`` it stands on; -1: on idle accelerators."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """What one machine of a class can hold at once."""

    node_class: int
    counts: Ints
    """(T) parts of each shape."""
    units: tuple[Unit, ...]
    """How the parts with accelerators share them out; the other parts need none."""

    @property
    def key(self) -> tuple[int, bytes]:
        """Equal for patterns that hold the same."""
        return self.node_class, self.counts.tobytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What no packing can beat, and the prices that prove it."""

    accelerators: float
    """Allocated at most; jobs without accelerators do not count."""
    worth: float
    """Of all jobs at most, by ``Group.worth``."""
    slot_worth: Floats
    """(T) what one more place for a part of the shape would be worth."""
    prices: Floats
    """(3, K) what one more of a resource of a class would be worth; per millicore, MiB, accelerator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard packing tries; equal efforts on equal problems end equally."""

    seed: int = 0
    rounds: int = 80
    """Of column generation."""
    repairs: int = 12
    """Times that a part of the machines is planned anew, once all are."""
    width: int = 300
    """Half-filled machines that are kept while a machine is filled."""


@dataclass(frozen=True, slots=True)
class Search:
    """What every step of packing needs: the problem, its bound, how hard to try, and chance."""

    instance: Instance
    bound: Bound
    effort: Effort
    random: np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A job that is not placed, and why."""

    job: int
    cause: str
    """``impossible``: no machine could hold it, even empty; ``room``: others were worth more."""
    resource: str
    """What is missing most: one of ``RESOURCES``, or ``model``."""
    says: str
    """The same in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """A job list on a fleet."""

    nodes: tuple[FleetNode, ...]
    jobs: tuple[Job, ...]
    seats: tuple[Seat, ...]
    """By job and part."""
    refused: tuple[Refusal, ...]
    """In the order of the job list."""
    devices: int
    """Accelerators of the fleet."""
    allocated: float
    """Accelerators that are given out."""
    bound: float
    """Accelerators that any packing could give out at most in which ``staying`` stay: proven."""
    counters: Mapping[str, int]
    """Classes, shapes, patterns, rounds: how it went."""
    staying: frozenset[int] = frozenset()
    """Jobs that run already and keep their machines."""

    @property
    def moved(self) -> int:
        """Parts of jobs that run today and would run on another machine."""
        return sum(
            bool(self.jobs[s.job].on) and self.nodes[s.node].name != self.jobs[s.job].on[s.part]
            for s in self.seats
        )

    @property
    def unallocated_share(self) -> float | None:
        """Of the fleet's accelerators; None where it has none."""
        return 1 - self.allocated / self.devices if self.devices else None

    @property
    def unallocated_share_bound(self) -> float | None:
        """No packing leaves a smaller share; None where the fleet has no accelerator."""
        return max(0.0, 1 - self.bound / self.devices) if self.devices else None
