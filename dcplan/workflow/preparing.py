"""The part of ``init`` that sees to the state: where it is, whether that place is fit, and moving there.

Two steps, so that a user can be asked in between: ``prepare`` finds out and changes nothing,
``settle`` does it.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcplan.diag import Diagnostic, Diagnostics, Result, did_you_mean, error, has_errors, listed, plural
from dcplan.state import StateError, Tries
from dcplan.workflow.backend_file import LOCAL, Backend, backend_file, read_backend, write_backend
from dcplan.workflow.checking import check
from dcplan.workflow.leasing import lock_info
from dcplan.workflow.stores import (
    declared_in,
    has_said,
    in_workspace,
    local_path,
    merged,
    open_at,
    seen_by,
    server_at,
    states_at,
)
from dcplan.workflow.types import DEFAULT_WORKSPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.config.backend import Declared
    from dcplan.state import StateStore
    from dcplan.workflow.types import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendAsked:
    """What was said on the command line."""

    given: tuple[str, ...] = ()
    """``key=value``, or files of such keys; later ones win."""
    migrate: bool = False
    reconfigure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The state of one workspace, to be copied."""

    workspace: str
    resources: int
    open_operations: int
    replaces: bool
    """Whether an older version of the same state is in the new place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What ``settle`` is going to do."""

    was: Backend
    backend: Backend
    changed: bool
    moves: tuple[Move, ...] = ()
    forget: bool = False
    """Whether what was seen of the state before does not count any more."""
    declared: Declared | None = None

    @property
    def told(self) -> str | None:
        """What to say once it is done; None for nothing worth a word."""
        if not self.moves:
            return None
        count = sum(move.resources for move in self.moves)
        return f"Copied the state ({plural(count, 'resource')}) from {self.was}; what is there stays there."

    @property
    def question(self) -> str | None:
        """What to ask before it is done; None for nothing to ask."""
        if not self.moves:
            return None
        count = sum(move.resources for move in self.moves)
        older = any(move.replaces for move in self.moves)
        return (
            f"Shall dcplan copy the state ({plural(count, 'resource')}) from {self.was} to {self.backend}"
            f"{', over an older version of it' if older else ''}? What is in the old place stays there."
        )


def prepare(project: Project, asked: BackendAsked) -> Result[Prepared]:
    """Work out where the state is to be, and what has to move there.  Reads only.

    Nothing is prepared for a document with errors.
    """
    checked = check(project, locked=False)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    recorded, declared = read_backend(project), declared_in(project)
    if has_said(declared) or (has_said(recorded) and not asked.reconfigure):
        return Result(None, (*recorded.diagnostics, *declared.diagnostics))
    was = recorded.value or LOCAL
    given = _given(asked.given, None if declared.value is None else declared.value.kind)
    if given.value is None:
        return Result(None, given.diagnostics)
    wanted = _wanted(declared.value, was, given.value)
    prepared = Prepared(
        was=was,
        backend=wanted,
        changed=(was.kind, dict(was.settings)) != (wanted.kind, dict(wanted.settings)),
        forget=asked.reconfigure,
        declared=declared.value,
    )
    if not prepared.changed or asked.reconfigure:
        return Result(prepared)
    if not asked.migrate:
        return _first_time(project, prepared)
    return _with_moves(project, prepared)


def settle(project: Project, prepared: Prepared) -> Diagnostics:
    """Try the server out, copy what is to move, and write down where the state is; errors when it cannot."""
    said: Diagnostics = ()
    if prepared.backend.kind != "local":
        said = _probed(project, prepared.backend)
        if has_errors(said):
            return _placed(prepared, said)
    for move in prepared.moves:
        problems = _move(in_workspace(project, move.workspace), prepared)
        if problems:
            return _placed(prepared, (*said, *problems))
    try:
        if prepared.changed or prepared.forget:
            for name in (DEFAULT_WORKSPACE, *(move.workspace for move in prepared.moves)):
                seen_by(in_workspace(project, name)).forget()
        if prepared.backend != LOCAL or backend_file(project).exists():
            write_backend(project, prepared.backend)
    except OSError as problem:
        detail = f"{problem.filename} cannot be written: {problem.strerror}. See that you may write there."
        return (*said, error("backend-not-written", "The backend was not written down", detail))
    return _placed(prepared, said)


