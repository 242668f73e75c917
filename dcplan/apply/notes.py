"""Make the changes of a plan that are of the state alone: moves, forgettings, imports and notes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.apply.types import ApplyReport, ChangeResult, Done, Event, Status
from dcplan.diag import Diagnostic, Diagnostics, Result, error, warning
from dcplan.provider import ProviderError
from dcplan.provider.errors import AlreadyGone
from dcplan.provider.protocol import HasOwners
from dcplan.provider.types import Request
from dcplan.resources import Action, Address, Change, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dcplan.provider import Provider
    from dcplan.state import Operation, StateStore


def make_notes(
    changes: Sequence[Change],
    *,
    store: StateStore,
    providers: Mapping[str, Provider],
    report: Callable[[Event], None] = lambda _: None,
) -> Result[tuple[ChangeResult, ...]]:
    """Make all of these, or none.  Call it under the lease, before ``execute``.

    Owner tags come first, one call each; the state follows in one transaction.  Killed in between, the
    next apply of the same changes puts the same tags on again, which does nothing.
    """
    blocked = _blocked(changes, store.open_operations())
    if blocked or not changes:
        return Result(() if not blocked else None, blocked)
    lineage = store.read().lineage
    said: list[Diagnostic] = []
    for change in changes:
        problem = _tag(change, providers.get(change.address.provider), lineage)
        if problem is not None:
            said.append(problem)
    if any(d.code != "forget-gone" for d in said):
        return Result(None, tuple(said))
    rows: dict[Address, Resource | None] = {
        c.previous_address: None for c in changes if c.previous_address is not None
    }
    rows |= {c.address: c.after for c in changes}
    store.record(rows)
    for change in changes:
        report(Done(address=change.address, action=change.action, elapsed_s=0.0))
    results = tuple(ChangeResult(address=c.address, action=c.action, status=Status.DONE) for c in changes)
    return Result(results, tuple(said))


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


def _tag(change: Change, provider: Provider | None, lineage: str) -> Diagnostic | None:
    """Put our owner tag on what is imported, and take it from what is forgotten."""
    resource = change.after or change.before
    if change.action not in {Action.IMPORT, Action.FORGET} or resource is None:
        return None
    if provider is None or not isinstance(provider, HasOwners):
        return None
    object_id = resource.outputs.get("id")
    request = Request(
        address=change.address,
        action=Action.UPDATE,
        token="",
        lineage=lineage if change.action is Action.IMPORT else "",
        object_id=object_id if isinstance(object_id, str) else None,
    )
    try:
        provider.set_owner(request)
    except ProviderError as problem:
        if change.action is Action.FORGET and isinstance(problem, AlreadyGone):
            detail = f"{change.address} is gone from its provider already. The state forgets it all the same."
            return warning("forget-gone", "What is forgotten is gone", detail, address=str(change.address))
        said = f"The {change.action} of {change.address} came to nothing, and with it all others."
        return error(problem.code, problem.summary, f"{said} {problem.detail}", address=str(change.address))
    return None


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
