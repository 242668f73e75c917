"""What the other rooms ask of a state store: small interfaces, named by capability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from dcplan.diag import Result
    from dcplan.resources import Address, JsonValue, Resource
    from dcplan.state.types import LockInfo, Operation, Record, State, Tries


class StateReader(Protocol):
    """Reads; takes no lock and never waits for one."""

    def read(self) -> State:
        """One consistent snapshot."""

    def open_operations(self) -> tuple[Operation, ...]:
        """The calls whose outcome is not known yet (INTENT and ACK), oldest first."""

    def tries(self) -> Mapping[Address, Tries]:
        """How often each address was made and tried."""

    def generation(self, address: Address) -> int:
        """How many times this address has been made; 0 for never."""


class Lease(Protocol):
    """The right to write, until released or taken over."""

    @property
    def epoch(self) -> int:
        """Grows with each lease; a write with an old epoch is refused."""

    @property
    def info(self) -> LockInfo:
        """Who holds it."""

    def release(self) -> None:
        """Give it back; twice does no harm."""

    def __enter__(self) -> Self:
        """Use it in a ``with``."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release it."""


class Locker(Protocol):
    """Lets one writer in at a time."""

    def lock(self, info: LockInfo) -> Result[Lease]:
        """The lease, or at once a diagnostic ``state-locked`` saying who holds it."""

    def force_unlock(self) -> int:
        """Take the lock from whoever holds it: bumps the epoch (returned), so that holder is fenced."""


class JournalWriter(Protocol):
    """Writes under the lease.  Each call is one durable transaction or raises ``StateError``."""

    @property
    def epoch(self) -> int:
        """That of the lease held."""

    def write(self, records: Sequence[Record]) -> None:
        """All of these, or none."""

    def intents(self, operations: Sequence[Operation]) -> None:
        """These calls are about to be made."""

    def ack(self, op_id: str, object_id: str, operation_id: str | None = None) -> None:
        """The provider took this call."""

    def done(self, op_id: str, resource: Resource | None) -> None:
        """The object is ready as ``resource`` says, or gone: closes the call and sets the row."""

    def void(self, op_id: str, why: str) -> None:
        """The call made nothing."""

    def compact(self, keep: int = 1000) -> int:
        """Drop closed calls but the newest ``keep`` records; answers how many were dropped."""


class StateWriter(Protocol):
    """Writes what no call of ours brought about; under the lease as well."""

    def record(self, found: Mapping[Address, Resource | None]) -> None:
        """What a refresh saw: a resource as it is now, or None for one that is gone."""

    def set_deployment(self, deployment: Mapping[str, JsonValue]) -> None:
        """The summary of what was last applied."""


class StateStore(StateReader, Locker, JournalWriter, StateWriter, Protocol):
    """All of it."""

    def close(self) -> None:
        """Let go of files; the lease goes, too."""