def _wanted(declared: Declared | None, was: Backend, given: Mapping[str, str]) -> Backend:
    """The document's backend with what was given, now and, for the same kind, before."""
    if declared is None:
        return LOCAL
    before = was.given if was.kind == declared.kind else {}
    return merged(declared, {**before, **given})


def _given(texts: tuple[str, ...], kind: str | None) -> Result[dict[str, str]]:
    """All settings of ``-backend-config``, the last ones winning."""
    from dcplan.config.backend_secrets import secrets_in  # noqa: PLC0415 - only with this flag
    from dcplan.config.backend_spec import KEYS  # noqa: PLC0415 - pydantic, only with this flag

    if texts and kind is None:
        detail = (
            "-backend-config adds to the document's backend. Name one there, if only as: backend: {s3: {}}"
        )
        return Result(None, (error("backend-one", "The backend is not named", detail),))
    values: dict[str, str] = {}
    problems: list[Diagnostic] = []
    for text in texts:
        key, sign, value = text.partition("=")
        if sign and not Path(text).is_file():
            values[key.strip()] = value
            continue
        read = _read(Path(text))
        problems += read.diagnostics
        values.update(read.value or {})
    keys = KEYS.get(str(kind), ())
    for key in values:
        if key not in keys:
            hint = did_you_mean(key, keys) or f"There are {listed(list(keys))}."
            detail = f'The backend {kind} has no setting "{key}". {hint}'
            problems.append(error("unknown-key", "A key is not known", detail))
    problems += [replace(secret, path=None) for secret in secrets_in(str(kind), values)]
    if problems:
        return Result(None, tuple(problems))
    # Given by hand, each is taken as it is; in the file ``${`` would be a reference.
    return Result({key: value.replace("${", "$${") for key, value in values.items()})


def _read(path: Path) -> Result[dict[str, str]]:
    """The settings in a file."""
    from dcplan.config.files import shown  # noqa: PLC0415 - YAML, only with this flag
    from dcplan.config.reader import read_file  # noqa: PLC0415 - as above

    read = read_file(path, shown(path))
    if read.value is None:
        return Result(None, read.diagnostics)
    data: Mapping[str, Any] = read.value.data
    wrong = tuple(
        error(
            "wrong-type",
            "A value has the wrong type",
            "This is a text.",
            range=read.value.source.values[key,],
        )
        for key, value in data.items()
        if not isinstance(value, str)
    )
    return Result(None if wrong else dict(data), (*read.diagnostics, *wrong))


def _first_time(project: Project, prepared: Prepared) -> Result[Prepared]:
    """A new backend where there was no state yet is fine; where there was one, its user must choose."""
    if prepared.was.kind == "local" and not local_path(project, prepared.was).exists():
        return Result(prepared)
    detail = (
        f"The document keeps the state in {prepared.backend}; this folder was prepared for {prepared.was}, "
        f"where there is one. Nothing was changed. To take it along: dcplan init -migrate-state. To use what "
        f"is in the new place already, and leave this one: dcplan init -reconfigure"
    )
    problem = error("backend-changed", "The backend has changed", detail, path=("backend",), on_key=True)
    return Result(None, _placed(prepared, (problem,)))


def _with_moves(project: Project, prepared: Prepared) -> Result[Prepared]:
    """Which states there are to move, and whether they may go where they are to go."""
    others = states_at(project, prepared.was)
    if others.value is None:
        return Result(None, _placed(prepared, others.diagnostics))
    moves: list[Move] = []
    problems: list[Diagnostic] = []
    for name in (DEFAULT_WORKSPACE, *others.value):
        found = _movable(in_workspace(project, name), prepared)
        problems += found.diagnostics
        if found.value is not None:
            moves.append(found.value)
    if has_errors(tuple(problems)):
        return Result(None, _placed(prepared, tuple(problems)))
    return Result(replace(prepared, moves=tuple(moves)), _placed(prepared, tuple(problems)))


