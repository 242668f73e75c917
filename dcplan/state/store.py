"""What the other rooms ask of a state store: small interfaces, named by capability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
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

    def runs(self, newest: int | None = None) -> tuple[Mapping[str, JsonValue], ...]:
        """The content of the ``newest`` ``RunNoted`` records (None: all that are kept), the last one first.

        ``state.runs.listed`` reads them from the same tables that ``write_record`` writes; a store
        that compacts into snapshots keeps them there.
        """


class Lease(Protocol):
    """The right to write, until released or taken over."""

    @property
    def epoch(self) -> int:
        """Grows with each lease; a write with an old epoch is refused."""

    @property
    def info(self) -> LockInfo:
        """Who holds it."""

    @property
    def why_lost(self) -> str | None:
        """Why it is over though nobody released it; None while it is held."""

    def when_lost(self, call: Callable[[], None]) -> None:
        """Have ``call`` made once, from another thread, should it be lost."""

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

    def holder(self) -> LockInfo | None:
        """Who holds the lock now; None for nobody, or when that cannot be told."""

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

    @property
    def where(self) -> str:
        """For people: a path or a URL, never a secret."""

    @property
    def why_lost(self) -> str | None:
        """Why the lease that was held is over though nobody released it; None while it is held."""

    def look(self) -> None:
        """Find out now whether the lease is still held, where that takes asking; ``why_lost`` tells."""

    @property
    def wavering(self) -> bool:
        """Whether it is unsure just now that the lease is still held: begin no calls, look again soon."""

    def export(self) -> dict[str, Any]:
        """All that must not be lost, tries and open operations too, as JSON values."""

    def replace(self, content: Mapping[str, Any]) -> None:
        """Put what ``export`` of any store gave in place of everything, durable; under the lease."""

    def close(self) -> None:
        """Let go of files; the lease goes, too."""
