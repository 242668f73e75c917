"""One operation's way through its provider: send it, find out what came of it, wait for it.

Runs in a worker's thread.  What is done after an error follows from the type
of the error and the kind of the resource alone; nothing is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.apply import look, messages
from dcplan.apply.outcomes import Nothing, Open, Outcome, Ready, Taken, Unready
from dcplan.apply.talk import Patience, Stopped
from dcplan.provider import (
    Ack,
    AlreadyGone,
    Cancelled,
    Conflict,
    DefiniteError,
    Found,
    Idempotency,
    ProviderError,
    TransientError,
)
from dcplan.resources import Action

if TYPE_CHECKING:
    from dcplan.apply.talk import Talk


def begin(talk: Talk) -> Outcome:
    """Send the call, as often as it may be sent, and find out what came of it.

    An operation found open in the journal is looked up first, unless sending
    it again is safe: with a valid token, or to delete.
    """
    try:
        if talk.resumed and talk.operation.action is Action.CREATE and not talk.token_valid():
            seen = look.created(talk, None)
            if isinstance(seen, Open) and seen.unseen and talk.worker.options.repurchase:
                return _send(talk)
            return look.adopted(seen)
        if talk.resumed and talk.operation.action is Action.UPDATE:
            return look.updated(talk) or _send(talk)
        return _send(talk)
    except Stopped:
        # Only looks are interrupted here; ``_send`` knows more and answers itself.
        return Open(problem=None)


def wait(talk: Talk, ack: Ack) -> Outcome:
    """Wait until the object is ready, or gone."""
    patience = Patience(talk)
    deletes = talk.operation.action is Action.DELETE
    late = talk.deadline()
    while True:
        try:
            outputs = talk.wait(ack, late)
            return Ready(outputs=outputs if deletes else {"id": ack.object_id, **outputs})
        except Cancelled as e:
            if late() and not talk.worker.stopping():
                return Open(problem=messages.timed_out(talk.operation, ack.object_id, late.allowed_s))
            problem: ProviderError = e
        except DefiniteError as e:
            return _wait_failed(talk, ack, e)
        except ProviderError as e:
            problem = e
        try:
            if not patience.again(problem):
                return look.unclear(talk, problem)
        except Stopped:
            return Open(problem=None)


def _send(talk: Talk) -> Outcome:
    patience = Patience(talk)
    # Whether a call of this operation, now or by a process before, may have done something.
    uncertain = talk.resumed
    while True:
        try:
            return Taken(ack=talk.begin())
        except Stopped:
            return _stopped(uncertain=uncertain)
        except DefiniteError as e:
            return _refused(talk, e, uncertain=uncertain)
        except TransientError as e:
            problem: ProviderError = e
        except ProviderError as e:
            problem, uncertain = e, True
            concluded = _without_answer(talk, e)
            if concluded is not None:
                return concluded
        try:
            again = patience.again(problem)
            talk.worker.look()  # For a call that was held up: see ``Talk.begin``.
            concluded = (_token_ran_out if again else _gave_up)(talk, problem, uncertain=uncertain)
        except Stopped:
            return _stopped(uncertain=uncertain)
        if concluded is not None:
            return concluded


def _stopped(*, uncertain: bool) -> Outcome:
    if uncertain:
        return Open(problem=None)
    return Nothing(why="stopped before the provider took it", problem=None)


def _token_ran_out(talk: Talk, problem: ProviderError, *, uncertain: bool) -> Outcome | None:
    """What to conclude when the token ended during a pause, as in a machine that slept; None: send again."""
    if not uncertain or talk.kind.idempotency is not Idempotency.TOKEN or talk.token_valid():
        return None
    return _without_answer(talk, problem)


def _refused(talk: Talk, problem: DefiniteError, *, uncertain: bool) -> Outcome:
    """This call did nothing; an earlier one of the same operation may have."""
    action = talk.operation.action
    if action is Action.DELETE and isinstance(problem, AlreadyGone):
        return Ready(outputs={})
    if action is Action.CREATE:
        if uncertain:
            return look.adopted(look.created(talk, problem))
        if isinstance(problem, Conflict):
            return look.own_twin(talk) or look.nothing(talk, problem)
    return look.nothing(talk, problem)


def _without_answer(talk: Talk, problem: ProviderError) -> Outcome | None:
    """What to conclude instead of sending the same again; None where that is safe."""
    match talk.operation.action:
        case Action.CREATE if not talk.token_valid():
            return look.adopted(look.created(talk, problem))
        case Action.UPDATE:
            return look.updated(talk)
        case _:
            return None


def _gave_up(talk: Talk, problem: ProviderError, *, uncertain: bool) -> Outcome:
    if not uncertain:
        return look.nothing(talk, problem)
    if talk.operation.action is Action.CREATE:
        return look.adopted(look.created(talk, problem))
    return look.unclear(talk, problem)


def _wait_failed(talk: Talk, ack: Ack, problem: DefiniteError) -> Outcome:
    """What was taken did not come to be, says the provider; for a create, look whether that is so."""
    match talk.operation.action:
        case Action.DELETE if isinstance(problem, AlreadyGone):
            return Ready(outputs={})
        case Action.CREATE:
            try:
                seen = look.created(talk, problem, made=ack.object_id)
            except Stopped:
                return Open(problem=None)
        case _:
            # The row stays as it was, and the next plan sees the difference.
            return look.nothing(talk, problem)
    if not isinstance(seen, Found):
        return seen
    outputs = {"id": seen.object_id, **seen.outputs}
    if seen.ready:
        return Ready(outputs=outputs)
    told = messages.never_ready(talk.operation.address, seen.object_id, problem)
    return Unready(outputs=outputs, problem=told)
