"""What a way to calculate must offer so that it can be measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from dcplan.measure.types import Case, Collective, Device, Timing

Job = Callable[[int], float]
"""A prepared case: given a number of calls, makes at least so many and gives the mean seconds of one,
waited for until the device is done.  The first call may be slow."""


class OutOfMemoryError(Exception):
    """The device has no room for a case."""


class UnsupportedError(Exception):
    """The device or the software cannot do a case; its text says what it said."""


class Backend(Protocol):
    """One device through one software.

    ``prepare`` and ``together`` raise OutOfMemoryError or UnsupportedError, and
    so may the job itself.
    """

    @property
    def software(self) -> str:
        """Its name in the rows: torch, numpy."""

    @property
    def version(self) -> str:
        """The software's version."""

    @property
    def device(self) -> Device:
        """What it measures."""

    def prepare(self, case: Case) -> Job:
        """Allocate what ``case`` needs, and give a function that runs and times it."""

    def together(self, cases: Sequence[Collective], budget_s: float) -> Mapping[Collective, Timing]:
        """Time collectives among all ranks, as many as fit into ``budget_s`` seconds."""

    def release(self) -> None:
        """Give back memory that is kept for further cases."""
