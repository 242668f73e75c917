"""Blobs below a common beginning of their names: one server keeps many states."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.state.blobs import Blob, Blobs


class Under:
    """The blobs of ``inner`` whose names begin with ``prefix``, without it."""

    def __init__(self, inner: Blobs, prefix: str) -> None:
        self._inner = inner
        self._prefix = prefix

    @property
    def where(self) -> str:
        """For people."""
        return f"{self._inner.where.rstrip('/')}/{self._prefix.rstrip('/')}"

    def get(self, name: str) -> Blob | None:
        """See ``Blobs``, as all below."""
        return self._inner.get(self._prefix + name)

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """Write."""
        return self._inner.put(self._prefix + name, body, expected=expected)

    def delete(self, name: str) -> None:
        """Remove."""
        self._inner.delete(self._prefix + name)

    def names(self, prefix: str) -> Sequence[str]:
        """All that begin so."""
        return [name[len(self._prefix) :] for name in self._inner.names(self._prefix + prefix)]

    def close(self) -> None:
        """Let go of connections."""
        self._inner.close()
