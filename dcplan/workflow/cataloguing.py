"""``catalog``: ask clouds what they offer today, see what that changes, keep it for plans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.catalog import catalog_providers, load_accelerators, load_machines, load_offerings
from dcplan.catalog.live import laid_over, merged
from dcplan.catalog.live_changes import offering_changes
from dcplan.catalog.live_guards import fact_doubts, judged
from dcplan.catalog.live_types import joined
from dcplan.catalog.load import shipped_offerings
from dcplan.catalog.regions import load_regions
from dcplan.config import default_paths
from dcplan.diag import Result, did_you_mean, error, has_errors, listed
from dcplan.provider import open_providers
from dcplan.provider.discover import installed
from dcplan.provider.protocol import HasLiveCatalog
from dcplan.workflow.checking import load
from dcplan.workflow.live_files import live_catalogs, write_live

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dcplan.catalog import Offering
    from dcplan.catalog.live_changes import OfferingChange
    from dcplan.catalog.live_types import Doubt, LiveCatalog
    from dcplan.diag import Diagnostic, Diagnostics
    from dcplan.workflow.types import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogAsked:
    """Whom to ask, and about what; empty is everything that the document is about."""

    providers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    accept_jumps: bool = False
    """Take list prices that moved further than is believed unseen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one cloud said, and what it would change."""

    provider: str
    now: LiveCatalog
    """What was asked now, as far as it is believed."""
    whole: LiveCatalog
    """With what was asked of other regions before: what is kept."""
    changes: tuple[OfferingChange, ...]


def look(project: Project, asked: CatalogAsked, at_s: float) -> Result[tuple[Looked, ...]]:
    """Ask each provider what it offers at ``at_s`` (Unix time); writes nothing.

    There is a value as soon as one of them answered; the others are errors beside it.
    """
    kept = live_catalogs(project)
    if kept.value is None:
        return Result(None, kept.diagnostics)
    opened = _providers(project, asked, kept.value)
    if opened.value is None:
        return Result(None, opened.diagnostics)
    said = list(opened.diagnostics)
    looked = []
    for name, provider in opened.value.items():
        regions = _regions(name, provider, asked)
        if not regions:
            continue
        told = provider.live(regions, at_s)
        said += told.diagnostics
        if told.value is None:
            continue
        if not any(region.zones for region in told.value.regions):
            said.append(_empty(name, regions))
            continue
        looked.append(_compared(name, told.value, kept.value, accept_jumps=asked.accept_jumps))
    if not looked and not has_errors(tuple(said)):
        said.append(_nobody(opened.value, asked))
    return Result(tuple(looked) or None, tuple(said))


def keep(project: Project, looked: tuple[Looked, ...]) -> Result[tuple[Path, ...]]:
    """Write down what was said, for the next plans."""
    try:
        return Result(tuple(write_live(project, one.whole) for one in looked))
    except OSError as problem:
        detail = (
            f"What the clouds said could not be written ({problem}). Make room, or name another work folder "
            "in DCPLAN_DATA_DIR. Plans go by what was known before."
        )
        return Result(None, (error("catalog-unwritten", "Prices could not be kept", detail),))


def _compared(name: str, told: LiveCatalog, kept: Mapping[str, LiveCatalog], *, accept_jumps: bool) -> Looked:
    """What is believed of an answer, and what it changes: pure."""
    machines = load_machines(name)
    with laid_over(kept):
        before = load_offerings(name)
    now = judged(told, machines, before, accept_jumps=accept_jumps)
    doubts = sorted((*now.doubts, *fact_doubts(now, machines, load_accelerators())), key=_weight)
    now = replace(now, doubts=tuple(doubts))
    whole = joined(kept.get(name), now)
    after = merged(shipped_offerings(name), whole, machines)
    return Looked(provider=name, now=now, whole=whole, changes=offering_changes(before, after))


_HEAVY = ("jump", "spot-above-list", "sku", "sentinel", "old", "facts")
"""Doubts in the order in which they are told: those about money first."""


def _weight(doubt: Doubt) -> int:
    return _HEAVY.index(doubt.code) if doubt.code in _HEAVY else len(_HEAVY)


def _providers(
    project: Project, asked: CatalogAsked, kept: Mapping[str, LiveCatalog]
) -> Result[Mapping[str, HasLiveCatalog]]:
    """The document's providers that can be asked, or all that are installed where there is no document."""
    settings: Mapping[str, Mapping[str, object]] = {}
    root = project.folder
    if project.files or default_paths(project.folder):
        loaded = load(project)
        if loaded.value is None or not loaded.ok:
            return Result(None, loaded.diagnostics)
        settings, root = loaded.value.document.providers, loaded.value.root
    known = catalog_providers()
    unknown = [name for name in asked.providers if name not in known]
    if unknown:
        return Result(None, tuple(unknown_name("provider", name, known) for name in unknown))
    here = {point.name for point in installed()}
    names = (
        asked.providers or tuple(n for n in settings if n in known) or tuple(n for n in known if n in here)
    )
    with laid_over(kept):
        opened = open_providers({name: settings.get(name, {}) for name in names}, root)
    if has_errors(opened.diagnostics):
        return Result(None, opened.diagnostics)
    providers = {n: p for n, p in (opened.value or {}).items() if isinstance(p, HasLiveCatalog)}
    if not providers:
        return Result(None, (_nobody({}, asked),))
    return Result(providers, opened.diagnostics)


