"""Capacity reservations and capacity blocks, which moto has none of."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.responses import EC2Response

from clouds.aws.weather import WEATHER, books_of, matches, refuse, tags_of


def create_capacity_reservation(self: Any) -> ActionResult:
    """Machines that are kept from now on."""
    count = int(self._get_param("InstanceCount"))
    made = _reservation(self, self._get_param("InstanceType"), self._get_param("AvailabilityZone"), count)
    made["InstanceMatchCriteria"] = self._get_param("InstanceMatchCriteria", "open")
    return ActionResult({"CapacityReservation": made})


def _reservation(response: Any, machine: str, zone: str | None, count: int) -> dict[str, Any]:
    if zone is None:
        zone_id = response._get_param("AvailabilityZoneId")
        zone = next(
            z.name for z in response.ec2_backend.describe_availability_zones() if z.zone_id == zone_id
        )
    made = {
        "CapacityReservationId": "cr-" + os.urandom(9).hex()[:17],
        "OwnerId": response.current_account,
        "InstanceType": machine,
        "InstancePlatform": response._get_param("InstancePlatform"),
        "AvailabilityZone": zone,
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
    shown = [c for i, c in known.items() if (not ids or i in ids) and matches(self, c["Tags"])]
    for one in shown:
        _mature(one)
    return ActionResult({"CapacityReservations": shown})


def _mature(one: dict[str, Any]) -> None:
    """Let a block that was bought be paid, and begin."""
    now = dt.datetime.now(dt.UTC)
    paid_at = one.get("_paid_at")
    if paid_at is None or one["State"] in {"cancelled", "expired"}:
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
        one["State"] = "cancelled"
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
    _mature(made)
    return ActionResult({"CapacityReservation": made})


def install() -> None:
    """Give EC2 the operations."""
    for operation in (
        create_capacity_reservation,
        describe_capacity_reservations,
        cancel_capacity_reservation,
        describe_capacity_block_offerings,
        purchase_capacity_block,
    ):
        setattr(EC2Response, operation.__name__, operation)
