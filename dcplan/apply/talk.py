"""How to talk with a provider: guard the call, try again with patience, notice a stop."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dcplan.apply import messages
from dcplan.apply.types import Retry
from dcplan.diag import listed
from dcplan.diag.hidden import hidden_in, redacted
from dcplan.provider import (
    Ack,
    Ambiguous,
    DefiniteError,
    Idempotency,
    ProviderError,
    TransientError,
    request_of,
)
from dcplan.provider.types import clean_outputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.apply.ledger import Ledger
    from dcplan.apply.setting import Setting
    from dcplan.apply.sightings import Sightings
    from dcplan.apply.types import ApplyOptions
    from dcplan.diag import Diagnostic
    from dcplan.provider import Found, Kind, Provider, Request
    from dcplan.resources import JsonValue
    from dcplan.state import Operation

T = TypeVar("T")

TOKEN_MARGIN = 0.95
"""Share of a token's life in which it is trusted; the rest is for slow calls and unequal clocks."""
_SLICE_S = 0.25
"""A pause is slept in pieces of this, so that a stop does not wait for its end."""


class Stopped(Exception):  # noqa: N818 - not an error: the user wants to stop
    """Raised instead of a pause once the user wants to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What runs a call: ``clock`` (Unix seconds), ``steady`` and ``sleep`` (seconds), and whether to stop."""

    options: ApplyOptions
    clock: Callable[[], float]
    steady: Callable[[], float]
    sleep: Callable[[float], None]
    stopping: Callable[[], bool]
    lost: Callable[[], str | None]
    """Why the state is not ours to write any more; None while it is."""
    look: Callable[[], None]
    """Finds out whether it is, where that takes asking."""


class Deadline:
    """Answers whether a time is over that began when this was made; None is never over."""

    def __init__(self, worker: Worker, allowed_s: float | None) -> None:
        self.allowed_s = float("inf") if allowed_s is None else allowed_s
        self._worker = worker
        self._until_s = worker.steady() + self.allowed_s

    def __call__(self) -> bool:
        """Whether it is late."""
        return self._worker.steady() >= self._until_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One operation and all it takes to carry it out."""

    operation: Operation
    request: Request
    provider: Provider
    kind: Kind
    worker: Worker
    notify: Callable[[Retry | Diagnostic], None]
    """Told of retries and broken contracts, from a worker's thread."""
    resumed: bool = False
    """Found open in the journal: it may have been sent before, by a process that is gone."""
    sightings: Sightings | None = None
    """Lists that are shared with others; None looks alone."""
    ledger: Ledger
    """Knows which objects the state has, and which it had."""

    def is_elsewhere(self, found: Found) -> bool:
        """Whether it is another's: the state has it at another address, and its provider was not told yet.

        Or this run has deleted it, and lists still show it; where a name is unique, ids may come again.
        """
        address = self.operation.address
        if self.ledger.holder(address.provider, found.object_id) not in {None, address}:
            return True
        named = self.kind.idempotency is Idempotency.NAME
        return not named and self.ledger.was_deleted(address.provider, found.object_id)

    def begin(self) -> Ack:
        """``provider.begin``; raises a ``ProviderError``, or ``Stopped`` instead of calling.

        Whoever has the state by now has found this operation open and ended it, so a call of ours, held up
        until after that (a pause, a machine that slept), would make a thing that nobody knows.
        """
        if self.worker.stopping() or self.worker.lost() is not None:
            raise Stopped
        ack = self._guarded("begin", lambda: _an_ack(self.provider.begin(self.request)))
        if hidden_in(ack.object_id):
            self.notify(messages.tells_hidden(self.operation.address, "id"))
        return ack

    def deadline(self) -> Deadline:
        """The end of the time that this operation's object may take, from now on."""
        return Deadline(self.worker, self.worker.options.timeout_s(self.operation.action))

    def wait(self, ack: Ack, late: Deadline) -> Mapping[str, JsonValue]:
        """``provider.wait``, called off once it is ``late``; raises only a ``ProviderError``."""

        def stop() -> bool:
            return self.worker.stopping() or late()

        outputs = self._guarded("wait", lambda: _json_outputs(self.provider.wait(self.request, ack, stop)))
        clean = clean_outputs(outputs)
        if clean is not outputs:
            names = sorted(name for name in outputs if outputs[name] != clean.get(name))
            self.notify(messages.tells_hidden(self.operation.address, listed([redacted(n) for n in names])))
        return clean

    def lookup(self) -> tuple[Found, ...]:
        """``provider.lookup``, tried again with patience; raises ``ProviderError`` or ``Stopped``."""
        patience = Patience(self)
        while True:
            try:
                return self._guarded("lookup", lambda: tuple(self.provider.lookup(self.request)))
            except DefiniteError:
                raise
            except ProviderError as e:
                if not patience.again(e):
                    raise

    def listed(self) -> tuple[Found, ...] | None:
        """What a list of all that is ours shows of this request's objects; None where only a lookup tells.

        While recovering, one list serves all that look at the same time.
        """
        sightings = self.sightings
        if sightings is None:
            return None
        try:
            return self._guarded("owned", lambda: sightings.of(self.provider, self.request))
        except ProviderError:
            return None  # A lookup of its own says what is wrong.

    def token_valid(self) -> bool:
        """Whether the same call, sent again now, is known to the provider as the same."""
        return token_holds(self.operation, self.kind, self.worker.clock())

    def sleep(self, seconds: float) -> None:
        """Sleep, or raise ``Stopped`` as soon as the user wants to stop."""
        until_s = self.worker.steady() + seconds
        while True:
            if self.worker.stopping():
                raise Stopped
            left_s = until_s - self.worker.steady()
            if left_s <= 0:
                return
            self.worker.sleep(min(left_s, _SLICE_S))

    def _guarded(self, method: str, call: Callable[[], T]) -> T:
        """The answer; any exception but a ``ProviderError`` is told and becomes ``Ambiguous``."""
        try:
            return call()
        except ProviderError:
            raise
        except Exception as e:
            told = f"{type(e).__name__}: {e}"
            self.notify(messages.broken_contract(self.operation.address, method, told))
            raise Ambiguous(f"The provider failed with {told}.") from e


