"""Cluster placement groups: machines of one gang, as close together as EC2 can have them.

The name is made from the token, so that a second CreatePlacementGroup is refused instead of obeyed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dcplan.provider.errors import AlreadyGone, Conflict, NotReady
from dcplan.provider.types import Ack, Found, Request
from dcplan_aws.makers import Outputs, Regional, gone, object_id_of, ours, text_of
from dcplan_aws.owner import (
    ADDRESS,
    By,
    as_list,
    as_mapping,
    attribute_tags,
    filters,
    found,
    owner_tags,
    specified,
)


def group_name(token: str) -> str:
    """What the group is called."""
    return f"dcplan-{token}"


@dataclass(frozen=True, slots=True)
class PlacementGroups(Regional):
    """Groups that dcplan makes; the name is the id."""

    def create(self, request: Request) -> Ack:
        """A name that is taken is that of this very request, or of another one with its token."""
        name, region = group_name(request.token), self.region(request)
        tags = {**owner_tags(request), **attribute_tags(request.attributes)}
        try:
            self.shared.api.do(
                "ec2",
                region,
                "create_placement_group",
                GroupName=name,
                Strategy=text_of(request, "strategy"),
                TagSpecifications=specified(tags, "placement-group"),
            )
        except Conflict as taken:
            if ours(request, self.seen(region, By("id", (name,)))) is None:
                raise NotReady(f"{name} was made and cannot be seen yet ({taken.detail})") from taken
        return Ack(object_id=name)

    def update(self, request: Request) -> Ack:
        """Its tags; nothing else of a group can be changed."""
        name, region = object_id_of(request), self.region(request)
        shown = self._described(region, By("id", (name,)))
        if not shown:
            raise gone(request)
        tags = {ADDRESS: str(request.address), **attribute_tags(request.attributes)}
        self.shared.api.do("ec2", region, "create_tags", Resources=[shown[0]["GroupId"]], Tags=as_list(tags))
        return Ack(object_id=name)

    def delete(self, request: Request) -> Ack:
        """Refused while machines are in it, which may take a moment after they were deleted."""
        name = object_id_of(request)
        if self.shared.has_deleted(request):
            return Ack(object_id=name)
        try:
            self.shared.api.do("ec2", self.region(request), "delete_placement_group", GroupName=name)
        except Conflict as used:
            raise NotReady(used.detail, retry_after_s=2.0) from used
        return self.shared.deletes(request)

    def settle(self, request: Request, object_id: str) -> Outputs | None:
        """Ready once it is available."""
        there = self.seen(self.region(request), By("id", (object_id,)))
        if not there:
            raise AlreadyGone(f"{request.address} ({object_id}) is not there.")
        return there[0].outputs if there[0].ready else None

    def gone(self, request: Request, object_id: str) -> bool:
        """Once no list has it."""
        return not self.seen(self.region(request), By("id", (object_id,)))

    def seen(self, region: str, by: By) -> Sequence[Found]:
        """Groups that are ours."""
        shown = (
            found(
                as_mapping(group.get("Tags")),
                group["GroupName"],
                ready=group["State"] == "available",
                outputs={"id": group["GroupName"]},
            )
            for group in self._described(region, by)
            if group["State"] not in {"deleting", "deleted"}
        )
        return [one for one in shown if one is not None]

    def parts(self, region: str, object_id: str) -> Sequence[str]:
        """The group, by the id that EC2 gave it."""
        return [str(one["GroupId"]) for one in self._described(region, By("id", (object_id,)))]

    def _described(self, region: str, by: By) -> list[dict[str, Any]]:
        return list(
            self.shared.api.pages(
                "ec2",
                region,
                "describe_placement_groups",
                "PlacementGroups",
                Filters=filters(by, "group-name"),
            )
        )
