"""All the ways in which a provider may fail.  The core decides by type, never by text.

Three families decide what may happen next:

* definite: nothing was made, so the attempt can be closed;
* transient: nothing was decided, so the same call with the same token may go again;
* ambiguous: something may have been made, so the provider is asked before anything else.
"""
# ruff: noqa: N818 - the names say what happened; their common base says that they are errors

from __future__ import annotations

from dcplan.diag.hidden import redacted


class ProviderError(Exception):
    """A provider could not do what was asked.  ``detail`` is a full sentence for people."""

    summary = "The provider could not do it"
    code = "provider-error"

    def __init__(self, detail: str) -> None:
        clean = redacted(detail)
        super().__init__(clean)
        self.detail = clean


class DefiniteError(ProviderError):
    """The call did nothing and, repeated, would do nothing again."""


class CapacityUnavailable(DefiniteError):
    """No machine of this kind is free at this place now."""

    summary = "No capacity"
    code = "no-capacity"


class QuotaExceeded(DefiniteError):
    """The account may not have more of these."""

    summary = "Quota exceeded"
    code = "quota-exceeded"


class Denied(DefiniteError):
    """The credentials do not allow the call."""

    summary = "Permission denied"
    code = "permission-denied"


class Conflict(DefiniteError):
    """Something else stands where this should be, or it is still in use."""

    summary = "Conflict with what exists"
    code = "conflict"


class HoldsData(DefiniteError):
    """What is to be deleted has data in it, and nobody said that they may go."""

    summary = "It holds data"
    code = "holds-data"


class Invalid(DefiniteError):
    """The provider refuses the request as it is written."""

    summary = "Request refused"
    code = "request-refused"


class AlreadyGone(DefiniteError):
    """The object to change, wait for or delete does not exist."""

    summary = "Object is gone"
    code = "object-gone"


class TransientError(ProviderError):
    """Nothing was decided; the same call with the same token may go again."""

    def __init__(self, detail: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Throttled(TransientError):
    """Too many calls."""

    summary = "Too many requests"
    code = "throttled"


class NotReady(TransientError):
    """What it depends on is not ready yet."""

    summary = "Not ready yet"
    code = "not-ready"


class Ambiguous(ProviderError):
    """No answer, or an error after the call was sent: the thing may exist or not."""

    summary = "No clear answer"
    code = "no-clear-answer"


class Cancelled(ProviderError):
    """The wait was called off; the object goes on becoming ready by itself."""

    summary = "Stopped waiting"
    code = "stopped-waiting"
