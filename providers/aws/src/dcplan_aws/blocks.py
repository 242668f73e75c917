"""Capacity blocks: machines for a time window, bought when a plan that uses them is applied.

PurchaseCapacityBlock takes no token and cannot be undone: what its tags are on is looked for first, and a
call without an answer is left to a person (``Kind.spends_money``).  Deleting one lets go of it: the tags go,
and the machines stay paid for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dcplan.provider.errors import AlreadyGone, CapacityUnavailable, Invalid
from dcplan.provider.types import Ack, Found, Request
from dcplan_aws.api import Api
from dcplan_aws.kinds import BLOCK
from dcplan_aws.makers import Ended, Outputs, Regional, gone, object_id_of, ours, text_of
from dcplan_aws.owner import (
    ADDRESS,
    LINEAGE,
    TOKEN,
    By,
    as_list,
    as_mapping,
    attribute_tags,
    found,
    owner_tags,
    specified,
)
from dcplan_aws.ultraservers import sought

PLATFORM = "Linux/UNIX"
BOUGHT = frozenset({"scheduled", "active"})
OVER = frozenset({"expired", "cancelled", "failed", "payment-failed"})
"""States of a capacity reservation that is no more, or never was (EC2 API Reference, CapacityReservation)."""
SLACK = dt.timedelta(minutes=30)
"""Blocks begin and end at half past eleven, UTC; so much may lie outside the window that was asked for."""


@dataclass(frozen=True, slots=True)
class Blocks(Regional):
    """Capacity blocks that dcplan buys; the id is that of the capacity reservation."""

    def create(self, request: Request) -> Ack:
        """Buy the cheapest that is on offer for no more than was agreed."""
        region = self.region(request)
        with self.shared.lock(request.token):
            there = ours(request, self.seen(region, By(TOKEN, (request.token,))))
            if there is not None:
                return Ack(object_id=there.object_id)
            tags = {**owner_tags(request), **attribute_tags(request.attributes)}
            made = self.shared.api.do(
                "ec2",
                region,
                "purchase_capacity_block",
                CapacityBlockOfferingId=self._offering(request, region),
                InstancePlatform=PLATFORM,
                TagSpecifications=specified(tags, "capacity-reservation"),
            )
        return Ack(object_id=str(made["CapacityReservation"]["CapacityReservationId"]))

    def update(self, request: Request) -> Ack:
        """Its tags."""
        block, region = object_id_of(request), self.region(request)
        if not self.seen(region, By("id", (block,))):
            raise gone(request)
        tags = {ADDRESS: str(request.address), **attribute_tags(request.attributes)}
        self.shared.api.do("ec2", region, "create_tags", Resources=[block], Tags=as_list(tags))
        return Ack(object_id=block)

    def delete(self, request: Request) -> Ack:
        """Let go of it: it cannot be given back."""
        block, region = object_id_of(request), self.region(request)
        if self.shared.has_deleted(request):
            return Ack(object_id=block)
        if not self.seen(region, By("id", (block,))):
            raise gone(request)
        keys = [{"Key": key} for key in (LINEAGE, ADDRESS, TOKEN)]
        self.shared.api.do("ec2", region, "delete_tags", Resources=[block], Tags=keys)
        return self.shared.deletes(request)

    def settle(self, request: Request, object_id: str) -> Outputs | None:
        """Ready once it is paid for; its machines can be started when it begins."""
        shown = described(self.shared.api, self.region(request), By("id", (object_id,)))
        if not shown:
            raise AlreadyGone(f"{request.address} ({object_id}) is not there.")
        state = shown[0]["State"]
        if state in OVER:
            raise Ended(f"{object_id}, which was bought for {request.address}, is {state}.")
        return {"id": object_id} if state in BOUGHT else None

    def gone(self, request: Request, object_id: str) -> bool:
        """Once it carries no owner."""
        return not self.seen(self.region(request), By("id", (object_id,)))

    def parts(self, region: str, object_id: str) -> Sequence[str]:
        """The reservation alone."""
        return [one.object_id for one in self.seen(region, By("id", (object_id,)))]

    def seen(self, region: str, by: By) -> Sequence[Found]:
        """Blocks that are ours and not over."""
        shown = (
            found(
                as_mapping(block.get("Tags")),
                block["CapacityReservationId"],
                ready=block["State"] in BOUGHT,
                outputs={"id": block["CapacityReservationId"]},
                made_at_s=block["CreateDate"].timestamp(),
            )
            for block in described(self.shared.api, region, by)
            if block["State"] not in OVER
        )
        return [one for one in shown if one is not None and one.address.kind == BLOCK]

    def _offering(self, request: Request, region: str) -> str:
        """The cheapest block that is as it was agreed; ``CapacityUnavailable`` where there is none."""
        attributes, machine = request.attributes, text_of(request, "machine_type")
        start, end = (dt.datetime.fromisoformat(text_of(request, key)) for key in ("start", "end"))
        most_usd, zone = attributes.get("most_usd"), self._zone_name(region, text_of(request, "zone"))
        if not isinstance(most_usd, int | float):
            raise Invalid(f"{request.address} was asked for without its price. This is a bug in dcplan.")
        shown = self.shared.api.pages(
            "ec2",
            region,
            "describe_capacity_block_offerings",
            "CapacityBlockOfferings",
            **sought(machine, attributes.get("machines")),
            CapacityDurationHours=round((end - start).total_seconds() / 3600),
            StartDateRange=start - SLACK,
            EndDateRange=end + SLACK,
        )
        fitting = [
            (float(one["UpfrontFee"]), one["CapacityBlockOfferingId"])
            for one in shown
            if one["AvailabilityZone"] == zone
            and start - SLACK <= one["StartDate"]
            and one["EndDate"] <= end + SLACK
        ]
        if not fitting:
            raise CapacityUnavailable(f"No capacity block of {machine} is on offer there for that time.")
        fee_usd, offering = min(fitting)
        if fee_usd > most_usd:
            raise CapacityUnavailable(
                f"The cheapest such capacity block costs ${fee_usd:,.2f}, and `price` allows "
                f"${most_usd:,.2f}. Nothing was bought."
            )
        return str(offering)

    def _zone_name(self, region: str, zone_id: str) -> str:
        """What this account calls a zone."""
        shown = self.shared.api.look(
            "ec2", region, "describe_availability_zones", Filters=[{"Name": "zone-id", "Values": [zone_id]}]
        )["AvailabilityZones"]
        if not shown:
            raise Invalid(f"This account has no zone {zone_id} in {region}.")
        return str(shown[0]["ZoneName"])


def described(api: Api, region: str, by: By) -> list[dict[str, Any]]:
    """Capacity reservations, blocks among them, of dcplan, whatever became of them."""
    # A look by id fails for all when one is unknown, so all that carry a name of dcplan's are shown.
    key, values = (ADDRESS, ("*",)) if by.key == "id" else (by.key, by.values)
    shown = api.pages(
        "ec2",
        region,
        "describe_capacity_reservations",
        "CapacityReservations",
        Filters=[{"Name": f"tag:{key}", "Values": list(values)}],
    )
    return [one for one in shown if by.key != "id" or one["CapacityReservationId"] in by.values]
