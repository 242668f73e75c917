"""The wording of what may go wrong while applying."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, error, listed, plural, warning
from dcplan.provider import Conflict
from dcplan.resources import Action
from dcplan.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.provider import Found, ProviderError
    from dcplan.resources import Address
    from dcplan.state import Operation

_SHOWN = 8
"""Addresses named in one message."""
AGAIN = "The next apply finds out first, before it does anything else."


def refused(address: Address, action: Action, problem: ProviderError) -> Diagnostic:
    """The provider definitely did not do it."""
    detail = f"The {action} of {address} came to nothing. {problem.detail}"
    if action is Action.CREATE and isinstance(problem, Conflict):
        detail += (
            " If that is what is wanted, take it into the state: dcplan orphans shows what is this state's, "
            "and dcplan import -generate ID writes the entry for any other."
        )
    if action is Action.DELETE and isinstance(problem, Conflict):
        detail += " If that was made here and forgotten, dcplan orphans shows it, and can delete it."
    return error(problem.code, problem.summary, detail, address=str(address))


def sold_out_meanwhile(address: Address, why: str) -> Diagnostic:
    """An interrupted create was refused as it was resolved; what is wanted is decided anew."""
    detail = f"The interrupted create of {address} came to nothing, and is closed. {why}"
    return warning("sold-out-meanwhile", "No capacity for what was interrupted", detail, address=str(address))


def unclear(address: Address, action: Action, problem: ProviderError) -> Diagnostic:
    """Nobody knows whether the provider did it."""
    detail = f"Whether the {action} of {address} took effect is not known. {problem.detail} {AGAIN}"
    return error("outcome-unknown", "The outcome of a call is not known", detail, address=str(address))


def purchase(address: Address, problem: ProviderError | None) -> Diagnostic:
    """It costs money for good, nothing can be seen of it, and nothing tells whether it was bought."""
    why = f" {problem.detail}" if problem else ""
    detail = (
        f"{address} is paid for when it is made, and its provider cannot tell a repeated order from a "
        f"second one.{why} No such object can be seen, but it may still turn up, so dcplan does not order "
        f"again by itself. Look in the provider's console, then say what you found: dcplan recover -choose "
        f"{address}=ID, or {address}=none. To order again at your own risk: dcplan recover -yes-repurchase"
    )
    return error("purchase-unclear", "A purchase may have been made", detail, address=str(address))


def several(address: Address, found: Sequence[Found]) -> Diagnostic:
    """More than one object could be the one that was made."""
    detail = (
        f"{plural(len(found), 'object')} could be {address}: {listed([f.object_id for f in found])}. Choose "
        f"the one to keep: dcplan recover -choose {address}=ID. The others are orphans then: dcplan orphans"
    )
    return error("several-objects", "More objects than were asked for", detail, address=str(address))


def unowned(address: Address, found: Found) -> Diagnostic:
    """An object is there, but nothing says whose it is."""
    detail = (
        f"{found.object_id} may be {address}, but it carries neither this state's owner tag nor the call's "
        f"token. If it is yours: dcplan recover -choose {address}={found.object_id}. If it is not, so that "
        f"nothing was made: dcplan recover -choose {address}=none"
    )
    return error("owner-unclear", "It is not clear whose object it is", detail, address=str(address))


def never_ready(address: Address, object_id: str, problem: ProviderError) -> Diagnostic:
    """Made, but broken."""
    detail = (
        f"{object_id} was made for {address} but will not become ready. {problem.detail} It is in the state, "
        f"so that it is not forgotten: plan again to replace it, or take it out of the document to delete it."
    )
    return error("never-ready", "An object does not become ready", detail, address=str(address))


def kept(addresses: Sequence[Address]) -> Diagnostic:
    """Not taken away again, although it is new."""
    more = len(addresses) - _SHOWN
    names = [str(address) for address in addresses[:_SHOWN]]
    detail = (
        f"{listed([*names, f'{more} more'] if more > 0 else names)} stayed: what was there before, and was "
        f"changed or replaced by this run, needs it now."
    )
    return warning("rollback-kept", "Not everything new was taken away again", detail)


def timed_out(operation: Operation, object_id: str, allowed_s: float) -> Diagnostic:
    """The provider works on it for longer than somebody wants to wait."""
    address = operation.address
    detail = (
        f"The {operation.action} of {address} ({object_id}) was not done after {format_duration(allowed_s)}, "
        f"the time that is allowed. The provider goes on with it; the next apply waits on. "
        f"More time is given by apply: {{timeouts: {{{operation.action}: ...}}}} in the document."
    )
    return error("timeout", "It takes longer than is allowed", detail, address=str(address))


def broken_contract(address: Address, method: str, problem: str) -> Diagnostic:
    """The provider did what no provider may."""
    detail = (
        f"While working on {address}, {method} of provider {address.provider} failed in a way that the core "
        f"does not know: {problem}. This is a bug in the provider. The call counts as one without an answer: "
        f"dcplan looks what it did before anything else is tried."
    )
    return warning("provider-broken", "The provider broke its contract", detail, address=str(address))


def tells_hidden(address: Address, what: str) -> Diagnostic:
    """A provider put into an object's outputs what nobody may see; the same for all objects of a kind."""
    kept = (
        "It is kept as it is: without its id nobody would find the object again."
        if what == "id"
        else "It is kept and shown as (sensitive)."
    )
    detail = (
        f"The provider {address.provider} told the value of a sensitive or ephemeral variable in {what} of a "
        f"{address.kind}. {kept} A provider that needs it again knows it from its settings."
    )
    return warning("hidden-in-outputs", "A provider told a hidden value", detail)


def no_provider(address: Address) -> Diagnostic:
    """Nobody can do it."""
    detail = f"{address} needs provider {address.provider}, which is not set up. Install or configure it."
    return error("provider-missing", "No provider for a resource", detail, address=str(address))


def no_kind(address: Address) -> Diagnostic:
    """The provider does not know such things."""
    detail = (
        f"Provider {address.provider} knows no resources of kind {address.kind}, as {address} is. It may be "
        f"of another version than the one that made the plan: plan again."
    )
    return error("kind-unknown", "The provider does not know this kind", detail, address=str(address))


def blocked(operation: Operation) -> Diagnostic:
    """An earlier operation on the address is still open."""
    detail = (
        f"An earlier {operation.action} of {operation.address} is not resolved, so nothing else is done to "
        f"it: a second object could come of that. {AGAIN}"
    )
    return error(
        "operation-unresolved",
        "An earlier operation is not resolved",
        detail,
        address=str(operation.address),
    )
