"""Capacity reservations and capacity blocks, which moto has none of."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.responses import EC2Response

from clouds.aws.stock import check_quota, take_stock
from clouds.aws.weather import WEATHER, books_of, matches, refuse, tags_of


def create_capacity_reservation(self: Any) -> ActionResult:
    """Machines that are kept from now on."""
    count, machine = int(self._get_param("InstanceCount")), self._get_param("InstanceType")
    if machine not in INSTANCE_TYPES:
        refuse("InvalidInstanceType", f"Invalid value '{machine}' for InstanceType.")
    end = _end(self)
    zone = _zone(self, self._get_param("AvailabilityZone"))
    check_quota(self, machine, count)
    take_stock(machine, zone.zone_id, count)
    made = _reservation(self, machine, zone.name, count)
    made["InstanceMatchCriteria"] = self._get_param("InstanceMatchCriteria", "open")
    made |= end
    books_of(self).born(made["CapacityReservationId"])
    _mature(self, made)
    return ActionResult({"CapacityReservation": made})


def _end(response: Any) -> dict[str, Any]:
    """How it ends: an end date goes with ``limited``, and with nothing else."""
    kind, date = response._get_param("EndDateType") or "unlimited", response._get_param("EndDate")
    if (kind == "limited") != (date is not None):
        refuse("InvalidParameterCombination", "An EndDate goes with the EndDateType limited.")
    if date is None:
        return {"EndDateType": kind, "EndDate": None}
    at = date if isinstance(date, dt.datetime) else dt.datetime.fromisoformat(str(date))
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    if at <= dt.datetime.now(dt.UTC):
        refuse("InvalidParameterValue", "The EndDate must be in the future.")
    return {"EndDateType": kind, "EndDate": at}


def _zone(response: Any, name: str | None) -> Any:
    """The zone that is named, or whose id is."""
    wanted = response._get_param("AvailabilityZoneId")
    zones = response.ec2_backend.describe_availability_zones()
    fits = [zone for zone in zones if (zone.name == name if name else zone.zone_id == wanted)]
    if not fits:
        refuse("InvalidParameterValue", "The Availability Zone does not exist.")
    return fits[0]


def modify_capacity_reservation(self: Any) -> ActionResult:
    """Another number of machines, another end."""
    one = books_of(self).reservations.get(self._get_param("CapacityReservationId"))
    if one is None:
        refuse("InvalidCapacityReservationId.NotFound", "The capacity reservation does not exist.")
        return ActionResult({})
    if one.get("ReservationType") == "capacity-block":
        refuse("InvalidParameterValue", "A Capacity Block cannot be modified.")
    if one["State"] != "active":
        refuse("InvalidCapacityReservationState", f"The capacity reservation is {one['State']}.")
    count = self._get_param("InstanceCount")
    more = 0 if count is None else int(count) - one["TotalInstanceCount"]
    end = _end(self) if self._get_param("EndDateType") else {}
    if more > 0:
        check_quota(self, one["InstanceType"], more)
    take_stock(one["InstanceType"], _zone(self, one["AvailabilityZone"]).zone_id, more)
    one["TotalInstanceCount"] += more
    one["AvailableInstanceCount"] = max(0, one["AvailableInstanceCount"] + more)
    one |= end
    return ActionResult({"Return": True})


def _reservation(response: Any, machine: str, zone: str, count: int) -> dict[str, Any]:
    made = {
        "CapacityReservationId": "cr-" + os.urandom(9).hex()[:17],
        "OwnerId": response.current_account,
        "InstanceType": machine,
        "InstancePlatform": response._get_param("InstancePlatform"),
        "AvailabilityZone": zone,
        "AvailabilityZoneId": _zone(response, zone).zone_id,
        "Tenancy": "default",
        "TotalInstanceCount": count,
        "AvailableInstanceCount": count,
        "State": "active",
        "EndDateType": "unlimited",
        "CreateDate": dt.datetime.now(dt.UTC),
        "Tags": tags_of(response, "capacity-reservation"),
    }
    books_of(response).reservations[made["CapacityReservationId"]] = made
    return made


def describe_capacity_reservations(self: Any) -> ActionResult:
    """Those with these ids, or all that pass the filters."""
    ids = self._get_param("CapacityReservationIds", []) or []
    known = books_of(self).reservations
    for one in ids:
        if one not in known:
            refuse("InvalidCapacityReservationId.NotFound", f"The capacity reservation {one} does not exist.")
    shown = [
        c
        for i, c in known.items()
        if (not ids or i in ids) and books_of(self).visible(i) and matches(self, c["Tags"])
    ]
    for one in shown:
        _mature(self, one)
    return ActionResult({"CapacityReservations": shown})


def _mature(response: Any, one: dict[str, Any]) -> None:
    """Let a block that was bought be paid, and begin; let a reservation come to be there, and end."""
    now = dt.datetime.now(dt.UTC)
    paid_at = one.get("_paid_at")
    if one["State"] in {"cancelled", "expired"}:
        return
    if paid_at is None:
        ended = one.get("EndDate") is not None and one["EndDate"] <= now
        there = books_of(response).ready(one["CapacityReservationId"])
        one["State"] = "expired" if ended else "active" if there else "pending"
        return
    if now < paid_at:
        one["State"] = "payment-pending"
    else:
        one["State"] = "scheduled" if now < one["StartDate"] else "active"


def cancel_capacity_reservation(self: Any) -> ActionResult:
    """Keep the machines no more; a block cannot be given back."""
    one = books_of(self).reservations.get(self._get_param("CapacityReservationId"))
    if one is None:
        refuse("InvalidCapacityReservationId.NotFound", "The capacity reservation does not exist.")
    elif one.get("ReservationType") == "capacity-block":
        refuse("InvalidParameterValue", "A Capacity Block cannot be cancelled.")
    else:
        if one["State"] != "cancelled":
            zone_id = _zone(self, one["AvailabilityZone"]).zone_id
            take_stock(one["InstanceType"], zone_id, -one["AvailableInstanceCount"])
        one |= {"State": "cancelled", "AvailableInstanceCount": 0}
    return ActionResult({"Return": True})


def describe_capacity_block_offerings(self: Any) -> ActionResult:
    """A block in each of two zones."""
    machine, count = self._get_param("InstanceType"), int(self._get_param("InstanceCount", 1))
    hours = int(self._get_param("CapacityDurationHours"))
    if "capacity-block" not in INSTANCE_TYPES.get(machine, {}).get("SupportedUsageClasses", []):
        refuse("InvalidParameterValue", f"{machine} is not supported for Capacity Blocks.")
    start = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=WEATHER.block_starts_in_s)
    shown = []
    for zone in [z.name for z in self.ec2_backend.describe_availability_zones()][:2]:
        offering = {
            "CapacityBlockOfferingId": "cb-" + os.urandom(9).hex()[:17],
            "InstanceType": machine,
            "AvailabilityZone": zone,
            "InstanceCount": count,
            "StartDate": start,
            "EndDate": start + dt.timedelta(hours=hours),
            "CapacityBlockDurationHours": hours,
            "UpfrontFee": f"{WEATHER.block_usd_per_h * hours * count:.2f}",
            "CurrencyCode": "USD",
            "Tenancy": "default",
        }
        books_of(self).offerings[offering["CapacityBlockOfferingId"]] = offering
        shown.append(offering)
    return ActionResult({"CapacityBlockOfferings": shown})


def purchase_capacity_block(self: Any) -> ActionResult:
    """Buy a block that was on offer; it cannot be bought twice."""
    offering = books_of(self).offerings.pop(self._get_param("CapacityBlockOfferingId"), None)
    if offering is None:
        refuse("InvalidParameterValue", "The capacity block offering is no longer available.")
        return ActionResult({})
    made = _reservation(
        self, offering["InstanceType"], offering["AvailabilityZone"], offering["InstanceCount"]
    )
    made |= {
        "ReservationType": "capacity-block",
        "InstanceMatchCriteria": "targeted",
        "StartDate": offering["StartDate"],
        "EndDate": offering["EndDate"],
        "EndDateType": "limited",
        "_paid_at": made["CreateDate"] + dt.timedelta(seconds=WEATHER.payment_s),
    }
    _mature(self, made)
    return ActionResult({"CapacityReservation": made})


def install() -> None:
    """Give EC2 the operations."""
    for operation in (
        create_capacity_reservation,
        modify_capacity_reservation,
        describe_capacity_reservations,
        cancel_capacity_reservation,
        describe_capacity_block_offerings,
        purchase_capacity_block,
    ):
        setattr(EC2Response, operation.__name__, operation)
