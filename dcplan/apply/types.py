"""The nouns of applying: how hard to try, what happens meanwhile, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from dcplan.diag import Diagnostic
    from dcplan.resources import Action, Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """How many at once and how patiently.  Not part of any plan: no result depends on it."""

    parallelism: int = 10
    """Operations under way at the same time."""
    attempts: int = 8
    """How often one call, wait or lookup may be sent."""
    deadline_s: float = 600.0
    """How long one call may be tried again before it counts as failed."""
    new_attempts: int = 3
    """How often a call that came to nothing without saying so may be started anew, with a new token."""
    base_delay_s: float = 0.5
    """The first pause before trying again is drawn from 0 to this; each next range is twice as wide."""
    max_delay_s: float = 30.0
    lookup_every_s: float = 2.0
    """Pause between two looks for an object that may not be visible yet."""
    heartbeat_s: float = 5.0
    """How often to report that an operation is still under way."""
    stop_grace_s: float = 3.0
    """After a stop, how long calls under way may take until they are left to the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A call is about to be made; its intent is durable."""

    address: Address
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The provider took the call."""

    address: Address
    action: Action
    object_id: str
    adopted: bool = False
    """Found rather than made: an earlier call had reached the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Still under way."""

    address: Address
    action: Action
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Ready, or gone; the state says so."""

    address: Address
    action: Action
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Not done; ``diagnostic`` tells why."""

    address: Address
    action: Action
    diagnostic: Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Not tried, because what it depends on was not done."""

    address: Address
    action: Action
    because: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The provider could not answer; the same is tried again after a pause."""

    address: Address
    action: Action
    why: str
    delay_s: float
    attempt: int
    """The number of the try that failed, from 1."""


Event: TypeAlias = Started | Acknowledged | Progress | Done | Failed | Skipped | Retry
"""What ``report`` is called with, always from the thread that called ``execute`` or ``recover``."""


class Status(StrEnum):
    """What came of one change."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    IN_PROGRESS = "in progress"
    """Under way at the provider when dcplan stopped; the journal knows it."""
    NOT_STARTED = "not started"
    """dcplan stopped before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeResult:
    """What came of the change at one address."""

    address: Address
    action: Action
    status: Status
    because: Address | None = None
    """Skipped: whose failure is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyReport:
    """What came of all of them; the reasons are in the result's diagnostics."""

    results: tuple[ChangeResult, ...]
    interrupted: bool = False
    """The user stopped it."""
    serial: int = 0
    """Of the state afterwards."""

    def count(self, status: Status) -> int:
        """How many changes ended so."""
        return sum(1 for result in self.results if result.status is status)

    @property
    def done(self) -> int:
        """Changes made."""
        return self.count(Status.DONE)

    @property
    def failed(self) -> int:
        """Changes that could not be made."""
        return self.count(Status.FAILED)

    @property
    def skipped(self) -> int:
        """Changes not tried because of those."""
        return self.count(Status.SKIPPED)

    @property
    def in_progress(self) -> int:
        """Changes under way at the provider; the next apply goes on with them."""
        return self.count(Status.IN_PROGRESS)

    @property
    def not_started(self) -> int:
        """Changes that the stop came before."""
        return self.count(Status.NOT_STARTED)
