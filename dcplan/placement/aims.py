"""The nouns of what is best, of what stays, and of how good a placement is known to be."""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.demand.goals import Goal, Measure, only
from dcplan.diag import ConfigPath

__all__ = ["Ceiling", "Goal", "LeftOut", "Measure", "MovesRule", "PinRule", "Proof", "only"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRule:
    """At least so many replicas stand in one place."""

    kind: str
    """``pool``, ``zone`` or ``region``."""
    place: str
    replicas: int | None
    """None: all."""
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class MovesRule:
    """At most so many replicas of today do not stay where they are."""

    at_most: int
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A measure of the whole placement is at most this; nobody wrote it, a sweep asks."""

    measure: Measure
    at_most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How good a placement is in one goal, among those as good in the goals before it."""

    goal: str
    """Name of the goal: ``cost``, ``carbon``, ``weighted sum of cost and carbon``."""
    unit: str
    """Of ``value`` and ``bound``: USD, kgCO2e, h, share, replicas."""
    value: float
    bound: float | None
    """No placement that is as good in the goals before has less; None where no bound is known."""
    status: str
    """``optimal``, or ``feasible`` when the limit came before the proof."""

    @property
    def gap(self) -> float | None:
        """(value - bound) / value, 0 to 1; None without a bound."""
        if self.bound is None:
            return None
        return (self.value - self.bound) / self.value if self.value > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A workload that need not run, and does not."""

    workload: str
    priority: int
    why: str
    """What clashes and how much is short, in sentences."""
    replicas_today: int
    """Of it run today and are destroyed."""
