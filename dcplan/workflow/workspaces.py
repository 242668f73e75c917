"""Workspaces: several states of one document, each with its own lineage and so with its own machines.

Which one is meant: ``DCPLAN_WORKSPACE``, else what ``workspace select`` wrote
into ``.dcplan/workspace``, else ``default``, which every project has.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Result, did_you_mean, error, plural
from dcplan.disk.private import make_folder
from dcplan.workflow.types import DEFAULT_WORKSPACE, Project, work_folder_of

if TYPE_CHECKING:
    from dcplan.plan.sealed import Sealer

VARIABLE = "DCPLAN_WORKSPACE"
_SELECTED = "workspace"
"""File of the work folder that names the selected workspace."""
_FOLDER = "workspaces"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspaces:
    """All workspaces of a project."""

    names: tuple[str, ...]
    """In order, the default one first."""
    current: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """A workspace that is no more."""

    resources: int
    """What its state held, and is nobody's now."""
    backup: Path | None
    """The state as it was; None where it held nothing."""


def selected(folder: Path, env: Mapping[str, str]) -> Result[str]:
    """The name of the workspace that commands in ``folder`` mean; whether it is there, opening it tells."""
    name, source = env.get(VARIABLE, ""), VARIABLE
    if not name:
        file = work_folder_of(folder, env) / _SELECTED
        try:
            name, source = file.read_text(encoding="utf-8").strip(), str(file)
        except FileNotFoundError:
            return Result(DEFAULT_WORKSPACE)
        except NotADirectoryError:
            detail = f"{file.parent} has to be a folder: the state is kept there. Move the file away."
            return Result(None, (error("work-folder-is-file", "The work folder is a file", detail),))
        except (OSError, UnicodeDecodeError) as problem:
            detail = f"{file} cannot be read: {problem}. Choose one with: dcplan workspace select NAME"
            return Result(None, (error("workspace-unreadable", "The workspace is not known", detail),))
    if not _NAME.fullmatch(name):
        return Result(None, (_bad_name(name, source),))
    return Result(name)


def workspaces(project: Project) -> Result[Workspaces]:
    """All workspaces, and which one is meant."""
    from dcplan.workflow.stores import states  # noqa: PLC0415 - ``selected`` is asked by every command

    found = states(project)
    if found.value is None:
        return Result(None, found.diagnostics)
    others = sorted(set(found.value) - {DEFAULT_WORKSPACE})
    return Result(Workspaces(names=(DEFAULT_WORKSPACE, *others), current=project.workspace))


def new(project: Project, name: str) -> Result[str]:
    """Make a workspace with an empty state, and select it."""
    from dcplan.workflow.stores import open_state  # noqa: PLC0415 - as above

    if not _NAME.fullmatch(name):
        return Result(None, (_bad_name(name, "The name"),))
    known = workspaces(project)
    if known.value is None:
        return Result(None, known.diagnostics)
    if name in known.value.names:
        detail = f'There is a workspace "{name}" already. Use it with: dcplan workspace select {name}'
        return Result(None, (error("workspace-there", "The workspace is there already", detail),))
    made = open_state(replace(project, workspace=name), create=True, new_workspace=True)
    if made.value is None:
        return Result(None, made.diagnostics)
    made.value.close()
    return _remember(project, name)


def select(project: Project, name: str) -> Result[str]:
    """Let commands in this folder mean another workspace."""
    known = workspaces(project)
    if known.value is None:
        return Result(None, known.diagnostics)
    if name not in known.value.names:
        return Result(None, (unknown(name, known.value.names),))
    return _remember(project, name)


def delete(project: Project, name: str, *, force: bool) -> Result[Deleted]:
    """Delete a workspace with its state; one that holds resources only by ``force``, which forgets them.

    Takes the state's lock, and keeps a copy of a state that held anything.
    """
    from dcplan.workflow.sealing import sealer_of  # noqa: PLC0415 - as ``workspaces``

    known = workspaces(project)
    if known.value is None:
        return Result(None, known.diagnostics)
    problem = _kept(project, name, known.value.names)
    if problem is not None:
        return Result(None, (problem,))
    sealer = sealer_of(project)
    if sealer.diagnostics:
        return Result(None, sealer.diagnostics)
    return _delete(replace(project, workspace=name), sealer.value, force=force)


