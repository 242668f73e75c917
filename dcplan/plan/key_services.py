"""Services that keep keys, a cloud's KMS say: found by entry points, asked once for each run that writes.

Such a service gives a fresh key and the same key wrapped.  The wrapped one stands in the files, and the
service alone unwraps it: who may read them is decided there, and can be taken back there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from dcplan.diag import ConfigPath, Diagnostic, Result, error, listed

GROUP = "dcplan.keys"
"""Each entry point names a function from settings and their path in the document to ``Result[KeyService]``
that opens no connection."""

PACKAGES: Mapping[str, str] = {"aws_kms": "aws", "gcp_kms": "gcp"}
"""Services of our own that come with a provider's package."""

CONTEXT: Mapping[str, str] = {"dcplan": "sealed"}
"""What wrapped keys are bound to, so that a policy can allow a key for dcplan's files alone."""

Installed = Callable[[], Iterable[EntryPoint]]


class KeyRefused(Exception):  # noqa: N818 - a state of things, as those of the state
    """There is no key: the service refuses, or does not answer; ``str()`` is sentences for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshKey:
    """A key that nobody had before."""

    key: bytes = field(repr=False)
    """32 bytes, for this run's memory alone."""
    wrapped: bytes
    """The same, for files."""


class KeyService(Protocol):
    """One key of a service.  Methods raise ``KeyRefused``, and may be used from several threads."""

    @property
    def kind(self) -> str:
        """As the document names the service."""

    @property
    def key_id(self) -> str:
        """As the document names the key."""

    def fresh(self) -> FreshKey:
        """A new key; one call of the service."""

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key that was wrapped by this very key of the service; one call of the service."""


def installed() -> tuple[EntryPoint, ...]:
    """The entry points of all services that can be had."""
    return tuple(entry_points(group=GROUP))


def open_keys(
    kind: str, settings: Mapping[str, object], path: ConfigPath, *, available: Installed | None = None
) -> Result[KeyService]:
    """The service of this kind with these settings, which stand at ``path`` of the document."""
    points = list((available or installed)())
    named = {point.value: point for point in points if point.name == kind}
    if not named:
        return Result(None, (_absent(kind, path),))
    if len(named) > 1:
        detail = f"{kind} is brought by {listed(sorted(named))}. Uninstall all but one of them."
        return Result(None, (_error("keys-twice", "A key service is installed twice", detail, path),))
    (point,) = named.values()
    try:
        factory = point.load()
    except Exception as problem:  # noqa: BLE001 - whatever a stranger's import raises is told, not passed on
        detail = (
            f"{kind} ({point.value}) could not be imported: {type(problem).__name__}: {problem}. "
            "Reinstalling its package, with what it needs, may help."
        )
        return Result(None, (_error("keys-broken", "A key service cannot be loaded", detail, path),))
    opened: Result[KeyService] = factory(settings, path)
    return opened


def _absent(kind: str, path: ConfigPath) -> Diagnostic:
    # The names are not published: whoever takes them could run code on the reader's machine.
    folder = PACKAGES[kind]
    detail = (
        f"Keys of {kind} come with the package dcplan-{folder}, which is not installed. In a checkout of "
        f"dcplan: pip install ./providers/{folder}"
    )
    return _error("keys-not-installed", "A key service is not installed", detail, path)


def _error(code: str, summary: str, detail: str, path: ConfigPath) -> Diagnostic:
    return error(code, summary, detail, path=path, on_key=True)
