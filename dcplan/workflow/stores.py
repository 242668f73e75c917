"""Where the state of a project is, and how it is opened: the one door for every command."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcplan.diag import Diagnostic, Diagnostics, Result, error
from dcplan.state import StateError, open_store
from dcplan.state.logged import logged_blobs, logged_store
from dcplan.workflow.backend_file import LOCAL, Backend, read_backend
from dcplan.workflow.types import DEFAULT_WORKSPACE
from dcplan.workflow.workspaces import local_names, remove_local, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dcplan.config.backend import Declared
    from dcplan.config.variables import Outside
    from dcplan.state import StateStore
    from dcplan.state.blobs import Blobs
    from dcplan.state.log import Manner
    from dcplan.state.seen import Seen
    from dcplan.workflow.types import Project

WORKSPACES = "env/"
"""What the names of a workspace's blobs begin with, then its own name; the default one has none."""


def open_state(project: Project, *, create: bool, new_workspace: bool = False) -> Result[StateStore]:
    """The state of a project; with ``create``, a new one where none is.

    A workspace besides the default one is made by ``new_workspace`` alone, lest a name that was
    mistyped make everything once more.  Diagnostics: ``backend-changed`` when the document names
    another place than this folder was prepared for, ``no-workspace`` for one that is not there,
    ``state-missing`` without ``create``, and those of the store.  Whoever opens it closes it.
    """
    backend = backend_of(project)
    if backend.value is None:
        return Result(None, backend.diagnostics)
    if new_workspace:
        seen_by(project).forget()
    return open_at(project, backend.value, create=create, anew=new_workspace)


def open_at(project: Project, backend: Backend, *, create: bool, anew: bool = False) -> Result[StateStore]:
    """As ``open_state``, at a backend of one's own choice.

    ``anew``: neither what was seen before nor whether the workspace is there counts.
    """
    if project.workspace != DEFAULT_WORKSPACE and not anew:
        found = states_at(project, backend)
        if found.value is None:
            return Result(None, found.diagnostics)
        if project.workspace not in found.value:
            return Result(None, (unknown(project.workspace, (DEFAULT_WORKSPACE, *found.value)),))
    if backend.kind == "local":
        opened = open_store(local_path(project, backend), create=create)
        return Result(_logged(opened.value), opened.diagnostics)
    from dcplan.state.log import open_log  # noqa: PLC0415 - only for a state that is elsewhere

    blobs = blobs_at(project, backend)
    if blobs.value is None:
        return Result(None, blobs.diagnostics)
    manner = _manner(project, anew=anew)
    if manner.value is None:
        blobs.value.close()
        return Result(None, manner.diagnostics)
    log = open_log(blobs.value, create=create, manner=manner.value)
    if log.value is None:
        blobs.value.close()
    return Result(_logged(log.value), (*blobs.diagnostics, *log.diagnostics))


def backend_of(project: Project) -> Result[Backend]:
    """Where the state is, as ``init`` wrote it down and the document still says."""
    recorded = read_backend(project)
    declared = declared_in(project)
    if has_said(recorded) or has_said(declared):
        return Result(None, (*recorded.diagnostics, *declared.diagnostics))
    was = recorded.value or LOCAL
    if declared.value is None:
        # Without a document nothing contradicts what was written down.
        if (was.kind == "local" and not was.settings) or not _documents(project):
            return Result(was)
        return Result(None, (_changed(was, LOCAL),))
    wanted = merged(declared.value, was.given if was.kind == declared.value.kind else {})
    if _same(was, wanted, declared.value.unknown):
        return Result(was)
    problem = _changed(was, wanted) if recorded.value is not None else _new(wanted)
    return Result(None, declared.value.place((problem,)))


def declared_in(project: Project) -> Result[Declared | None]:
    """The backend that the project's document names; None, without a diagnostic, for none."""
    from dcplan.config.backend import declared_backend  # noqa: PLC0415 - as heavy as YAML

    return declared_backend(_documents(project), lambda: _outside(project))


def merged(declared: Declared, given: Mapping[str, str]) -> Backend:
    """What the document says, with what was given to ``init`` over it."""
    return Backend(kind=declared.kind, settings={**declared.settings, **given}, given=dict(given))


def has_said(result: Result[Any]) -> bool:
    """Whether a stage that may well have no value has none for a reason."""
    return result.value is None and bool(result.diagnostics)


def blobs_at(project: Project, backend: Backend) -> Result[Blobs]:
    """The blobs of the project's workspace at a backend that is not local."""
    opened = server_at(project, backend)
    if opened.value is None or project.workspace == DEFAULT_WORKSPACE:
        return opened
    from dcplan.state.under import Under  # noqa: PLC0415 - only for workspaces elsewhere

    return Result(Under(opened.value, f"{WORKSPACES}{project.workspace}/"), opened.diagnostics)


def server_at(project: Project, backend: Backend) -> Result[Blobs]:
    """The blobs of all workspaces at a backend that is not local."""
    from dcplan.config import filled  # noqa: PLC0415 - only for a state that is elsewhere
    from dcplan.state.backends import open_blobs  # noqa: PLC0415 - as above

    settings = filled({backend.kind: dict(backend.settings)}, project.env, _outside(project))
    if settings.value is None:
        return Result(None, tuple(_unset(d, backend) for d in settings.diagnostics))
    opened = open_blobs(backend.kind, settings.value[backend.kind])
    return opened if opened.value is None else Result(logged_blobs(opened.value), opened.diagnostics)


