"""``dcplan.lock``: which package of each provider a project was prepared with; committed with the document.

``init`` writes it, plans and applies hold it.  A version may have several
digests: one for each platform whose wheel somebody locked.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcplan.diag import Diagnostic, Diagnostics, Result, error, listed
from dcplan.provider.origins import ProviderOrigin, altered_files, origins

if TYPE_CHECKING:
    from dcplan.workflow.types import Project

LOCK_FILE = "dcplan.lock"
LOCK_VERSION = 1
_SHOWN = 5
"""Files that are named when a package was altered."""
_PREFIX = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """What the lock says of one provider."""

    package: str
    version: str
    digests: tuple[str, ...] = ()
    """sha256 (hex) of each build of that version that may be used; none: of a checkout, which has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Every locked provider, by the name that the document has for it."""

    providers: Mapping[str, Locked] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocked:
    """A lock that was brought up to date."""

    lock: Lock
    changed: tuple[str, ...]
    """Providers whose entry is new, other or gone."""


def read_lock(project: Project) -> Result[Lock]:
    """The lock of a project; one without providers where there is no file."""
    path = project.folder / LOCK_FILE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Result(Lock())
    except OSError as problem:
        detail = f"{path} cannot be read: {problem.strerror}."
        return Result(None, (error("lock-unreadable", "The lock of providers cannot be read", detail),))
    try:
        return Result(_lock_of(json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        detail = (
            f"{path} is no lock that this version of dcplan wrote ({type(problem).__name__}: {problem}). "
            "Take it from version control, or remove it and write it anew with: dcplan init"
        )
        return Result(None, (error("lock-damaged", "The lock of providers cannot be read", detail),))


def check_lock(project: Project, names: Iterable[str]) -> Diagnostics:
    """An error for each of these providers that is not as the lock says; none where there is no lock."""
    if not (project.folder / LOCK_FILE).exists():
        return ()
    read = read_lock(project)
    if read.value is None:
        return read.diagnostics
    found = origins(names)
    return tuple(d for origin in found if (d := _unfit(origin, read.value.providers.get(origin.name))))


def update_lock(
    project: Project, names: Sequence[str], *, upgrade: bool, readonly: bool, add: bool = False
) -> Result[Relocked]:
    """Lock the providers of a document as they are installed, and write that down.

    A provider that is locked otherwise is refused, unless ``upgrade``.  ``add``
    keeps the digests of other platforms' builds of the same version, and adds
    this one's.  ``readonly``: whatever would be written is an error.
    """
    read = read_lock(project)
    if read.value is None and not upgrade:
        return Result(None, read.diagnostics)
    before = read.value or Lock()
    found = origins(names)
    problems = [*_altered(found)]
    if not upgrade:
        problems += [
            d
            for origin in found
            if (was := before.providers.get(origin.name))
            and (d := _unfit(origin, was))
            and not (add and was.version == origin.version)
        ]
    after = Lock(
        providers={o.name: _entry(o, before.providers.get(o.name), keep=not upgrade or add) for o in found}
    )
    changed = tuple(
        name
        for name in sorted({*before.providers, *after.providers})
        if before.providers.get(name) != after.providers.get(name)
    )
    if changed and readonly:
        problems.append(_read_only(changed))
    if problems:
        return Result(None, tuple(problems))
    if changed or not (project.folder / LOCK_FILE).exists():
        if readonly:
            return Result(None, (_read_only(changed or tuple(after.providers)),))
        try:
            _write(project.folder / LOCK_FILE, after)
        except OSError as problem:
            detail = f"{project.folder / LOCK_FILE} cannot be written: {problem.strerror}."
            return Result(None, (error("lock-not-written", "The lock could not be written", detail),))
    return Result(Relocked(lock=after, changed=changed))


def _entry(origin: ProviderOrigin, was: Locked | None, *, keep: bool) -> Locked:
    """What the lock is to say; what it knew of the same version stays if ``keep``."""
    same = was is not None and (was.package, was.version) == (origin.package, origin.version)
    known = set(was.digests) if was is not None and same and keep else set()
    here = {origin.digest} if origin.digest is not None else set()
    return Locked(package=origin.package, version=origin.version, digests=tuple(sorted(known | here)))


def _unfit(origin: ProviderOrigin, locked: Locked | None) -> Diagnostic | None:
    """Why a provider may not be used; None when it may."""
    if locked is None:
        detail = (
            f"{LOCK_FILE} says nothing of the provider {origin.name}, which is {origin.package} "
            f"{origin.version} here. Add it with: dcplan init"
        )
        return error("provider-not-locked", "A provider is not locked", detail, address=origin.name)
    if (locked.package, locked.version) != (origin.package, origin.version):
        how = (
            f"{locked.package} {locked.version} is locked, and {origin.package} {origin.version} is installed"
        )
    elif origin.digest and locked.digests and origin.digest not in locked.digests:
        how = (
            f"{origin.package} {origin.version} is installed in another build than those that are locked "
            f"(sha256 {origin.digest[:12]}... here)"
        )
    else:
        return None
    detail = (
        f"Of the provider {origin.name}, {how}. Install what is locked, or accept what is installed with: "
        "dcplan init -upgrade"
    )
    return error(
        "provider-other-than-locked", "A provider is not the locked one", detail, address=origin.name
    )


def _altered(found: Iterable[ProviderOrigin]) -> list[Diagnostic]:
    """An error for each package whose files are not those that were installed."""
    problems = []
    for origin in found:
        files = altered_files(origin.name) if origin.digest is not None else ()
        if files:
            more = [f"{len(files) - _SHOWN} more"] if len(files) > _SHOWN else []
            detail = (
                f"Of the package {origin.package} {origin.version} of the provider {origin.name}, "
                f"{listed([*files[:_SHOWN], *more])} changed after it was installed. Install it again."
            )
            problems.append(error("provider-altered", "A provider was altered", detail, address=origin.name))
    return problems


def _read_only(names: Sequence[str]) -> Diagnostic:
    detail = (
        f"{LOCK_FILE} would change for {listed(list(names))}, and -lockfile=readonly forbids it. Run "
        "dcplan init where it may be written, and commit the file."
    )
    return error("lock-read-only", "The lock would change", detail)


def _lock_of(data: Any) -> Lock:
    if data["version"] != LOCK_VERSION:
        msg = f"version {data['version']}, where {LOCK_VERSION} is read"
        raise ValueError(msg)
    return Lock(
        providers={
            str(name): Locked(
                package=str(entry["package"]),
                version=str(entry["version"]),
                digests=tuple(str(d).removeprefix(_PREFIX) for d in entry["digests"]),
            )
            for name, entry in data["providers"].items()
        }
    )


def _write(path: Path, lock: Lock) -> None:
    """Write the lock, whole or not at all."""
    data = {
        "version": LOCK_VERSION,
        "providers": {
            name: {
                "package": entry.package,
                "version": entry.version,
                "digests": [f"{_PREFIX}{digest}" for digest in entry.digests],
            }
            for name, entry in sorted(lock.providers.items())
        },
    }
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(data, indent=2) + "\n")
        draft.chmod(0o644)  # It is committed, and holds nothing secret.
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
