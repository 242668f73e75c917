"""Resolve what an earlier run left open, before anything else is done.

==================  =====================  ==========================================
open operation      what is known          what is done
==================  =====================  ==========================================
create, intent      token valid            send the same call again
create, intent      one object of ours     adopt it
create, intent      no object              nothing was made: close it
create, intent      several objects        leave it open and say so
create, intent      money spent, no token  leave it open unless one object is found, or (``repurchase``)
                                           a person has said that it may be ordered again
update, intent      object as wanted       take it as done; otherwise send it again
delete, intent      -                      send it again; gone is done
any, acknowledged   -                      resume the wait
forget, import      -                      give the object the owner tag that it had, and close it
==================  =====================  ==========================================

``ways`` says the same of given operations, in words.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.apply.crash import crash_point
from dcplan.apply.engine import Engine
from dcplan.apply.owners import OF_OWNERS, Owners
from dcplan.apply.setting import Elsewhere, Setting
from dcplan.apply.sightings import Sightings
from dcplan.apply.types import ApplyOptions, ApplyReport, ChangeResult, Event, Status
from dcplan.diag import Diagnostics, Result, error
from dcplan.state import Acknowledged, Operation, Phase, StateError, Voided

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dcplan.provider import Provider
    from dcplan.resources import Action, Address
    from dcplan.state import Record, StateStore


def recover(  # noqa: PLR0913 - as execute
    *,
    store: StateStore,
    providers: Mapping[str, Provider],
    run_id: str,
    options: ApplyOptions | None = None,
    report: Callable[[Event], None] = lambda _: None,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.time,
    steady: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    choices: Mapping[Address, str | None] | None = None,
) -> Result[ApplyReport]:
    """Resolve every open operation as the module's table says, and never by guessing.

    Call it under the store's lease, first in every apply.

    ``choices`` are the user's answers for operations that were left open: the
    id of the object that this address's operation made, or None for "nothing was made".
    Changes ``done`` were completed, ``not started`` are those closed because nothing was made.
    """
    stopped = stop or threading.Event()
    crash_point("recover-start")
    found = store.open_operations()
    owners = Owners(store=store, providers=providers, report=report)
    try:
        chosen, mistaken = _chosen(store, found, choices or {})
        of_owners = tuple(o for o in store.open_operations() if o.action in OF_OWNERS)
        not_back = owners.take_back(of_owners, point="recover-", stop=stopped.is_set)
        left = {operation.op_id for operation in store.open_operations()}
    except StateError as e:
        return Result(None, (e.diagnostic(),))
    operations = tuple(o for o in chosen if o.action not in OF_OWNERS)
    queue = _Queue(operations)
    for operation in of_owners:
        status = Status.IN_PROGRESS if operation.op_id in left else Status.NOT_STARTED
        queue.ended(operation.address, operation.action, status)
    setting = Setting(
        store=store,
        providers=providers,
        options=options or ApplyOptions(),
        report=report,
        stop=stopped.is_set,
        clock=clock,
        steady=steady,
        sleep=sleep,
        run_id=run_id,
        recovering=True,
    )
    sightings = _sightings(setting, operations, store.read().lineage)
    engine = Engine(replace(setting, sightings=sightings), queue)
    engine.run()
    results = queue.results(found)
    value = ApplyReport(
        results=results,
        interrupted=stopped.is_set() and any(r.status is Status.IN_PROGRESS for r in results),
        serial=store.read().serial,
    )
    return Result(value, (*mistaken, *not_back, *engine.problems))


def _chosen(
    store: StateStore, operations: Sequence[Operation], choices: Mapping[Address, str | None]
) -> tuple[tuple[Operation, ...], Diagnostics]:
    """Write the user's choices into the journal; what is left to resolve, and choices without a question."""
    by_address = {operation.address: operation for operation in operations}
    records: list[Record] = []
    for address, object_id in choices.items():
        operation = by_address.get(address)
        if operation is None:
            continue
        if object_id is None:
            records.append(Voided(op_id=operation.op_id, why="the user says that nothing was made"))
            del by_address[address]
        else:
            records.append(Acknowledged(op_id=operation.op_id, object_id=object_id))
            by_address[address] = replace(operation, phase=Phase.ACK, object_id=object_id)
    store.write(records)
    known = {operation.address for operation in operations}
    mistaken = tuple(
        error(
            "no-such-operation",
            "No interrupted operation there",
            f"A choice was made for {address}, but nothing is open there.",
            address=str(address),
        )
        for address in choices
        if address not in known
    )
    return tuple(by_address.values()), mistaken


class _Queue:
    """Open operations, oldest first.  They ran side by side, so none needs another's end."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._left = list(reversed(operations))
        self._status: dict[tuple[Address, Action], Status] = {}

    def take(self, room: int) -> list[Operation]:
        """The next ``room`` of them."""
        return [self._left.pop() for _ in range(min(room, len(self._left)))]

    @staticmethod
    def elsewhere(operation: Operation, why: str) -> Elsewhere | None:
        """Never: where things go is for a plan to say."""
        del operation, why
        return None

    def ended(self, address: Address, action: Action, status: Status) -> None:
        """This one has ended so."""
        self._status[address, action] = status

    @staticmethod
    def news() -> tuple[Event, ...]:
        """None: nothing here depends on anything else."""
        return ()

    def results(self, operations: Sequence[Operation]) -> tuple[ChangeResult, ...]:
        """What came of each; one that was not reached is still in progress."""
        waiting = {(o.address, o.action) for o in self._left}
        return tuple(
            ChangeResult(
                address=o.address,
                action=o.action,
                status=self._status.get(
                    (o.address, o.action),
                    Status.IN_PROGRESS if (o.address, o.action) in waiting else Status.NOT_STARTED,
                ),
            )
            for o in operations
        )


def _sightings(setting: Setting, operations: Sequence[Operation], lineage: str) -> Sightings | None:
    """Shared lists, where more than one operation may have to look for its object."""
    if sum(operation.phase is Phase.INTENT for operation in operations) < 2:  # noqa: PLR2004 - a list is for several
        return None
    # Whoever looks again after this pause gets a new list, and all others the same one.
    return Sightings(lineage, setting.steady, setting.options.lookup_every_s * 0.9)
