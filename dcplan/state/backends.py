"""Finding the servers that may keep a state: installed packages announce them by entry points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from dcplan.diag import Diagnostic, Result, error, listed
from dcplan.state.blobs import Blobs

GROUP = "dcplan.backends"
"""Each entry point names a function from settings to ``Result[Blobs]`` that opens no connection."""

BUILT_IN: Mapping[str, str] = {"postgres": "dcplan.state.postgres:backend"}
"""Backends that dcplan brings along, for when its own metadata is stale or missing."""

PACKAGES: Mapping[str, str] = {"s3": "aws", "gcs": "gcp"}
"""Backends of our own that come with a provider's package."""

Installed = Callable[[], Iterable[EntryPoint]]


def installed() -> tuple[EntryPoint, ...]:
    """The entry points of all backends that can be had."""
    announced = tuple(entry_points(group=GROUP))
    names = {point.name for point in announced}
    missing = (EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items() if name not in names)
    return (*announced, *missing)


def open_blobs(
    kind: str, settings: Mapping[str, object], *, available: Installed | None = None
) -> Result[Blobs]:
    """The server of this kind with these settings; diagnostics point below ``("backend", kind)``."""
    points = list((available or installed)())
    named = {point.value: point for point in points if point.name == kind}
    if not named:
        return Result(None, (_absent(kind, points),))
    if len(named) > 1:
        detail = f"The backend {kind} is brought by {listed(sorted(named))}. Uninstall all but one of them."
        return Result(None, (_error("backend-twice", "A backend is installed twice", detail, kind),))
    (point,) = named.values()
    try:
        factory = point.load()
    except Exception as problem:  # noqa: BLE001 - whatever a stranger's import raises is told, not passed on
        detail = (
            f"The backend {kind} ({point.value}) could not be imported: {type(problem).__name__}: {problem}. "
            f"Reinstalling its package, with what it needs, may help."
        )
        return Result(None, (_error("backend-broken", "A backend cannot be loaded", detail, kind),))
    opened: Result[Blobs] = factory(settings)
    return opened


def _absent(kind: str, points: Iterable[EntryPoint]) -> Diagnostic:
    if kind in PACKAGES:
        # The names are not published: whoever takes them could run code on the reader's machine.
        folder = PACKAGES[kind]
        detail = (
            f"The backend {kind} comes with the package dcplan-{folder}, which is not installed. In a "
            f"checkout of dcplan: pip install ./providers/{folder}"
        )
    else:
        there = sorted({point.name for point in points})
        detail = f"No installed package brings the backend {kind}. Installed are {listed(['local', *there])}."
    return _error("backend-not-installed", "A backend is not installed", detail, kind)


def _error(code: str, summary: str, detail: str, kind: str) -> Diagnostic:
    return error(code, summary, detail, path=("backend", kind), on_key=True)
