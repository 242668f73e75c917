"""What a plan would make though it is there already: forgotten by the state, and with its owner tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.plan.orphans import Books, in_the_way, unaccounted
from dcplan.resources import Action
from dcplan.workflow.looking import ask_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcplan.diag import Diagnostics, Result
    from dcplan.plan.types import Plan
    from dcplan.provider.protocol import Provider
    from dcplan.workflow.types import StateView


def there_already(
    plan: Plan,
    view: StateView,
    providers: Mapping[str, Provider],
    again: Callable[[], Result[StateView]],
) -> Diagnostics:
    """A warning for what the plan makes anew beside what its provider has with this state's owner tag.

    Nobody is asked where nothing is made, or nothing ever was.  While an apply is at work, what it has
    just made is in no state yet, so nothing is said.  ``again`` reads the state once more, for the same
    reason.  A provider that does not answer says so when the plan is applied.
    """
    made_before = {address.provider for address in view.tries}
    names = {c.address.provider for c in plan.changes if c.action is Action.CREATE} & made_before
    asked = {name: provider for name, provider in providers.items() if name in names}
    if not asked or view.held_by:
        return ()
    owned, _ = ask_all(asked, lambda _, provider: tuple(provider.owned(view.state.lineage)))
    states = [one for one in (view.before, view.state) if one is not None]
    found = unaccounted(owned, (Books(resources=one.resources, open=view.open) for one in states))
    said = in_the_way(found, plan.changes)
    if not said:
        return ()
    now = again()
    if now.value is None or now.value.held_by:
        return ()
    books = Books(resources=now.value.state.resources, open=now.value.open)
    return in_the_way([one for one in found if one in unaccounted(owned, (books,))], plan.changes)