def _regions(name: str, provider: HasLiveCatalog, asked: CatalogAsked) -> tuple[str, ...]:
    """The regions to ask about: those that were named, as far as they are this provider's."""
    if not asked.regions:
        return provider.live_regions()
    known = known_regions(name)
    return tuple(region for region in asked.regions if region in known)


def known_regions(provider: str) -> frozenset[str]:
    """Every region of a provider that dcplan has heard of."""
    places = {name.partition(":")[2] for name in load_regions() if name.startswith(f"{provider}:")}
    return frozenset(places | {offering.region for offering in load_offerings(provider)})


def offered(project: Project) -> Result[tuple[Offering, ...]]:
    """All offerings of all clouds of the catalogue, with what was refreshed."""
    kept = live_catalogs(project)
    if kept.value is None:
        return Result(None, kept.diagnostics)
    with laid_over(kept.value):
        return Result(tuple(o for name in catalog_providers() for o in load_offerings(name)))


def unknown_name(what: str, name: str, known: tuple[str, ...]) -> Diagnostic:
    """A filter that fits nothing, with what was meant."""
    near = did_you_mean(name, known)
    some = f"There are {listed(list(known))}." if len(known) <= 12 else ""  # noqa: PLR2004 - a sentence holds a dozen
    detail = f'The catalogue knows no {what} "{name}". {near or some}'.rstrip()
    return error("catalog-unknown", "The catalogue does not know that", detail)


def _empty(name: str, regions: tuple[str, ...]) -> Diagnostic:
    where = listed(list(regions)) if len(regions) <= 3 else f"{len(regions)} regions"  # noqa: PLR2004 - as above
    detail = (
        f"{name} listed no machine type of the catalogue in {where}. That is not believed, and the catalogue "
        "stays as it was. See which account or project is asked, and which regions it may use."
    )
    return error("catalog-empty", "The cloud listed nothing", detail, path=("providers", name), on_key=True)


def _nobody(providers: Mapping[str, object], asked: CatalogAsked) -> Diagnostic:
    if asked.regions and providers:
        known = tuple(sorted(region for name in providers for region in known_regions(name)))
        return unknown_name("region", asked.regions[0], known)
    detail = (
        "None of the providers has a price list to ask. Those of AWS and Google Cloud are packages of their "
        "own; in a checkout of dcplan: pip install ./providers/aws ./providers/gcp"
    )
    return error("catalog-nobody", "There is nobody to ask", detail)


def placed(project: Project, diagnostics: Diagnostics) -> Diagnostics:
    """The diagnostics with their places in the document, where there is one."""
    if not (project.files or default_paths(project.folder)):
        return diagnostics
    loaded = load(project)
    return diagnostics if loaded.value is None else loaded.value.source.place(diagnostics)
