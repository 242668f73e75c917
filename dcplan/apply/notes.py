"""Make the changes of a plan that are of the state alone: moves, forgettings, imports and notes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.apply.crash import crash_point
from dcplan.apply.owners import Owners
from dcplan.apply.types import ApplyReport, ChangeResult, Done, Event, IntentResolved, Status
from dcplan.diag import Diagnostics, Result, error, has_errors
from dcplan.resources import Action
from dcplan.state import Finished, Recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dcplan.provider import Provider
    from dcplan.resources import Address, Change, Resource
    from dcplan.state import Operation, Record, StateStore


def make_notes(
    changes: Sequence[Change],
    *,
    store: StateStore,
    providers: Mapping[str, Provider],
    run_id: str,
    report: Callable[[Event], None] = lambda _: None,
) -> Result[tuple[ChangeResult, ...]]:
    """Make all of these, or none.  Call it under the lease, before ``execute``.

    Owner tags come first, each in the journal before its call; the state follows, in one transaction
    with the journal's word that they are on.  Killed in between, ``recover`` takes the tags back, and the
    next apply of the same changes begins anew.
    """
    blocked = (*_blocked(changes, store.open_operations()), *_held(changes, store.read().resources))
    if blocked or not changes:
        return Result(() if not blocked else None, blocked)
    owners = Owners(store=store, providers=providers, report=report)
    intended = owners.intend(changes, run_id)
    if intended.value is None:
        return Result(None, intended.diagnostics)
    said = owners.put(intended.value)
    if has_errors(said):
        return Result(None, said)
    store.write(_records(changes, intended.value))
    if intended.value:
        crash_point("after-done")
    for operation in intended.value:
        report(IntentResolved.of(operation, done=True))
    for change in changes:
        report(Done(address=change.address, action=change.action, elapsed_s=0.0))
    results = tuple(ChangeResult(address=c.address, action=c.action, status=Status.DONE) for c in changes)
    return Result(results, said)


def _records(changes: Sequence[Change], operations: Sequence[Operation]) -> list[Record]:
    """Calls that are done, and rows: first what leaves an address, then what comes to one."""
    call = {(o.address, o.action): o.op_id for o in operations}
    leaves: list[Record] = []
    comes: list[Record] = []
    for change in changes:
        if change.previous_address is not None:
            leaves.append(Recorded(address=change.previous_address, resource=None))
        op_id = call.get((change.address, change.action))
        record: Record = (
            Recorded(address=change.address, resource=change.after)
            if op_id is None
            else Finished(op_id=op_id, resource=change.after)
        )
        (leaves if change.after is None else comes).append(record)
    return [*leaves, *comes]


def _blocked(changes: Sequence[Change], unresolved: Sequence[Operation]) -> Diagnostics:
    """Errors for addresses whose last operation nobody knows the end of: its object would get lost."""
    touched = {a for c in changes for a in (c.address, c.previous_address)}
    return tuple(
        error(
            "operation-unresolved",
            "An earlier operation is not resolved",
            f"An earlier {o.action} of {o.address} is not resolved, so it cannot be moved, forgotten or "
            "imported. Bring it to its end first: dcplan recover",
            address=str(o.address),
        )
        for o in unresolved
        if o.address in touched
    )


def _held(changes: Sequence[Change], rows: Mapping[Address, Resource]) -> Diagnostics:
    """Errors for objects that have come into the state since they were looked up, as by recovery.

    With two rows of one object, the delete of the one would take the other's away.
    """
    leaving = {c.previous_address or c.address for c in changes if c.before is not None}
    holder = {(a.provider, r.outputs.get("id")): a for a, r in rows.items() if a not in leaving}
    taken = [
        (c.address, object_id, holder.get((c.address.provider, object_id), c.address))
        for c in changes
        if c.action is Action.IMPORT and c.after is not None and (object_id := c.after.outputs.get("id"))
    ]
    return tuple(
        error(
            "import-elsewhere",
            "An object cannot be imported",
            f"The state has {object_id} already, at {there}, and nothing was changed. To rename it, write it "
            "under moved; otherwise take the import out. Then plan again.",
            address=str(address),
        )
        for address, object_id, there in taken
        if there != address
    )


def after_notes(
    noted: Result[tuple[ChangeResult, ...]], then: Callable[[], Result[ApplyReport]]
) -> Result[ApplyReport]:
    """The report of all that was done: of the notes, and of ``then``, which is done once they are made."""
    if noted.value is None:
        return Result(None, noted.diagnostics)
    done = then()
    if done.value is None:
        return done
    results = (*noted.value, *done.value.results)
    return Result(replace(done.value, results=results), (*noted.diagnostics, *done.diagnostics))
