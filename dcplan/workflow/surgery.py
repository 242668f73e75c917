"""``state pull``, ``mv``, ``rm`` and ``push``: the state taken out, and changed by hand.

Each change is worked out by a pure function of the state, shown, and carried
out under the lock, after a backup was written.  Nothing here calls a provider.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from dcplan.diag import Diagnostic, Diagnostics, Result, did_you_mean, error, listed, plural, warning
from dcplan.disk.private import make_folder
from dcplan.resources import Address, Resource
from dcplan.state import Operation, Record, Recorded, State, StateError, Tries, restored_from, to_json
from dcplan.workflow.applying import writing
from dcplan.workflow.history import note_by_hand
from dcplan.workflow.leasing import who
from dcplan.workflow.sealing import sealer_of
from dcplan.workflow.stores import open_state

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.plan.sealed import Sealer
    from dcplan.state import StateReader
    from dcplan.workflow.types import Project

BACKUP = b"backup"
"""What a sealed backup is bound to be."""
BACKUPS = "backups"
"""Folder beside the state where it is kept as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that the store tells of what is there."""

    state: State
    tries: Mapping[Address, Tries]
    open: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surgery:
    """A change of the state by hand, worked out and not yet made."""

    says: tuple[str, ...]
    """What will be changed, a line each."""
    records: tuple[Record, ...]
    serial: int
    """Of the state that it was worked out from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operated:
    """What became of the state."""

    backup: Path | None
    """The state as it was before; None where nothing had been in it."""
    serial: int


Decide: TypeAlias = Callable[[Standing], Result[Surgery]]
"""Works a change out from what is there; reads nothing else."""


def pull(project: Project) -> Result[str]:
    """The whole state as a ``state.v1`` document; ``no-state`` before anything was applied."""
    read = _read(project)
    if read.value is None:
        return Result(None, read.diagnostics)
    if not read.value.state.lineage:
        detail = "Nothing has been applied here yet, so there is no state. Next: dcplan plan"
        return Result(None, (error("no-state", "There is no state", detail),))
    return Result(to_json(read.value.state, tries=read.value.tries), read.diagnostics)


def propose(project: Project, decide: Decide) -> Result[Surgery]:
    """What ``decide`` makes of the state as it is now.  Takes no lock, writes nothing."""
    read = _read(project)
    if read.value is None:
        return Result(None, read.diagnostics)
    decided = decide(read.value)
    return Result(decided.value, (*read.diagnostics, *decided.diagnostics))


def operate(project: Project, decide: Decide, seen: Surgery, *, command: str) -> Result[Operated]:
    """Change the state under its lock as ``seen`` says; refused when it has moved on since.

    The state is first written to a file beside it (mode 0600).  ``command`` is
    named to others who wait for the lock.
    """
    try:
        with writing(project, command) as held:
            if held.value is None:
                return Result(None, held.diagnostics)
            store = held.value
            standing = standing_of(store)
            decided = decide(standing)
            sealer = sealer_of(project)
            if decided.value is None or sealer.diagnostics:
                return Result(None, (*decided.diagnostics, *sealer.diagnostics))
            if decided.value != seen:
                return Result(None, (_moved_on(seen.serial, standing.state.serial),))
            backup = back_up(project.state_folder / BACKUPS, "state", standing, sealer.value)
            store.write(decided.value.records)
            note_by_hand(store, operation=command, who=who(), rows=len(decided.value.records))
            return Result(Operated(backup=backup, serial=store.read().serial))
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))
    except OSError as problem:
        detail = f"{problem.filename} cannot be written: {problem.strerror}. The state was not changed."
        return Result(None, (error("backup-not-written", "The backup could not be written", detail),))


def move(source: str, target: str) -> Decide:
    """One resource gets another address; what needs it goes on needing it."""

    def decide(standing: Standing) -> Result[Surgery]:
        resources = standing.state.resources
        old, new = _parsed(source), _parsed(target)
        if isinstance(old, Diagnostic) or isinstance(new, Diagnostic):
            return Result(None, tuple(d for d in (old, new) if isinstance(d, Diagnostic)))
        problems = [*_absent(resources, [old]), *_busy(standing, [old, new])]
        if new in resources:
            problems.append(_taken(new))
        if (old.provider, old.kind) != (new.provider, new.kind):
            detail = (
                f"{old} and {new} are not of the same provider and kind. A resource stays what it is; only "
                "the last part of its address can change."
            )
            problems.append(error("state-other-kind", "A move cannot change the kind", detail))
        if problems:
            return Result(None, tuple(problems))
        needing = [r for r in resources.values() if old in r.needs]
        records = [
            Recorded(address=old, resource=None),
            Recorded(address=new, resource=_renamed(resources[old], old, new)),
            *(Recorded(address=r.address, resource=_renamed(r, old, new)) for r in needing),
        ]
        says = [f"{old} becomes {new}", *(f"{r.address} needs {new} instead" for r in needing)]
        return Result(Surgery(says=tuple(says), records=tuple(records), serial=standing.state.serial))

    return decide


