"""Find out what a call without a clear answer did, by looking."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dcplan.apply import messages
from dcplan.apply.outcomes import Anew, Nothing, Open, Outcome, Taken
from dcplan.provider import (
    Ack,
    CapacityUnavailable,
    DefiniteError,
    Found,
    Idempotency,
    ProviderError,
    QuotaExceeded,
)
from dcplan.resources import Action
from dcplan.resources.machines import is_group

if TYPE_CHECKING:
    from dcplan.apply.talk import Talk

_SOLD_OUT = (CapacityUnavailable, QuotaExceeded)
"""What another pool may help against."""


def created(talk: Talk, problem: ProviderError | None, *, made: str | None = None) -> Found | Outcome:
    """The object that this create made, or what to conclude when there is not exactly one.

    Looks until an object that exists must be visible (the kind's
    ``consistency_window_s``).  ``problem`` is the provider's last word on the
    call; None when it was sent, if at all, by a process that is gone.  ``made``
    is the object's id where that is known: another one of that name is not it.
    """
    address = talk.operation.address
    until_s = talk.worker.steady() + talk.kind.consistency_window_s
    while True:
        left_s = until_s - talk.worker.steady()
        try:
            found = _candidates(talk, made, at_last=left_s <= 0)
        except ProviderError as e:
            return unclear(talk, e)
        if len(found) > 1:
            return Open(problem=messages.several(address, found))
        if found:
            known = found[0].lineage == talk.request.lineage or found[0].token == talk.request.token
            return found[0] if known else Open(problem=messages.unowned(address, found[0]))
        if left_s <= 0:
            return _nowhere(talk, problem)
        talk.sleep(min(left_s, talk.worker.options.lookup_every_s))


def adopted(seen: Found | Outcome) -> Outcome:
    """A found object as if the provider had just answered with it."""
    if isinstance(seen, Found):
        return Taken(ack=Ack(object_id=seen.object_id), adopted=True)
    return seen


def updated(talk: Talk) -> Outcome | None:
    """Taken when the object is already as the update wants it; None to send the update."""
    # Where a repetition costs money, a look that shows no success must not lead to a second order.
    costly = talk.kind.spends_money and not talk.token_valid()
    try:
        found = talk.listed() or talk.lookup()
    except ProviderError as e:
        return unclear(talk, e) if costly else None
    for one in found:
        if talk.request.object_id in {None, one.object_id} and _as_wanted(talk, one):
            return Taken(ack=Ack(object_id=one.object_id), adopted=True)
    if costly and not talk.worker.options.repurchase:
        return Open(problem=messages.purchase(talk.operation.address, None))
    return None


def own_twin(talk: Talk) -> Outcome | None:
    """The object of ours that has this name and these attributes already, if that was the conflict.

    A create that was found to have made nothing may have made it after all,
    later than the provider's consistency window allows.
    """
    if talk.kind.idempotency not in {Idempotency.NAME, Idempotency.TAG}:
        return None
    try:
        found = talk.lookup()
    except ProviderError:
        return None  # The conflict itself will be told.
    own = [
        f
        for f in found
        if f.lineage == talk.request.lineage
        and f.address == talk.request.address
        and not talk.is_elsewhere(f)
    ]
    if len(own) == 1 and _as_wanted(talk, own[0]):
        return adopted(own[0])
    return None


def unclear(talk: Talk, problem: ProviderError) -> Open:
    """Leave it open, and say so."""
    return Open(problem=messages.unclear(talk.operation.address, talk.operation.action, problem))


def nothing(talk: Talk, problem: ProviderError) -> Nothing:
    """Nothing was made, for this reason."""
    told = messages.refused(talk.operation.address, talk.operation.action, problem)
    # A machine group that is to grow may find its pool sold out as well as one that is to be made.
    operation = talk.operation
    buys = operation.action is Action.CREATE or (
        operation.action is Action.UPDATE and is_group(operation.resource.attributes)
    )
    sold_out = buys and isinstance(problem, _SOLD_OUT)
    return Nothing(why=problem.detail, problem=told, sold_out=sold_out)


def _candidates(talk: Talk, made: str | None, *, at_last: bool) -> tuple[Found, ...]:
    """The objects that this call may have made; ``at_last``: that there are none, a look of its own says."""
    request = talk.request
    listed = None if at_last else talk.listed()
    # A name is unique, so an object of ours under it is the one, whichever attempt made it.
    any_token = talk.kind.idempotency is Idempotency.NAME
    return tuple(
        f
        for f in (talk.lookup() if listed is None else listed)
        if f.address == request.address
        and made in {None, f.object_id}
        and f.lineage in {None, request.lineage}
        and (any_token or f.token in {None, request.token})
        and not talk.is_elsewhere(f)
    )


def _nowhere(talk: Talk, problem: ProviderError | None) -> Outcome:
    """What an object that does not exist means."""
    if isinstance(problem, DefiniteError):
        return nothing(talk, problem)
    if talk.kind.spends_money and talk.kind.idempotency is not Idempotency.TOKEN:
        return Open(problem=messages.purchase(talk.operation.address, problem), unseen=True)
    if problem is None:
        return Nothing(why="interrupted before the provider took it", problem=None)
    return Anew(problem=problem)


def _as_wanted(talk: Talk, found: Found) -> bool:
    """Whether it has the name and every attribute asked for; the provider may know more of them."""
    wanted = talk.request.attributes
    return found.address == talk.request.address and all(
        name in found.attributes and _json(found.attributes[name]) == _json(value)
        for name, value in wanted.items()
    )


def _json(value: object) -> str:
    # Lists and tuples are one thing to a provider.
    return json.dumps(value, sort_keys=True, default=str)
