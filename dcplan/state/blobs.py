"""What a remote state needs of a server: named blobs that are only written after a comparison.

Everything else (snapshot, journal, lease, fencing) is built on these five calls by the
log store, so that a server is added by writing five short functions and no protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """What a name held when it was read."""

    body: bytes
    version: str
    """Differs from that of every other content the name ever had: an ETag, a generation, a counter."""


class BlobConflict(Exception):  # noqa: N818 - a state of things, as the provider's errors
    """The name does not hold what was expected; nothing was written."""


class BlobUncertain(Exception):  # noqa: N818 - as above
    """The server did not answer, or failed: the call may or may not have taken effect."""


class BlobRefused(Exception):  # noqa: N818 - as above
    """The server will not: no such bucket or table, or no right to it; ``str()`` is a sentence for people."""


class Blobs(Protocol):
    """A flat set of names (``/`` is only a character) with contents.

    Each method raises ``BlobUncertain`` when no answer came in time and ``BlobRefused`` when the answer
    is no; none retries a write.  May be used from several threads.
    """

    @property
    def where(self) -> str:
        """For people: ``s3://bucket/prefix``; never a secret."""

    def get(self, name: str) -> Blob | None:
        """What the name holds now, never an older content; None for nothing."""

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """Write, if the name holds version ``expected`` (None: nothing); the new version.

        Raises ``BlobConflict`` when it holds something else.
        """

    def delete(self, name: str) -> None:
        """Remove, whatever the name holds; nothing there is fine.

        Never compared: only what nobody reads any more is removed, and some servers that compare before
        they write do not before they remove.
        """

    def names(self, prefix: str) -> Sequence[str]:
        """All names that begin so, in order."""

    def close(self) -> None:
        """Let go of connections."""
