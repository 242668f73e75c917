"""On-demand capacity reservations that dcplan orders: machines kept in a zone, paid by the hour, used or not.

CreateCapacityReservation takes a ClientToken; the number of machines and the end are changed in place, and
deleting one cancels it (EC2 API Reference, ModifyCapacityReservation, CancelCapacityReservation).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dcplan.provider.errors import AlreadyGone, CapacityUnavailable, Invalid, NotReady
from dcplan.provider.types import Ack, Found, Request
from dcplan_aws.blocks import PLATFORM, described
from dcplan_aws.kinds import RESERVATION
from dcplan_aws.makers import Ended, Outputs, Regional, gone, object_id_of, text_of
from dcplan_aws.owner import (
    ADDRESS,
    By,
    as_list,
    as_mapping,
    attribute_tags,
    attributes_in,
    found,
    owner_tags,
    specified,
)

OVER = frozenset({"expired", "cancelled", "cancelling", "failed", "unsupported"})
"""States of one that keeps nothing (EC2 API Reference, CapacityReservation)."""


_ELSEWHERE = (
    "Order fewer machines or in another zone, try again later, or take the reservation out: machines without "
    "one are looked for in other zones by themselves."
)


@dataclass(frozen=True, slots=True)
class Reservations(Regional):
    """Capacity reservations that dcplan orders."""

    def create(self, request: Request) -> Ack:
        """Order it; only machines that name it may use it, so that no others take it."""
        tags = {**owner_tags(request), **attribute_tags(request.attributes)}
        order: dict[str, Any] = {
            "ClientToken": request.token,
            "InstanceType": text_of(request, "machine_type"),
            "InstancePlatform": PLATFORM,
            "AvailabilityZoneId": text_of(request, "zone"),
            "InstanceMatchCriteria": "targeted",
            "TagSpecifications": specified(tags, "capacity-reservation"),
            **_size(request),
        }
        try:
            made = self.shared.api.do("ec2", self.region(request), "create_capacity_reservation", **order)
        except CapacityUnavailable as sold_out:
            raise CapacityUnavailable(f"{sold_out.detail} {_ELSEWHERE}") from sold_out
        return Ack(object_id=str(made["CapacityReservation"]["CapacityReservationId"]))

    def update(self, request: Request) -> Ack:
        """The number of machines, its end, and its tags."""
        name, region = object_id_of(request), self.region(request)
        shown = self._live(region, By("id", (name,)))
        if not shown:
            raise gone(request)
        used = shown[0]["TotalInstanceCount"] - shown[0]["AvailableInstanceCount"]
        wanted = _size(request)
        if wanted["InstanceCount"] < used:
            raise NotReady(
                f"{used:,} machines are in {name}, which shall keep {wanted['InstanceCount']:,}: those that "
                "are too many go first.",
                retry_after_s=2.0,
            )
        if any(_size_of(shown[0]).get(key) != value for key, value in wanted.items()):
            self.shared.api.do(
                "ec2", region, "modify_capacity_reservation", CapacityReservationId=name, **wanted
            )
        tags = {ADDRESS: str(request.address), **attribute_tags(request.attributes)}
        self.shared.api.do("ec2", region, "create_tags", Resources=[name], Tags=as_list(tags))
        return Ack(object_id=name)

    def delete(self, request: Request) -> Ack:
        """Cancel it; what runs in it would go on, paid like any other machine."""
        name, region = object_id_of(request), self.region(request)
        if self.shared.has_deleted(request):
            return Ack(object_id=name)
        if not self._live(region, By("id", (name,))):
            raise gone(request)
        self.shared.api.do("ec2", region, "cancel_capacity_reservation", CapacityReservationId=name)
        return self.shared.deletes(request)

    def settle(self, request: Request, object_id: str) -> Outputs | None:
        """Ready once it is active; one that EC2 could not provide is sold out."""
        shown = described(self.shared.api, self.region(request), By("id", (object_id,)))
        if not shown:
            raise AlreadyGone(f"{request.address} ({object_id}) is not there.")
        state = shown[0]["State"]
        if state == "failed":
            raise CapacityUnavailable(f"{object_id}, which was ordered for {request.address}, has failed.")
        if state in OVER:
            raise Ended(f"{object_id}, which was ordered for {request.address}, is {state}.")
        return {"id": object_id} if state == "active" else None

    def gone(self, request: Request, object_id: str) -> bool:
        """Once it keeps nothing."""
        return not self._live(self.region(request), By("id", (object_id,)))

    def parts(self, region: str, object_id: str) -> Sequence[str]:
        """The reservation alone."""
        return [one.object_id for one in self.seen(region, By("id", (object_id,)))]

    def seen(self, region: str, by: By) -> Sequence[Found]:
        """Reservations that are ours and not over; blocks are of another kind."""
        shown = (_found(one) for one in self._live(region, by))
        return [one for one in shown if one is not None and one.address.kind == RESERVATION]

    def _live(self, region: str, by: By) -> list[dict[str, Any]]:
        shown = described(self.shared.api, region, by)
        return [one for one in shown if one["State"] not in OVER]


def _size(request: Request) -> dict[str, Any]:
    """How many machines until when, as EC2 takes it."""
    machines, end = request.attributes.get("machines"), request.attributes.get("end")
    if not isinstance(machines, int):
        raise Invalid(
            f"{request.address} was asked for without a number of machines. This is a bug in dcplan."
        )
    if not isinstance(end, str):
        return {"InstanceCount": machines, "EndDateType": "unlimited"}
    end_at = dt.datetime.fromisoformat(end)
    if end_at <= dt.datetime.now(dt.UTC):
        raise Invalid(f"{request.address} was to end at {end}, which is over. Take it out of the document.")
    return {"InstanceCount": machines, "EndDateType": "limited", "EndDate": end_at}


def _size_of(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The same of one that is there."""
    size: dict[str, Any] = {
        "InstanceCount": shown["TotalInstanceCount"],
        "EndDateType": shown.get("EndDateType", "unlimited"),
    }
    return size | ({"EndDate": shown["EndDate"]} if size["EndDateType"] == "limited" else {})


def _found(shown: Mapping[str, Any]) -> Found | None:
    tags, size = as_mapping(shown.get("Tags")), _size_of(shown)
    attributes = attributes_in(tags) or {}
    if attributes:
        # What EC2 itself tells is believed before the tags.
        end = size.get("EndDate")
        attributes["machines"] = size["InstanceCount"]
        attributes["end"] = None if end is None else end.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%MZ")
    return found(
        tags,
        shown["CapacityReservationId"],
        ready=shown["State"] == "active",
        attributes=attributes,
        outputs={"id": shown["CapacityReservationId"]},
        made_at_s=shown["CreateDate"].timestamp(),
    )
