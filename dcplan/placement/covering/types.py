"""The nouns of covering."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadClass:
    """Requests of one sort (sizes of prompt and output, say), in equal slices.

    A slice is what is never divided: all of it goes to one machine type.
    """

    name: str
    requests_per_s: float
    """Of all slices together."""
    slices: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineType:
    """One type of machine (or replica) that can be had at one price."""

    name: str
    usd_per_h: float
    most: int | None = None
    """How many can be had; None: any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverProblem:
    """A load, and what may carry it.  ``rates[c][t]`` is of class c on type t."""

    classes: tuple[LoadClass, ...]
    machines: tuple[MachineType, ...]
    rates: tuple[tuple[float | None, ...], ...]
    """Requests/s of the class that one machine of the type carries alone; None: none within the SLA."""
    seed: int = 0
    deterministic_limit: float = 3.0
    """CP-SAT's deterministic time for one question whether slices fit."""
    tries: int = 20
    """Sets of machines that are looked at before the best is taken without a proof."""

    def load(self, which: int, machine: int) -> float | None:
        """Machines of this type that one slice of the class keeps busy; None where it cannot run."""
        rate, one = self.rates[which][machine], self.classes[which]
        return None if rate is None else one.requests_per_s / one.slices / rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """Machines of each type, what goes where, and how good that is."""

    machines: tuple[int, ...]
    """Of each type of the problem."""
    slices: tuple[tuple[int, ...], ...]
    """Slices of each class on each type."""
    usd_per_h: float
    bound_usd_per_h: float
    """No cover costs less."""
    divided_usd_per_h: float
    """What it would cost if slices could be divided."""
    status: str
    """``optimal``, or ``feasible`` where a limit came before the proof."""
    solver: str

    @property
    def gap(self) -> float:
        """``(cost - bound) / cost``, 0 to 1."""
        return 0.0 if self.usd_per_h <= 0 else max(0.0, 1 - self.bound_usd_per_h / self.usd_per_h)
