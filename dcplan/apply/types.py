"""The nouns of applying: how hard to try, what happens meanwhile, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from dcplan.diag import Diagnostic
    from dcplan.resources import Action, Address
    from dcplan.state import Operation


class OnError(StrEnum):
    """What follows when an operation fails."""

    CONTINUE = "continue"
    """What does not depend on it goes on."""
    STOP = "stop"
    """Nothing more is started."""
    ROLLBACK_NEW = "rollback-new"
    """Nothing more is started, and what this run made anew is deleted again."""


class Failover(StrEnum):
    """What follows when a pool is sold out."""

    AUTO = "auto"
    """The machine, or the gang, is had in the plan's next best pool; where none is left, by a new plan."""
    POOLS = "pools"
    """It is had in the plan's next best pool."""
    NEVER = "never"
    """The operation fails."""


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
    create_timeout_s: float | None = None
    """How long to wait for one object to become ready; None is without limit."""
    update_timeout_s: float | None = None
    delete_timeout_s: float | None = None
    on_error: OnError = OnError.CONTINUE
    failover: Failover = Failover.AUTO
    repurchase: bool = False
    """Whether recovery may order again what may have been paid for, when nothing can be seen of it."""

    @property
    def plans_anew(self) -> bool:
        """Whether another plan is made where machines are sold out in all pools of the first.

        Not where nothing more is to be started, or all is taken back, once something fails.
        """
        return self.failover is Failover.AUTO and self.on_error is OnError.CONTINUE

    def timeout_s(self, action: Action) -> float | None:
        """How long to wait for what a call of this action brings about."""
        named = {"create": self.create_timeout_s, "update": self.update_timeout_s}
        return named.get(action.value, self.delete_timeout_s)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityAttempt:
    """A pool is sold out: the machine, with those that must be beside it, is tried in the next one."""

    address: Address
    action: Action
    from_pool: str
    pool: str
    """Where it is tried now."""
    machines: int
    """That go there together."""
    usd_per_h: float
    """What these cost there more than planned; negative is less."""
    why: str
    """The provider's word."""
    attempt: int
    """Which pool this is, the planned one being the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRecorded:
    """The journal knows, durably, of a call that is about to be made."""

    address: Address
    action: Action
    op_id: str
    """Also the token that the call carries."""

    @classmethod
    def of(cls, operation: Operation) -> IntentRecorded:
        """That of an operation."""
        return cls(address=operation.address, action=operation.action, op_id=operation.op_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentResolved:
    """The journal knows, durably, what came of a call."""

    address: Address
    action: Action
    op_id: str
    done: bool
    """Otherwise the call made nothing."""

    @classmethod
    def of(cls, operation: Operation, *, done: bool) -> IntentResolved:
        """That of an operation."""
        return cls(address=operation.address, action=operation.action, op_id=operation.op_id, done=done)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockAcquired:
    """The state is ours to write."""

    epoch: int
    operation: str
    """The command, such as ``apply``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWaiting:
    """Somebody else has the state; it is tried again after a pause."""

    why: str
    """Who has it, as a sentence."""
    delay_s: float


Event: TypeAlias = (
    Started
    | Acknowledged
    | Progress
    | Done
    | Failed
    | Skipped
    | Retry
    | CapacityAttempt
    | IntentRecorded
    | IntentResolved
    | LockAcquired
    | LockWaiting
)
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
    ROLLED_BACK = "rolled back"
    """Done, and taken away again because something else failed."""


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
    sold_out: tuple[str, ...] = ()
    """``provider/pool`` that had no machines left when some were asked for."""

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
    def rolled_back(self) -> int:
        """Changes made and taken away again."""
        return self.count(Status.ROLLED_BACK)

    @property
    def in_progress(self) -> int:
        """Changes under way at the provider; the next apply goes on with them."""
        return self.count(Status.IN_PROGRESS)

    @property
    def not_started(self) -> int:
        """Changes that the stop came before."""
        return self.count(Status.NOT_STARTED)