def remove(names: Sequence[str]) -> Decide:
    """Resources are forgotten: what they stand for stays as it is, and is nobody's."""

    def decide(standing: Standing) -> Result[Surgery]:
        resources = standing.state.resources
        parsed = [_parsed(name) for name in dict.fromkeys(names)]
        wrong = tuple(p for p in parsed if isinstance(p, Diagnostic))
        addresses = [p for p in parsed if isinstance(p, Address)]
        problems = (*wrong, *_absent(resources, addresses), *_busy(standing, addresses))
        if problems:
            return Result(None, problems)
        going = set(addresses)
        left = [r for a, r in resources.items() if a not in going and going.intersection(r.needs)]
        said: Diagnostics = ()
        if left:
            detail = (
                f"{listed([str(r.address) for r in left[:8]])}{' and others' if len(left) > 8 else ''} "  # noqa: PLR2004 - eight show what it is about
                "will need what the state no longer holds. The next plan makes it anew, or changes them."
            )
            said = (warning("state-need-missing", "Something needs what is forgotten", detail),)
        return Result(
            Surgery(
                says=tuple(f"{a} is forgotten{_object(resources[a])}" for a in addresses),
                records=tuple(Recorded(address=a, resource=None) for a in addresses),
                serial=standing.state.serial,
            ),
            said,
        )

    return decide


def unsealed(project: Project, content: bytes, name: str) -> Result[bytes]:
    """A document to push, decrypted if it is a backup that was encrypted."""
    from dcplan.plan.sealed import Unsealable, is_sealed  # noqa: PLC0415 - only for push

    if not is_sealed(content):
        return Result(content)
    sealer = sealer_of(project)
    if sealer.value is None:
        detail = f"{name} is encrypted, and the document names no key under `encryption`."
        told = error("backup-encrypted", "The backup is encrypted", detail)
        return Result(None, sealer.diagnostics or (told,))
    try:
        return Result(sealer.value.open(content, BACKUP))
    except Unsealable as problem:
        detail = f"{name} cannot be decrypted. {problem} The state was not changed."
        return Result(None, (error("backup-not-decrypted", "The backup cannot be decrypted", detail),))


def push(text: bytes, name: str, *, force: bool) -> Decide:
    """The state becomes what a ``state.v1`` document says; ``name`` is told of the document.

    Refused, unless forced, for another lineage, a serial that is lower than
    today's, and while calls are open whose outcome only today's state can take.
    """

    def decide(standing: Standing) -> Result[Surgery]:
        read = restored_from(text)
        if read.value is None:
            told = tuple(replace(d, detail=f"{name}: {d.detail}") for d in read.diagnostics)
            return Result(None, told)
        new, now = read.value.state, standing.state
        problems = () if force or not now.lineage else tuple(_push_problems(standing, new))
        if problems:
            return Result(None, problems)
        come, go = new.resources.keys() - now.resources.keys(), now.resources.keys() - new.resources.keys()
        changed = [
            a for a in new.resources.keys() & now.resources.keys() if new.resources[a] != now.resources[a]
        ]
        says = [
            f"{_size(now)} in the state are replaced by {_size(new)} of {name}",
            *(f"{a} comes" for a in sorted(come)),
            *(f"{a} is forgotten{_object(now.resources[a])}" for a in sorted(go)),
            *(f"{a} changes" for a in sorted(changed)),
        ]
        return Result(Surgery(says=tuple(says), records=(read.value,), serial=now.serial), read.diagnostics)

    return decide


