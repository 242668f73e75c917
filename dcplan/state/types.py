"""The nouns of state: what dcplan made, and what it was about to make."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.resources import Action, Address, JsonValue, Resource

STATE_VERSION = 1


class Phase(StrEnum):
    """How far one mutating call got.  Each is durable before the next step begins."""

    INTENT = "intent"
    """About to call: the cloud may or may not hold it."""
    ACK = "ack"
    """The cloud took it; its identity is known."""
    DONE = "done"
    """Ready (or gone), and the state says so."""
    VOID = "void"
    """Definitely nothing was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One mutating call, as the journal knows it."""

    op_id: str
    """Of one address, action, generation and attempt; also the idempotency token."""
    epoch: int
    run_id: str
    address: Address
    action: Action
    """CREATE, UPDATE or DELETE; FORGET or IMPORT where an owner tag changes."""
    generation: int
    """How many times this address has been made; grows with each create."""
    attempt: int
    phase: Phase
    resource: Resource
    """What is wanted (create, update), goes away (delete), or gets another owner."""
    needs: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    """Outputs of what it needs, by address, as they were sent: a repeated call must not differ."""
    object_id: str | None = None
    operation_id: str | None = None
    intent_at_s: float = 0.0
    """Unix time of the intent, to know whether the token is still valid."""
    owner: str = ""
    """Of an import: whose tag the object carried before; empty for nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One snapshot of everything dcplan knows to exist."""

    version: int = STATE_VERSION
    lineage: str = ""
    """Random, made once: tells one state, and its machines in the cloud, from another."""
    serial: int = 0
    """Grows with each change."""
    resources: Mapping[Address, Resource] = field(default_factory=dict)
    deployment: Mapping[str, JsonValue] = field(default_factory=dict)
    """The plan's own summary of what was last applied, for ``show``, and which pools were sold out when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How often an address was made and tried, so that no token is ever used for two calls.

    Outlives the resource itself: made again under the same name, it is another object.
    """

    generation: int = 0
    """Creates that were completed."""
    attempt: int = 0
    """Calls intended since the last completed create."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockInfo:
    """Who holds the state, for the message that others get."""

    pid: int
    who: str
    """``user@host``."""
    operation: str
    """The command, such as ``apply``."""
    since: str
    """When it was taken, ISO 8601."""
    run_url: str | None = None
    """Where the run can be watched, when it is one of a CI service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intended:
    """Journal record: this call is about to be made."""

    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """Journal record: the provider took the call; the object's identity is known."""

    op_id: str
    object_id: str
    operation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Journal record: the object is ready as ``resource`` says, or gone (None)."""

    op_id: str
    resource: Resource | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voided:
    """Journal record: the call made nothing."""

    op_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A change seen rather than made: what a refresh found, or None for what is gone."""

    address: Address
    resource: Resource | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNoted:
    """A command that writes, as it began, and again as it ended: the last word on a ``run_id`` counts.

    For ``history`` alone; it changes no resource and no serial.
    """

    run_id: str
    content: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A whole state in place of the one that is there: what ``state push`` brings.

    Lineage, resources and deployment become those given; the serial goes on growing, and tries do not go
    back: a token that was used since the document was made must not be used for another call.
    """

    state: State
    tries: Mapping[Address, Tries] = field(default_factory=dict)


Record: TypeAlias = Intended | Acknowledged | Finished | Voided | Recorded | RunNoted | Restored
"""What can be written; any number of them in one durable transaction."""
