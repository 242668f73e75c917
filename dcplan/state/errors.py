"""What may go wrong while writing the state."""

from __future__ import annotations

from dcplan.diag import Diagnostic, error


class StateError(Exception):
    """The state could not be written; nothing of the transaction is in it."""

    code = "state-not-written"
    summary = "The state could not be written"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def diagnostic(self) -> Diagnostic:
        """The same for people."""
        return error(self.code, self.summary, self.detail)


class Fenced(StateError):  # noqa: N818 - a state of things, as the provider's errors
    """Somebody else has taken the lock over: this process may not write any more."""

    code = "state-fenced"
    summary = "The lock was taken over"


class StateReadOnly(StateError):  # noqa: N818 - as Fenced
    """This process may read the file, and not write it."""

    code = "state-read-only"
    summary = "The state may only be read from here"


class StateReplaced(StateError):  # noqa: N818 - as Fenced
    """The file that was opened is not the one of that name any more."""

    code = "state-replaced"
    summary = "The state was removed or replaced"


class StateDamaged(StateError):  # noqa: N818 - as Fenced
    """The file cannot be read as what it should be."""

    code = "state-damaged"
    summary = "The state cannot be read"


class StateUnreadable(StateError):  # noqa: N818 - as Fenced
    """The system refuses to read the file just now."""

    code = "state-not-read"
    summary = "The state could not be read"
