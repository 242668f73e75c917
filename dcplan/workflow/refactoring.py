"""The state as the document speaks of it: after its moves, removals and imports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Result, error, has_errors, warning
from dcplan.plan.refactor import Imported, Refactored, Wishes, refactor
from dcplan.plan.state_changes import held_otherwise, import_needed, noted, relabelled
from dcplan.provider.errors import ProviderError
from dcplan.provider.protocol import HasOwners
from dcplan.provider.types import Request
from dcplan.resources import Action, Address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.plan.diff import Diff, Kinds
    from dcplan.plan.types import Plan
    from dcplan.provider.protocol import Provider
    from dcplan.provider.types import Found
    from dcplan.resources import Change, ResourceGraph
    from dcplan.state.types import State
    from dcplan.workflow.types import Checked, Gathered, StateView

    FoundByAddress = Mapping[Address, Found | None]


def seen(checked: Checked, view: StateView, kinds: Kinds) -> Result[StateView]:
    """The view as everything that is decided shall have it.  Asks providers for what is imported."""
    document = checked.loaded.document
    if not (document.moved or document.removed or document.import_) and not _forgetful(view.state):
        return Result(view)
    imported = _imported(checked, view.state)
    if imported.value is None:
        return Result(None, imported.diagnostics)
    wishes = Wishes(
        moved=document.moved,
        removed=document.removed,
        imported=imported.value,
        workloads=document.workloads.keys(),
    )
    made = refactor(wishes, view.state.resources, kinds)
    said = (*imported.diagnostics, *made.diagnostics)
    if made.value is None:
        return Result(None, said)
    state = replace(view.state, resources=made.value.resources)
    return Result(replace(view, state=state, before=view.state, refactored=made.value), said)


def _forgetful(state: State) -> bool:
    return any(resource.on_remove == "forget" for resource in state.resources.values())


def look_up(provider: Provider, address: Address, object_id: str, lineage: str) -> Found | None:
    """The object with this id; raises what the provider does."""
    request = Request(address=address, action=Action.UPDATE, token="", lineage=lineage, object_id=object_id)
    return next((found for found in provider.lookup(request) if found.object_id == object_id), None)


def _imported(checked: Checked, state: State) -> Result[tuple[Imported, ...]]:
    """The objects that the document imports and the state does not hold yet."""
    held: Mapping[Address, object] = {a: r.outputs.get("id") for a, r in state.resources.items()}
    found: list[Imported] = []
    said: list[Diagnostic] = []
    for i, one in enumerate(checked.loaded.document.import_):
        address = Address.parse(one.address)
        if held.get(address) == one.id:
            continue
        provider = checked.providers[address.provider]
        path = ("import", i, "id")
        try:
            there = look_up(provider, address, one.id, state.lineage)
        except ProviderError as problem:
            said.append(error(problem.code, problem.summary, problem.detail, path=path))
            continue
        if there is None:
            detail = (
                f'{address.provider} has nothing with the id "{one.id}". `dcplan import -generate` lists '
                "what it has and this state does not."
            )
            said.append(error("import-missing", "There is nothing to import", detail, path=path))
            continue
        said += _whose(provider, there, state.lineage, path)
        ours = there.lineage is not None and there.lineage == state.lineage
        found.append(Imported(address=address, found=there, path=path, ours=ours))
    if has_errors(tuple(said)):
        return Result(None, tuple(said))
    return Result(tuple(found), tuple(said))


def _whose(provider: Provider, found: Found, lineage: str, path: tuple[str | int, ...]) -> list[Diagnostic]:
    """What is to be said of an object's owner tag, which may be another's."""
    if found.lineage in {None, lineage}:
        return []
    if not isinstance(provider, HasOwners):
        detail = (
            f"{found.object_id} carries the owner tag of another state ({found.lineage}), and this provider "
            "cannot change it. Put this state's tag on it by the provider's own means."
        )
        return [error("import-owned", "The object belongs to another state", detail, path=path)]
    detail = (
        f"{found.object_id} carries the owner tag of another state ({found.lineage}), which is taken off. "
        "If that state still manages it, let it go there first (removed, with destroy: false)."
    )
    return [warning("import-owned", "The object belongs to another state", detail, path=path)]


def as_told(checked: Checked, view: Result[StateView], *, destroy: bool = False) -> Result[StateView]:
    """The state as the document speaks of it, for everything that comes after.

    ``destroy``: everything goes, so nothing is moved or imported; what shall be forgotten still is.
    """
    if view.value is None:
        return view
    kinds = kinds_of(checked.providers)
    told = _for_destroy(checked, view.value, kinds) if destroy else seen(checked, view.value, kinds)
    return Result(told.value, (*view.diagnostics, *checked.loaded.source.place(told.diagnostics)))


def _for_destroy(checked: Checked, view: StateView, kinds: Kinds) -> Result[StateView]:
    removed = tuple(one for one in checked.loaded.document.removed if not one.destroy)
    if not removed and not _forgetful(view.state):
        return Result(view)
    made = refactor(Wishes(removed=removed), view.state.resources, kinds)
    if made.value is None:
        return Result(None, made.diagnostics)
    state = replace(view.state, resources=made.value.resources)
    return Result(replace(view, state=state, before=view.state, refactored=made.value), made.diagnostics)


def as_held(view: StateView, gathered: Gathered) -> Gathered:
    """What is on offer once machines are forgotten, which stay taken, and others' are taken over."""
    more = held_otherwise(view.refactored) if view.refactored is not None else {}
    if not any(more.values()):
        return gathered
    offerings = tuple(
        o
        if o.machines is None or not more.get(o.pool)
        else replace(o, machines=max(o.machines + more[o.pool], 0), available=o.machines + more[o.pool] > 0)
        for o in gathered.catalog.offerings
    )
    return replace(gathered, catalog=replace(gathered.catalog, offerings=offerings))


def by_new_names(view: StateView, found: FoundByAddress | None) -> FoundByAddress | None:
    """What the providers have, told by the names that the state uses."""
    if found is None or view.refactored is None or not view.refactored.renames:
        return found
    renames = view.refactored.renames
    return {a: None if there is None else renames.found(there) for a, there in found.items()}


def with_refactoring(
    view: StateView, changes: Diff, desired: ResourceGraph, found: FoundByAddress | None
) -> Result[Diff]:
    """The changes, with updates of what is still known by an old name; errors for imports in vain."""
    refactored = view.refactored or Refactored(resources=view.state.resources)
    in_vain = import_needed(refactored.changes, changes.changes)
    if in_vain:
        return Result(None, tuple(in_vain))
    return Result(relabelled(changes, refactored, desired, found or {}))


def with_notes(view: StateView, plan: Plan, notes: Sequence[Change] = ()) -> Plan:
    """The plan, with what changes in the state alone; ``notes`` are of lifecycle rules."""
    refactored, before = view.refactored, view.before or view.state
    if refactored is None:
        refactored = Refactored(resources=view.state.resources)
    by_address = {change.address: change for change in refactored.changes}
    for note in notes:
        moved = by_address.get(note.address)
        by_address[note.address] = note if moved is None else replace(moved, after=note.after)
    return noted(plan, replace(refactored, changes=tuple(by_address.values())), before.resources)


def kinds_of(providers: Mapping[str, Provider]) -> Kinds:
    """All kinds of all providers."""
    return {(name, kind.name): kind for name, p in providers.items() for kind in p.info.kinds.values()}
