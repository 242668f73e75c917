"""Finding providers: installed packages announce them by entry points.

Listing entry points reads metadata only; a provider's code is imported when the
document names it and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Result, did_you_mean, error, listed
from dcplan.diag.hidden import clean_logs
from dcplan.provider.logged import logged_provider
from dcplan.provider.protocol import API_VERSION, KeepsFiles, Provider, ProviderFactory

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "dcplan.providers"

BUILT_IN: Mapping[str, str] = {"local": "dcplan.provider.local:provider"}
"""Providers that dcplan brings along, for when its own metadata is stale or missing."""

PACKAGES: Mapping[str, str] = {"aws": "dcplan-aws", "gcp": "dcplan-gcp"}
"""Providers of our own that are packages of their own."""

Installed = Callable[[], Iterable[EntryPoint]]
Load = Callable[[EntryPoint], object]


def installed() -> tuple[EntryPoint, ...]:
    """The entry points of all providers that can be had, the built-in ones among them."""
    announced = tuple(entry_points(group=GROUP))
    names = {point.name for point in announced}
    missing = (EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items() if name not in names)
    return (*announced, *missing)


def discover(
    names: Iterable[str],
    *,
    available: Installed = installed,
    load: Load = EntryPoint.load,
) -> Result[dict[str, ProviderFactory]]:
    """The factories of the named providers.

    The value holds those that could be loaded; each of the others is an error
    with the path ``("providers", name)``.
    """
    points: dict[str, list[EntryPoint]] = {}
    for point in available():
        if point not in points.setdefault(point.name, []):
            points[point.name].append(point)
    factories: dict[str, ProviderFactory] = {}
    problems: list[Diagnostic] = []
    for name in dict.fromkeys(names):
        found = points.get(name, [])
        if not found:
            problems.append(_absent(name, points))
        elif len({point.value for point in found}) > 1:
            problems.append(_ambiguous(name, found))
        else:
            loaded = _loaded(name, found[0], load)
            if isinstance(loaded, Diagnostic):
                problems.append(loaded)
            else:
                factories[name] = loaded
    return Result(factories, tuple(problems))


def open_providers(
    settings: Mapping[str, Mapping[str, object]],
    root: Path,
    *,
    work_folder: Path | None = None,
    available: Installed = installed,
) -> Result[dict[str, Provider]]:
    """The providers of a document, made with their settings.

    ``root`` is the folder that paths in settings start from; ``work_folder`` is
    for files of their own, where that is not the usual one.  The value holds
    those without an error.
    """
    clean_logs()
    found = discover(settings, available=available)
    problems = list(found.diagnostics)
    opened: dict[str, Provider] = {}
    for name, factory in (found.value or {}).items():
        if work_folder is not None and isinstance(factory, KeepsFiles):
            factory = factory.in_work_folder(work_folder)  # noqa: PLW2901 - the same, for there
        made = factory(settings[name], root)
        problems += made.diagnostics
        if made.value is None or not made.ok:
            continue
        mismatch = _mismatch(name, made.value)
        if mismatch is None:
            opened[name] = logged_provider(made.value, name)
        else:
            problems.append(mismatch)
    return Result(opened, tuple(problems))


def _loaded(name: str, point: EntryPoint, load: Load) -> ProviderFactory | Diagnostic:
    """The factory behind an entry point."""
    try:
        factory = load(point)
    except Exception as problem:  # noqa: BLE001 - whatever a stranger's import raises is told, not passed on
        detail = (
            f'The provider "{name}" ({point.value}) could not be imported: '
            f"{type(problem).__name__}: {problem}. Reinstalling its package may help."
        )
        return _error("provider-broken", "Provider cannot be loaded", detail, name)
    if not callable(factory):
        detail = (
            f'The entry point of the provider "{name}" names {point.value}, which is not a function '
            "of settings and folder. This is a bug in the provider."
        )
        return _error("provider-broken", "Provider cannot be loaded", detail, name)
    return factory


def _mismatch(name: str, made: Provider) -> Diagnostic | None:
    """Whether a provider speaks another version of the protocol."""
    version = made.info.api_version
    if version == API_VERSION:
        return None
    older = "provider" if version < API_VERSION else "dcplan"
    package = PACKAGES.get(name, "its package") if older == "provider" else "dcplan"
    detail = (
        f'The provider "{name}" speaks version {version} of the provider protocol, this dcplan version '
        f"{API_VERSION}. The {older} is too old; upgrade {package}."
    )
    return _error("provider-version", "Provider does not fit this dcplan", detail, name)


def _absent(name: str, points: Mapping[str, object]) -> Diagnostic:
    """No such provider is installed."""
    detail = f'The provider "{name}" is not installed. '
    if name in PACKAGES:
        # The names are not published: whoever takes them could run code on the reader's machine.
        detail += f"It is a package of its own ({PACKAGES[name]}). In a checkout of dcplan: "
        detail += f"pip install ./providers/{name}"
    else:
        hint = did_you_mean(name, {*points, *PACKAGES})
        detail += hint or f"Installed are {listed(sorted(points))}."
    return _error("provider-not-installed", "Provider is not installed", detail, name)


def _ambiguous(name: str, found: Iterable[EntryPoint]) -> Diagnostic:
    """Two packages bring a provider of one name."""
    brought = []
    for point in found:
        package = point.dist.name if point.dist is not None else "an unknown package"
        brought.append(f"{package} ({point.value})")
    detail = f'The provider "{name}" is brought by {listed(sorted(brought))}. Uninstall all but one of them.'
    return _error("provider-twice", "Provider is installed twice", detail, name)


def _error(code: str, summary: str, detail: str, name: str) -> Diagnostic:
    """An error at the name of a provider in the document."""
    return error(code, summary, detail, path=("providers", name), on_key=True)
