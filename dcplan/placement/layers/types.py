"""The nouns of layer placement."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one machine does with so many consecutive layers, at one working point."""

    layers: int
    tokens_per_s: float
    """The most that passes through these layers on one machine."""
    pass_s: float = 0.0
    """How long a token stays on the machine and on its way to the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Equal machines."""

    name: str
    machines: int
    holdings: tuple[Holding, ...]
    """At least one; several of one number of layers are several working points."""
    place: str = ""
    """Where they stand; the machines of one stage all stand in one place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerProblem:
    """A model, the machines that may hold its layers, and what the pipeline must keep."""

    layers: int
    kinds: tuple[Kind, ...]
    latency_cap_s: float | None = None
    """The longest that one token may take through all stages; None: any time."""
    once_s: float = 0.0
    """Part of that time which no stage has: the head, say."""
    most_stages: int | None = None
    gap: float = 1e-4
    """The search ends when no pipeline of stages is better by this share."""
    seed: int = 0
    deterministic_limit: float = 20.0
    """CP-SAT's deterministic time of all solves together, so that equal problems end equally."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Equal machines of one stage."""

    kind: str
    machines: int
    holding: Holding
    """What each of them does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Consecutive layers, and the machines that hold all of these and share the tokens."""

    first: int
    """Counted from 0."""
    layers: int
    shares: tuple[Share, ...]

    @property
    def tokens_per_s(self) -> float:
        """``sum machines x tokens_per_s``."""
        return sum(share.machines * share.holding.tokens_per_s for share in self.shares)

    @property
    def pass_s(self) -> float:
        """Of the slowest machine."""
        return max(share.holding.pass_s for share in self.shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlan:
    """A pipeline, what it carries, and what no other could exceed."""

    stages: tuple[Stage, ...]
    tokens_per_s: float
    """Of the slowest stage; checked by a maximum flow over single machines."""
    latency_s: float
    """Of one token through all stages."""
    bound_tokens_per_s: float
    """No pipeline of stages carries more within the caps."""
    any_bound_tokens_per_s: float
    """No placement at all carries more, stages or not, whatever its latency."""
    idle: tuple[tuple[str, int], ...]
    """Machines that would not help, by kind."""
    status: str
    """``optimal`` (within the problem's gap), or ``feasible`` where the limit came before the proof."""
    solver: str
    solves: int = field(compare=False)

    @property
    def gap(self) -> float:
        """``(bound - carried) / bound``, 0 to 1."""
        return max(0.0, 1 - self.tokens_per_s / self.bound_tokens_per_s)