def local_path(project: Project, backend: Backend) -> Path:
    """The file of a local state."""
    given = backend.settings.get("path")
    if given is None:
        return project.state_path
    path = project.folder / given
    if project.workspace == DEFAULT_WORKSPACE:
        return path
    return path.parent / "workspaces" / project.workspace / path.name


def states(project: Project) -> Result[tuple[str, ...]]:
    """The workspaces besides the default one that have a state, in order."""
    backend = backend_of(project)
    if backend.value is None:
        return Result(None, backend.diagnostics)
    return states_at(project, backend.value)


def states_at(project: Project, backend: Backend) -> Result[tuple[str, ...]]:
    """As ``states``, at a backend of one's own choice."""
    if backend.kind == "local":
        if "path" not in backend.settings:
            return Result(local_names(project.work_folder))
        path = project.folder / backend.settings["path"]
        there = sorted((path.parent / "workspaces").glob(f"*/{path.name}"))
        return Result(tuple(file.parent.name for file in there))
    from dcplan.state.patience import ALWAYS, again  # noqa: PLC0415 - only for a state that is elsewhere
    from dcplan.state.replica import SNAPSHOT  # noqa: PLC0415 - as above

    server = server_at(project, backend)
    if server.value is None:
        return Result(None, server.diagnostics)
    blobs = server.value
    try:
        names = again(lambda: blobs.names(WORKSPACES), blobs.where, ALWAYS)
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))
    finally:
        blobs.close()
    ends = f"/{SNAPSHOT}"
    return Result(tuple(n[len(WORKSPACES) : -len(ends)] for n in names if n.endswith(ends)))


def remove_state(project: Project) -> Diagnostics:
    """Remove the state of a workspace for good, under the lock that the caller holds."""
    backend = backend_of(project)
    if backend.value is None:
        return backend.diagnostics
    if backend.value.kind == "local":
        if "path" in backend.value.settings:
            shutil.rmtree(local_path(project, backend.value).parent)
        if project.state_folder.exists():
            remove_local(project)
        return ()
    from dcplan.state.blobs import BlobConflict, BlobRefused, BlobUncertain  # noqa: PLC0415 - as ``states``
    from dcplan.state.replica import SNAPSHOT  # noqa: PLC0415 - as above

    opened = blobs_at(project, backend.value)
    if opened.value is None:
        return opened.diagnostics
    blobs = opened.value
    try:
        # The snapshot last: until then a second try finds the workspace and goes on.
        for name in sorted(blobs.names(""), key=lambda name: name == SNAPSHOT):
            blobs.delete(name)
    except (BlobConflict, BlobRefused, BlobUncertain) as problem:
        detail = f"Not all of {blobs.where} could be removed: {problem} Try again."
        return (error("workspace-not-deleted", "The workspace was not deleted", detail),)
    finally:
        blobs.close()
    return ()


def seen_by(project: Project) -> Seen:
    """What this folder remembers of a state that is elsewhere."""
    from dcplan.state.seen import Seen  # noqa: PLC0415 - only for a state that is elsewhere

    return Seen(project.state_folder / "seen.json")


def in_workspace(project: Project, name: str) -> Project:
    """The same project, with another of its states in mind."""
    return replace(project, workspace=name)


def _logged(store: StateStore | None) -> StateStore | None:
    return None if store is None else logged_store(store)


def _manner(project: Project, *, anew: bool) -> Result[Manner]:
    """How a state elsewhere is kept."""
    from dcplan.state.log import Manner  # noqa: PLC0415 - only for a state that is elsewhere
    from dcplan.workflow.sealing import StateSeal, sealer_of  # noqa: PLC0415 - as above

    sealer = sealer_of(project)
    if has_said(sealer):
        return Result(None, sealer.diagnostics)
    seal = None if sealer.value is None else StateSeal(sealer.value, project.workspace)
    return Result(Manner(seal=seal, seen=None if anew else seen_by(project)))


def _outside(project: Project) -> Outside:
    from dcplan.config.backend import outside_of  # noqa: PLC0415 - as heavy as YAML

    return outside_of(project.variables, project.var_files, project.env, project.later)


def _documents(project: Project) -> tuple[Path, ...]:
    from dcplan.config.files import default_paths  # noqa: PLC0415 - as heavy as YAML

    return project.files or default_paths(project.folder)


def _same(was: Backend, wanted: Backend, unknown_keys: frozenset[str]) -> bool:
    """Whether both are one place; settings that nobody knows here count as they were."""
    keys = (was.settings.keys() | wanted.settings.keys()) - unknown_keys
    return was.kind == wanted.kind and all(was.settings.get(k) == wanted.settings.get(k) for k in keys)


def _new(wanted: Backend) -> Diagnostic:
    detail = (
        f"The document keeps the state in {wanted}, and this folder was not prepared for that yet. "
        f"Run: dcplan init"
    )
    return error("backend-new", "The backend is not prepared", detail, path=("backend",))


def _changed(was: Backend, wanted: Backend) -> Diagnostic:
    detail = (
        f"The document keeps the state in {wanted}; this folder was prepared for {was}. Nothing was changed. "
        f"To take the state along: dcplan init -migrate-state. To use what is there already: "
        f"dcplan init -reconfigure"
    )
    return error("backend-changed", "The backend has changed", detail, path=("backend",), on_key=True)


def _unset(said: Diagnostic, backend: Backend) -> Diagnostic:
    """The words of ``filled`` speak of plans."""
    detail = said.detail.replace("The plan was made with", f"The backend {backend.kind} needs")
    detail = detail.replace("Set it and apply again.", "Set it.")
    return error(said.code, said.summary, detail, path=("backend", backend.kind))
