"""``orphans``: what carries this state's owner tag and is in nobody's books; take it in, or delete it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from dcplan.apply import ApplyReport, LockAcquired, execute, make_notes
from dcplan.diag import Diagnostics, Result, error, has_errors
from dcplan.plan.orphans import Books, Orphan, adoption, chosen, deletion, unaccounted
from dcplan.provider.errors import ProviderError
from dcplan.provider.types import OfferingQuery
from dcplan.state import StateError
from dcplan.workflow.applying import Report, lost_lock, writing
from dcplan.workflow.checking import check
from dcplan.workflow.history import Noting, journaled
from dcplan.workflow.leasing import who
from dcplan.workflow.looking import ask_all, not_in_document
from dcplan.workflow.planning import read_state
from dcplan.workflow.refactoring import kinds_of
from dcplan.workflow.settings import NO_FLAGS, ApplyFlags, settings_of

if TYPE_CHECKING:
    import threading

    from dcplan.provider.protocol import Provider
    from dcplan.provider.types import Found
    from dcplan.resources import Change
    from dcplan.state import StateStore
    from dcplan.workflow.types import Checked, Project, StateView


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """What was found."""

    orphans: tuple[Orphan, ...]
    objects: int
    """All objects with the owner tag that were told of."""
    asked: tuple[str, ...]
    """Providers that answered."""
    open: int = 0
    """Operations that are open: what they may have made is no orphan."""
    checked: Checked


Decide: TypeAlias = Callable[[Sequence[Orphan], Books], Result[tuple["Change", ...]]]
"""Works out what to do from the orphans there are and what is accounted for; asks nobody."""


def find_orphans(project: Project) -> Result[Orphans]:
    """All objects with this state's owner tag that neither the state nor an open operation accounts for.

    Takes no lock, writes nothing.  There is an error for each provider of the document and of the
    state that could not be asked; what the others have is told all the same.
    """
    checked = check(project)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    before = read_state(project)
    if before.value is None:
        return Result(None, (*checked.diagnostics, *before.diagnostics))
    lineage = before.value.state.lineage
    owned, said = _owned(checked.value, lineage, before.value)
    # Read again: an apply that runs meanwhile writes an intent before it makes anything.
    after = read_state(project)
    said = (*checked.diagnostics, *before.diagnostics, *said)
    if after.value is None:
        return Result(None, (*said, *after.diagnostics))
    found = unaccounted(owned, (_books(before.value), _books(after.value)))
    return Result(
        Orphans(
            orphans=_priced(found, checked.value.providers, lineage),
            objects=sum(len(objects) for objects in owned.values()),
            asked=tuple(sorted(owned)),
            open=len(after.value.open),
            checked=checked.value,
        ),
        said,
    )


def _owned(
    checked: Checked, lineage: str, view: StateView
) -> tuple[dict[str, tuple[Found, ...]], Diagnostics]:
    """What each provider has under the owner tag, and an error for each that nobody could ask."""
    if not lineage:
        return {}, ()  # Nothing was ever made here, so nothing can carry the tag.
    providers = checked.providers
    held = [a.provider for a in view.state.resources] + [o.address.provider for o in view.open]
    missing = tuple(
        not_in_document(name, held.count(name)) for name in sorted(set(held)) if name not in providers
    )
    owned, said = ask_all(providers, lambda _, provider: tuple(provider.owned(lineage)))
    return owned, (*missing, *said)


def _books(view: StateView) -> Books:
    return Books(resources=view.state.resources, open=view.open)


def _priced(
    orphans: tuple[Orphan, ...], providers: Mapping[str, Provider], lineage: str
) -> tuple[Orphan, ...]:
    """The orphans with what they cost, where their provider's prices tell."""
    prices: dict[tuple[str, str], float | None] = {}
    for name in {o.provider for o in orphans if isinstance(o.found.attributes.get("pool"), str)}:
        try:
            offered = providers[name].offerings(OfferingQuery(lineage=lineage)).value or ()
        except ProviderError:
            continue  # The price stays unknown, and is told so.
        prices |= {(name, offering.pool): offering.usd_per_h for offering in offered}
    return tuple(
        replace(o, usd_per_h=None if (price := prices.get(_pool_of(o))) is None else price * o.machines)
        for o in orphans
    )


def _pool_of(orphan: Orphan) -> tuple[str, str]:
    return orphan.provider, str(orphan.found.attributes.get("pool"))


