"""Reservations, and future ones in calendar mode: how they come, who stands in them, what refuses.

Sources: Google's description of ``reservations`` and ``futureReservations`` (states, lock time); codes
and sentences of refusals as the cluster autoscaler of Kubernetes tells them apart (``gce_client.go``).
What calendar mode asks for beside the description: Compute Engine documentation, "Create a future reservation
request in calendar mode".
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from typing import Any

from clouds.gcp.world import Key, RefusedError, Thing, World, now

Failure = tuple[str, str, int, str]

CALENDAR_MACHINES = ("a3-highgpu-8g", "a3-megagpu-8g", "a3-ultragpu-8g", "a4-highgpu-8g")
LONGEST = dt.timedelta(days=90)
RESERVATION_KEY = "compute.googleapis.com/reservation-name"
MOST = 1000
LOCKED = frozenset({"PROCURING", "PROVISIONING", "FULFILLED"})


def wall_s(world: World) -> float:
    """What the time is there."""
    return time.time() + world.weather.ahead_s


# Who stands in a reservation


def reservation_of(body: Mapping[str, Any]) -> str | None:
    """The name of the reservation that an instance asks for."""
    affinity = body.get("reservationAffinity", {})
    if affinity.get("consumeReservationType") != "SPECIFIC_RESERVATION":
        return None
    return str((affinity.get("values") or [""])[0]).rpartition("/")[2]


def inside(world: World, key: Key) -> list[Key]:
    """The instances in a reservation."""
    return [
        other
        for other, thing in world.things.items()
        if (other.project, other.scope, other.collection) == (key.project, key.scope, "instances")
        and reservation_of(thing.body) == key.name
    ]


def refuses_instance(world: World, key: Key, body: Mapping[str, Any]) -> Failure | None:
    """Why an instance cannot stand in the reservation that it names."""
    name = reservation_of(body)
    if name is None:
        return None
    if body["reservationAffinity"].get("key") != RESERVATION_KEY:
        raise RefusedError(400, "invalid", "Invalid value for field 'resource.reservationAffinity.key'.")
    there = Key(key.project, key.scope, "reservations", name)
    thing = world.things.get(there)
    if thing is None:
        return _unmet(f"Specified reservations [{name}] do not exist.")
    status = status_of(world, thing)
    if status != "READY":
        return _unmet(
            f"Cannot insert instance to a reservation with status: {status}, as it requires reservation to "
            "be in READY state."
        )
    asked = thing.body["specificReservation"]
    machine = body["machineType"].rpartition("/")[2]
    bound = body.get("scheduling", {}).get("provisioningModel") == "RESERVATION_BOUND"
    fits = asked["instanceProperties"]["machineType"] == machine and bound == ("-window" in thing.body)
    if not fits or (body.get("resourcePolicies") and not thing.body.get("resourcePolicies")):
        return _unmet(f"No available resources in specified reservations '{name}'")
    if len(inside(world, there)) >= int(asked["count"]):
        return _unmet(f"Specified reservation '{name}' does not have available resources for the request.")
    return None


def _unmet(said: str) -> Failure:
    return "CONDITION_NOT_MET", said, 412, "PRECONDITION FAILED"


# Making them


def refuses(world: World, key: Key, body: Mapping[str, Any], room: int | None) -> Failure | None:
    """Why one cannot be made; ``room`` is how many such machines the zone has left, None: any number."""
    if key.collection == "futureReservations":
        _check_calendar(world, body)
        return None  # What cannot be had is declined, once somebody has looked.
    asked = body.get("specificReservation", {})
    if not 1 <= int(asked.get("count", 0)) <= MOST:
        raise RefusedError(400, "invalid", "Invalid value for field 'specificReservation.count'.")
    if room is not None and int(asked["count"]) > room:
        return sold_out(key)
    return None


def sold_out(key: Key) -> Failure:
    """The zone has not so many."""
    said = (
        f"The zone 'projects/{key.project}/{key.scope}' does not have enough resources available to fulfill "
        "the request. Try a different zone, or try again later."
    )
    return "ZONE_RESOURCE_POOL_EXHAUSTED", said, 503, "SERVICE UNAVAILABLE"


def machine_of(key: Key, body: Mapping[str, Any]) -> str:
    """The machine type of a reservation of either kind."""
    about = body.get("specificReservation" if key.collection == "reservations" else "specificSkuProperties")
    machine = ((about or {}).get("instanceProperties") or {}).get("machineType", "")
    if not machine or "/" in machine:
        raise RefusedError(400, "invalid", f"Invalid value for field 'machineType': '{machine}'.")
    return str(machine)


def _check_calendar(world: World, body: Mapping[str, Any]) -> None:
    """What calendar mode asks for."""
    wanted = {
        "reservationMode": "CALENDAR",
        "planningStatus": "SUBMITTED",
        "deploymentType": "DENSE",
        "specificReservationRequired": True,
        "autoDeleteAutoCreatedReservations": True,
    }
    for name, value in wanted.items():
        if body.get(name) != value:
            raise RefusedError(400, "invalid", f"Invalid value for field 'resource.{name}': {body.get(name)}")
    window, about = body.get("timeWindow", {}), body.get("specificSkuProperties", {})
    if about.get("instanceProperties", {}).get("machineType") not in CALENDAR_MACHINES:
        raise RefusedError(400, "invalid", "The machine type is not supported in calendar mode.")
    if int(about.get("totalCount", 0)) < 1 or not body.get("reservationName"):
        raise RefusedError(400, "invalid", "Invalid value for field 'resource.specificSkuProperties'.")
    start, end = (dt.datetime.fromisoformat(window[key]) for key in ("startTime", "endTime"))
    if not wall_s(world) < start.timestamp() < end.timestamp() or end - start > LONGEST:
        raise RefusedError(400, "invalid", "Invalid value for field 'resource.timeWindow'.")


def complete(world: World, key: Key, body: dict[str, Any], root: str, *, fits: bool) -> None:
    """What the server says of one; a future one makes its reservation.  ``fits``: there are as many."""
    if key.collection == "reservations":
        body["specificReservation"] = {**body["specificReservation"]}
        return
    window = [dt.datetime.fromisoformat(body["timeWindow"][k]) for k in ("startTime", "endTime")]
    body["-window"] = [moment.timestamp() for moment in window]
    body["-declined"] = not fits
    made = Key(key.project, key.scope, "reservations", body["reservationName"])
    if not fits:
        return
    about = body["specificSkuProperties"]
    kept = {
        "kind": "compute#reservation",
        "id": world.new_id(),
        "creationTimestamp": now(),
        "name": made.name,
        "selfLink": f"{root}{made.path}",
        "zone": f"{root}projects/{key.project}/{key.scope}",
        "specificReservationRequired": True,
        "specificReservation": {
            "count": about["totalCount"],
            "instanceProperties": about["instanceProperties"],
        },
        "-window": body["-window"],
    }
    ready_s = time.monotonic() + world.weather.approval_s
    world.put(made, kept, settled_s=ready_s, ready_s=ready_s).seen_s = ready_s


# How they are


def status_of(world: World, thing: Thing) -> str:
    """Of a reservation; one of a future request stays CREATING until its time."""
    if thing.gone_s < float("inf"):
        return "DELETING"
    start_s, end_s = thing.body.get("-window", (None, None))
    if end_s is not None and end_s <= wall_s(world):
        return "DELETING"
    if start_s is not None and start_s > wall_s(world) and not world.weather.early:
        return "CREATING"
    return "READY" if thing.ready_s <= time.monotonic() else "CREATING"


def procurement_of(world: World, thing: Thing) -> str:
    """Where a future request is."""
    start_s, _ = thing.body["-window"]
    if thing.body.get("-cancelled"):
        return "CANCELLED"
    approved_s = thing.made_s + world.weather.approval_s
    if time.monotonic() < approved_s:
        return "PENDING_APPROVAL"
    if thing.body["-declined"]:
        return "DECLINED"
    if wall_s(world) >= start_s or world.weather.early:
        return "FULFILLED"
    return "PROCURING" if time.monotonic() >= approved_s + world.weather.lock_s else "APPROVED"


def shown(world: World, key: Key, thing: Thing, body: dict[str, Any]) -> None:
    """Adds to what is shown of one how it is now."""
    if key.collection == "reservations":
        count = body["specificReservation"]["count"]
        used = str(len(inside(world, key)))
        body["specificReservation"] = {
            **body["specificReservation"],
            "inUseCount": used,
            "assuredCount": count,
        }
        body["status"] = status_of(world, thing)
        return
    state = procurement_of(world, thing)
    said: dict[str, Any] = {"procurementStatus": state}
    if state == "FULFILLED":
        link = body["selfLink"].replace("futureReservations", "reservations").rpartition("/")[0]
        said["autoCreatedReservations"] = [f"{link}/{body['reservationName']}"]
        said["fulfilledCount"] = body["specificSkuProperties"]["totalCount"]
    body["status"] = said


# Changing and ending them


def resized(world: World, key: Key, thing: Thing, count: int, room: int | None) -> Failure | None:
    """Another number of machines; why not."""
    there = int(thing.body["specificReservation"]["count"])
    if not 1 <= count <= MOST or count < len(inside(world, key)) or "-window" in thing.body:
        raise RefusedError(400, "invalid", f"Invalid value for field 'specificSkuCount': '{count}'.")
    if room is not None and count - there > room:
        return sold_out(key)
    thing.body["specificReservation"] = {**thing.body["specificReservation"], "count": str(count)}
    return None


def cancelled(world: World, key: Key, thing: Thing) -> None:
    """No more is wanted; refused once it is locked."""
    state = procurement_of(world, thing)
    if state in LOCKED:
        raise RefusedError(400, "invalid", f"A future reservation that is {state} cannot be cancelled.")
    thing.body["-cancelled"] = True
    kept = world.things.get(Key(key.project, key.scope, "reservations", thing.body["reservationName"]))
    if kept is not None:
        kept.gone_s = min(kept.gone_s, time.monotonic())


def refuses_delete(world: World, key: Key, thing: Thing) -> None:
    """Raises where one is in use, or is paid for and not over."""
    if key.collection == "reservations":
        users = inside(world, key)
        if users:
            said = f"The reservation resource '{key.path}' is already being used by '{users[0].path}'"
            raise RefusedError(400, "resourceInUseByAnotherResource", said)
        return
    state, over = procurement_of(world, thing), thing.body["-window"][1] <= wall_s(world)
    if state not in ("CANCELLED", "DECLINED") and not over:
        raise RefusedError(400, "invalid", f"A future reservation that is {state} cannot be deleted.")
