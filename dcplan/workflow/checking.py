"""``validate`` and ``init``: does the document hold together, can its providers be opened?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.catalog import check_accelerators, check_asked, load_accelerators, resolve_models
from dcplan.catalog.live import laid_over
from dcplan.catalog.partitions import load_partitions
from dcplan.catalog.places import places_told, round_trips_told
from dcplan.config import default_paths, load_document
from dcplan.demand import derive
from dcplan.diag import Result, error, has_errors
from dcplan.provider import open_providers
from dcplan.workflow.live_files import live_catalogs
from dcplan.workflow.locking import check_lock, update_lock
from dcplan.workflow.profiles import profiles_of
from dcplan.workflow.types import Checked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dcplan.catalog import Model
    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.live_types import LiveCatalog
    from dcplan.catalog.types import Place
    from dcplan.config import Document, Loaded
    from dcplan.demand import Demand
    from dcplan.diag import Diagnostics
    from dcplan.provider import Provider
    from dcplan.state.types import State
    from dcplan.workflow.types import Project


def load(project: Project) -> Result[Loaded]:
    """The document of a project."""
    paths = project.files or default_paths(project.folder)
    if not paths:
        detail = (
            f"There is no dcplan.yaml in {project.folder}. Write one (README.md shows a first document), "
            "name another file with -f, or another folder with -chdir."
        )
        return Result(None, (error("no-document", "There is no document", detail),))
    live = live_catalogs(project)
    if live.value is None:
        return Result(None, live.diagnostics)
    holding = live.value
    return load_document(
        paths,
        variables=project.variables,
        var_files=project.var_files,
        later=project.later,
        env=project.env,
        workspace=project.workspace,
        also=lambda document, root: _rooms(document, root, project.other_work_folder, holding).diagnostics,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rooms:
    """What the rooms above config make of a document."""

    models: Result[dict[str, Model]]
    demand: Result[Demand]
    providers: Result[dict[str, Provider]]
    accelerators: Diagnostics
    profiles: Result[tuple[Efficiencies, ...]]
    places: Result[dict[str, Place]]

    @property
    def diagnostics(self) -> Diagnostics:
        """All that they say."""
        return (
            *self.models.diagnostics,
            *self.accelerators,
            *self.demand.diagnostics,
            *self.providers.diagnostics,
            *self.profiles.diagnostics,
            *self.places.diagnostics,
            *self._asked,
        )

    @property
    def _asked(self) -> Diagnostics:
        """What workloads ask that their models cannot do, as far as both are known."""
        if self.models.value is None or self.demand.value is None:
            return ()
        return check_asked(self.demand.value, self.models.value)


def _rooms(
    document: Document, root: Path, work_folder: Path | None, live: Mapping[str, LiveCatalog]
) -> _Rooms:
    with laid_over(live):
        providers = open_providers(document.providers, root, work_folder=work_folder)
    return _Rooms(
        models=resolve_models(document),
        demand=derive(document, root),
        providers=providers,
        accelerators=check_accelerators(document),
        profiles=profiles_of(document, root),
        places=places_told(document),
    )


def check(project: Project, *, locked: bool = True) -> Result[Checked]:
    """Everything that can be known without talking to anyone; every problem at once.

    ``locked``: providers must be those of ``dcplan.lock``, where there is one.
    """
    loaded = load(project)
    if loaded.value is None:
        return Result(None, loaded.diagnostics)
    document, root = loaded.value.document, loaded.value.root
    live = live_catalogs(project).unwrap()
    rooms = _rooms(document, root, project.other_work_folder, live)
    found = rooms.diagnostics
    if not document.providers:
        found = (
            *found,
            error(
                "no-provider",
                "There is no provider",
                "The document names no provider, so there is nowhere to run. Add one, for example "
                "providers: {local: {datacenter: datacenter.yaml}}.",
                path=("providers",),
            ),
        )
    if locked and not has_errors(found):
        found = (*found, *check_lock(project, document.providers))
    diagnostics = (*loaded.diagnostics, *loaded.value.source.place(found))
    if has_errors(diagnostics):
        return Result(None, diagnostics)
    return Result(
        Checked(
            loaded=loaded.value,
            models=rooms.models.unwrap(),
            accelerators={**load_accelerators(), **load_partitions()},
            demand=rooms.demand.unwrap(),
            providers=rooms.providers.unwrap(),
            efficiencies=next(iter(rooms.profiles.unwrap()), None),
            places=rooms.places.unwrap(),
            round_trips=round_trips_told(document),
            workspace=project.workspace,
            live=live,
        ),
        diagnostics,
    )


def init(
    project: Project, *, upgrade: bool = False, lock_readonly: bool = False
) -> Result[tuple[Checked, State]]:
    """Check the project, lock its providers and read its state, making it when there is none.  Idempotent.

    ``upgrade`` locks what is installed, whatever was locked; ``lock_readonly`` refuses to write the lock.
    """
    from dcplan.state import StateError  # noqa: PLC0415 - ``validate`` has no state
    from dcplan.workflow.stores import open_state  # noqa: PLC0415 - as above

    checked = check(project, locked=False)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    locked = update_lock(project, sorted(checked.value.providers), upgrade=upgrade, readonly=lock_readonly)
    if locked.value is None:
        return Result(None, (*checked.diagnostics, *locked.diagnostics))
    store = open_state(project, create=True)
    diagnostics = (*checked.diagnostics, *store.diagnostics)
    if store.value is None:
        return Result(None, diagnostics)
    try:
        return Result((checked.value, store.value.read()), diagnostics)
    except StateError as problem:
        return Result(None, (*diagnostics, problem.diagnostic()))
    finally:
        store.value.close()
