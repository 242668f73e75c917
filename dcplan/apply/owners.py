"""Owner tags that change as the state forgets or takes over: journaled, taken back when not all can be made.

    intents durable -> one call each -> done durable, with the rows of the state in one transaction

An operation found open afterwards is taken back, never finished: the state still is as it was, so the
tags become what they were, and the same changes can be made again from the start.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.apply import messages
from dcplan.apply.crash import crash_point
from dcplan.apply.ledger import Ledger, Wish
from dcplan.apply.types import IntentRecorded, IntentResolved
from dcplan.diag import Diagnostic, Diagnostics, Result, error, warning
from dcplan.provider import ProviderError
from dcplan.provider.errors import AlreadyGone, DefiniteError
from dcplan.provider.protocol import HasOwners
from dcplan.provider.types import Request
from dcplan.resources import Action
from dcplan.state import Operation, Voided

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dcplan.apply.types import Event
    from dcplan.provider import Provider
    from dcplan.resources import Address, Change, Resource
    from dcplan.state import StateStore

OF_OWNERS = frozenset({Action.FORGET, Action.IMPORT})
"""Changes of the state that change an object's owner tag as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Changes owner tags.  Call it under the lease."""

    store: StateStore
    providers: Mapping[str, Provider]
    report: Callable[[Event], None] = lambda _: None
    clock: Callable[[], float] = time.time

    def intend(self, changes: Sequence[Change], run_id: str) -> Result[tuple[Operation, ...]]:
        """Write down the calls that these changes need; asks whose the objects are that are taken over."""
        ledger = Ledger(self.store)
        operations: list[Operation] = []
        said: list[Diagnostic] = []
        for change in changes:
            resource = change.after or change.before
            if change.action not in OF_OWNERS or resource is None:
                continue
            provider = self.providers.get(change.address.provider)
            if provider is None or not isinstance(provider, HasOwners):
                continue
            wish = Wish(address=change.address, action=change.action, resource=resource)
            operation = ledger.operation(wish, run_id=run_id, epoch=self.store.epoch, now_s=self.clock())
            try:
                owner = _owner_now(provider, operation, ledger.lineage)
            except ProviderError as problem:
                said.append(_came_to_nothing(operation, problem))
                continue
            operations.append(replace(operation, owner=owner))
        if said:
            return Result(None, tuple(said))
        if operations:
            crash_point("before-intent")
            self.store.intents(operations)
            crash_point("after-intent")
            for operation in operations:
                self.report(IntentRecorded.of(operation))
        return Result(tuple(operations))

    def put(self, operations: Sequence[Operation]) -> Diagnostics:
        """Put the new tags on.  With an error all of it is taken back, or left open where that fails, too."""
        lineage = self.store.read().lineage
        said: list[Diagnostic] = []
        for i, operation in enumerate(operations):
            problem = self._set(operation, lineage if operation.action is Action.IMPORT else "")
            crash_point("after-begin")
            if operation.action is Action.FORGET and isinstance(problem, AlreadyGone):
                said.append(_gone(operation.address))
            elif problem is not None:
                said.append(_came_to_nothing(operation, problem))
                untouched = operations[i if isinstance(problem, DefiniteError) else i + 1 :]
                self._close(untouched)
                touched = operations[: len(operations) - len(untouched)]
                return (*said, *self.take_back(touched))
        return tuple(said)

    def take_back(
        self,
        operations: Sequence[Operation],
        *,
        point: str = "",
        stop: Callable[[], bool] = lambda: False,
    ) -> Diagnostics:
        """Give the objects the tags that they had, and close the operations; errors for what stays open.

        ``point`` comes before the names of crash points.  Nothing more is begun once ``stop`` says so.
        """
        lineage = self.store.read().lineage
        said: list[Diagnostic] = []
        closed: list[Operation] = []
        for operation in operations:
            if stop():
                break
            if operation.address.provider not in self.providers:
                said.append(messages.no_provider(operation.address))
                continue
            problem = self._set(operation, lineage if operation.action is Action.FORGET else operation.owner)
            crash_point(f"{point}after-begin")
            if problem is None or isinstance(problem, AlreadyGone):
                closed.append(operation)
            else:
                said.append(_not_restored(operation, problem))
        self._close(closed)
        if closed:
            crash_point(f"{point}after-void")
        return tuple(said)

    def _set(self, operation: Operation, owner: str) -> ProviderError | None:
        provider = self.providers[operation.address.provider]
        if not isinstance(provider, HasOwners):
            return None
        try:
            provider.set_owner(replace(_request(operation), lineage=owner))
        except ProviderError as problem:
            return problem
        return None

    def _close(self, operations: Sequence[Operation]) -> None:
        """These are as if they had never been sent."""
        self.store.write([Voided(op_id=o.op_id, why="the owner tag is as before") for o in operations])
        for operation in operations:
            self.report(IntentResolved.of(operation, done=False))


def _owner_now(provider: Provider, operation: Operation, lineage: str) -> str:
    """Whose tag the object of an import carries; empty for nobody's.  Raises what the provider does."""
    if operation.action is not Action.IMPORT:
        return ""
    request = replace(_request(operation), lineage=lineage)
    found = (one for one in provider.lookup(request) if one.object_id == request.object_id)
    return next((one.lineage or "" for one in found), "")


def _request(operation: Operation) -> Request:
    return Request(
        address=operation.address,
        action=Action.UPDATE,
        token="",
        lineage="",
        object_id=_id(operation.resource),
    )


def _id(resource: Resource) -> str | None:
    object_id = resource.outputs.get("id")
    return object_id if isinstance(object_id, str) else None


def _gone(address: Address) -> Diagnostic:
    detail = f"{address} is gone from its provider already. The state forgets it all the same."
    return warning("forget-gone", "What is forgotten is gone", detail, address=str(address))


def _came_to_nothing(operation: Operation, problem: ProviderError) -> Diagnostic:
    said = f"The {operation.action} of {operation.address} came to nothing, and with it all others."
    return error(problem.code, problem.summary, f"{said} {problem.detail}", address=str(operation.address))


def _not_restored(operation: Operation, problem: ProviderError) -> Diagnostic:
    where = operation.address
    detail = (
        f"The {operation.action} of {where} was begun and not made, but {_id(operation.resource)} may carry "
        f"another owner tag since, and could not be given its own again. {problem.detail} The next apply, or "
        f"dcplan recover, tries again. If you have put the tag right yourself: dcplan recover -choose "
        f"{where}=none"
    )
    return error("owner-not-restored", "An owner tag was not put back", detail, address=str(where))