def adopting(checked: Checked, ids: Sequence[str]) -> Decide:
    """Takes the orphans with these ids into the state."""

    def decide(orphans: Sequence[Orphan], books: Books) -> Result[tuple[Change, ...]]:
        these = chosen(orphans, ids)
        if these.value is None:
            return Result(None, these.diagnostics)
        return adoption(these.value, books.resources, kinds_of(checked.providers))

    return decide


def deleting(ids: Sequence[str] | None) -> Decide:
    """Deletes the orphans with these ids; None: all of them."""

    def decide(orphans: Sequence[Orphan], books: Books) -> Result[tuple[Change, ...]]:
        these = Result(tuple(orphans)) if ids is None else chosen(orphans, ids)
        if these.value is None:
            return Result(None, these.diagnostics)
        blocked = {operation.address for operation in books.open}
        return deletion(these.value, books.resources, blocked)

    return decide


def propose(project: Project, found: Orphans, decide: Decide) -> Result[tuple[Change, ...]]:
    """What would be done about the orphans that were found.  Takes no lock, writes nothing."""
    view = read_state(project)
    if view.value is None:
        return Result(None, view.diagnostics)
    return decide(found.orphans, _books(view.value))


def adopt(  # noqa: PLR0913 - what it meets is handed in
    project: Project,
    found: Orphans,
    decide: Decide,
    agreed: Sequence[Change],
    *,
    report: Report,
    stop: threading.Event,
) -> Result[ApplyReport]:
    """Take orphans into the state, as ``agreed``: owner tag and row, under the lock."""

    def act(store: StateStore, run: Noting) -> Result[ApplyReport]:
        noted = make_notes(
            agreed,
            store=store,
            providers=found.checked.providers,
            run_id=str(uuid.uuid4()),
            report=report,
        )
        if noted.value is None:
            return Result(None, noted.diagnostics)
        done = ApplyReport(results=noted.value, serial=store.read().serial)
        run.end(done)
        return Result(done, noted.diagnostics)

    return _under_lock(project, "orphans adopt", found.checked, decide, agreed, act, report, stop)


def delete(  # noqa: PLR0913 - as ``adopt``
    project: Project,
    found: Orphans,
    decide: Decide,
    agreed: Sequence[Change],
    *,
    report: Report,
    stop: threading.Event,
    flags: ApplyFlags = NO_FLAGS,
) -> Result[ApplyReport]:
    """Delete orphans, as ``agreed``: each delete is in the journal before its call, under the lock."""

    def act(store: StateStore, run: Noting) -> Result[ApplyReport]:
        done = execute(
            agreed,
            store=store,
            providers=found.checked.providers,
            options=flags.over(settings_of(found.checked.loaded.document)),
            report=report,
            stop=stop,
            run_id=str(uuid.uuid4()),
        )
        run.end(done.value)
        return Result(done.value, (*done.diagnostics, *lost_lock(store, done.diagnostics)))

    return _under_lock(project, "orphans delete", found.checked, decide, agreed, act, report, stop)


def _under_lock(  # noqa: PLR0913, PLR0917 - what both need
    project: Project,
    operation: str,
    checked: Checked,
    decide: Decide,
    agreed: Sequence[Change],
    act: Callable[[StateStore, Noting], Result[ApplyReport]],
    report: Report,
    stop: threading.Event,
) -> Result[ApplyReport]:
    """Look once more now that nobody else writes, and act if it is still what was agreed."""
    try:
        with writing(project, operation, report=report, stop=stop) as held:
            if held.value is None:
                return Result(None, held.diagnostics)
            store = held.value
            report(LockAcquired(epoch=store.epoch, operation=operation))
            again = _again(store, checked, decide, agreed)
            if again:
                return Result(None, again)
            with journaled(store, operation=operation, who=who()) as run:
                run.run = replace(run.run, planned=dict(Counter(c.action.value for c in agreed)))
                return act(store, run)
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))


def _again(store: StateStore, checked: Checked, decide: Decide, agreed: Sequence[Change]) -> Diagnostics:
    """Errors when what was agreed is not what there is to do any more."""
    state = store.read()
    books = Books(resources=state.resources, open=store.open_operations())
    names = {change.address.provider for change in agreed}
    asked = {name: provider for name, provider in checked.providers.items() if name in names}
    owned, said = ask_all(asked, lambda _, provider: tuple(provider.owned(state.lineage)))
    if has_errors(said):
        return said
    now = decide(unaccounted(owned, (books,)), books)
    if now.value is None:
        return now.diagnostics
    if now.value != tuple(agreed):
        detail = (
            "While you were asked, the orphans or the state changed, so other things would be done than you "
            "agreed to. Nothing was done. Run the command again."
        )
        return (error("orphans-moved-on", "The orphans have changed meanwhile", detail),)
    return ()
