"""Capacity blocks: machines for a time window, by a future reservation in calendar mode.

Google names no price when one is ordered.  Until it is locked it can be cancelled; from then on it is paid
for, and nobody can change or delete it before its end: deleting it lets go of it.  The reservation that comes
of it has its name.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.types import Ack
from dcplan_gcp.composite import SOON_S, Part, begin_insert, finish, go_on
from dcplan_gcp.naming import Note, name_of, request_id
from dcplan_gcp.reservations import count_of, found_of, note_of, owned, text_of
from dcplan_gcp.rest import FIRST_LOOK_S, LONGEST_PAUSE_S, last, pause, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dcplan.provider.types import Found, Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.rest import Rest

HELD = frozenset({"APPROVED", "COMMITTED", "PROCURING", "PROVISIONING", "FULFILLED"})
LOCKED = frozenset({"COMMITTED", "PROCURING", "PROVISIONING", "FULFILLED", "FAILED_PARTIALLY_FULFILLED"})
"""Beyond PROCURING no modifications are allowed (Compute Engine API, ``procurementStatus``)."""
OVER = frozenset({"CANCELLED", "DECLINED", "FAILED", "FAILED_PARTIALLY_FULFILLED"})
SOON = dt.timedelta(minutes=10)
"""For how long an apply may wait for a block to begin."""
BEGUN = frozenset({"PROVISIONING", "FULFILLED"})


class Windows:
    """Orders and finds capacity blocks; the id is that of the future reservation."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def begin_create(self, request: Request) -> Ack:
        """Order it.  One of this name that came to nothing goes first."""
        name, zone = name_of(request.lineage, request.address), text_of(request, "zone")
        body: dict[str, Any] = {
            "name": name,
            "description": Note.of(request).text,
            "reservationMode": "CALENDAR",
            "planningStatus": "SUBMITTED",
            "deploymentType": "DENSE",
            "reservationName": name,
            "specificReservationRequired": True,
            "autoDeleteAutoCreatedReservations": True,
            "shareSettings": {"shareType": "LOCAL"},
            "specificSkuProperties": {
                "totalCount": str(count_of(request)),
                "instanceProperties": {"machineType": text_of(request, "machine_type")},
            },
            "timeWindow": {"startTime": text_of(request, "start"), "endTime": text_of(request, "end")},
        }
        part = Part(scope=f"zones/{zone}", collection="futureReservations", body=body)
        try:
            return begin_insert(self._rest, request, part, note_of, look_s=SOON_S)
        except errors.Conflict:
            path = self._rest.path(part.scope, part.collection, name)
            there = self._rest.find(path)
            if there is not None and _state(there) in OVER and _mine(there, request):
                self._removed(path, request)
                said = f"An order of this name, which was {_state(there)}, is being cleared away."
                raise errors.NotReady(said, retry_after_s=2.0) from None
            raise

    def begin_update(self, request: Request) -> Ack:
        """Nothing of it can be changed, and nothing is."""
        owned(self._rest, request)
        return Ack(object_id=str(request.object_id))

    def begin_delete(self, request: Request) -> Ack:
        """Cancel it, if that is possible; its record goes in the wait."""
        path = str(request.object_id)
        there = owned(self._rest, request, gone_is_fine=True)
        if there and (_state(there) in LOCKED | OVER or _ended(there)):
            return Ack(object_id=path)
        operation = self._rest.send("POST", f"{path}/cancel", request_id=request_id(request.token))
        return Ack(object_id=path, operation_id=relative(operation["selfLink"]))

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """Google has approved it; its machines can be started when it begins."""
        finish(self._rest, ack, f"order {last(ack.object_id)}", stop)
        pause_s = FIRST_LOOK_S
        while (state := _state(self._rest.get(ack.object_id))) not in HELD:
            if state in OVER:
                if state not in LOCKED:  # What was delivered in part is paid for.
                    self._removed(ack.object_id, request)
                raise errors.CapacityUnavailable(f"Google Cloud has not these machines then: it is {state}.")
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)
        return {"id": ack.object_id}

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """Its record is gone; one that is locked is let go of, and stays paid for."""
        finish(self._rest, ack, f"cancel {last(ack.object_id)}", stop)
        pause_s = FIRST_LOOK_S
        while (there := self._rest.find(ack.object_id)) is not None:
            if _state(there) in LOCKED and not _ended(there):
                return
            if _state(there) in OVER or _ended(there):
                self._removed(ack.object_id, request)
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)

    def begun(self, path: str) -> None:
        """Raises before a block has begun: no machine can be started in it until then.

        ``NotReady`` where that is soon, so that the call is tried again, else ``Invalid``.
        """
        there = self._rest.get(path)
        if _state(there) in BEGUN:
            return
        start = dt.datetime.fromisoformat(there["timeWindow"]["startTime"])
        said = f"{last(path)} is {_state(there)}: it begins at {start.astimezone(dt.UTC):%Y-%m-%d %H:%M UTC}."
        if start - dt.datetime.now(dt.UTC) < SOON:
            raise errors.NotReady(said)
        raise errors.Invalid(f"{said} Run dcplan apply again then. Nothing was sent.")

    def _removed(self, path: str, request: Request) -> None:
        """The record of one that is not to be."""
        try:
            operation = self._rest.send("DELETE", path, request_id=request_id(request.token, "record"))
            self._rest.settled(operation, f"clear {last(path)}", within_s=SOON_S, stop=go_on)
        except errors.AlreadyGone:
            return

    def survey(self, wanted: str, *, locked: bool = True) -> Iterator[Found]:
        """The blocks that a filter of names shows.

        Without ``locked``, only those that can still be given back: of the others nobody can take the note
        away once they are let go of.
        """
        for there in self._rest.everywhere("futureReservations", wanted):
            note, state = note_of(there), _state(there)
            if note is not None and state not in OVER and (locked or state not in LOCKED):
                yield found_of(there, note, note.attributes, ready=state in HELD)


def _state(there: Mapping[str, Any]) -> str:
    """Where an order is."""
    return str(there.get("status", {}).get("procurementStatus", "PENDING_APPROVAL"))


def _ended(there: Mapping[str, Any]) -> bool:
    """Whether its time is over, so that its record may go."""
    return dt.datetime.fromisoformat(there["timeWindow"]["endTime"]) <= dt.datetime.now(dt.UTC)


def _mine(there: Mapping[str, Any], request: Request) -> bool:
    note = note_of(there)
    return note is not None and note.lineage == request.lineage