def _delete(project: Project, sealer: Sealer | None, *, force: bool) -> Result[Deleted]:
    from dcplan.state import StateError  # noqa: PLC0415 - as ``workspaces``
    from dcplan.workflow.applying import writing  # noqa: PLC0415 - as above
    from dcplan.workflow.stores import remove_state  # noqa: PLC0415 - as above
    from dcplan.workflow.surgery import BACKUPS, back_up, standing_of  # noqa: PLC0415 - as above

    try:
        with writing(project, "workspace delete") as held:
            if held.value is None:
                return Result(None, held.diagnostics)
            standing = standing_of(held.value)
            count = len(standing.state.resources) + len(standing.open)
            if count and not force:
                detail = (
                    f'The state of workspace "{project.workspace}" holds {plural(count, "resource")}. '
                    "Destroy them first (dcplan destroy in that workspace). With -force they are forgotten, "
                    "not deleted, and go on costing what they cost."
                )
                return Result(None, (error("workspace-not-empty", "The workspace is not empty", detail),))
            folder = project.work_folder / BACKUPS
            name = f"workspace-{project.workspace}"
            backup = back_up(folder, name, standing, sealer) if count else None
            removed = remove_state(project)
            if removed:
                return Result(None, removed)
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))
    except OSError as problem:
        detail = f"{problem.filename}: {problem.strerror}. See that you may write there, and try again."
        return Result(None, (error("workspace-not-deleted", "The workspace was not deleted", detail),))
    return Result(Deleted(resources=count, backup=backup))


def local_names(folder: Path) -> tuple[str, ...]:
    """Workspaces that have a state in files of a work ``folder``, the default one aside."""
    try:
        entries = sorted((folder / _FOLDER).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(e.name for e in entries if _NAME.fullmatch(e.name) and (e / "state.sqlite").exists())


def remove_local(project: Project) -> None:
    """Remove a workspace's files; the caller holds the lock of its state."""
    shutil.rmtree(project.state_folder)


def unknown(name: str, names: tuple[str, ...]) -> Diagnostic:
    """The error for a workspace that is not there."""
    hint = did_you_mean(name, names) or f"There are: {', '.join(names)}."
    detail = f'There is no workspace "{name}". {hint} Make it with: dcplan workspace new {name}'
    return error("no-workspace", "There is no such workspace", detail)


def _kept(project: Project, name: str, names: tuple[str, ...]) -> Diagnostic | None:
    """Why a workspace is not to be deleted, whatever it holds."""
    if name not in names:
        return unknown(name, names)
    if name == DEFAULT_WORKSPACE:
        detail = "Every project has it. To delete what it made: dcplan destroy"
        return error("workspace-default", "The default workspace cannot be deleted", detail)
    if name == project.workspace:
        detail = (
            f'"{name}" is the one in use. Go to another first: dcplan workspace select {DEFAULT_WORKSPACE}'
        )
        return error("workspace-in-use", "The workspace is in use", detail)
    return None


def _remember(project: Project, name: str) -> Result[str]:
    """Write down which workspace is meant from now on."""
    file = project.work_folder / _SELECTED
    try:
        make_folder(file.parent)
        draft = file.with_name(f"{_SELECTED}.{os.getpid()}")
        descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as text:
            text.write(f"{name}\n")
        draft.replace(file)
    except OSError as problem:
        detail = f"{file} cannot be written: {problem.strerror}. {VARIABLE}={name} works without it."
        return Result(None, (error("workspace-not-selected", "The workspace was not selected", detail),))
    return Result(name)


def _bad_name(name: str, source: str) -> Diagnostic:
    detail = (
        f'{source} says "{name}". A workspace is named with at most 63 letters, digits, hyphens and '
        "underscores, a letter or digit first, as in staging-2."
    )
    return error("workspace-name", "This cannot be the name of a workspace", detail)
