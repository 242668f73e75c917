"""How one event of applying looks to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dcplan.apply import (
    Acknowledged,
    Done,
    Failed,
    IntentRecorded,
    IntentResolved,
    LockAcquired,
    LockWaiting,
    Progress,
    Retry,
    Skipped,
    Started,
)
from dcplan.apply.types import CapacityAttempt
from dcplan.cli.views.fallbacks import price_difference
from dcplan.diag import plural
from dcplan.resources import STATE_ACTIONS, Action
from dcplan.units import format_duration

if TYPE_CHECKING:
    from dcplan.apply import Event

DOING = {Action.CREATE: "creating", Action.UPDATE: "updating", Action.DELETE: "deleting"}
DID = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.REPLACE: "replaced",
    Action.DELETE: "deleted",
    Action.MOVE: "moved",
    Action.FORGET: "forgotten",
    Action.IMPORT: "imported",
    Action.RECORD: "noted",
}


def shown(event: Event) -> bool:
    """Whether people see it; the journal's own business is for programs."""
    quiet = isinstance(event, IntentRecorded | IntentResolved | LockAcquired)
    return not quiet and not (isinstance(event, Acknowledged) and not event.adopted)


def event_text(event: Event) -> str:  # noqa: C901, PLR0911, PLR0912 - one line an event
    """One line."""
    if isinstance(event, LockAcquired):
        return f"  lock taken for {event.operation}, epoch {event.epoch}"
    if isinstance(event, LockWaiting):
        return f"{event.why} Trying again in {format_duration(event.delay_s)}."
    name = str(event.address)
    doing = DOING.get(event.action, event.action.value)
    match event:
        case IntentRecorded():
            return f"  {name}: {event.action.value} is in the journal"
        case IntentResolved():
            came = "is done" if event.done else "made nothing"
            return f"  {name}: {event.action.value} {came}, says the journal"
        case Started():
            return f"  {name}: {doing}..."
        case Acknowledged(adopted=True):
            return f"  {name}: found from an earlier attempt, not made twice"
        case Acknowledged():
            return f"  {name}: taken as {event.object_id}"
        case Progress():
            return f"  {name}: still {doing}, {format_duration(event.elapsed_s)}"
        case Done():
            word = click.style(DID.get(event.action, "done"), fg="green")
            took = "" if event.action in STATE_ACTIONS else f" after {format_duration(event.elapsed_s)}"
            return f"  {name}: {word}{took}"
        case Failed():
            return click.style(f"  {name}: failed", fg="red") + f"  {event.diagnostic.summary}"
        case Skipped():
            return click.style(f"  {name}: skipped", fg="yellow") + f", because {event.because} was not done"
        case Retry():
            return f"  {name}: {event.why} Again in {format_duration(event.delay_s)}."
        case CapacityAttempt():
            return _moved(event)


def _moved(event: CapacityAttempt) -> str:
    more = price_difference(event.usd_per_h)
    together = f" with {plural(event.machines - 1, 'other machine')}" if event.machines > 1 else ""
    head = click.style(f"  {event.address}: {event.from_pool} is sold out", fg="yellow")
    return f"{head}, trying {event.pool}{together}, {more}"
