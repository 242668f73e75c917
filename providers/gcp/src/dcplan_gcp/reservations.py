"""Reservations that dcplan orders: machines that a zone keeps, used or not.

Their description says whose they are, and nobody can change it: name and owner stay those of the create.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.types import Ack, Found
from dcplan_gcp.composite import SOON_S, Part, begin_insert, finish, go_on
from dcplan_gcp.naming import Note, name_of, request_id
from dcplan_gcp.rest import FIRST_LOOK_S, LONGEST_PAUSE_S, last, pause, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.rest import Rest

COMING = frozenset({"CREATING", "UPDATING"})


class Reservations:
    """Makes and finds reservations."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def begin_create(self, request: Request) -> Ack:
        """Order it; nobody stands in it who does not name it."""
        ask = request.attributes
        body: dict[str, Any] = {
            "name": name_of(request.lineage, request.address),
            "description": Note.of(request).text,
            "specificReservationRequired": True,
            "specificReservation": {
                "count": str(count_of(request)),
                "instanceProperties": {"machineType": text_of(request, "machine_type")},
            },
        }
        if ask.get("until") is not None:
            body["deleteAtTime"] = str(ask["until"])
        part = Part(scope=f"zones/{text_of(request, 'zone')}", collection="reservations", body=body)
        return begin_insert(self._rest, request, part, note_of, look_s=SOON_S)

    def begin_update(self, request: Request) -> Ack:
        """Another number of machines; the rest is the document's alone."""
        there, wanted = owned(self._rest, request), count_of(request)
        path, kept = str(request.object_id), there["specificReservation"]
        if int(kept["count"]) == wanted:
            return Ack(object_id=path)
        used = int(kept.get("inUseCount", 0))
        if used > wanted:
            # Those that shall go are deleted by the same plan.
            said = f"{used} machines still stand in {last(path)}, which shall keep {wanted}."
            raise errors.NotReady(said, retry_after_s=2.0)
        again = request_id(request.token)
        size = {"specificSkuCount": str(wanted)}
        operation = self._rest.send("POST", f"{path}/resize", size, request_id=again)
        self._rest.settled(operation, f"resize {last(path)}", within_s=SOON_S, stop=go_on)
        return Ack(object_id=path, operation_id=relative(operation["selfLink"]))

    def begin_delete(self, request: Request) -> Ack:
        """Give it back; Google refuses while anybody stands in it."""
        path = str(request.object_id)
        owned(self._rest, request, gone_is_fine=True)
        operation = self._rest.send("DELETE", path, request_id=request_id(request.token))
        return Ack(object_id=path, operation_id=relative(operation["selfLink"]))

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """It keeps its machines."""
        finish(self._rest, ack, f"reserve {last(ack.object_id)}", stop)
        pause_s = FIRST_LOOK_S
        while (status := self._rest.get(ack.object_id)["status"]) in COMING:
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)
        if status != "READY":
            raise errors.Invalid(f"{request.address} ({last(ack.object_id)}) is {status}.")
        return {"id": ack.object_id}

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """It is gone."""
        del request
        finish(self._rest, ack, f"delete {last(ack.object_id)}", stop)
        pause_s = FIRST_LOOK_S
        while self._rest.find(ack.object_id) is not None:
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)

    def survey(self, wanted: str) -> Iterator[Found]:
        """The reservations that a filter of names shows; those of calendar mode carry no note."""
        for there in self._rest.everywhere("reservations", wanted):
            note = note_of(there)
            if note is not None and there.get("status") != "DELETING":
                now = {"machines": int(there["specificReservation"]["count"])}
                yield found_of(there, note, {**note.attributes, **now}, ready=there["status"] == "READY")


def note_of(there: Mapping[str, Any]) -> Note | None:
    """Whose it is."""
    return Note.read(there.get("description"))


def found_of(
    there: Mapping[str, Any], note: Note, attributes: Mapping[str, JsonValue], *, ready: bool
) -> Found:
    """As the core sees it."""
    path = relative(there["selfLink"])
    return Found(
        object_id=path,
        address=note.address,
        ready=ready,
        attributes=attributes,
        outputs={"id": path} if ready else {},
        token=note.token,
        lineage=note.lineage,
    )


def owned(rest: Rest, request: Request, *, gone_is_fine: bool = False) -> dict[str, Any]:
    """What a request is about, which must be its owner's; nothing where it is gone and that is fine."""
    path = str(request.object_id)
    there = rest.find(path)
    if there is None:
        if gone_is_fine:
            return {}
        raise errors.AlreadyGone(f"{request.address} ({path}) does not exist.")
    note = note_of(there)
    if note is None or note.lineage != request.lineage:
        raise errors.Denied(f"{path} does not belong to this state.")
    return there


def keeps_its_owner(request: Request) -> None:
    """Refuses another owner."""
    raise errors.Invalid(
        f"{request.object_id} keeps its owner: Google Cloud lets nobody change the description of a "
        "reservation. Let the state that has it delete it, and order it anew."
    )


def count_of(request: Request) -> int:
    """How many machines are wanted."""
    wanted = request.attributes.get("machines")
    if not isinstance(wanted, int):
        raise errors.Invalid(f"{request.address} does not say how many machines. This is a bug in dcplan.")
    return wanted


def text_of(request: Request, name: str) -> str:
    """An attribute that must be there."""
    value = request.attributes.get(name)
    if not isinstance(value, str) or not value:
        raise errors.Invalid(f"{request.address} was asked for without its {name}. This is a bug in dcplan.")
    return value