def open_talk(  # noqa: PLR0913 - gathers what others then get as one
    operation: Operation,
    setting: Setting,
    *,
    ledger: Ledger,
    stopping: Callable[[], bool],
    notify: Callable[[Retry | Diagnostic], None],
    resumed: bool,
) -> Talk | Diagnostic:
    """All it takes to carry out an operation, or why nobody can."""
    provider = setting.providers.get(operation.address.provider)
    if provider is None:
        return messages.no_provider(operation.address)
    kind = provider.info.kinds.get(operation.address.kind)
    if kind is None:
        return messages.no_kind(operation.address)
    return Talk(
        operation=operation,
        request=request_of(
            operation.resource,
            operation.action,
            token=operation.op_id,
            lineage=ledger.lineage,
            needs=operation.needs,
        ),
        provider=provider,
        kind=kind,
        worker=Worker(
            options=setting.options,
            clock=setting.clock,
            steady=setting.steady,
            sleep=setting.sleep,
            stopping=stopping,
            lost=lambda: setting.store.why_lost,
            look=setting.store.look,
        ),
        notify=notify,
        resumed=resumed,
        sightings=setting.sightings if resumed else None,
        ledger=ledger,
    )


def token_holds(operation: Operation, kind: Kind, now_s: float) -> bool:
    """Whether its provider still knows this operation's token at ``now_s``, Unix time."""
    age_s = now_s - operation.intent_at_s
    # A negative age means that the clock was set back: nothing is known then.
    return kind.idempotency is Idempotency.TOKEN and 0 <= age_s < TOKEN_MARGIN * kind.token_ttl_s


class Patience:
    """How often and how soon to try one thing again.

    Full jitter: a pause uniform between 0 and a range that doubles (M. Brooker, "Exponential
    Backoff And Jitter", AWS Architecture Blog, 2015), after what the provider asked for.  Seeded
    by the operation: repeatable, and yet operations do not wake at once.
    """

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._failed = 0
        self._until_s = talk.worker.steady() + talk.worker.options.deadline_s
        self._random = random.Random(talk.operation.op_id)  # noqa: S311 - spreads calls, guards nothing

    def again(self, problem: ProviderError) -> bool:
        """Pause after a failure; False when it is not to be tried again; raises ``Stopped``."""
        options = self._talk.worker.options
        range_s = min(options.max_delay_s, options.base_delay_s * 2**self._failed)
        self._failed += 1
        asked_s = problem.retry_after_s if isinstance(problem, TransientError) else 0.0
        delay_s = asked_s + self._random.uniform(0.0, range_s)
        if self._failed >= options.attempts or self._talk.worker.steady() + delay_s > self._until_s:
            return False
        operation = self._talk.operation
        self._talk.notify(
            Retry(
                address=operation.address,
                action=operation.action,
                why=problem.detail,
                delay_s=delay_s,
                attempt=self._failed,
            )
        )
        self._talk.sleep(delay_s)
        return True


def _an_ack(answer: object) -> Ack:
    if not isinstance(answer, Ack):
        msg = f"begin answered {type(answer).__name__}, not an Ack"
        raise TypeError(msg)
    return answer


def _json_outputs(answer: object) -> Mapping[str, JsonValue]:
    """The outputs, as they will be read back; TypeError or ValueError when they are no JSON object."""
    if not isinstance(answer, Mapping):
        msg = f"wait answered {type(answer).__name__}, not outputs"
        raise TypeError(msg)
    outputs: dict[str, JsonValue] = json.loads(json.dumps(dict(answer), allow_nan=False))
    return outputs