def _movable(project: Project, prepared: Prepared) -> Result[Move | None]:
    """The state of one workspace, unless there is none."""
    source = open_at(project, prepared.was, create=False)
    if source.value is None:
        return Result(None, () if _missing(source) else source.diagnostics)
    try:
        target = _there(project, prepared.backend)
        if target.value is None and not _missing(target):
            return Result(None, target.diagnostics)
        replaces = False
        if target.value is not None:
            try:
                problem = _clash(source.value, target.value)
                replaces = not _empty(target.value)
            finally:
                target.value.close()
            if problem is not None:
                return Result(None, (problem,))
        return Result(
            Move(
                workspace=project.workspace,
                resources=len(source.value.read().resources),
                open_operations=len(source.value.open_operations()),
                replaces=replaces,
            )
        )
    except StateError as problem_:
        return Result(None, (problem_.diagnostic(),))
    finally:
        source.value.close()


def _there(project: Project, backend: Backend) -> Result[StateStore]:
    """What is in the new place; a workspace that is not there is as missing as a state."""
    if project.workspace != DEFAULT_WORKSPACE:
        known = states_at(project, backend)
        if known.value is None:
            return Result(None, known.diagnostics)
        if project.workspace not in known.value:
            return Result(None, (error("state-missing", "There is no state yet"),))
    # What was seen of the old place says nothing of the new one.
    return open_at(project, backend, create=False, anew=True)


def _missing(result: Result[StateStore]) -> bool:
    return [d.code for d in result.diagnostics] == ["state-missing"]


def _empty(store: StateStore) -> bool:
    return not store.read().serial and not store.open_operations()


def _clash(source: StateStore, target: StateStore) -> Diagnostic | None:
    """Why the one may not be put in place of the other."""
    ours, theirs = source.read(), target.read()
    if _empty(target):
        return None
    if theirs.lineage != ours.lineage:
        detail = (
            f"{target.where} holds another state ({plural(len(theirs.resources), 'resource')}, lineage "
            f"{theirs.lineage}), and nothing is written over it. Choose another place, or use that state: "
            f"dcplan init -reconfigure"
        )
        return error("backend-not-empty", "The new place holds another state", detail, path=("backend",))
    if theirs.serial > ours.serial:
        detail = (
            f"{target.where} holds a newer version of this state (serial {theirs.serial}, and {ours.serial} "
            f"in {source.where}), and nothing is written over it. Use that one: dcplan init -reconfigure"
        )
        return error("backend-newer", "The new place holds a newer state", detail, path=("backend",))
    if _tried_there(source, target):
        detail = (
            f"Calls were made under {target.where} that {source.where} knows nothing of "
            f"({plural(len(target.open_operations()), 'open operation')} there), so nothing is written over "
            f"it: what they made would be lost. Use that one: dcplan init -reconfigure"
        )
        return error("backend-newer", "The new place holds a newer state", detail, path=("backend",))
    return None


def _tried_there(source: StateStore, target: StateStore) -> bool:
    """Whether calls were begun in the new place after it was copied; the serial grows with outcomes only."""
    here = source.tries()
    return any(astuple(tries) > astuple(here.get(a, Tries())) for a, tries in target.tries().items())


def _move(project: Project, prepared: Prepared) -> Diagnostics:
    """Copy one state, with both places locked."""
    source = open_at(project, prepared.was, create=False)
    if source.value is None:
        return source.diagnostics
    target = open_at(project, prepared.backend, create=True, anew=True)
    if target.value is None:
        source.value.close()
        return target.diagnostics
    try:
        return _copy(source.value, target.value)
    except StateError as problem:
        return (problem.diagnostic(),)
    finally:
        source.value.close()
        target.value.close()


def _copy(source: StateStore, target: StateStore) -> Diagnostics:
    info = lock_info("init -migrate-state")
    held = source.lock(info)
    if held.value is None:
        return held.diagnostics
    with held.value:
        taken = target.lock(info)
        if taken.value is None:
            return taken.diagnostics
        with taken.value:
            # Both may have changed since they were looked at.
            clash = _clash(source, target)
            if clash is not None:
                return (clash,)
            target.replace(source.export())
    return ()


def _probed(project: Project, backend: Backend) -> Diagnostics:
    from dcplan.state.probing import probe  # noqa: PLC0415 - only for a state that is elsewhere

    server = server_at(project, backend)
    if server.value is None:
        return server.diagnostics
    try:
        return (*server.diagnostics, *probe(server.value, ("backend", backend.kind)))
    finally:
        server.value.close()


def _placed(prepared: Prepared, said: Diagnostics) -> Diagnostics:
    return said if prepared.declared is None else prepared.declared.place(said)