def _push_problems(standing: Standing, new: State) -> list[Diagnostic]:
    now = standing.state
    problems = []
    is_new = not now.resources and not standing.tries and now.serial == 0
    if new.lineage != now.lineage and not is_new:
        detail = (
            f"The document has lineage {new.lineage}, the state here {now.lineage}: they are of two "
            "projects, or of two workspaces. See that you are in the right folder. -force pushes it all the "
            "same, and what the state here knows is forgotten."
        )
        problems.append(error("state-other-lineage", "The document is of another state", detail))
    elif new.serial < now.serial:
        detail = (
            f"The document has serial {new.serial}, the state here {now.serial}: it has changed since the "
            "document was pulled. Pull again and repeat the change there. -force pushes it all the same."
        )
        problems.append(error("state-older", "The document is older than the state", detail))
    if standing.open:
        detail = (
            f"{listed([f'{o.action.value} {o.address}' for o in standing.open[:8]])} was interrupted, and "
            "the outcome belongs into the state that is here. Run dcplan recover first. -force pushes all "
            "the same."
        )
        problems.append(error("state-busy", "An operation is not finished", detail))
    return problems


def _read(project: Project) -> Result[Standing]:
    """What is there, without a lock; nothing before there is a state."""
    opened = open_state(project, create=False)
    if opened.value is None:
        if [d.code for d in opened.diagnostics] == ["state-missing"]:
            return Result(Standing(state=State(), tries={}))
        return Result(None, opened.diagnostics)
    try:
        return Result(standing_of(opened.value), opened.diagnostics)
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))
    finally:
        opened.value.close()


def standing_of(store: StateReader) -> Standing:
    """All that a store tells."""
    return Standing(state=store.read(), tries=store.tries(), open=store.open_operations())


def back_up(folder: Path, name: str, standing: Standing, sealer: Sealer | None) -> Path | None:
    """Write the state to a new file of ``folder`` that only its owner can read, and say which.

    Encrypted by ``sealer``, which ``state push`` asks when it reads it.  None
    for a state in which nothing ever was.  OSError when it cannot be written,
    StateError when it cannot be encrypted.
    """
    state = standing.state
    if not state.resources and not standing.tries:
        return None
    make_folder(folder)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    path = folder / f"{name}-{state.serial}-{stamp}.json"
    content = to_json(state, tries=standing.tries).encode()
    if sealer is not None:
        content = _sealed(sealer, content)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return path


def _sealed(sealer: Sealer, content: bytes) -> bytes:
    from dcplan.plan.sealed import Unsealable  # noqa: PLC0415 - as in ``unsealed``

    try:
        return sealer.seal(content, BACKUP)
    except Unsealable as problem:
        raise StateError(f"Its backup cannot be encrypted. {problem} Nothing was changed.") from None


def _parsed(text: str) -> Address | Diagnostic:
    try:
        return Address.parse(text)
    except ValueError:
        detail = f'"{text}" is no address, as local.machine.a-0 is. All addresses: dcplan state list'
        return error("no-address", "This is not an address", detail)


def _absent(resources: Mapping[Address, Resource], addresses: Sequence[Address]) -> list[Diagnostic]:
    known = [str(a) for a in resources]
    return [
        error(
            "no-resource",
            "There is no such resource",
            f'The state holds nothing at "{a}". '
            f"{did_you_mean(str(a), known) or 'All addresses: dcplan state list'}",
        )
        for a in addresses
        if a not in resources
    ]


def _busy(standing: Standing, addresses: Sequence[Address]) -> list[Diagnostic]:
    return [
        error(
            "state-busy",
            "An operation is not finished",
            f"{o.action.value} {o.address} was interrupted, and its outcome is not known yet. "
            "Run dcplan recover first: it finds out.",
            address=str(o.address),
        )
        for o in standing.open
        if o.address in addresses
    ]


def _taken(address: Address) -> Diagnostic:
    detail = f"The state already holds {address}. Move or remove that first, or choose another name."
    return error("state-address-taken", "There is already a resource at this address", detail)


def _moved_on(seen: int, now: int) -> Diagnostic:
    detail = (
        f"While you were asked, somebody else changed the state (serial {seen} then, {now} now). "
        "Nothing was changed. Run the command again."
    )
    return error("state-moved-on", "The state has changed meanwhile", detail)


def _renamed(resource: Resource, old: Address, new: Address) -> Resource:
    return replace(
        resource,
        address=new if resource.address == old else resource.address,
        needs=tuple(new if need == old else need for need in resource.needs),
    )


def _size(state: State) -> str:
    return f"{plural(len(state.resources), 'resource')} (serial {state.serial})"


def _object(resource: Resource) -> str:
    """Which object stays behind, as far as it is known."""
    id_ = resource.outputs.get("id")
    return f"; {id_} stays, and goes on costing what it costs" if isinstance(id_, str) else ""
